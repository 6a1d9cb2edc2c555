#define _GNU_SOURCE /* gmtime_r, clock_gettime */
#include "server/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    LOG_DETAIL_SIZE = 768, /* most bytes of a formatted sentence */
    LOG_ESCAPED = 4,       /* most bytes that one byte becomes: \x1b */
};

/* Set once, before there are threads; only read afterwards. */
static enum log_level log_least = LOG_LEVEL_INFO;
static int log_fd = STDERR_FILENO;
static int log_pipe = -1; /* a pipe that was opened anew; -1: none */
static bool log_is_socket;

/*
 * Whoever reads the other end of a pipe or a socket may have stopped, and writing would wait for
 * them. A socket is told not to by each call; a pipe is opened anew, since what others hold of it
 * is to stay as it is.
 */
void log_open(enum log_level least, int fd)
{
    struct stat status;
    char name[32];

    if (log_pipe >= 0)
        close(log_pipe);
    log_pipe = -1;
    log_least = least;
    log_fd = fd;
    log_is_socket = false;
    if (fstat(fd, &status) != 0)
        return;
    log_is_socket = S_ISSOCK(status.st_mode);
    if (!S_ISFIFO(status.st_mode))
        return;
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    log_pipe = open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (log_pipe >= 0)
        log_fd = log_pipe;
}

bool log_wants(enum log_level level)
{
    return level >= log_least;
}

/* Adds bytes if they fit whole. */
static bool add(struct log_line *line, const char *bytes, size_t len)
{
    if (line->room - line->len < len)
        return false;
    memcpy(line->text + line->len, bytes, len);
    line->len += len;
    return true;
}

static bool add_text(struct log_line *line, const char *text)
{
    return add(line, text, strlen(text));
}

static bool is_plain(unsigned char c)
{
    return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
}

/* Everything that a terminal or a log reader could mistake for something else leaves as an escape.
 */
static bool add_escaped(struct log_line *line, unsigned char c)
{
    char escaped[LOG_ESCAPED + 1];

    if (c == '"' || c == '\\')
        return add(line, (char[]){ '\\', (char)c }, 2);
    if (c == '\n')
        return add(line, "\\n", 2);
    if (c == '\r')
        return add(line, "\\r", 2);
    if (c == '\t')
        return add(line, "\\t", 2);
    if (c >= ' ' && c < 0x7f)
        return add(line, (char[]){ (char)c }, 1);
    snprintf(escaped, sizeof(escaped), "\\x%02x", c);
    return add(line, escaped, LOG_ESCAPED);
}

/* Writes a whole value, or fails half-way; the caller takes the half back. */
static bool add_value(struct log_line *line, const char *value, size_t len, bool is_cut)
{
    size_t n_plain = 0;

    while (n_plain < len && is_plain((unsigned char)value[n_plain]))
        n_plain++;
    if (n_plain == len)
        return add(line, value, len) && (!is_cut || add_text(line, "..."));
    if (!add_text(line, "\""))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!add_escaped(line, (unsigned char)value[i]))
            return false;
    return (!is_cut || add_text(line, "...")) && add_text(line, "\"");
}

void log_text(struct log_line *line, const char *key, const char *value, size_t most)
{
    size_t before = line->len;
    size_t len;

    if (line->room == 0 || value == NULL || value[0] == '\0')
        return;
    len = strnlen(value, most);
    if (!add_text(line, " ") || !add_text(line, key) || !add_text(line, "=")
        || !add_value(line, value, len, value[len] != '\0'))
        line->len = before;
}

void log_number(struct log_line *line, const char *key, int64_t value)
{
    char digits[24], *at = digits + sizeof(digits) - 1;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    if (line->room == 0)
        return;
    *at = '\0';
    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (value < 0)
        *--at = '-';
    log_text(line, key, at, sizeof(digits));
}

/* Adds the time. All but the milliseconds is made once a second in each thread: it takes more than
 * the rest of the line. */
static void add_time(struct log_line *line)
{
    static _Thread_local struct {
        time_t second;
        char text[32];
    } last;
    struct timespec now;
    struct tm day;
    char millis[] = { '.', 0, 0, 0, 'Z' };

    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != last.second) {
        gmtime_r(&now.tv_sec, &day);
        strftime(last.text, sizeof(last.text), "time=%Y-%m-%dT%H:%M:%S", &day);
        last.second = now.tv_sec;
    }
    for (long i = 3, rest = now.tv_nsec / 1000000; i > 0; i--, rest /= 10)
        millis[i] = (char)('0' + rest % 10);
    add_text(line, last.text);
    add(line, millis, sizeof(millis));
}

void log_begin(struct log_line *line, enum log_level level, const char *msg)
{
    static const char *const names[] = {
        [LOG_LEVEL_DEBUG] = "debug",
        [LOG_LEVEL_INFO] = "info",
        [LOG_LEVEL_WARNING] = "warning",
        [LOG_LEVEL_ERROR] = "error",
    };

    line->len = 0;
    line->room = 0;
    if (!log_wants(level))
        return;
    line->room = sizeof(line->text) - 1;
    add_time(line);
    log_text(line, "level", names[level], LOG_DETAIL_SIZE);
    log_text(line, "msg", msg, LOG_DETAIL_SIZE);
}

/* What cannot be written is lost: there is nowhere to complain to, and nobody waits for it. (Of a
 * pipe, at most PIPE_BUF bytes: they go whole or not at all.) */
static void write_out(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t written = log_is_socket ? send(log_fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL)
                                        : write(log_fd, text, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        text += written;
        len -= (size_t)written;
    }
}

void log_end(struct log_line *line)
{
    if (line->room == 0)
        return;
    line->text[line->len++] = '\n';
    write_out(line->text, line->len);
    line->room = 0;
}

void log_end_later(struct log_line *line, struct log_batch *batch)
{
    if (line->room == 0)
        return;
    line->text[line->len++] = '\n';
    if (batch->len + line->len > sizeof(batch->text))
        log_flush(batch);
    memcpy(batch->text + batch->len, line->text, line->len);
    batch->len += line->len;
    line->room = 0;
}

void log_flush(struct log_batch *batch)
{
    if (batch->len > 0)
        write_out(batch->text, batch->len);
    batch->len = 0;
}

void log_event(enum log_level level, const char *msg, const char *fmt, ...)
{
    char detail[LOG_DETAIL_SIZE];
    struct log_line line;
    va_list args;

    if (!log_wants(level))
        return;
    va_start(args, fmt);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 overlooks va_start */
    vsnprintf(detail, sizeof(detail), fmt, args);
    va_end(args);
    log_begin(&line, level, msg);
    log_text(&line, "detail", detail, sizeof(detail));
    log_end(&line);
}
