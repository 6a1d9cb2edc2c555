#define _GNU_SOURCE /* strptime, timegm, O_DIRECTORY */
#include "server/metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "db/resource.h"
#include "server/base/cleanup.h"

const char *const metrics_type = "text/plain; version=0.0.4; charset=utf-8";

enum {
    ROUTE_SIZE = 96,                 /* bytes of a template and its NUL, as in struct reply */
    INDEX_SIZE = 2 * METRICS_ROUTES, /* slots: never more than half of them are full */
};

static const char *const methods[] = { "GET", "HEAD", "OPTIONS", "other" };
enum { N_METHODS = sizeof(methods) / sizeof(*methods) };

/* Every status that this server sends; another one would be counted under the last. 0 is that of a
 * request that ended before it had an answer. */
static const int statuses[] = { 200, 204, 206, 304, 308, 400, 404, 405, 406, 408, 410,
                                412, 413, 414, 416, 429, 431, 500, 501, 503, 505, 0 };
enum { N_STATUSES = sizeof(statuses) / sizeof(*statuses) };

/* From what an answer out of the cache of pages takes to what the deadlines allow, 2 to 2.5 apart.
 */
static const struct {
    int64_t us;
    const char *label;
} buckets[] = {
    { 500, "0.0005" },  { 1000, "0.001" },  { 2500, "0.0025" },    { 5000, "0.005" },
    { 10000, "0.01" },  { 25000, "0.025" }, { 50000, "0.05" },     { 100000, "0.1" },
    { 250000, "0.25" }, { 500000, "0.5" },  { 1000000, "1" },      { 2500000, "2.5" },
    { 5000000, "5" },   { 10000000, "10" }, { INT64_MAX, "+Inf" },
};
enum { N_BUCKETS = sizeof(buckets) / sizeof(*buckets) };

static const char *const refusals[METRICS_REFUSAL__MAX] = {
    [METRICS_REFUSED_TOTAL] = "total",
    [METRICS_REFUSED_ADDRESS] = "address",
    [METRICS_REFUSED_MEMORY] = "memory",
};

typedef atomic_uint_fast64_t counter;

/** The requests of one route that one worker answered. */
struct route_counts {
    char route[ROUTE_SIZE]; /* never changes once it is published */
    counter requests[N_METHODS][N_STATUSES];
    counter durations[N_BUCKETS]; /* each request in one */
    counter us;
};

struct metrics_block {
    counter connections[METRICS_REFUSAL__MAX];
    counter n_closed;
    counter n_began, n_ended;
    counter bytes;
    counter looked_up[2]; /* replies that were made, and that were ready */
    counter kept, kept_bytes, n_dropped;
    uint16_t index[INDEX_SIZE]; /* where in routes a template is, plus 1; 0: slot is free. The
                                   worker's alone */
    atomic_size_t n_routes;     /* those before are there to be read */
    struct route_counts routes[METRICS_ROUTES + 1]; /* the last is of what found no room */
};

/** How many rows each collection of a dataset has. */
struct rows {
    char digest[65];  /* of the dataset; "": of none */
    int64_t *n;       /* one for each of the catalogue; -1: not counted */
    size_t n_counted; /* of the catalogue, those that could not be counted included */
};

/** What the kernel tells of the process. Opened once and early: a sandbox (server/sandbox.c) lets
 * nothing of it be opened later. */
struct kernel {
    int memory, state; /* /proc/self/statm and stat; -1: not to be had */
    DIR *descriptors;  /* /proc/self/fd; NULL: the same */
};

struct metrics {
    struct metrics_block *blocks[METRICS_BLOCKS];
    size_t n_blocks;
    counter published[2]; /* failures and successes */
    pthread_mutex_t lock; /* guards rows and kernel: only scrapes take it */
    struct rows rows;
    struct kernel kernel;
};

/* Counting. */

/* One thread alone writes: what it read is still true when it writes, and no bus is locked. */
static void add(counter *at, uint_fast64_t n)
{
    atomic_store_explicit(at, atomic_load_explicit(at, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static uint64_t get(const counter *at)
{
    return atomic_load_explicit(at, memory_order_relaxed);
}

static struct kernel kernel_open(void)
{
    return (struct kernel){
        .memory = open("/proc/self/statm", O_RDONLY | O_CLOEXEC),
        .state = open("/proc/self/stat", O_RDONLY | O_CLOEXEC),
        .descriptors = opendir("/proc/self/fd"),
    };
}

static void kernel_close(struct kernel *kernel)
{
    close_file(&kernel->memory);
    close_file(&kernel->state);
    if (kernel->descriptors != NULL)
        closedir(kernel->descriptors);
}

struct metrics *metrics_new(void)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));

    if (metrics == NULL)
        return NULL;
    pthread_mutex_init(&metrics->lock, NULL);
    metrics->kernel = kernel_open();
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    for (size_t i = 0; i < metrics->n_blocks; i++)
        free(metrics->blocks[i]);
    pthread_mutex_destroy(&metrics->lock);
    kernel_close(&metrics->kernel);
    free(metrics->rows.n);
    free(metrics);
}

struct metrics_block *metrics_join(struct metrics *metrics)
{
    struct metrics_block *block;

    if (metrics == NULL || metrics->n_blocks == METRICS_BLOCKS)
        return NULL;
    block = calloc(1, sizeof(*block));
    if (block != NULL)
        metrics->blocks[metrics->n_blocks++] = block;
    return block;
}

void metrics_connected(struct metrics_block *block, enum metrics_refusal refusal)
{
    if (block != NULL)
        add(&block->connections[refusal], 1);
}

void metrics_closed(struct metrics_block *block)
{
    if (block != NULL)
        add(&block->n_closed, 1);
}

void metrics_began(struct metrics_block *block)
{
    if (block != NULL)
        add(&block->n_began, 1);
}

/* The counts of a template; they begin when it is seen first. */
static struct route_counts *find_route(struct metrics_block *block, const char *route)
{
    size_t n = atomic_load_explicit(&block->n_routes, memory_order_relaxed);
    uint32_t hash = 2166136261u; /* FNV-1a */
    size_t slot;

    for (const char *c = route; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    for (slot = hash % INDEX_SIZE; block->index[slot] != 0; slot = (slot + 1) % INDEX_SIZE) {
        struct route_counts *found = &block->routes[block->index[slot] - 1];

        if (strcmp(found->route, route) == 0)
            return found;
    }
    if (n == METRICS_ROUTES)
        return &block->routes[METRICS_ROUTES];
    snprintf(block->routes[n].route, ROUTE_SIZE, "%s", route);
    block->index[slot] = (uint16_t)(n + 1);
    atomic_store_explicit(&block->n_routes, n + 1, memory_order_release);
    return &block->routes[n];
}

void metrics_ended(struct metrics_block *block, const struct metrics_request *request)
{
    struct route_counts *counts;
    size_t method = 0, status = 0, bucket = 0;

    if (block == NULL)
        return;
    /* Paths without a route are told apart by nobody: whoever asks for many must not make many. */
    counts = find_route(block, request->route[0] != '\0' ? request->route : "unmatched");
    while (method < N_METHODS - 1 && strcmp(methods[method], request->method) != 0)
        method++;
    while (status < N_STATUSES - 1 && statuses[status] != request->status)
        status++;
    while (bucket < N_BUCKETS - 1 && buckets[bucket].us < request->us)
        bucket++;
    add(&counts->requests[method][status], 1);
    add(&counts->durations[bucket], 1);
    add(&counts->us, request->us > 0 ? (uint64_t)request->us : 0);
    add(&block->bytes, request->bytes);
    add(&block->n_ended, 1);
}

void metrics_looked_up(struct metrics_block *block, bool is_hit)
{
    if (block != NULL)
        add(&block->looked_up[is_hit], 1);
}

void metrics_kept(struct metrics_block *block, struct cache_figures figures)
{
    if (block == NULL)
        return;
    atomic_store_explicit(&block->kept, figures.n, memory_order_relaxed);
    atomic_store_explicit(&block->kept_bytes, figures.bytes, memory_order_relaxed);
    atomic_store_explicit(&block->n_dropped, figures.n_dropped, memory_order_relaxed);
}

void metrics_published(struct metrics *metrics, bool is_good)
{
    if (metrics != NULL)
        atomic_fetch_add_explicit(&metrics->published[is_good], 1, memory_order_relaxed);
}

/* Text. */

static void begin(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value, as the format escapes it. */
static void add_label(struct buffer *out, const char *name, const char *value)
{
    buffer_format(out, "%s=\"", name);
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"')
            buffer_byte(out, '\\');
        buffer_text(out, *value == '\n' ? "\\n" : (char[]){ *value, '\0' });
    }
    buffer_byte(out, '"');
}

static void add_number(struct buffer *out, const char *name, const char *type, const char *help,
                       uint64_t value)
{
    begin(out, name, type, help);
    buffer_format(out, "%s %" PRIu64 "\n", name, value);
}

static void add_micros(struct buffer *out, uint64_t us)
{
    buffer_format(out, "%" PRIu64 ".%06" PRIu64 "\n", us / 1000000, us % 1000000);
}

/* The counts of all workers, route by route: totals[] gets one for each template. */
struct totals {
    struct route_counts *routes; /* owned; plain numbers here, nobody else sees them */
    size_t n, room;
};

static struct route_counts *find_total(struct totals *totals, const char *route)
{
    for (size_t i = 0; i < totals->n; i++) {
        if (strcmp(totals->routes[i].route, route) == 0)
            return &totals->routes[i];
    }
    if (totals->n == totals->room) {
        size_t room = totals->room > 0 ? totals->room * 2 : 64;
        struct route_counts *routes = realloc(totals->routes, room * sizeof(*routes));

        if (routes == NULL)
            return NULL;
        totals->routes = routes;
        totals->room = room;
    }
    memset(&totals->routes[totals->n], 0, sizeof(*totals->routes));
    snprintf(totals->routes[totals->n].route, ROUTE_SIZE, "%s", route);
    return &totals->routes[totals->n++];
}

static bool add_route(struct totals *totals, const struct route_counts *counts, const char *route)
{
    struct route_counts *total = find_total(totals, route);

    if (total == NULL)
        return false;
    for (size_t i = 0; i < N_METHODS; i++) {
        for (size_t j = 0; j < N_STATUSES; j++)
            add(&total->requests[i][j], get(&counts->requests[i][j]));
    }
    for (size_t i = 0; i < N_BUCKETS; i++)
        add(&total->durations[i], get(&counts->durations[i]));
    add(&total->us, get(&counts->us));
    return true;
}

static bool sum_routes(const struct metrics *metrics, struct totals *ret)
{
    for (size_t i = 0; i < metrics->n_blocks; i++) {
        const struct metrics_block *block = metrics->blocks[i];
        size_t n = atomic_load_explicit(&block->n_routes, memory_order_acquire);

        for (size_t j = 0; j < n; j++) {
            if (!add_route(ret, &block->routes[j], block->routes[j].route))
                return false;
        }
        if (n == METRICS_ROUTES && !add_route(ret, &block->routes[n], "other"))
            return false;
    }
    return true;
}

static void add_request_counts(struct buffer *out, const struct totals *totals)
{
    static const char name[] = "bluehelm_http_requests_total";

    begin(out, name, "counter",
          "Requests that have ended, by route template, method and status; status 0 ended before "
          "an answer, route unmatched has none.");
    for (size_t i = 0; i < totals->n; i++) {
        for (size_t j = 0; j < N_METHODS * N_STATUSES; j++) {
            size_t method = j / N_STATUSES, status = j % N_STATUSES;
            uint64_t n = get(&totals->routes[i].requests[method][status]);

            if (n == 0)
                continue;
            buffer_format(out, "%s{", name);
            add_label(out, "route", totals->routes[i].route);
            buffer_format(out, ",method=\"%s\",status=\"%d\"} %" PRIu64 "\n", methods[method],
                          statuses[status], n);
        }
    }
}

static void add_durations(struct buffer *out, const struct totals *totals)
{
    static const char name[] = "bluehelm_http_request_duration_seconds";

    begin(out, name, "histogram",
          "Time from the request line to the end of the answer, by route template.");
    for (size_t i = 0; i < totals->n; i++) {
        const struct route_counts *counts = &totals->routes[i];
        uint64_t n = 0;

        for (size_t j = 0; j < N_BUCKETS; j++) {
            n += get(&counts->durations[j]);
            buffer_format(out, "%s_bucket{", name);
            add_label(out, "route", counts->route);
            buffer_format(out, ",le=\"%s\"} %" PRIu64 "\n", buckets[j].label, n);
        }
        buffer_format(out, "%s_sum{", name);
        add_label(out, "route", counts->route);
        buffer_text(out, "} ");
        add_micros(out, get(&counts->us));
        buffer_format(out, "%s_count{", name);
        add_label(out, "route", counts->route);
        buffer_format(out, "} %" PRIu64 "\n", n);
    }
}

static void add_routes(const struct metrics *metrics, struct buffer *out)
{
    struct totals totals = { .routes = NULL };

    if (sum_routes(metrics, &totals)) {
        add_request_counts(out, &totals);
        add_durations(out, &totals);
    } else {
        out->broken = true;
    }
    free(totals.routes);
}

/* A counter over all workers. */
static uint64_t sum(const struct metrics *metrics, size_t offset)
{
    uint64_t n = 0;

    for (size_t i = 0; i < metrics->n_blocks; i++)
        n += get((const counter *)(const void *)((const char *)metrics->blocks[i] + offset));
    return n;
}

/* What began and has not ended. Ends are read first: a request may pass between the two. */
static uint64_t sum_open(const struct metrics *metrics, size_t began, size_t ended)
{
    uint64_t n_ended = sum(metrics, ended), n_began = sum(metrics, began);

    return n_began > n_ended ? n_began - n_ended : 0;
}

static void add_connections(const struct metrics *metrics, struct buffer *out)
{
    static const char name[] = "bluehelm_connections_refused_total";
    uint64_t sums[METRICS_REFUSAL__MAX] = { 0 };
    uint64_t bytes = 0;

    for (size_t i = 0; i < metrics->n_blocks; i++) {
        for (size_t j = 0; j < METRICS_REFUSAL__MAX; j++)
            sums[j] += get(&metrics->blocks[i]->connections[j]);
        bytes += get(&metrics->blocks[i]->bytes);
    }
    add_number(out, "bluehelm_http_response_bytes_total", "counter",
               "Bytes of the bodies of all answers, without their framing.", bytes);
    add_number(out, "bluehelm_http_requests_in_flight", "gauge",
               "Requests whose answer has not been sent in whole; the one for this text is one.",
               sum_open(metrics, offsetof(struct metrics_block, n_began),
                        offsetof(struct metrics_block, n_ended)));
    add_number(out, "bluehelm_connections_open", "gauge", "Connections that are open.",
               sum_open(metrics, offsetof(struct metrics_block, connections),
                        offsetof(struct metrics_block, n_closed)));
    add_number(out, "bluehelm_connections_accepted_total", "counter",
               "Connections that were taken in.", sums[METRICS_ADMITTED]);
    begin(out, name, "counter",
          "Connections that were refused: too many in total, too many of one address, or no "
          "memory.");
    for (size_t j = METRICS_ADMITTED + 1; j < METRICS_REFUSAL__MAX; j++)
        buffer_format(out, "%s{reason=\"%s\"} %" PRIu64 "\n", name, refusals[j], sums[j]);
}

static void add_cache(const struct metrics *metrics, struct buffer *out)
{
    static const char name[] = "bluehelm_cache_requests_total";

    begin(out, name, "counter",
          "Requests whose reply may be kept: it was ready, or had to be made.");
    buffer_format(out, "%s{result=\"hit\"} %" PRIu64 "\n", name,
                  sum(metrics, offsetof(struct metrics_block, looked_up[1])));
    buffer_format(out, "%s{result=\"miss\"} %" PRIu64 "\n", name,
                  sum(metrics, offsetof(struct metrics_block, looked_up[0])));
    add_number(out, "bluehelm_cache_replies", "gauge", "Replies that are kept, over all workers.",
               sum(metrics, offsetof(struct metrics_block, kept)));
    add_number(out, "bluehelm_cache_bytes", "gauge", "What they count for, of --cache-size.",
               sum(metrics, offsetof(struct metrics_block, kept_bytes)));
    add_number(out, "bluehelm_cache_dropped_total", "counter",
               "Replies that had to make room for others.",
               sum(metrics, offsetof(struct metrics_block, n_dropped)));
}

static void add_publishes(const struct metrics *metrics, struct buffer *out)
{
    static const char name[] = "bluehelm_dataset_publishes_total";

    begin(out, name, "counter",
          "Tries to make a dataset the current one; one that fails leaves the old one.");
    buffer_format(out, "%s{result=\"success\"} %" PRIu64 "\n", name, get(&metrics->published[1]));
    buffer_format(out, "%s{result=\"failure\"} %" PRIu64 "\n", name, get(&metrics->published[0]));
}

/* The dataset. */

/* Counts what is not yet counted. The time of one scrape is one deadline: what took longer than
 * that is left out, and what came behind it has its turn in the next. */
static bool fill_rows(struct rows *rows, const struct metrics_dataset *dataset)
{
    const struct resource *const *catalogue = dataset->catalogue;
    size_t n = 0;

    while (catalogue[n] != NULL)
        n++;
    if (rows->n == NULL)
        rows->n = calloc(n + 1, sizeof(*rows->n)); /* never of nothing */
    if (rows->n == NULL)
        return false;
    if (strcmp(rows->digest, dataset->digest) != 0) {
        snprintf(rows->digest, sizeof(rows->digest), "%s", dataset->digest);
        rows->n_counted = 0;
    }
    while (rows->n_counted < n) {
        size_t i = rows->n_counted++;
        struct error err = { .code = ERR_NONE };

        rows->n[i] = -1;
        if (dataset->count(dataset->context, catalogue[i], &rows->n[i], &err))
            continue;
        rows->n[i] = -1;
        if (err.code == ERR_TIMEOUT)
            break;
    }
    return true;
}

static void add_rows(struct rows *rows, const struct metrics_dataset *dataset, struct buffer *out)
{
    static const char name[] = "bluehelm_dataset_rows";

    if (!fill_rows(rows, dataset)) {
        out->broken = true;
        return;
    }
    begin(out, name, "gauge", "Rows of a collection of the current dataset, as its list tells.");
    for (size_t i = 0; i < rows->n_counted; i++) {
        if (rows->n[i] < 0)
            continue;
        buffer_format(out, "%s{", name);
        add_label(out, "collection", dataset->catalogue[i]->name);
        buffer_format(out, "} %" PRId64 "\n", rows->n[i]);
    }
}

static void add_dataset(const struct metrics_dataset *dataset, struct buffer *out)
{
    struct tm day = { .tm_isdst = 0 };
    time_t released;

    begin(out, "bluehelm_dataset_info", "gauge", "The current dataset; always 1.");
    buffer_text(out, "bluehelm_dataset_info{");
    add_label(out, "release", dataset->release);
    buffer_byte(out, ',');
    add_label(out, "digest", dataset->digest);
    buffer_text(out, "} 1\n");
    add_number(out, "bluehelm_dataset_damaged", "gauge",
               "1: a page of the dataset file is not what was written, or cannot be read; else 0.",
               dataset->is_damaged ? 1 : 0);
    if (strptime(dataset->release, "%Y-%m-%d", &day) == NULL)
        return;
    released = timegm(&day);
    add_number(out, "bluehelm_dataset_release_timestamp_seconds", "gauge",
               "The day of the current dataset's newest release, at 00:00 UTC, as Unix time.",
               (uint64_t)released);
    begin(out, "bluehelm_dataset_age_seconds", "gauge",
          "Time since the day of the current dataset's newest release.");
    buffer_format(out, "bluehelm_dataset_age_seconds %" PRId64 "\n",
                  (int64_t)(time(NULL) - released));
}

/* The process. */

/* Reads the beginning of a file of the kernel's; "" when there is none. */
static void read_kernel(int fd, char *ret, size_t size)
{
    ssize_t len = pread(fd, ret, size - 1, 0);

    ret[len > 0 ? len : 0] = '\0';
}

static void add_memory(const struct kernel *kernel, struct buffer *out)
{
    char text[256];
    char *end;
    unsigned long long pages;

    read_kernel(kernel->memory, text, sizeof(text));
    end = strchr(text, ' '); /* behind the size comes what of it is resident */
    if (end == NULL)
        return;
    pages = strtoull(end, NULL, 10);
    add_number(out, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
               pages * (uint64_t)sysconf(_SC_PAGESIZE));
}

/* The start is told in ticks since the machine's, which in turn is told in seconds. */
static void add_start(const struct kernel *kernel, struct buffer *out)
{
    enum { START_FIELD = 20 /* words behind the name: "starttime" of proc(5) */ };
    char text[1024];
    struct timespec now, up;
    uint64_t ms, ticks = (uint64_t)sysconf(_SC_CLK_TCK);
    char *at;

    read_kernel(kernel->state, text, sizeof(text));
    at = strrchr(text, ')'); /* the name may hold anything */
    for (int i = 0; i < START_FIELD && at != NULL; i++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &up);
    ms = (uint64_t)((now.tv_sec - up.tv_sec) * 1000 + (now.tv_nsec - up.tv_nsec) / 1000000)
         + strtoull(at, NULL, 10) * 1000 / ticks;
    begin(out, "process_start_time_seconds", "gauge",
          "Start time of the process since unix epoch in seconds.");
    buffer_format(out, "process_start_time_seconds %" PRIu64 ".%02" PRIu64 "\n", ms / 1000,
                  ms % 1000 / 10);
}

static void add_descriptors(const struct kernel *kernel, struct buffer *out)
{
    struct rlimit limit;
    uint64_t n = 0;

    if (kernel->descriptors != NULL) {
        const struct dirent *entry;

        rewinddir(kernel->descriptors);
        while ((entry = readdir(kernel->descriptors)) != NULL)
            n += entry->d_name[0] != '.';
        add_number(out, "process_open_fds", "gauge", "Number of open file descriptors.", n);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        add_number(out, "process_max_fds", "gauge", "Maximum number of open file descriptors.",
                   limit.rlim_cur);
}

static void add_process(const struct kernel *kernel, struct buffer *out)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        begin(out, "process_cpu_seconds_total", "counter",
              "Total user and system CPU time spent in seconds.");
        buffer_text(out, "process_cpu_seconds_total ");
        add_micros(out, (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000
                            + (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec));
    }
    add_memory(kernel, out);
    add_descriptors(kernel, out);
    add_start(kernel, out);
}

void metrics_write(struct metrics *metrics, const struct metrics_dataset *dataset,
                   struct buffer *out)
{
    struct rows rows = { .n = NULL };
    struct kernel kernel;

    begin(out, "bluehelm_build_info", "gauge", "The program; always 1.");
    buffer_text(out, "bluehelm_build_info{version=\"" BLUEHELM_VERSION "\"} 1\n");
    if (metrics != NULL) {
        add_routes(metrics, out);
        add_connections(metrics, out);
        add_cache(metrics, out);
        add_publishes(metrics, out);
    }
    if (dataset != NULL)
        add_dataset(dataset, out);
    if (metrics != NULL) {
        pthread_mutex_lock(&metrics->lock);
        if (dataset != NULL)
            add_rows(&metrics->rows, dataset, out);
        add_process(&metrics->kernel, out);
        pthread_mutex_unlock(&metrics->lock);
        return;
    }
    if (dataset != NULL)
        add_rows(&rows, dataset, out);
    free(rows.n);
    kernel = kernel_open();
    add_process(&kernel, out);
    kernel_close(&kernel);
}
