/* The program: what each command does with the modules. The only file that sees server and handlers
 * together. */

#define _GNU_SOURCE /* sigset_t, signalfd, TEMP_FAILURE_RETRY */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>
#include <microhttpd.h>
#include <sqlite3.h>

#include "db/build.h"
#include "db/check.h"
#include "db/dataset.h"
#include "db/import/import.h"
#include "db/query_memory.h"
#include "handlers/catalogue.h"
#include "server/base/cleanup.h"
#include "server/daemon.h"
#include "server/export.h"
#include "server/log.h"
#include "server/manager.h"
#include "server/metrics.h"
#include "server/options.h"
#include "server/progress.h"
#include "server/request_id.h"
#include "server/sandbox.h"
#include "server/serve.h"

enum {
    STATUS_OK = 0,
    STATUS_FAILED = 1, /* it did not work out */
    STATUS_USAGE = 2,  /* it was not asked for properly */
};

enum { PACKAGE_WAIT = 1000 /* milliseconds that a request waits for the data package */ };

#define DATASET_TEXT_DIR "db/dataset"

/* A failure, for a person: what happened, and what was perhaps meant. */
static int complain(const struct error *err, int status)
{
    fprintf(stderr, "bluehelm: %s\n", err->detail);
    if (err->did_you_mean[0] != '\0')
        fprintf(stderr, "Did you mean '%s'?\n", err->did_you_mean);
    return status;
}

static int out_of_memory(void)
{
    fputs("bluehelm: There is no memory.\n", stderr);
    return STATUS_FAILED;
}

/* serve. */

/* Says which dataset is current. */
static void log_dataset(struct dataset *dataset, const char *msg, const char *address,
                        unsigned n_workers)
{
    struct log_line line;
    char release[11], digest[65];

    if (!dataset_name(dataset, release, digest))
        return;
    log_begin(&line, LOG_LEVEL_INFO, msg);
    if (address != NULL) {
        log_text(&line, "version", BLUEHELM_VERSION, 32);
        log_text(&line, "listen", address, ADDRESS_TEXT_SIZE);
        log_number(&line, "workers", n_workers);
    }
    log_text(&line, "release", release, 32);
    log_text(&line, "digest", digest, 64);
    log_end(&line);
}

static void publish_again(const struct service *service, const char *file, const char *address,
                          struct manager *manager)
{
    struct error err = { .code = ERR_NONE };
    bool is_good;

    manager_tell(manager, MANAGER_RELOADING, "Opening the dataset anew.");
    is_good = dataset_publish(service->dataset, file, &err);
    metrics_published(service->metrics, is_good);
    if (is_good)
        log_dataset(service->dataset, "dataset changed", NULL, 0);
    else
        log_event(LOG_LEVEL_ERROR, "dataset kept", "%s", err.detail);
    manager_tell(
        manager, MANAGER_READY, "Listening on %s; %s%s", address,
        is_good ? "the dataset was opened anew." : "the dataset is kept as it was: ", err.detail);
}

/* Blocks the signals that we wait for, in all threads to come, and opens a descriptor that tells of
 * them. */
static int open_signals(void)
{
    sigset_t signals;

    /* A client that goes away is an error code to us, not a reason to die. */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return -1;
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -1;
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

/* Tells the service manager that all is well, when it is time and if it is; gives the milliseconds
 * until the next time. A worker that hangs ends in silence, and that in a new start. */
static int keep_watch(struct daemon *daemon, struct manager *manager)
{
    if (manager_left(manager) != 0)
        return manager_left(manager);
    if (daemon_turns(daemon))
        manager_tell(manager, MANAGER_ALIVE, NULL);
    else
        log_event(LOG_LEVEL_WARNING, "watchdog",
                  "A worker has not got on since the last look; the service manager starts us anew "
                  "if that goes on.");
    manager_put_off(manager);
    return manager_left(manager);
}

/* Verifies a little of the dataset, and tells what came of it. Gives the milliseconds until the
 * next time. */
static int watch_dataset(struct dataset *dataset)
{
    struct error err = { .code = ERR_NONE };
    enum dataset_news news;
    int wait;

    dataset_watch(dataset, &news, &wait, &err);
    if (news == DATASET_VERIFIED)
        log_event(LOG_LEVEL_INFO, "dataset verified", "Every page is what was written.");
    else if (news == DATASET_DAMAGED)
        log_event(LOG_LEVEL_ERROR, "dataset damaged",
                  "In the dataset file, %s Requests that need it are answered 503.", err.detail);
    else if (news == DATASET_HEALED)
        log_event(LOG_LEVEL_WARNING, "dataset whole",
                  "A page could not be read for a while; all are what was written now.");
    return wait;
}

/* The shorter of two waits in milliseconds; -1: for ever. */
static int sooner(int a, int b)
{
    return a < 0 ? b : b < 0 || a < b ? a : b;
}

/* Obeys signals until the workers have ended. */
static void follow_signals(struct daemon *daemon, const struct service *service, const char *file,
                           struct manager *manager, int signal_fd)
{
    struct pollfd fds[] = {
        { .fd = signal_fd, .events = POLLIN },
        { .fd = daemon_end_fd(daemon), .events = POLLIN },
    };
    bool is_draining = false;

    while (fds[1].revents == 0) {
        struct signalfd_siginfo info;

        if (poll(fds, 2, sooner(keep_watch(daemon, manager), watch_dataset(service->dataset))) < 0)
            fds[0].revents = fds[1].revents = 0; /* it left them as they were */
        if (fds[0].revents == 0 || read(signal_fd, &info, sizeof(info)) != sizeof(info))
            continue;
        if (info.ssi_signo == SIGHUP && !is_draining) {
            daemon_renew(daemon);
            publish_again(service, file, daemon_address(daemon), manager);
            daemon_follow(daemon);
        } else if (info.ssi_signo != SIGHUP && !is_draining) {
            is_draining = true;
            manager_tell(manager, MANAGER_STOPPING, "Finishing requests under way.");
            log_event(LOG_LEVEL_INFO, "draining",
                      "Requests under way are finished; another signal cuts them.");
            daemon_drain(daemon);
        } else if (info.ssi_signo != SIGHUP) {
            daemon_stop(daemon);
        }
    }
}

/* Listens, on the socket of the service manager if it gave one. */
static bool listen_anywhere(const struct settings *settings, const struct service *service,
                            struct manager *manager, struct daemon **ret, struct error *err)
{
    int listen_fd = manager->listen_fd;

    manager->listen_fd = -1;
    if (listen_fd >= 0)
        log_event(LOG_LEVEL_INFO, "socket handed over",
                  "The service manager listens for us; --listen is not used.");
    return daemon_new(settings, service, listen_fd, ret, err);
}

/* A query may take as long as its deadline: the watchdog must have more patience than that. */
static void warn_of_watchdog(const struct settings *settings, const struct manager *manager)
{
    if (manager->watchdog > 0
        && (settings->query_deadline == 0
            || settings->query_deadline > manager->watchdog / 2 / 1000))
        log_event(LOG_LEVEL_WARNING, "watchdog",
                  "WatchdogSec should be more than twice --query-deadline: a long query looks like "
                  "a worker that hangs.");
}

/* Does all that needs rights, gives them up, and only then reads the dataset: what works now will
 * work at SIGHUP. */
static bool begin_serving(const struct settings *settings, const struct service *service,
                          struct daemon *daemon, struct error *err)
{
    const char *const readable[] = { settings->dataset, settings->tls_certificate,
                                     settings->tls_key, NULL };

    json_object_seed(0); /* jansson would read /dev/urandom for it when it first makes an object */
    if (!sandbox_enter((enum sandbox_mode)settings->sandbox, readable, err)
        || !dataset_publish(service->dataset, settings->dataset, err))
        return false;
    metrics_published(service->metrics, true);
    return daemon_start(daemon, err);
}

static int run_daemon(const struct settings *settings, const struct service *service,
                      struct manager *manager, int signal_fd)
{
    struct error err = { .code = ERR_NONE };
    struct daemon *daemon = NULL;

    if (!manager_meet(manager, &err) || !listen_anywhere(settings, service, manager, &daemon, &err)
        || !begin_serving(settings, service, daemon, &err)) {
        daemon_free(daemon);
        return complain(&err, STATUS_FAILED);
    }
    warn_of_watchdog(settings, manager);
    log_dataset(service->dataset, "started", daemon_address(daemon), daemon_workers(daemon));
    manager_tell(manager, MANAGER_READY, "Listening on %s.", daemon_address(daemon));
    follow_signals(daemon, service, settings->dataset, manager, signal_fd);
    if (!daemon_free(daemon)) {
        log_event(LOG_LEVEL_ERROR, "stopped", "A worker had failed.");
        return STATUS_FAILED;
    }
    log_event(LOG_LEVEL_INFO, "stopped", "All workers have ended.");
    return STATUS_OK;
}

/* The dataset that all of a command is about; NULL without memory. */
static struct dataset *dataset_of(const struct settings *settings)
{
    struct dataset *dataset = dataset_new();

    if (dataset != NULL)
        dataset_set_verify(dataset, (enum dataset_verify)settings->verify);
    return dataset;
}

static struct service service_of(const struct settings *settings, struct dataset *dataset)
{
    return (struct service){
        .catalogue = catalogue,
        .dataset = dataset,
        .deadline_ms = (unsigned)settings->query_deadline,
        .body_limit = (size_t)settings->reply_limit,
        .public_url = settings->public_url,
    };
}

static int run_serve(const struct settings *settings)
{
    struct dataset *dataset;
    struct service service;
    defer(manager_done) struct manager manager = { .notify_fd = -1, .listen_fd = -1 };
    int signal_fd = open_signals();
    int status;

    log_open((enum log_level)settings->log_level, STDERR_FILENO);
    if (signal_fd < 0) {
        fprintf(stderr, "bluehelm: Signals cannot be waited for: %s.\n", strerror(errno));
        return STATUS_FAILED;
    }
    query_memory_limit(settings->query_memory);
    dataset = dataset_of(settings);
    if (dataset == NULL) {
        close(signal_fd);
        return out_of_memory();
    }
    service = service_of(settings, dataset);
    service.exports = exports_new(catalogue, dataset, PACKAGE_WAIT);
    service.metrics = metrics_new();
    status = service.exports != NULL && service.metrics != NULL
                 ? run_daemon(settings, &service, &manager, signal_fd)
                 : out_of_memory();
    exports_free(service.exports);
    metrics_free(service.metrics);
    dataset_free(dataset);
    close(signal_fd);
    return status;
}

/* get. */

static void print_head(const struct reply *reply)
{
    printf("HTTP/1.1 %d %s\r\n", reply->status, MHD_get_reason_phrase_for((unsigned)reply->status));
    if (reply->content_type != NULL
        && (reply->body != NULL || reply->source.read != NULL || reply->file.len > 0))
        printf("Content-Type: %s\r\n", reply->content_type);
    if (reply->content_type != NULL && reply->body != NULL)
        printf("Content-Length: %zu\r\n", reply->len);
    if (reply->file.len > 0)
        printf("Content-Length: %llu\r\n", (unsigned long long)reply->file.len);
    for (size_t i = 0; i < reply->n_headers; i++)
        printf("%s: %s\r\n", reply->headers[i].name, reply->headers[i].value);
    fputs("\r\n", stdout);
}

/* Writes a body that is told piece by piece to its end. */
static bool write_source(const struct reply_source *source, FILE *to)
{
    char piece[64 << 10];
    ssize_t len;

    while ((len = source->read(source->context, piece, sizeof(piece))) > 0)
        fwrite(piece, 1, (size_t)len, to);
    if (len < 0)
        fprintf(stderr, "bluehelm: The answer broke off: %s\n", source->fault(source->context));
    return len == 0;
}

static bool write_file(const struct reply_file *file, FILE *to)
{
    char piece[64 << 10];

    for (uint64_t done = 0; done < file->len;) {
        uint64_t left = file->len - done;
        ssize_t len = TEMP_FAILURE_RETRY(pread(file->descriptor, piece,
                                               left < sizeof(piece) ? left : sizeof(piece),
                                               (off_t)(file->first + done)));

        if (len <= 0) {
            fprintf(stderr, "bluehelm: The dataset file cannot be read: %s.\n", strerror(errno));
            return false;
        }
        fwrite(piece, 1, (size_t)len, to);
        done += (uint64_t)len;
    }
    return true;
}

/* Writes the body of a reply, whatever holds it. False: it is not whole. */
static bool write_body(const struct reply *reply, FILE *to)
{
    if (reply->source.read != NULL)
        return write_source(&reply->source, to);
    if (reply->body != NULL)
        fwrite(reply->body, 1, reply->len, to);
    return write_file(&reply->file, to);
}

static int print_reply(const struct settings *settings, const struct reply *reply)
{
    bool is_whole = true;

    if (reply->is_short)
        return out_of_memory();
    if (settings->is_include || settings->is_head)
        print_head(reply);
    if (!settings->is_head)
        is_whole = write_body(reply, stdout);
    if (reply->log_detail[0] != '\0')
        fprintf(stderr, "bluehelm: %s\n", reply->log_detail);
    if (fflush(stdout) != 0 || ferror(stdout)) { /* what failed before is not there to be flushed */
        fprintf(stderr, "bluehelm: The reply cannot be written: %s.\n", strerror(errno));
        return STATUS_FAILED;
    }
    return is_whole && reply->status >= 200 && reply->status < 400 ? STATUS_OK : STATUS_FAILED;
}

static int answer_path(const struct settings *settings, struct dataset *dataset, const char *path)
{
    struct service service = service_of(settings, dataset);
    struct error err = { .code = ERR_NONE };
    struct id_source ids;
    char id[REQUEST_ID_SIZE];
    struct request request = {
        .method = settings->is_head ? "HEAD" : "GET",
        .target = path,
        .id = id,
    };
    defer(reply_done) struct reply reply = { .status = 0 };

    if (!dataset_publish(dataset, settings->dataset, &err))
        return complain(&err, STATUS_FAILED);
    request_id_seed(&ids);
    request_id_next(&ids, id);
    serve(&service, &request, &reply);
    return print_reply(settings, &reply);
}

/* Answers one path from the dataset of the settings, without a socket. */
static int print_path(const struct settings *settings, const char *path)
{
    struct dataset *dataset = dataset_of(settings);
    int status;

    if (dataset == NULL)
        return out_of_memory();
    status = answer_path(settings, dataset, path);
    dataset_leave(dataset);
    dataset_free(dataset);
    return status;
}

static int run_get(const struct settings *settings)
{
    log_open((enum log_level)settings->log_level, STDERR_FILENO);
    if (settings->operands[0][0] != '/') {
        fprintf(stderr, "bluehelm: A path begins with '/': `bluehelm get /v1/%.80s`.\n",
                settings->operands[0]);
        return STATUS_USAGE;
    }
    return print_path(settings, settings->operands[0]);
}

/* openapi, docs. */

static int run_openapi(const struct settings *settings)
{
    log_open((enum log_level)settings->log_level, STDERR_FILENO);
    return print_path(settings, "/openapi.json");
}

static int run_docs(const struct settings *settings)
{
    log_open((enum log_level)settings->log_level, STDERR_FILENO);
    return print_path(settings, "/docs");
}

/* export. */

/* Writes one export to a file beside its place, and moves it there when it is whole. */
static bool export_one(const struct settings *settings, const struct service *service,
                       const char *name)
{
    char target[EXPORT_NAME + 32], path[4096], part[sizeof(path) + 8];
    const struct request request = { .method = "GET", .target = target, .id = "export" };
    defer(reply_done) struct reply reply = { .status = 0 };
    FILE *file;
    bool is_whole;

    if ((size_t)snprintf(target, sizeof(target), "/v1/export/%s", name) >= sizeof(target)
        || (size_t)snprintf(path, sizeof(path), "%s/%s", settings->directory, name)
               >= sizeof(path)) {
        fprintf(stderr, "bluehelm: '%.80s' is too long a name.\n", name);
        return false;
    }
    snprintf(part, sizeof(part), "%s.part", path);
    serve(service, &request, &reply);
    if (reply.status != 200) {
        fprintf(stderr, "bluehelm: '%.80s' cannot be exported: %s\n", name,
                reply.log_detail[0] != '\0' ? reply.log_detail
                : reply.body != NULL        ? reply.body
                                            : "");
        return false;
    }
    file = fopen(part, "we");
    if (file == NULL) {
        fprintf(stderr, "bluehelm: %s: %s.\n", part, strerror(errno));
        return false;
    }
    is_whole = write_body(&reply, file);
    is_whole = fflush(file) == 0 && !ferror(file) && fsync(fileno(file)) == 0 && is_whole;
    is_whole = fclose(file) == 0 && is_whole && rename(part, path) == 0;
    if (!is_whole) {
        fprintf(stderr, "bluehelm: %s was not written.\n", path);
        unlink(part);
        return false;
    }
    printf("%s\n", path);
    return true;
}

static bool is_export(const char *name)
{
    struct error err = { .code = ERR_NONE };
    char right[EXPORT_NAME];

    error_set(&err, ERR_INPUT, NULL, "There is no export '%.80s'.", name);
    for (size_t i = 0; export_file(catalogue, i, right); i++) {
        if (strcmp(name, right) == 0)
            return true;
        error_allow(&err, name, right);
    }
    complain(&err, STATUS_USAGE);
    return false;
}

static int export_all(const struct settings *settings, struct dataset *dataset)
{
    struct service service = service_of(settings, dataset);
    struct error err = { .code = ERR_NONE };
    char name[EXPORT_NAME];
    bool is_good = true;

    service.deadline_ms = 0; /* nobody else waits */
    if (!dataset_publish(dataset, settings->dataset, &err))
        return complain(&err, STATUS_FAILED);
    for (size_t i = 0; i < OPERANDS_MAX && settings->operands[i] != NULL; i++)
        is_good = export_one(settings, &service, settings->operands[i]) && is_good;
    for (size_t i = 0; settings->operands[0] == NULL && export_file(catalogue, i, name); i++)
        is_good = export_one(settings, &service, name) && is_good;
    return is_good ? STATUS_OK : STATUS_FAILED;
}

static int run_export(const struct settings *settings)
{
    struct dataset *dataset;
    int status;

    log_open((enum log_level)settings->log_level, STDERR_FILENO);
    for (size_t i = 0; i < OPERANDS_MAX && settings->operands[i] != NULL; i++) {
        if (!is_export(settings->operands[i]))
            return STATUS_USAGE;
    }
    if (mkdir(settings->directory, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "bluehelm: %s: %s.\n", settings->directory, strerror(errno));
        return STATUS_FAILED;
    }
    dataset = dataset_of(settings);
    if (dataset == NULL)
        return out_of_memory();
    status = export_all(settings, dataset);
    dataset_leave(dataset);
    dataset_free(dataset);
    return status;
}

/* build, check. */

static int run_build(const struct settings *settings)
{
    const char *text_dir = settings->operands[0] != NULL ? settings->operands[0] : DATASET_TEXT_DIR;
    struct build_summary summary;
    struct error err = { .code = ERR_NONE };

    if (!build_dataset(text_dir, settings->output, stderr, &summary, &err))
        return complain(&err, STATUS_FAILED);
    printf("%s: release %s, %zu rows of %zu files, digest %s\n", settings->output, summary.release,
           summary.n_rows, summary.n_files, summary.digest);
    return STATUS_OK;
}

static int run_check(const struct settings *settings)
{
    struct check_summary summary;
    struct error err = { .code = ERR_NONE };

    if (!check_dataset(settings->operands[0], stderr, &summary, &err))
        return complain(&err, STATUS_FAILED);
    printf("%s: release %s, %zu rows, digest %s, no fault\n", settings->operands[0],
           summary.release, summary.n_rows, summary.digest);
    return STATUS_OK;
}

/* import. */

static void show_rows(const struct import_progress *progress, void *data)
{
    progress_show(data, progress->rows, progress->bytes, progress->size);
}

static void print_summary(const struct settings *settings, const struct import_summary *summary)
{
    printf("%s, state of %s: %zu read = %zu inserted + %zu unchanged + %zu revised + %zu rejected; "
           "%zu withdrawn\n",
           settings->operands[0], settings->known_from, summary->n_read, summary->n_inserted,
           summary->n_unchanged, summary->n_revised, summary->n_rejected, summary->n_withdrawn);
    if (summary->report[0] != '\0')
        printf("%s: why each row was rejected\n", summary->report);
}

static int run_import(const struct settings *settings)
{
    struct progress progress = { .what = settings->operands[0] };
    struct import_summary summary;
    struct error err = { .code = ERR_NONE };
    struct import_options import = {
        .kind = settings->operands[0],
        .files = settings->operands + 1,
        .dataset = settings->into,
        .known_from = settings->known_from,
        .report = settings->report,
        .is_strict = settings->is_strict,
        .is_dry_run = settings->is_dry_run,
        .progress = show_rows,
        .progress_data = &progress,
    };
    bool is_imported;

    while (import.n_files < OPERANDS_MAX - 1 && import.files[import.n_files] != NULL)
        import.n_files++;
    progress_begin(&progress);
    is_imported = import_run(&import, &summary, &err);
    progress_end(&progress, is_imported);
    if (!is_imported) {
        if (summary.report[0] != '\0')
            fprintf(stderr, "%s: why each row was rejected\n", summary.report);
        return complain(&err, STATUS_FAILED);
    }
    print_summary(settings, &summary);
    if (!summary.is_changed)
        printf("%s: nothing changed\n", settings->into);
    else if (settings->is_dry_run)
        printf("%s: would have digest %s (dry run: it is as it was)\n", settings->into,
               summary.digest);
    else
        printf("%s: %lld bytes, digest %s\n", settings->into, summary.size, summary.digest);
    return STATUS_OK;
}

/* version, help. */

static int run_version(const struct settings *settings)
{
    (void)settings;
    printf("bluehelm %s\nlibmicrohttpd %s\nSQLite %s\njansson %s\n", BLUEHELM_VERSION,
           MHD_get_version(), sqlite3_libversion(), jansson_version_str());
    return STATUS_OK;
}

static void print_kinds(enum command_id command)
{
    if (command != COMMAND_IMPORT)
        return;
    printf("\nKinds of files:\n");
    for (size_t i = 0; import_kind_name(i) != NULL; i++)
        printf("  %-20s %s\n", import_kind_name(i), import_kind_text(i));
}

static int run_help(const struct settings *settings)
{
    const char *name = settings->operands[0];
    struct error err = { .code = ERR_NONE };

    if (name == NULL) {
        options_help(COMMAND_HELP, stdout);
        return STATUS_OK;
    }
    for (size_t i = 0; i < COMMAND__MAX; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            options_help((enum command_id)i, stdout);
            print_kinds((enum command_id)i);
            return STATUS_OK;
        }
    }
    error_set(&err, ERR_INPUT, NULL, "There is no command '%.80s'.", name);
    for (size_t i = 0; i < COMMAND__MAX; i++)
        error_allow(&err, name, commands[i].name);
    return complain(&err, STATUS_USAGE);
}

int main(int argc, char *argv[])
{
    static int (*const runs[COMMAND__MAX])(const struct settings *) = {
        [COMMAND_SERVE] = run_serve,     [COMMAND_GET] = run_get,
        [COMMAND_OPENAPI] = run_openapi, [COMMAND_DOCS] = run_docs,
        [COMMAND_BUILD] = run_build,     [COMMAND_CHECK] = run_check,
        [COMMAND_IMPORT] = run_import,   [COMMAND_VERSION] = run_version,
        [COMMAND_HELP] = run_help,       [COMMAND_EXPORT] = run_export,
    };
    defer(settings_done) struct settings settings = { .command = COMMAND_HELP };
    struct error err = { .code = ERR_NONE };

    if (!options_read(argc, argv, &settings, &err)) {
        complain(&err, STATUS_USAGE);
        fputs("`bluehelm help` tells what there is.\n", stderr);
        return STATUS_USAGE;
    }
    if (settings.is_help) {
        options_help(settings.command, stdout);
        print_kinds(settings.command);
        return STATUS_OK;
    }
    return runs[settings.command](&settings);
}
