#define _GNU_SOURCE /* gmtime_r, clock_gettime */
#include "server/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LOG_DETAIL_SIZE = 768, /* most bytes of a formatted sentence */
    LOG_ESCAPED = 4,       /* most bytes that one byte becomes: \x1b */
};

/* Set once, before there are threads; only read afterwards. */
static enum log_level log_least = LOG_LEVEL_INFO;
static int log_fd = STDERR_FILENO;

void log_open(enum log_level least, int fd)
{
    log_least = least;
    log_fd = fd;
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
    char digits[24];

    if (line->room == 0)
        return;
    snprintf(digits, sizeof(digits), "%" PRId64, value);
    log_text(line, key, digits, sizeof(digits));
}

void log_begin(struct log_line *line, enum log_level level, const char *msg)
{
    static const char *const names[] = {
        [LOG_LEVEL_DEBUG] = "debug",
        [LOG_LEVEL_INFO] = "info",
        [LOG_LEVEL_WARNING] = "warning",
        [LOG_LEVEL_ERROR] = "error",
    };
    struct timespec now;
    struct tm day;
    int len;

    line->len = 0;
    line->room = 0;
    if (!log_wants(level))
        return;
    line->room = sizeof(line->text) - 1;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &day);
    len = snprintf(line->text, line->room, "time=%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ level=%s",
                   day.tm_year + 1900, day.tm_mon + 1, day.tm_mday, day.tm_hour, day.tm_min,
                   day.tm_sec, now.tv_nsec / 1000000, names[level]);
    line->len = len > 0 ? (size_t)len : 0;
    log_text(line, "msg", msg, LOG_DETAIL_SIZE);
}

void log_end(struct log_line *line)
{
    ssize_t written;

    if (line->room == 0)
        return;
    line->text[line->len++] = '\n';
    /* A line that cannot be written is lost: there is nowhere to complain to. */
    do
        written = write(log_fd, line->text, line->len);
    while (written < 0 && errno == EINTR);
    line->room = 0;
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
