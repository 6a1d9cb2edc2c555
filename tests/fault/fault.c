/*
 * A library for LD_PRELOAD that lets one call of the C library fail: the N-th of a kind, counted
 * from when a test asked for it. What to do stands in a file that the test and the program map
 * alike (FAULT_CONTROL), so one server is asked again and again with another N.
 *
 * libfiu, which Debian has, fails calls by chance or from one call on, not the N-th, and knows
 * neither accept4, epoll, sendfile nor the clock. Nothing here is linked into the program.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

/* What calls are counted. The same numbers stand in tests/http/faults.py. */
enum kind {
    KIND_MEMORY = 1 << 0, /* malloc and its kin, and memory that is mapped */
    KIND_READ = 1 << 1,   /* reads of files */
    KIND_WRITE = 1 << 2,  /* writes into files */
    KIND_RECEIVE = 1 << 3,
    KIND_SEND = 1 << 4,
    KIND_FILE = 1 << 5,  /* names and descriptors: open, rename, fsync, ... */
    KIND_EVENT = 1 << 6, /* accept, poll, epoll, threads */
};

/* How a call fails. */
enum manner {
    MANNER_ERROR, /* with error */
    MANNER_SHORT, /* it moves one byte */
};

struct control {
    _Atomic int64_t kinds;  /* bits; 0: nothing is counted */
    _Atomic int64_t target; /* which call fails, from 1; 0: none */
    _Atomic int64_t every;  /* each so many-th call fails as well; 0: none */
    _Atomic int64_t seen;
    _Atomic int64_t fired;
    _Atomic int64_t manner;
    _Atomic int64_t error;
    _Atomic int64_t clock; /* seconds that are added to the time of day */
};

static struct control *control;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);

/* Maps the control by system calls of its own: nothing that is counted is called before. */
__attribute__((constructor)) static void begin(void)
{
    static const char *const initial = "FAULT_INITIAL"; /* "kinds target every manner error" */
    const char *path = getenv("FAULT_CONTROL");
    long long kinds, target, every, manner, error;
    struct control *mapped;
    void *(*map)(void *, size_t, int, int, int, off_t) = dlsym(RTLD_NEXT, "mmap");
    int (*open_file)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int fd = path != NULL ? open_file(path, O_RDWR | O_CLOEXEC) : -1;

    if (fd < 0)
        return;
    mapped = map(NULL, sizeof(*mapped), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED)
        return;
    if (getenv(initial) != NULL
        && sscanf(getenv(initial), "%lld %lld %lld %lld %lld", &kinds, &target, &every, &manner,
                  &error)
               == 5) {
        mapped->target = target;
        mapped->every = every;
        mapped->manner = manner;
        mapped->error = error;
        mapped->seen = mapped->fired = 0;
        mapped->kinds = kinds;
    }
    control = mapped;
}

/* Whether this call is to fail. */
static bool hit(int64_t kind)
{
    int64_t n, every;

    if (control == NULL || (atomic_load(&control->kinds) & kind) == 0)
        return false;
    n = atomic_fetch_add(&control->seen, 1) + 1;
    every = atomic_load(&control->every);
    if (n != atomic_load(&control->target) && (every == 0 || n % every != 0))
        return false;
    atomic_fetch_add(&control->fired, 1);
    return true;
}

static bool is_short(void)
{
    return atomic_load(&control->manner) == MANNER_SHORT;
}

static int64_t failed(void)
{
    errno = (int)atomic_load(&control->error);
    return -1;
}

#define REAL(name) ((__typeof__(&name))real(&real_##name, #name))
#define DECLARE(name) static void *real_##name

static void *real(void **at, const char *name)
{
    if (*at == NULL)
        *at = dlsym(RTLD_NEXT, name);
    return *at;
}

/* ---- Memory ---- */

void *malloc(size_t size)
{
    if (hit(KIND_MEMORY)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    if (hit(KIND_MEMORY)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    if (size > 0 && hit(KIND_MEMORY)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    if (hit(KIND_MEMORY)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_memalign(align, size);
}

int posix_memalign(void **ret, size_t align, size_t size)
{
    void *piece = hit(KIND_MEMORY) ? NULL : __libc_memalign(align, size);

    if (piece == NULL)
        return ENOMEM;
    *ret = piece;
    return 0;
}

DECLARE(mmap);
void *mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    if (hit(KIND_MEMORY)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return REAL(mmap)(at, len, protection, flags, fd, offset);
}

DECLARE(mmap64);
void *mmap64(void *at, size_t len, int protection, int flags, int fd, off64_t offset)
{
    if (hit(KIND_MEMORY)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return REAL(mmap64)(at, len, protection, flags, fd, offset);
}

/* ---- Bytes ---- */

/*
 * A socket takes less than it was given when its buffer is full, and tells when there is room
 * again. Whoever waits for that word has to get it: where a call was cut short, it is said again.
 */
enum { FILES_MOST = 4096 };
static struct {
    int poll;
    struct epoll_event event;
} watched[FILES_MOST]; /* by descriptor */

DECLARE(epoll_ctl);
static void tell_again(int fd)
{
    if (fd >= 0 && fd < FILES_MOST && watched[fd].event.events != 0)
        REAL(epoll_ctl)(watched[fd].poll, EPOLL_CTL_MOD, fd, &watched[fd].event);
}

/* The same for what goes to a socket. */
#define SENDS(name, fd, ...)                                                                       \
    ssize_t done;                                                                                  \
    bool is_cut = false;                                                                           \
                                                                                                   \
    if (hit(KIND_SEND)) {                                                                          \
        if (!is_short())                                                                           \
            return (ssize_t)failed();                                                              \
        len = len > 0 ? 1 : 0;                                                                     \
        is_cut = true;                                                                             \
    }                                                                                              \
    done = REAL(name)(__VA_ARGS__);                                                                \
    if (is_cut)                                                                                    \
        tell_again(fd);                                                                            \
    return done

/* A call that moves bytes; the variable that holds how many is `len`. */
#define MOVES(kind, name, ...)                                                                     \
    if (hit(kind)) {                                                                               \
        if (!is_short())                                                                           \
            return (ssize_t)failed();                                                              \
        len = len > 0 ? 1 : 0;                                                                     \
    }                                                                                              \
    return REAL(name)(__VA_ARGS__)

/* Counters and signals come whole or not at all, and never fail. */
static bool is_counter[FILES_MOST];

DECLARE(read);
ssize_t read(int fd, void *to, size_t len)
{
    if (fd >= 0 && fd < FILES_MOST && is_counter[fd])
        return REAL(read)(fd, to, len);
    MOVES(KIND_READ, read, fd, to, len);
}

DECLARE(pread);
ssize_t pread(int fd, void *to, size_t len, off_t at)
{
    MOVES(KIND_READ, pread, fd, to, len, at);
}

DECLARE(pread64);
ssize_t pread64(int fd, void *to, size_t len, off64_t at)
{
    MOVES(KIND_READ, pread64, fd, to, len, at);
}

DECLARE(copy_file_range);
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t len,
                        unsigned flags)
{
    MOVES(KIND_WRITE, copy_file_range, from, from_at, to, to_at, len, flags);
}

DECLARE(write);
ssize_t write(int fd, const void *from, size_t len)
{
    if (fd >= 0 && fd < FILES_MOST && is_counter[fd])
        return REAL(write)(fd, from, len);
    MOVES(KIND_WRITE, write, fd, from, len);
}

DECLARE(pwrite);
ssize_t pwrite(int fd, const void *from, size_t len, off_t at)
{
    MOVES(KIND_WRITE, pwrite, fd, from, len, at);
}

DECLARE(pwrite64);
ssize_t pwrite64(int fd, const void *from, size_t len, off64_t at)
{
    MOVES(KIND_WRITE, pwrite64, fd, from, len, at);
}

DECLARE(recvfrom);
ssize_t recvfrom(int fd, void *to, size_t len, int flags, struct sockaddr *peer, socklen_t *size)
{
    MOVES(KIND_RECEIVE, recvfrom, fd, to, len, flags, peer, size);
}

DECLARE(send);
ssize_t send(int fd, const void *from, size_t len, int flags)
{
    SENDS(send, fd, fd, from, len, flags);
}

DECLARE(sendfile);
ssize_t sendfile(int to, int from, off_t *at, size_t len)
{
    SENDS(sendfile, to, to, from, at, len);
}

DECLARE(sendfile64);
ssize_t sendfile64(int to, int from, off64_t *at, size_t len)
{
    SENDS(sendfile64, to, to, from, at, len);
}

/* Several pieces: a short one moves a byte of the first. */
DECLARE(sendmsg);
ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (hit(KIND_SEND)) {
        ssize_t done =
            is_short() ? REAL(send)(fd, message->msg_iov[0].iov_base, 1, flags) : (ssize_t)failed();

        if (is_short())
            tell_again(fd);
        return done;
    }
    return REAL(sendmsg)(fd, message, flags);
}

DECLARE(writev);
ssize_t writev(int fd, const struct iovec *pieces, int n)
{
    if (hit(KIND_SEND))
        return is_short() ? REAL(write)(fd, pieces[0].iov_base, 1) : (ssize_t)failed();
    return REAL(writev)(fd, pieces, n);
}

/* ---- Names and descriptors ---- */

/* A call that fails whole or not at all: short ones are let be. */
#define FAILS(kind) (hit(kind) && !is_short())

#define OPENS(name, first, ...)                                                                    \
    mode_t mode = 0;                                                                               \
    va_list args;                                                                                  \
                                                                                                   \
    va_start(args, flags);                                                                         \
    if ((flags & (O_CREAT | O_TMPFILE)) != 0)                                                      \
        mode = (mode_t)va_arg(args, int);                                                          \
    va_end(args);                                                                                  \
    return FAILS(KIND_FILE) ? (int)failed() : REAL(name)(__VA_ARGS__, flags, mode)

DECLARE(open);
int open(const char *path, int flags, ...)
{
    OPENS(open, flags, path);
}

DECLARE(open64);
int open64(const char *path, int flags, ...)
{
    OPENS(open64, flags, path);
}

DECLARE(openat);
int openat(int dir, const char *path, int flags, ...)
{
    OPENS(openat, flags, dir, path);
}

DECLARE(openat64);
int openat64(int dir, const char *path, int flags, ...)
{
    OPENS(openat64, flags, dir, path);
}

#define WRAP(kind, name, result, parameters, ...)                                                  \
    DECLARE(name);                                                                                 \
    result name parameters                                                                         \
    {                                                                                              \
        return FAILS(kind) ? (result)failed() : REAL(name)(__VA_ARGS__);                           \
    }

WRAP(KIND_FILE, fsync, int, (int fd), fd)
WRAP(KIND_FILE, fdatasync, int, (int fd), fd)
WRAP(KIND_FILE, fstat, int, (int fd, struct stat *ret), fd, ret)
WRAP(KIND_FILE, fstat64, int, (int fd, struct stat64 *ret), fd, ret)
WRAP(KIND_FILE, stat, int, (const char *path, struct stat *ret), path, ret)
WRAP(KIND_FILE, stat64, int, (const char *path, struct stat64 *ret), path, ret)
WRAP(KIND_FILE, rename, int, (const char *from, const char *to), from, to)
WRAP(KIND_FILE, ftruncate, int, (int fd, off_t len), fd, len)
WRAP(KIND_FILE, ftruncate64, int, (int fd, off64_t len), fd, len)
WRAP(KIND_FILE, mkdir, int, (const char *path, mode_t mode), path, mode)
WRAP(KIND_FILE, socket, int, (int domain, int type, int protocol), domain, type, protocol)

DECLARE(eventfd);
int eventfd(unsigned value, int flags)
{
    int fd = FAILS(KIND_FILE) ? (int)failed() : REAL(eventfd)(value, flags);

    if (fd >= 0 && fd < FILES_MOST)
        is_counter[fd] = true;
    return fd;
}

DECLARE(signalfd);
int signalfd(int old, const sigset_t *signals, int flags)
{
    int fd = FAILS(KIND_FILE) ? (int)failed() : REAL(signalfd)(old, signals, flags);

    if (fd >= 0 && fd < FILES_MOST)
        is_counter[fd] = true;
    return fd;
}

WRAP(KIND_FILE, epoll_create1, int, (int flags), flags)

/* Streams open their file by a call inside of the C library. */
#define WRAP_STREAM(name)                                                                          \
    DECLARE(name);                                                                                 \
    FILE *name(const char *path, const char *mode)                                                 \
    {                                                                                              \
        if (FAILS(KIND_FILE)) {                                                                    \
            failed();                                                                              \
            return NULL;                                                                           \
        }                                                                                          \
        return REAL(name)(path, mode);                                                             \
    }

WRAP_STREAM(fopen)
WRAP_STREAM(fopen64)

/* ---- Events ---- */

/* What each can fail with, after its manual; another error lets it be. */
static bool is_one_of(int first, int second, int third)
{
    int error = control != NULL ? (int)atomic_load(&control->error) : 0;

    return error == first || error == second || error == third;
}

#define WRAP_EVENT(name, errors, parameters, ...)                                                  \
    DECLARE(name);                                                                                 \
    int name parameters                                                                            \
    {                                                                                              \
        return is_one_of errors && FAILS(KIND_EVENT) ? (int)failed() : REAL(name)(__VA_ARGS__);    \
    }

WRAP(KIND_EVENT, accept4, int, (int fd, struct sockaddr *peer, socklen_t *len, int flags), fd, peer,
     len, flags)
WRAP_EVENT(poll, (EINTR, ENOMEM, ENOMEM), (struct pollfd * fds, nfds_t n, int timeout), fds, n,
           timeout)
WRAP_EVENT(epoll_wait, (EINTR, EINTR, EINTR),
           (int fd, struct epoll_event *events, int n, int timeout), fd, events, n, timeout)
WRAP_EVENT(setsockopt, (ENOMEM, ENOBUFS, ENOMEM),
           (int fd, int level, int name, const void *value, socklen_t len), fd, level, name, value,
           len)

int epoll_ctl(int fd, int what, int other, struct epoll_event *event)
{
    if (what == EPOLL_CTL_ADD && is_one_of(ENOMEM, ENOSPC, ENOMEM) && FAILS(KIND_EVENT))
        return (int)failed();
    if (other >= 0 && other < FILES_MOST) {
        watched[other].poll = fd;
        watched[other].event = event != NULL ? *event : (struct epoll_event){ .events = 0 };
    }
    return REAL(epoll_ctl)(fd, what, other, event);
}

DECLARE(pthread_create);
int pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *context)
{
    return is_one_of(ENOMEM, EAGAIN, EMFILE) && FAILS(KIND_EVENT)
               ? EAGAIN
               : REAL(pthread_create)(ret, attributes, run, context);
}

/* ---- The time of day ---- */

static int64_t jump(void)
{
    return control != NULL ? atomic_load(&control->clock) : 0;
}

DECLARE(clock_gettime);
int clock_gettime(clockid_t clock, struct timespec *ret)
{
    int status = REAL(clock_gettime)(clock, ret);

    if (clock == CLOCK_REALTIME)
        ret->tv_sec += (time_t)jump();
    return status;
}

DECLARE(time);
time_t time(time_t *ret)
{
    time_t now = REAL(time)(NULL) + (time_t)jump();

    if (ret != NULL)
        *ret = now;
    return now;
}
