/* The sandbox, each time in a process of its own. */

#define _GNU_SOURCE /* as in the source below */

/* The source itself, because each part has to hold without the others: a kernel may lack them. */
#include "server/sandbox.c" /* NOLINT(bugprone-suspicious-include) */

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

/* Three directories: the file may be read, through a link that leads to the second; and one aside.
 */
struct place {
    char dir[64];
    char file[96], beside[96], link[96], aside[96]; /* link: in another directory, to file */
};

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    char path[128];

    snprintf(place->dir, sizeof(place->dir), "/tmp/bluehelm-sandbox-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    for (const char *const *name = (const char *const[]){ "data", "links", "aside", NULL };
         *name != NULL; name++) {
        snprintf(path, sizeof(path), "%s/%s", place->dir, *name);
        assert_int_equal(mkdir(path, 0755), 0);
    }
    snprintf(place->file, sizeof(place->file), "%s/data/a.db", place->dir);
    snprintf(place->beside, sizeof(place->beside), "%s/data/b.db", place->dir);
    snprintf(place->link, sizeof(place->link), "%s/links/current.db", place->dir);
    snprintf(place->aside, sizeof(place->aside), "%s/aside/c.db", place->dir);
    write_text(place->file, "a");
    write_text(place->beside, "b");
    write_text(place->aside, "c");
    assert_int_equal(symlink(place->file, place->link), 0);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    char path[128];

    for (const char *const *name =
             (const char *const[]){ "data/a.db", "data/b.db", "data/new.db", "links/current.db",
                                    "aside/c.db", "data", "links", "aside", "", NULL };
         *name != NULL; name++) {
        snprintf(path, sizeof(path), "%s/%s", place->dir, *name);
        remove(path);
    }
    free(place);
    return 0;
}

/* Runs a part of a test in a process of its own, before which log and core are switched off; gives
 * its wait status. */
static int in_child(void (*part)(const struct place *), const struct place *place)
{
    int status = -1;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        log_open(LOG_LEVEL__MAX, STDERR_FILENO);
        part(place);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* For use in the process, which has none of cmocka's: says what does not hold, and ends. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            dprintf(STDERR_FILENO, "line %d: %s (%s)\n", __LINE__, #condition, strerror(errno));   \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void assert_passes(void **state, void (*part)(const struct place *))
{
    int status = in_child(part, *state);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void enter(const struct place *place)
{
    const char *const readable[] = { place->link, NULL };
    struct error err = { .code = ERR_NONE };

    HOLDS(sandbox_enter(SANDBOX_ON, readable, &err));
}

/* What this kernel and build have; a part that is not there is not tested. */

static bool has_landlock(int abi)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= abi;
}

static bool has_filter(void)
{
    return !IS_SANITIZED && prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
}

/* Ends a test here that needs what is not there: cmocka's skip() counts as a failure in
 * scripts/test. */
#define NEEDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_message("# not tested here: %s\n", #condition);                                  \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* Files. */

static bool reads(const char *path, char wanted)
{
    defer(close_file) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char got = 0;

    return fd >= 0 && read(fd, &got, 1) == 1 && got == wanted;
}

static void part_reads_around_the_file(const struct place *place)
{
    char fresh[128], again[64];
    int fd = open(place->file, O_RDONLY | O_CLOEXEC);

    snprintf(fresh, sizeof(fresh), "%s/data/new.db", place->dir);
    write_text(fresh, "n");
    enter(place);
    HOLDS(reads(place->file, 'a'));
    HOLDS(reads(place->link, 'a'));
    HOLDS(reads(place->beside, 'b'));
    /* As SQLite opens a dataset: by its descriptor, though it may have been replaced. */
    snprintf(again, sizeof(again), "/proc/self/fd/%d", fd);
    HOLDS(reads(again, 'a'));
}

static void the_file_and_those_around_it_can_be_read(void **state)
{
    assert_passes(state, part_reads_around_the_file);
}

static void part_reads_a_replaced_file(const struct place *place)
{
    int done[2], entered[2];
    char byte = 0, again[64];
    int fd = open(place->file, O_RDONLY | O_CLOEXEC);
    pid_t other;

    HOLDS(pipe2(done, O_CLOEXEC) == 0 && pipe2(entered, O_CLOEXEC) == 0);
    other = fork(); /* which stays outside, as an import does */
    if (other == 0) {
        HOLDS(read(entered[0], &byte, 1) == 1);
        HOLDS(rename(place->beside, place->file) == 0);
        HOLDS(write(done[1], "x", 1) == 1);
        _exit(0);
    }
    enter(place);
    HOLDS(write(entered[1], "x", 1) == 1 && read(done[0], &byte, 1) == 1);
    HOLDS(reads(place->file, 'b'));
    HOLDS(reads(place->link, 'b'));
    snprintf(again, sizeof(again), "/proc/self/fd/%d", fd);
    HOLDS(reads(again, 'a'));
}

static void a_file_that_is_renamed_over_it_can_be_read_and_the_old_one_too(void **state)
{
    assert_passes(state, part_reads_a_replaced_file);
}

static void part_reads_nothing_else(const struct place *place)
{
    enter(place);
    HOLDS(open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES);
    HOLDS(open("/proc/self/maps", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES);
    HOLDS(!reads(place->aside, 'c') && errno == EACCES);
    HOLDS(opendir(place->dir) == NULL && errno == EACCES);
}

static void nothing_else_can_be_read(void **state)
{
    NEEDS(has_landlock(ABI_FILES) && !IS_SANITIZED);
    assert_passes(state, part_reads_nothing_else);
}

static void part_writes_nothing(const struct place *place)
{
    char fresh[128];

    snprintf(fresh, sizeof(fresh), "%s/data/new.db", place->dir);
    enter(place);
    HOLDS(open(place->file, O_WRONLY | O_CLOEXEC) < 0 && errno == EACCES);
    HOLDS(open(place->file, O_RDWR | O_CLOEXEC) < 0 && errno == EACCES);
    HOLDS(open(fresh, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 && errno == EACCES);
    HOLDS(open(place->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) < 0);
    HOLDS(unlink(place->file) < 0);
    HOLDS(rename(place->file, fresh) < 0);
    HOLDS(mkdir(fresh, 0700) < 0);
    HOLDS(symlink(place->file, fresh) < 0);
    HOLDS(link(place->file, fresh) < 0);
    HOLDS(truncate(place->file, 0) < 0);
    HOLDS(reads(place->file, 'a'));
}

static void nothing_can_be_written(void **state)
{
    NEEDS(has_landlock(ABI_TRUNCATE) || has_filter());
    assert_passes(state, part_writes_nothing);
}

/* Calls that kill. */

static void call_execve(void)
{
    execl("/bin/true", "true", (char *)NULL);
}

static void call_fork(void)
{
    if (fork() == 0)
        _exit(0);
}

static void call_vfork(void)
{
    syscall(SYS_vfork);
}

static void call_socket(void)
{
    (void)!socket(AF_INET, SOCK_STREAM, 0);
}

static int made_before; /* a socket from before the sandbox */

static void call_connect(void)
{
    const struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };

    connect(made_before, (const struct sockaddr *)&to, sizeof(to));
}

static void call_bind(void)
{
    const struct sockaddr_in to = { .sin_family = AF_INET };

    bind(made_before, (const struct sockaddr *)&to, sizeof(to));
}

static void call_ptrace(void)
{
    ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static void call_process_vm_readv(void)
{
    char byte;
    struct iovec to = { &byte, 1 }, from = { &byte, 1 };

    process_vm_readv(getppid(), &to, 1, &from, 1, 0);
}

static void call_kill(void)
{
    kill(getppid(), 0);
}

static void call_unshare(void)
{
    unshare(CLONE_NEWUSER);
}

static void call_bpf(void)
{
    syscall(SYS_bpf, 0, NULL, 0);
}

static void call_memfd(void)
{
    (void)!memfd_create("x", 0);
}

static void (*call)(void);

static void part_calls(const struct place *place)
{
    made_before = socket(AF_INET, SOCK_STREAM, 0);
    enter(place);
    call();
}

static void what_only_an_intruder_wants_kills_the_process(void **state)
{
    static const struct {
        const char *name;
        void (*call)(void);
    } calls[] = {
        { "execve", call_execve },   { "fork", call_fork },
        { "vfork", call_vfork },     { "socket", call_socket },
        { "connect", call_connect }, { "bind", call_bind },
        { "ptrace", call_ptrace },   { "kill", call_kill },
        { "unshare", call_unshare }, { "memfd_create", call_memfd },
        { "bpf", call_bpf },         { "process_vm_readv", call_process_vm_readv },
    };

    NEEDS(has_filter());
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        int status;

        call = calls[i].call;
        status = in_child(part_calls, *state);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
            fail_msg("%s: status %x and not SIGSYS", calls[i].name, (unsigned)status);
    }
}

/* Calls that only fail. */

static void part_runs_no_memory(const struct place *place)
{
    long size = sysconf(_SC_PAGESIZE);
    void *page =
        mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    HOLDS(page != MAP_FAILED);
    enter(place);
    HOLDS(mprotect(page, (size_t)size, PROT_READ | PROT_EXEC) < 0 && errno == EACCES);
    HOLDS(mmap(NULL, (size_t)size, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
              == MAP_FAILED
          && errno == EACCES);
    HOLDS(mprotect(page, (size_t)size, PROT_READ) == 0);
}

static void memory_cannot_be_made_executable(void **state)
{
    NEEDS(has_filter());
    assert_passes(state, part_runs_no_memory);
}

static void part_does_not_know_other_calls(const struct place *place)
{
    struct rlimit limit;

    enter(place);
    HOLDS(syscall(SYS_swapoff, "/") < 0 && errno == ENOSYS);
    HOLDS(syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS);
    HOLDS(syscall(SYS_setuid, 0) < 0 && errno == ENOSYS);
    HOLDS(syscall(1 << 20) < 0 && errno == ENOSYS); /* of a kernel to come */
    HOLDS(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    HOLDS(setrlimit(RLIMIT_NOFILE, &limit) < 0);
    HOLDS(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0);
    HOLDS(syscall(SYS_tgkill, getpid() + 1, 1, 0) < 0 && errno == ENOSYS);
}

static void calls_that_are_not_listed_do_not_exist(void **state)
{
    NEEDS(has_filter());
    assert_passes(state, part_does_not_know_other_calls);
}

/* Landlock where there is no filter. */

static void part_knows_no_network(const struct place *place)
{
    const char *const readable[] = { place->file, NULL };
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons(9),
                                    .sin_addr = { htonl(INADDR_LOOPBACK) } };
    const struct sockaddr_in any = { .sin_family = AF_INET };
    struct part part = { .level = 0 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    HOLDS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    HOLDS(enter_landlock(&part, readable));
    HOLDS(part.level >= ABI_NETWORK);
    HOLDS(connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 && errno == EACCES);
    HOLDS(bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0 && errno == EACCES);
    HOLDS(execl("/bin/true", "true", (char *)NULL) < 0 && errno == EACCES);
}

static void landlock_alone_lets_nothing_connect_bind_or_run(void **state)
{
    NEEDS(has_landlock(ABI_NETWORK));
    assert_passes(state, part_knows_no_network);
}

static void part_reaches_nobody(const struct place *place)
{
    const char *const readable[] = { place->file, NULL };
    struct sockaddr_un theirs = { .sun_family = AF_UNIX };
    socklen_t len;
    struct part part = { .level = 0 };
    int told = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int met = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int late = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(theirs.sun_path + 1, sizeof(theirs.sun_path) - 1, "bluehelm-%d", getpid());
    len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(theirs.sun_path + 1));
    HOLDS(bind(told, (const struct sockaddr *)&theirs, len) == 0);
    HOLDS(connect(met, (const struct sockaddr *)&theirs, len) == 0);
    HOLDS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    HOLDS(enter_landlock(&part, readable));
    HOLDS(kill(getppid(), 0) < 0 && errno == EPERM);
    HOLDS(kill(getpid(), 0) == 0);
    /* As the service manager's socket: what was connected before goes on. */
    HOLDS(send(met, "x", 1, 0) == 1);
    HOLDS(connect(late, (const struct sockaddr *)&theirs, len) < 0 && errno == EPERM);
}

static void landlock_alone_lets_nobody_outside_be_reached(void **state)
{
    NEEDS(has_landlock(ABI_SCOPES));
    assert_passes(state, part_reaches_nobody);
}

/* What has to go on. */

static void *name_itself(void *data)
{
    char name[16] = "";

    (void)data;
    if (pthread_setname_np(pthread_self(), "inside") != 0)
        return NULL;
    return pthread_getname_np(pthread_self(), name, sizeof(name)) == 0 ? data : NULL;
}

static void part_lives_on(const struct place *place)
{
    enum { MANY = 8, LARGE = 4 << 20 };
    pthread_t threads[MANY];
    void *kept[MANY], *result;

    enter(place);
    for (size_t i = 0; i < MANY; i++)
        HOLDS(pthread_create(&threads[i], NULL, name_itself, threads) == 0);
    for (size_t i = 0; i < MANY; i++)
        HOLDS(pthread_join(threads[i], &result) == 0);
    for (size_t i = 0; i < MANY; i++) {
        kept[i] = malloc(LARGE << (i / 4));
        HOLDS(kept[i] != NULL);
        kept[i] = realloc(kept[i], LARGE * 2);
        HOLDS(kept[i] != NULL);
    }
    for (size_t i = 0; i < MANY; i++)
        free(kept[i]);
}

static void threads_begin_and_memory_grows(void **state)
{
    assert_passes(state, part_lives_on);
}

static void part_aborts(const struct place *place)
{
    enter(place);
    abort();
}

static void a_process_can_still_abort(void **state)
{
    int status = in_child(part_aborts, *state);

    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_false(WCOREDUMP(status));
}

/* Privileges. */

static void part_has_no_privileges(const struct place *place)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    struct part part = { .level = 0 };
    struct rlimit core;

    (void)place;
    HOLDS(drop_privileges(&part) && part.level == 1);
    HOLDS(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    HOLDS(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    HOLDS(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0);
    HOLDS(syscall(SYS_capget, &head, data) == 0);
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        HOLDS(data[i].effective == 0 && data[i].permitted == 0 && data[i].inheritable == 0);
}

static void privileges_are_given_up(void **state)
{
    assert_passes(state, part_has_no_privileges);
}

/* Modes. */

static void part_stays_free(const struct place *place)
{
    const char *const readable[] = { place->file, NULL };
    struct error err = { .code = ERR_NONE };

    HOLDS(sandbox_enter(SANDBOX_OFF, readable, &err));
    HOLDS(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
    HOLDS(reads(place->aside, 'c'));
    HOLDS(open(place->file, O_RDWR | O_CLOEXEC) >= 0);
}

static void off_changes_nothing(void **state)
{
    assert_passes(state, part_stays_free);
}

/* Makes the kernel one without Landlock, for this process. */
static void take_landlock_away(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    HOLDS(filter != NULL);
    HOLDS(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EOPNOTSUPP), SCMP_SYS(landlock_create_ruleset), 0)
          == 0);
    HOLDS(seccomp_load(filter) == 0);
    seccomp_release(filter);
}

static void part_goes_without(const struct place *place)
{
    const char *const readable[] = { place->file, NULL };
    struct error err = { .code = ERR_NONE };
    char lines[2048] = "";
    int fds[2];

    take_landlock_away();
    HOLDS(pipe2(fds, O_CLOEXEC) == 0);
    log_open(LOG_LEVEL_INFO, fds[1]);
    HOLDS(sandbox_enter(SANDBOX_ON, readable, &err));
    HOLDS(read(fds[0], lines, sizeof(lines) - 1) > 0);
    HOLDS(strstr(lines, "landlock=0") != NULL);
    HOLDS(strstr(lines, "Without landlock: this kernel was started without it") != NULL);
    HOLDS(reads(place->aside, 'c'));
    if (has_filter()) /* which still holds by itself */
        HOLDS(open(place->file, O_RDWR | O_CLOEXEC) < 0 && errno == EACCES);
}

static void on_goes_without_what_is_not_there_and_says_so(void **state)
{
    assert_passes(state, part_goes_without);
}

static void part_refuses_to_go_without(const struct place *place)
{
    const char *const readable[] = { place->file, NULL };
    struct error err = { .code = ERR_NONE };

    take_landlock_away();
    HOLDS(!sandbox_enter(SANDBOX_REQUIRED, readable, &err));
    HOLDS(err.code == ERR_INPUT);
    HOLDS(strstr(err.detail, "landlock cannot be had: this kernel was started without it") != NULL);
}

static void required_does_not(void **state)
{
    assert_passes(state, part_refuses_to_go_without);
}

static void part_has_all(const struct place *place)
{
    const char *const readable[] = { place->file, NULL };
    struct error err = { .code = ERR_NONE };

    HOLDS(sandbox_enter(SANDBOX_REQUIRED, readable, &err));
    HOLDS(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0); /* not even asked any more */
}

static void required_is_had_where_the_kernel_has_all(void **state)
{
    NEEDS(has_landlock(ABI_FILES) && has_filter());
    assert_passes(state, part_has_all);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(the_file_and_those_around_it_can_be_read),
        ROW(a_file_that_is_renamed_over_it_can_be_read_and_the_old_one_too),
        ROW(nothing_else_can_be_read),
        ROW(nothing_can_be_written),
        ROW(what_only_an_intruder_wants_kills_the_process),
        ROW(memory_cannot_be_made_executable),
        ROW(calls_that_are_not_listed_do_not_exist),
        ROW(landlock_alone_lets_nothing_connect_bind_or_run),
        ROW(landlock_alone_lets_nobody_outside_be_reached),
        ROW(threads_begin_and_memory_grows),
        ROW(a_process_can_still_abort),
        ROW(privileges_are_given_up),
        ROW(off_changes_nothing),
        ROW(on_goes_without_what_is_not_there_and_says_so),
        ROW(required_does_not),
        ROW(required_is_had_where_the_kernel_has_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
