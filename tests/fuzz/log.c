/*
 * The log: whatever text a client sends, a line stays one line of printable bytes, and its values
 * end where they should.
 */

#define _GNU_SOURCE /* memfd_create */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/log.h"
#include "tests/fuzz/fuzz.h"

enum { LINES = 2 };

static int file = -1;

static void begin(void)
{
    file = memfd_create("log", MFD_CLOEXEC);
    must(file >= 0, "a file in memory");
    log_open(LOG_LEVEL_DEBUG, file);
}

static void end(void)
{
    log_open(LOG_LEVEL_ERROR, STDERR_FILENO);
    close(file);
}

/* key=value, value in double quotes where it must be; blanks between them and nowhere else. */
static void check_line(const char *line, size_t len)
{
    bool is_quoted = false;

    must(len > 0 && len <= LOG_LINE_SIZE && line[len - 1] == '\n', "a line ends in its newline");
    for (size_t i = 0; i < len - 1; i++) {
        unsigned char c = (unsigned char)line[i];

        must(c >= 0x20 && c != 0x7f, "byte %zu of '%.*s' is a control character", i, (int)len,
             line);
        if (is_quoted && c == '\\')
            i++;
        else if (c == '"')
            is_quoted = !is_quoted;
    }
    must(!is_quoted, "every quote is closed: %.*s", (int)len, line);
    must(fuzz_is_utf8(line, len), "a line is text: %.*s", (int)len, line);
}

static void one(const uint8_t *bytes, size_t len)
{
    char *lines[LINES], text[3 * LOG_LINE_SIZE];
    struct log_line line;
    ssize_t n;

    fuzz_lines(bytes, len, lines, LINES);
    must(ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0, "the file is empty");
    log_begin(&line, LOG_LEVEL_INFO, "request");
    log_text(&line, "target", lines[0], 40);
    log_text(&line, "agent", lines[1], 300);
    log_number(&line, "bytes", (int64_t)len);
    log_end(&line);
    n = pread(file, text, sizeof(text), 0);
    must(n > 0, "there is a line");
    check_line(text, (size_t)n);
    must(memmem(text, (size_t)n, " bytes=", 7) != NULL, "what follows a text is there");
    must(ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0, "the file is empty");
    log_event(LOG_LEVEL_ERROR, "event", "%s", lines[1]);
    n = pread(file, text, sizeof(text), 0);
    must(n > 0, "there is a line");
    check_line(text, (size_t)n);
    fuzz_lines_free(lines, LINES);
}

const struct fuzz_target target_log = {
    .name = "log", .longest = 1000, .runs = 5000, .begin = begin, .one = one, .end = end
};
