#define _GNU_SOURCE /* pread, pwrite, O_CLOEXEC */
#include "db/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "db/schema.h"
#include "server/base/cleanup.h"

enum {
    HEADER_SIZE = 100,       /* bytes of an SQLite file's header */
    HEADER_PAGE_SIZE = 16,   /* place in it: page size, two bytes, 1 meaning 65536 */
    HEADER_CHANGES = 24,     /* place in it: how often the file was changed, four bytes */
    HEADER_PAGES = 28,       /* place in it: pages of the file, four bytes */
    HEADER_VERSION = 60,     /* place in it: user_version, four bytes */
    HEADER_APPLICATION = 68, /* place in it: application_id, four bytes */
    HEADER_CHANGED = 92,     /* place in it: the same as HEADER_CHANGES, where HEADER_PAGES holds */
    PAGE_LEAST = 512,        /* bytes of the smallest page that SQLite knows */
    AT_ONCE = 64 << 10,      /* bytes that are read at once; the largest page */
};

#define MAGIC "bluehelm seal 1\n" /* 16 bytes without its NUL */

/*
 * The end of a sealed file, behind the sums. Numbers stand as the machine has them: a file is made
 * where it is served, and a machine of the other order finds the sums to be wrong.
 */
struct foot {
    char magic[16];
    uint64_t page_size, n_pages;
    XXH128_canonical_t sum; /* of the sums and of what stands before in the foot */
};

static uint32_t big_endian(const unsigned char *bytes, size_t n)
{
    uint32_t value = 0;

    for (size_t i = 0; i < n; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* Reads all of it, however many pieces it comes in. Gives 0, or why not: EILSEQ at the end of the
 * file. */
static int read_whole(int fd, void *to, size_t len, off_t at)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(fd, (char *)to + done, len - done, at + (off_t)done);

        if (n < 0 && errno != EINTR)
            return errno;
        if (n == 0)
            return EILSEQ;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static bool write_whole(int fd, const void *from, size_t len, off_t at)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(fd, (const char *)from + done, len - done, at + (off_t)done);

        if (n < 0 && errno != EINTR)
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool unreadable(int why, struct error *err)
{
    return error_set(err, ERR_INPUT, NULL, "it cannot be read: %s; a whole file would be right.",
                     why == EILSEQ ? "it ends too early" : strerror(why));
}

/* Page size and number of pages, as the header of a file says them. */
static bool read_header(int fd, struct seal *ret, struct error *err)
{
    unsigned char header[HEADER_SIZE];
    int why = read_whole(fd, header, sizeof(header), 0);

    if (why != 0)
        return unreadable(why, err);
    ret->page_size = big_endian(header + HEADER_PAGE_SIZE, 2);
    ret->page_size = ret->page_size == 1 ? 65536 : ret->page_size;
    ret->n_pages = big_endian(header + HEADER_PAGES, 4);
    if (memcmp(header, "SQLite format 3", 16) != 0 || ret->page_size < PAGE_LEAST
        || (ret->page_size & (ret->page_size - 1)) != 0 || ret->n_pages == 0
        || memcmp(header + HEADER_CHANGES, header + HEADER_CHANGED, 4) != 0)
        return error_set(err, ERR_INPUT, NULL,
                         "its header is not that of a whole SQLite file; a dataset file that "
                         "'bluehelm build' made would be right.");
    return true;
}

bool seal_is_dataset(int fd)
{
    unsigned char header[HEADER_SIZE];

    return read_whole(fd, header, sizeof(header), 0) == 0
           && memcmp(header, "SQLite format 3", 16) == 0
           && big_endian(header + HEADER_APPLICATION, 4) == SCHEMA_APPLICATION_ID
           && big_endian(header + HEADER_VERSION, 4) == SCHEMA_VERSION;
}

static off_t size_of_pages(const struct seal *seal)
{
    return (off_t)seal->page_size * seal->n_pages;
}

static uint64_t sum_of(uint32_t page, const void *bytes, size_t size)
{
    return XXH3_64bits_withSeed(bytes, size, page);
}

static XXH128_canonical_t sum_of_sums(const struct seal *seal, const struct foot *foot)
{
    XXH128_canonical_t ret;

    XXH128_canonicalFromHash(&ret,
                             XXH3_128bits_withSeed(seal->sums, seal->n_pages * sizeof(*seal->sums),
                                                   XXH3_64bits(foot, offsetof(struct foot, sum))));
    return ret;
}

static bool alloc_sums(struct seal *seal, struct error *err)
{
    if (seal->n_pages > 0)
        seal->sums = calloc(seal->n_pages, sizeof(*seal->sums));
    return seal->sums != NULL || error_set(err, ERR_INTERNAL, NULL, "no memory for a seal");
}

void seal_done(struct seal *seal)
{
    free(seal->sums);
    *seal = (struct seal){ .sums = NULL };
}

bool seal_holds(const struct seal *seal, uint32_t page, const void *bytes)
{
    return page > 0 && page <= seal->n_pages
           && sum_of(page, bytes, seal->page_size) == seal->sums[page - 1];
}

/* Reads pages in pieces: computes their sums where is_new, or compares them. */
static bool walk(const struct seal *seal, int fd, uint32_t *at, uint32_t most, bool is_new,
                 struct error *err)
{
    uint32_t n_piece = seal->page_size > 0 ? AT_ONCE / seal->page_size : 1;
    char *piece = malloc(AT_ONCE);
    bool is_good = piece != NULL || error_set(err, ERR_INTERNAL, NULL, "no memory for pages");

    while (is_good && most > 0 && *at <= seal->n_pages) {
        uint32_t n = seal->n_pages - *at + 1;
        int why;

        n = n < n_piece ? n : n_piece;
        n = n < most ? n : most;
        why =
            read_whole(fd, piece, (size_t)n * seal->page_size, (off_t)(*at - 1) * seal->page_size);
        if (why != 0) {
            is_good = unreadable(why, err);
            break;
        }
        for (const char *page = piece; is_good && n > 0;
             n--, most--, ++*at, page += seal->page_size) {
            if (is_new)
                seal->sums[*at - 1] = sum_of(*at, page, seal->page_size);
            else if (!seal_holds(seal, *at, page)) {
                is_good = error_set(err, ERR_INPUT, NULL,
                                    "page %u of %u is not what was written; a whole file would be "
                                    "right.",
                                    *at, seal->n_pages);
                break;
            }
        }
    }
    free(piece);
    return is_good;
}

bool seal_verify_some(const struct seal *seal, int fd, uint32_t *at, uint32_t most,
                      struct error *err)
{
    return walk(seal, fd, at, most, false, err);
}

bool seal_verify(int fd, struct error *err)
{
    defer(seal_done) struct seal seal = { .sums = NULL };
    uint32_t at = 1;

    return seal_read(fd, &seal, err) && seal_verify_some(&seal, fd, &at, UINT32_MAX, err);
}

bool seal_read(int fd, struct seal *ret, struct error *err)
{
    defer(seal_done) struct seal seal = { .sums = NULL };
    struct foot foot;
    struct stat status;
    size_t len;
    off_t size;
    XXH128_canonical_t sum;
    int why;

    if (fstat(fd, &status) != 0)
        return unreadable(errno, err);
    if (!read_header(fd, &seal, err))
        return false;
    size = size_of_pages(&seal);
    len = seal.n_pages * sizeof(*seal.sums);
    if (status.st_size == size)
        return error_set(err, ERR_INPUT, NULL,
                         "it has no seal, so something else than this program wrote it; one that "
                         "'bluehelm build' or 'bluehelm import' made would be right.");
    if (status.st_size != size + (off_t)(len + sizeof(foot)))
        return error_set(err, ERR_INPUT, NULL,
                         "it has %lld bytes, and its header says %lld; the whole file would be "
                         "right.",
                         (long long)status.st_size,
                         (long long)size + (long long)len + (long long)sizeof(foot));
    /* Only now: what a header says may be anything, and the file is really so long. */
    if (!alloc_sums(&seal, err))
        return false;
    why = read_whole(fd, seal.sums, len, size);
    if (why == 0)
        why = read_whole(fd, &foot, sizeof(foot), size + (off_t)len);
    if (why != 0)
        return unreadable(why, err);
    sum = sum_of_sums(&seal, &foot);
    if (memcmp(foot.magic, MAGIC, sizeof(foot.magic)) != 0 || foot.page_size != seal.page_size
        || foot.n_pages != seal.n_pages || memcmp(&sum, &foot.sum, sizeof(sum)) != 0)
        return error_set(err, ERR_INPUT, NULL,
                         "its seal is damaged; the whole file would be right.");
    *ret = seal;
    seal.sums = NULL;
    return true;
}

bool seal_write(const char *path, const char *file, struct error *err)
{
    defer(close_file) int fd = open(path, O_RDWR | O_CLOEXEC);
    defer(seal_done) struct seal seal = { .sums = NULL };
    struct error why = { .code = ERR_NONE };
    struct foot foot = { .magic = MAGIC };
    uint32_t at = 1;
    off_t size;
    size_t len;

    if (fd < 0)
        return error_set(err, ERR_INPUT, NULL, "%s cannot be sealed: %s.", file, strerror(errno));
    if (!read_header(fd, &seal, &why) || !alloc_sums(&seal, &why)
        || !walk(&seal, fd, &at, UINT32_MAX, true, &why))
        return error_set(err, why.code, NULL, "%s cannot be sealed: %s", file, why.detail);
    size = size_of_pages(&seal);
    len = seal.n_pages * sizeof(*seal.sums);
    foot.page_size = seal.page_size;
    foot.n_pages = seal.n_pages;
    foot.sum = sum_of_sums(&seal, &foot);
    if (ftruncate(fd, size) != 0 || !write_whole(fd, seal.sums, len, size)
        || !write_whole(fd, &foot, sizeof(foot), size + (off_t)len))
        return error_set(err, ERR_INPUT, NULL, "%s cannot be sealed: %s.", file, strerror(errno));
    return true;
}
