#define _GNU_SOURCE /* clock_gettime */
#include "server/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/log.h"

#define FIRST_SECONDS 1.0 /* before it, nobody has begun to wonder */
#define BETWEEN_SECONDS 0.25

enum { LINE_SIZE = 256 };

static double seconds_since(const struct timespec *start)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

void progress_begin(struct progress *progress)
{
    clock_gettime(CLOCK_MONOTONIC, &progress->start);
    progress->is_terminal = isatty(STDERR_FILENO) == 1;
    progress->is_shown = false;
    progress->last = 0;
    progress->rows = 0;
}

void progress_format(const char *what, size_t rows, long long bytes, long long size, double seconds,
                     char *ret, size_t ret_size)
{
    double rate = seconds > 0 ? (double)rows / seconds : 0;
    double share = size > 0 ? (double)bytes / (double)size : 0;
    int len;

    if (size > 0)
        len = snprintf(ret, ret_size, "Importing %s: %3d%% (%zu rows), %.0f rows/s", what,
                       (int)(share * 100), rows, rate);
    else
        len = snprintf(ret, ret_size, "Importing %s: %zu rows, %.0f rows/s", what, rows, rate);
    if (share > 0 && share < 1 && len > 0 && (size_t)len < ret_size)
        snprintf(ret + len, ret_size - (size_t)len, ", %.0f s left", seconds * (1 - share) / share);
}

void progress_show(struct progress *progress, size_t rows, long long bytes, long long size)
{
    double seconds = seconds_since(&progress->start);
    char line[LINE_SIZE];

    progress->rows = rows;
    if (!progress->is_terminal || seconds < FIRST_SECONDS
        || seconds - progress->last < BETWEEN_SECONDS)
        return;
    progress->last = seconds;
    progress->is_shown = true;
    progress_format(progress->what, rows, bytes, size, seconds, line, sizeof(line));
    /* A shorter line must not leave the end of a longer one. */
    fprintf(stderr, "\r%s\033[K", line);
}

void progress_end(struct progress *progress, bool is_done)
{
    double seconds = seconds_since(&progress->start);
    char line[LINE_SIZE];

    if (progress->is_terminal && progress->is_shown) {
        progress_format(progress->what, progress->rows, is_done, is_done, seconds, line,
                        sizeof(line));
        fprintf(stderr, "\r%s%s\033[K\n", line, is_done ? ", done." : ", stopped.");
    } else if (!progress->is_terminal && is_done) {
        log_event(LOG_LEVEL_INFO, "imported", "%zu rows of %s in %.2f s.", progress->rows,
                  progress->what, seconds);
    }
}
