#pragma once

/* The log: one bounded logfmt line for each event, on standard error. A client's text cannot break
 * a line or forge one. */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** How much an event matters, rising. In the order of the choices of --log-level. */
enum log_level {
    LOG_LEVEL_DEBUG,   /* what libmicrohttpd has to say */
    LOG_LEVEL_INFO,    /* every request; start, stop, change of dataset */
    LOG_LEVEL_WARNING, /* we go on, but somebody should look */
    LOG_LEVEL_ERROR,   /* a failure of ours */
    LOG_LEVEL__MAX,
};

enum {
    LOG_LINE_SIZE = 2048 /* most bytes of a line: less than PIPE_BUF, so that lines of threads never
                            mix in a pipe */
};

/** Whole lines of one thread that are written together: at most PIPE_BUF bytes, so that those of
 * other threads never come between. Zeroed: none. */
struct log_batch {
    char text[2 * LOG_LINE_SIZE];
    size_t len;
};

/** A line in the making. Needs no destructor. */
struct log_line {
    char text[LOG_LINE_SIZE];
    size_t len;  /* bytes so far */
    size_t room; /* bytes that it may come to: always leaves place for the newline; 0: nobody wants
                    the line */
};

/** Sets the least level that is written, and where to (2: standard error). Nobody ever waits for
 * whoever reads a pipe or a socket: lines that find no room are lost. Call before there are
 * threads. */
void log_open(enum log_level least, int fd);

/** Tells whether events of a level are written. Safe in any thread. */
bool log_wants(enum log_level level);

/**
 * Begins a line with time, level and msg. When nobody wants the level the line stays empty, and all
 * below do nothing.
 *
 * Shape: msg is a literal.
 */
void log_begin(struct log_line *line, enum log_level level, const char *msg);

/**
 * Adds key=value; value is quoted and escaped where it must be.
 *
 * Shape: key is a literal; of value at most `most` bytes are used, and a cut one ends in "...".
 * NULL and "" add nothing. A value that does not fit into the line is left out whole.
 */
void log_text(struct log_line *line, const char *key, const char *value, size_t most);

/** Adds key=value for a whole number. */
void log_number(struct log_line *line, const char *key, int64_t value);

/** Writes the line by a single write(2). */
void log_end(struct log_line *line);

/** Leaves the line to be written with others: when there is no room for the next one, and by
 * log_flush(). */
void log_end_later(struct log_line *line, struct log_batch *batch);

/** Writes the lines that wait. */
void log_flush(struct log_batch *batch);

/** A whole line at once: msg, and a formatted sentence as detail. */
void log_event(enum log_level level, const char *msg, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
