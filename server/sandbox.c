/*
 * What becomes of a system call:
 *
 *  - those in allowed[] and the rules beside it go through: what serving uses, under strace over
 * the whole HTTP suite, and what glibc, SQLite and GnuTLS do in other moods (abort(), a full heap);
 *  - what no honest path of ours leads to and an intruder wants first kills the process, at once
 * and with a line in the kernel's log (deadly[]): to run a program, to make a process or a socket,
 * to look into another process. The service manager starts a new one;
 *  - files opened to be written and memory to be executed are refused as EACCES, which libraries
 *    know how to take;
 *  - all others do not exist (ENOSYS): so glibc, when it learns of newer calls, falls back on what
 *    the list has, as it would on an older kernel. clone3() is one of these on purpose, since its
 *    flags lie where a filter cannot look.
 *
 * A killed process leaves "status=31/SYS" with systemd, and in the kernel's log
 *   audit: type=1326 ... pid=... comm="worker-0" exe="/usr/bin/bluehelm" sig=31 ... syscall=59 ...
 * with the number of the call: `scmp_sys_resolver 59` (package seccomp) says execve.
 */

#define _GNU_SOURCE /* O_PATH, O_TMPFILE, CLONE_THREAD */
#include "server/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include "server/base/cleanup.h"
#include "server/log.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* A sanitizer reads programs, libraries and /proc when it reports, and traces its own process when
 * it looks for leaks. */
enum { IS_SANITIZED = 1 };
#else
enum { IS_SANITIZED = 0 };
#endif

enum {
    WHY_SIZE = 160,      /* bytes of a reason and its NUL */
    PROGRAM_MOST = 1024, /* instructions of the filter; it has some 200 */
    FILTER_FOR = 5,      /* seconds in which it must be made; it takes 3 ms */
    READABLE_SIZE = 512, /* bytes of the directories that can be read, and their NUL */
};

/* What came of one part. */
struct part {
    const char *name;
    int level;                    /* 0: it is not on; Landlock's is its ABI */
    char why[WHY_SIZE];           /* why it is not on */
    char readable[READABLE_SIZE]; /* directories that can be read, of Landlock; "": it is not on */
};

static bool part_fails(struct part *part, const char *what)
{
    snprintf(part->why, sizeof(part->why), "%s: %s", what, strerror(errno));
    return false;
}

/* Privileges. */

/* Gives all capabilities up. A process without any may not be allowed to ask (systemd's @privileged
 * has capset()), so it does not. */
static bool drop_capabilities(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
    bool has_any = false;

    if (syscall(SYS_capget, &head, data) < 0)
        return false;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        has_any = has_any || data[i].permitted != 0 || data[i].inheritable != 0;
    if (!has_any)
        return true;
    memset(data, 0, sizeof(data));
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0
           && syscall(SYS_capset, &head, data) == 0;
}

static bool drop_privileges(struct part *part)
{
    const struct rlimit none = { 0, 0 };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return part_fails(part, "PR_SET_NO_NEW_PRIVS");
    if (!drop_capabilities())
        return part_fails(part, "capset");
    /* A core file would hold what clients ask and the keys of TLS. The limit does not hold for
     * handlers behind a pipe; that memory is not to be dumped does, and keeps others of the same
     * user from looking at it as well. */
    if (setrlimit(RLIMIT_CORE, &none) < 0)
        return part_fails(part, "RLIMIT_CORE");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return part_fails(part, "PR_SET_DUMPABLE");
    part->level = 1;
    return true;
}

/* Landlock. Its header in Debian 12 is of Linux 6.1, so what came later stands here. */

enum {
    ABI_FILES = 1,    /* Linux 5.13 */
    ABI_REFER = 2,    /* 5.19 */
    ABI_TRUNCATE = 3, /* 6.2 */
    ABI_NETWORK = 4,  /* 6.7 */
    ABI_DEVICES = 5,  /* 6.10 */
    ABI_SCOPES = 6,   /* 6.12 */
};

struct ruleset { /* landlock_ruleset_attr as of ABI 6 */
    uint64_t files, network, scopes;
};

enum {
    FILES_FIRST = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1, /* all that ABI 1 knows */
    FILES_REFER = 1 << 13,
    FILES_TRUNCATE = 1 << 14,
    FILES_DEVICES = 1 << 15,
    NETWORK_ALL = 1 << 0 | 1 << 1, /* to bind, to connect: TCP */
    SCOPES_ALL = 1 << 0 | 1 << 1,  /* abstract sockets, signals */
};

/* Of all rights that the kernel can withhold, withholds all. */
static int make_ruleset(int abi)
{
    struct ruleset all = {
        .files = (uint64_t)(FILES_FIRST | (abi >= ABI_REFER ? FILES_REFER : 0)
                            | (abi >= ABI_TRUNCATE ? FILES_TRUNCATE : 0)
                            | (abi >= ABI_DEVICES ? FILES_DEVICES : 0)),
        .network = abi >= ABI_NETWORK ? NETWORK_ALL : 0,
        .scopes = abi >= ABI_SCOPES ? SCOPES_ALL : 0,
    };
    size_t size = abi >= ABI_SCOPES    ? sizeof(all)
                  : abi >= ABI_NETWORK ? offsetof(struct ruleset, scopes)
                                       : offsetof(struct ruleset, network);

    return (int)syscall(SYS_landlock_create_ruleset, &all, size, 0);
}

/* The rules in the making. */
struct rules {
    int fd;                   /* -1: there are none */
    char text[READABLE_SIZE]; /* the directories, for the log; more than fit are cut off */
};

/* Gives rights in a directory and below. One that is not there needs no rule. */
static bool allow_directory(struct rules *rules, const char *directory, uint64_t rights)
{
    size_t len = strlen(rules->text);
    defer(close_file) int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const struct landlock_path_beneath_attr rule = {
        .allowed_access = rights,
        .parent_fd = fd,
    };

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES;
    snprintf(rules->text + len, sizeof(rules->text) - len, "%s%s", len > 0 ? " " : "", directory);
    return syscall(SYS_landlock_add_rule, rules->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
}

/* Lets the files around one be read: in its directory, and in that where it leads to. */
static bool allow_file(struct rules *rules, const char *file)
{
    char named[PATH_MAX], above[PATH_MAX], real[PATH_MAX];
    const char *directory;

    if ((size_t)snprintf(named, sizeof(named), "%s", file) >= sizeof(named))
        return true; /* nor can it be opened */
    directory = dirname(named);
    if (!allow_directory(rules, directory, LANDLOCK_ACCESS_FS_READ_FILE))
        return false;
    if (realpath(directory, above) == NULL || realpath(file, real) == NULL
        || strcmp(dirname(real), above) == 0)
        return true; /* it is not there, or no link */
    return allow_directory(rules, real, LANDLOCK_ACCESS_FS_READ_FILE);
}

static bool allow_files(struct rules *rules, const char *const readable[])
{
    for (size_t i = 0; readable[i] != NULL; i++)
        if (!allow_file(rules, readable[i]))
            return false;
    return !IS_SANITIZED
           || allow_directory(rules, "/",
                              LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
}

static void rules_done(struct rules *rules)
{
    close_file(&rules->fd);
}

static bool enter_landlock(struct part *part, const char *const readable[])
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    defer(rules_done) struct rules rules = { .fd = abi >= ABI_FILES ? make_ruleset((int)abi) : -1 };

    if (rules.fd < 0)
        return part_fails(part, errno == ENOSYS       ? "this kernel has none"
                                : errno == EOPNOTSUPP ? "this kernel was started without it"
                                : errno == EPERM      ? "what we run in does not let us have it"
                                                      : "no set of rules");
    if (!allow_files(&rules, readable))
        return part_fails(part, "a rule");
    if (syscall(SYS_landlock_restrict_self, rules.fd, 0) < 0)
        return part_fails(part, "not entered");
    memcpy(part->readable, rules.text, sizeof(part->readable));
    part->level = (int)abi;
    return true;
}

/* The filter of system calls. */

static const int allowed[] = {
    /* connections, time and the log: what requests are made of */
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg),
    SCMP_SYS(poll),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(write),
    SCMP_SYS(accept4),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(close),
    SCMP_SYS(shutdown),
    SCMP_SYS(sendto),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(sendfile),
    SCMP_SYS(writev),
    SCMP_SYS(recvmsg),
    SCMP_SYS(ppoll),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(fcntl),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(clock_getres),
    /* files that are open, or opened to be read (see make_rules()) */
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(readv),
    SCMP_SYS(preadv),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(statx),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),
    /* memory */
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(brk),
    SCMP_SYS(madvise),
    /* threads */
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(gettid),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(membarrier),
    SCMP_SYS(getcpu),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(eventfd2),
    /* signals; tgkill() to ourselves is one more */
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    /* what the process may know of itself and the machine */
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getrusage),
    SCMP_SYS(getrlimit),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
};

static const int deadly[] = {
    /* programs and processes; clone() of anything but a thread is one more */
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    /* other processes */
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(kill),
    SCMP_SYS(tkill),
    SCMP_SYS(pidfd_open),
    SCMP_SYS(pidfd_getfd),
    /* sockets that nobody accepted */
    SCMP_SYS(socket),
    SCMP_SYS(socketpair),
    SCMP_SYS(bind),
    SCMP_SYS(connect),
    SCMP_SYS(listen),
    /* the kernel itself, and worlds of one's own */
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(mount),
    SCMP_SYS(chroot),
    SCMP_SYS(memfd_create),
};

/* What one argument of a call decides. */
static const struct {
    int call;
    unsigned argument;
    uint64_t bits, wanted; /* of the argument these bits, and what they are to be */
    uint32_t action;
} narrow[] = {
    { SCMP_SYS(openat), 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY, SCMP_ACT_ALLOW },
    { SCMP_SYS(open), 1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY, SCMP_ACT_ALLOW },
    { SCMP_SYS(mmap), 2, PROT_EXEC, 0, SCMP_ACT_ALLOW },
    { SCMP_SYS(mprotect), 2, PROT_EXEC, 0, SCMP_ACT_ALLOW },
    { SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD, SCMP_ACT_ALLOW },
    { SCMP_SYS(prctl), 0, UINT32_MAX, PR_SET_NAME, SCMP_ACT_ALLOW },
    { SCMP_SYS(prlimit64), 2, UINT64_MAX, 0, SCMP_ACT_ALLOW }, /* to read, not to set */
    /* and the other way round */
    { SCMP_SYS(openat), 2, O_WRONLY, O_WRONLY, SCMP_ACT_ERRNO(EACCES) },
    { SCMP_SYS(openat), 2, O_RDWR, O_RDWR, SCMP_ACT_ERRNO(EACCES) },
    { SCMP_SYS(open), 1, O_WRONLY, O_WRONLY, SCMP_ACT_ERRNO(EACCES) },
    { SCMP_SYS(open), 1, O_RDWR, O_RDWR, SCMP_ACT_ERRNO(EACCES) },
    { SCMP_SYS(mmap), 2, PROT_EXEC, PROT_EXEC, SCMP_ACT_ERRNO(EACCES) },
    { SCMP_SYS(mprotect), 2, PROT_EXEC, PROT_EXEC, SCMP_ACT_ERRNO(EACCES) },
    { SCMP_SYS(clone), 0, CLONE_THREAD, 0, SCMP_ACT_KILL_PROCESS },
};

static int make_rules(scmp_filter_ctx filter, pid_t whole)
{
    int failure = 0;

    for (size_t i = 0; failure == 0 && i < sizeof(allowed) / sizeof(*allowed); i++)
        failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0; failure == 0 && i < sizeof(deadly) / sizeof(*deadly); i++)
        failure = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
    for (size_t i = 0; failure == 0 && i < sizeof(narrow) / sizeof(*narrow); i++)
        failure = seccomp_rule_add(
            filter, narrow[i].action, narrow[i].call, 1,
            SCMP_CMP64(narrow[i].argument, SCMP_CMP_MASKED_EQ, narrow[i].bits, narrow[i].wanted));
    if (failure == 0) /* abort() */
        failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                   SCMP_A0_64(SCMP_CMP_EQ, (scmp_datum_t)whole));
    return failure;
}

/** The filter as the kernel takes it. */
struct program {
    int failure;  /* errno; 0: it is whole */
    size_t bytes; /* of steps */
    struct sock_filter steps[PROGRAM_MOST];
};

static void make_program(pid_t whole, struct program *ret)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int failure = filter != NULL ? -make_rules(filter, whole) : ENOMEM;
    defer(close_file) int fd = memfd_create("filter", MFD_CLOEXEC);
    ssize_t len = -1;

    if (failure == 0)
        failure = -seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    /* As a tree: kernels before 5.11 run the filter at each call, and those since then only where
     * an argument decides, because they remember the rest. */
    if (failure == 0)
        failure = -seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (failure == 0)
        failure = fd < 0 ? errno : -seccomp_export_bpf(filter, fd);
    seccomp_release(filter);
    if (failure == 0)
        len = pread(fd, ret->steps, sizeof(ret->steps), 0);
    ret->bytes = len > 0 ? (size_t)len : 0;
    ret->failure = failure != 0 ? failure : len > 0 && ret->bytes < sizeof(ret->steps) ? 0 : EIO;
}

/*
 * libseccomp 2.5.4 crashes where memory runs out, goes round for ever, or leaves calls out of a
 * filter without a word (tests/http/test_faults.py met all three), and nobody can take a filter
 * back. So it is made in a process of its own, which has some seconds, twice, and loaded if both
 * are the same. NULL: errno says why not.
 */
static struct program *program_new(void)
{
    pid_t whole = getpid();
    struct program *programs = mmap(NULL, 2 * sizeof(*programs), PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (programs == MAP_FAILED)
        return NULL;
    for (int i = 0; i < 2; i++) {
        int status = 0;
        pid_t child;

        programs[i].failure = ENOMEM; /* which it stays where the child dies */
        child = fork();
        if (child < 0)
            programs[i].failure = errno;
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            alarm(FILTER_FOR);
            make_program(whole, &programs[i]);
            _exit(0);
        }
        while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    if (programs[0].failure == 0 && programs[1].failure == 0
        && programs[0].bytes == programs[1].bytes
        && memcmp(programs[0].steps, programs[1].steps, programs[0].bytes) == 0)
        return programs;
    errno = programs[0].failure != 0   ? programs[0].failure
            : programs[1].failure != 0 ? programs[1].failure
                                       : ENOMEM;
    munmap(programs, 2 * sizeof(*programs));
    return NULL;
}

/* Kernels before 5.16 would slow a filtered process down, because it might run code of strangers
 * beside its secrets. This one runs none. Those that do not know the flag need no such thing. */
static bool load_program(const struct sock_fprog *program)
{
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, program)
               == 0
           || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program) == 0;
}

static bool enter_filter(struct part *part)
{
    struct program *programs;
    bool is_on;

    if (IS_SANITIZED) {
        snprintf(part->why, sizeof(part->why), "the sanitizer of this build needs to trace itself");
        return false;
    }
    programs = program_new();
    if (programs == NULL)
        return part_fails(part, "it cannot be made");
    is_on = load_program(
        &(struct sock_fprog){ .len = (unsigned short)(programs->bytes / sizeof(programs->steps[0])),
                              .filter = programs->steps });
    part->level = is_on;
    if (!is_on)
        part_fails(part, "this kernel does not take it");
    munmap(programs, 2 * sizeof(*programs));
    return is_on;
}

/* All of it. */

static void log_parts(const struct part *parts, size_t n)
{
    struct log_line line;

    log_begin(&line, LOG_LEVEL_INFO, "sandbox");
    for (size_t i = 0; i < n; i++) {
        log_number(&line, parts[i].name, parts[i].level);
        log_text(&line, "readable", parts[i].readable, READABLE_SIZE);
    }
    log_end(&line);
    for (size_t i = 0; i < n; i++)
        if (parts[i].level == 0)
            log_event(LOG_LEVEL_WARNING, "sandbox", "Without %s: %s.", parts[i].name, parts[i].why);
}

bool sandbox_enter(enum sandbox_mode mode, const char *const readable[], struct error *err)
{
    struct part parts[] = { { .name = "no_privileges" },
                            { .name = "landlock" },
                            { .name = "seccomp" } };
    bool is_whole;

    if (mode == SANDBOX_OFF) {
        log_event(LOG_LEVEL_INFO, "sandbox", "It is off, by --sandbox.");
        return true;
    }
    /* Landlock and filters of system calls need the first; the filter knows none of Landlock's
     * calls. */
    is_whole = drop_privileges(&parts[0]);
    is_whole = enter_landlock(&parts[1], readable) && is_whole;
    is_whole = enter_filter(&parts[2]) && is_whole;
    log_parts(parts, sizeof(parts) / sizeof(*parts));
    if (is_whole || mode != SANDBOX_REQUIRED)
        return true;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (parts[i].level == 0)
            return error_set(err, ERR_INPUT, NULL,
                             "--sandbox=required, and %s cannot be had: %s; --sandbox=on would "
                             "start without.",
                             parts[i].name, parts[i].why);
    return true;
}
