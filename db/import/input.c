#define _GNU_SOURCE /* O_CLOEXEC */
#include "db/import/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a file that is no text probably is, by its first bytes. */
static const struct {
    const char *magic;
    size_t len;
    const char *what;
} magics[] = {
    { "PK\x03\x04", 4, "a zip archive or spreadsheet; saved as CSV it would be right" },
    { "\x1F\x8B", 2, "packed by gzip; unpacked it would be right" },
    { "SQLite format 3", 15, "an SQLite file; the file as it was published would be right" },
    { "%PDF", 4, "a PDF; a table saved as CSV would be right" },
    { "\xFF\xFE", 2, "UTF-16; saved as UTF-8 it would be right" },
    { "\xFE\xFF", 2, "UTF-16; saved as UTF-8 it would be right" },
};

bool input_open(const char *file, struct input *ret, struct error *err)
{
    struct stat status;

    *ret = (struct input){ .file = file, .line = 1 };
    ret->fd = open(file, O_RDONLY | O_CLOEXEC);
    if (ret->fd < 0)
        return error_set(err, ERR_INPUT, NULL, "%s: %s; a file that can be read would be right.",
                         file, strerror(errno));
    if (fstat(ret->fd, &status) == 0 && S_ISDIR(status.st_mode))
        return error_set(err, ERR_INPUT, NULL, "%s: a directory; a file would be right.", file);
    if (S_ISREG(status.st_mode))
        ret->size = status.st_size;
    if (!input_fill(ret, err))
        return false;
    if (ret->len == 0)
        return error_set(err, ERR_INPUT, NULL,
                         "%s:1: the file is empty; one with a row of column names would be right.",
                         file);
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
        if (ret->len >= magics[i].len && memcmp(ret->block, magics[i].magic, magics[i].len) == 0)
            return error_set(err, ERR_INPUT, NULL, "%s:1: this is %s.", file, magics[i].what);
    }
    if (ret->len >= 3 && memcmp(ret->block, "\xEF\xBB\xBF", 3) == 0)
        ret->at = 3;
    return true;
}

void input_close(struct input *input)
{
    if (input->fd >= 0)
        close(input->fd);
    input->fd = -1;
}

bool input_fill(struct input *input, struct error *err)
{
    if (input->at < input->len || input->is_end)
        return true;
    input->at = 0;
    input->len = 0;
    /* A whole block, even from a pipe: what a file is may stand in its first bytes. */
    while (input->len < sizeof(input->block)) {
        ssize_t n = read(input->fd, input->block + input->len, sizeof(input->block) - input->len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(err, ERR_INPUT, NULL,
                             "%s:%zu: %s; a file that can be read would be right.", input->file,
                             input->line, strerror(errno));
        if (n == 0) {
            input->is_end = true;
            break;
        }
        input->len += (size_t)n;
        input->read += n;
    }
    return true;
}

/* Takes one byte of a sequence: false when it is not UTF-8. */
static bool take_byte(struct input *input, unsigned char byte)
{
    if (input->left > 0) {
        bool is_right = byte >= input->low && byte <= input->high;

        input->left--;
        input->low = 0x80;
        input->high = 0xBF;
        return is_right;
    }
    input->low = 0x80;
    input->high = 0xBF;
    if (byte < 0x80)
        return byte != 0;
    if (byte >= 0xC2 && byte <= 0xDF) {
        input->left = 1;
    } else if (byte >= 0xE0 && byte <= 0xEF) {
        input->left = 2;
        if (byte == 0xE0)
            input->low = 0xA0; /* shorter forms */
        if (byte == 0xED)
            input->high = 0x9F; /* surrogates */
    } else if (byte >= 0xF0 && byte <= 0xF4) {
        input->left = 3;
        if (byte == 0xF0)
            input->low = 0x90;
        if (byte == 0xF4)
            input->high = 0x8F; /* beyond U+10FFFF */
    } else {
        return false;
    }
    return true;
}

static bool check_bytes(struct input *input, const char *bytes, size_t len, struct error *err)
{
    for (size_t i = 0; i < len; i++) {
        uint64_t eight;

        /* Eight bytes of ASCII without NUL at once. */
        while (input->left == 0 && len - i >= sizeof(eight)) {
            memcpy(&eight, bytes + i, sizeof(eight));
            if ((eight & UINT64_C(0x8080808080808080)) != 0
                || ((eight - UINT64_C(0x0101010101010101)) & ~eight & UINT64_C(0x8080808080808080))
                       != 0)
                break;
            i += sizeof(eight);
        }
        if (i == len)
            break;
        if (!take_byte(input, (unsigned char)bytes[i]))
            return error_set(err, ERR_INPUT, NULL,
                             bytes[i] == '\0'
                                 ? "%s:%zu: a NUL byte, which no text has; the file as it was "
                                   "published would be right."
                                 : "%s:%zu: a byte that is not UTF-8; the file saved as UTF-8 "
                                   "would be right.",
                             input->file, input->line);
    }
    return true;
}

bool input_line(struct input *input, const char **ret, size_t *ret_len, struct error *err)
{
    const char *bytes, *end, *cr;
    size_t len;

    *ret_len = 0;
    if (!input_fill(input, err))
        return false;
    bytes = input->block + input->at;
    len = input->len - input->at;
    if (len == 0) {
        if (input->left > 0)
            return error_set(err, ERR_INPUT, NULL,
                             "%s:%zu: the file ends inside a character; the whole file would be "
                             "right.",
                             input->file, input->line);
        return true;
    }
    if (input->is_after_cr && bytes[0] == '\n')
        input->line--; /* counted with the CR */
    end = memchr(bytes, '\n', len);
    if (end != NULL)
        len = (size_t)(end - bytes) + 1;
    cr = memchr(bytes, '\r', len);
    if (cr != NULL)
        len = (size_t)(cr - bytes) + 1;
    if (!check_bytes(input, bytes, len, err))
        return false;
    input->is_after_cr = cr != NULL;
    if (end != NULL || cr != NULL)
        input->line++;
    input->at += len;
    *ret = bytes;
    *ret_len = len;
    return true;
}
