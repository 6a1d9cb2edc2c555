#define _GNU_SOURCE /* memfd_create, mkdtemp, nftw */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utf8proc.h>

#include "db/build.h"
#include "db/dataset.h"
#include "handlers/catalogue.h"

enum {
    DIRECTORY = 256,      /* bytes of a path of ours */
    FIXTURE = 4 << 20,    /* bytes of the fixture's dataset: some 500 KB */
    BODY = 8 << 20,       /* bytes of a reply, as the program has it */
    READ_AT_ONCE = 16384, /* bytes of a stream */
};

_Noreturn void fuzz_failed(const char *file, int line, const char *condition, const char *fmt, ...)
{
    va_list args;

    fprintf(stderr, "%s:%d: must hold, and does not: %s: ", file, line, condition);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

char *fuzz_text(const uint8_t *bytes, size_t len)
{
    char *text = malloc(len + 1);

    must(text != NULL, "memory");
    if (len > 0)
        memcpy(text, bytes, len);
    text[len] = '\0';
    return text;
}

void fuzz_lines(const uint8_t *bytes, size_t len, char **ret, size_t most)
{
    for (size_t i = 0; i < most; i++) {
        const uint8_t *end = i + 1 < most && len > 0 ? memchr(bytes, '\n', len) : NULL;
        size_t line = end != NULL ? (size_t)(end - bytes) : len;

        ret[i] = fuzz_text(bytes, line);
        line += end != NULL;
        bytes += line;
        len -= line;
    }
}

void fuzz_lines_free(char **lines, size_t most)
{
    for (size_t i = 0; i < most; i++)
        free(lines[i]);
}

uint64_t fuzz_random(uint64_t *seed)
{
    uint64_t value = *seed += 0x9e3779b97f4a7c15u;

    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

uint64_t fuzz_seed(const uint8_t *bytes, size_t len)
{
    uint64_t seed = len;

    for (size_t i = 0; i < len; i++)
        seed = seed * 31 + bytes[i];
    return seed;
}

static char directory[DIRECTORY];

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_directory(void)
{
    nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_directory(void)
{
    const char *parent = getenv("TMPDIR");

    if (directory[0] != '\0')
        return directory;
    if (parent == NULL || *parent == '\0')
        parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(directory, sizeof(directory), "%.160s/bluehelm-fuzz-XXXXXX", parent);
    must(mkdtemp(directory) != NULL, "a directory in %s", parent);
    atexit(remove_directory);
    return directory;
}

int fuzz_file(const void *bytes, size_t len, char ret_path[64])
{
    int file = memfd_create("fuzz", MFD_CLOEXEC);

    must(file >= 0 && write(file, bytes, len) == (ssize_t)len && lseek(file, 0, SEEK_SET) == 0,
         "a file in memory");
    snprintf(ret_path, 64, "/proc/self/fd/%d", file);
    return file;
}

/* ---- the fixture, and what serves it ---- */

const uint8_t *fuzz_fixture(size_t *ret_len)
{
    static uint8_t *bytes;
    static size_t len;
    char path[DIRECTORY + 32];
    struct build_summary summary;
    struct error err = { 0 };
    FILE *file;

    if (bytes == NULL) {
        snprintf(path, sizeof(path), "%s/fixture.db", fuzz_directory());
        must(build_dataset("tests/fixture", path, stderr, &summary, &err), "%s", err.detail);
        bytes = malloc(FIXTURE);
        file = fopen(path, "rb");
        must(bytes != NULL && file != NULL, "the fixture can be read");
        len = fread(bytes, 1, FIXTURE, file);
        must(len > 0 && len < FIXTURE, "the fixture has %zu bytes", len);
        fclose(file);
        unlink(path);
    }
    *ret_len = len;
    return bytes;
}

static struct service service;

static void drop_service(void)
{
    dataset_leave(service.dataset);
    dataset_free(service.dataset);
}

const struct service *fuzz_service(void)
{
    const char *name = getenv("FUZZ_DATASET");
    struct error err = { 0 };
    char path[64];
    int file = -1;

    if (service.dataset != NULL)
        return &service;
    if (name == NULL || *name == '\0') {
        size_t len;
        const uint8_t *bytes = fuzz_fixture(&len);

        file = fuzz_file(bytes, len, path);
        name = path;
    }
    service = (struct service){ .catalogue = catalogue,
                                .dataset = dataset_new(),
                                .public_url = "https://figures.example",
                                .body_limit = BODY };
    must(service.dataset != NULL && dataset_publish(service.dataset, name, &err), "%s", err.detail);
    if (file >= 0)
        close(file); /* the dataset has it open */
    atexit(drop_service);
    return &service;
}

/* ---- replies ---- */

char *fuzz_body(const struct reply *reply, size_t *ret_len)
{
    size_t len = reply->body != NULL ? reply->len : 0, size = len + READ_AT_ONCE;
    char *body = malloc(size + 1);
    ssize_t n;

    must(body != NULL, "memory");
    if (len > 0)
        memcpy(body, reply->body, len);
    while (reply->source.read != NULL
           && (n = reply->source.read(reply->source.context, body + len, size - len)) != 0) {
        must(n > 0, "the stream breaks off: %s", reply->source.fault(reply->source.context));
        len += (size_t)n;
        if (size - len < READ_AT_ONCE)
            must((body = realloc(body, (size *= 2) + 1)) != NULL, "memory");
    }
    if (reply->file.len > 0) {
        must((body = realloc(body, reply->file.len + 1)) != NULL, "memory");
        len = reply->file.len;
        n = pread(reply->file.descriptor, body, len, (off_t)reply->file.first);
        must(n == (ssize_t)len, "the file of a reply has all its bytes: %zd of %zu", n, len);
    }
    body[len] = '\0';
    *ret_len = len;
    return body;
}

const char *fuzz_header(const struct reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->n_headers; i++) {
        if (strcmp(reply->headers[i].name, name) == 0)
            return reply->headers[i].value;
    }
    return NULL;
}

bool fuzz_is_utf8(const char *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t step = utf8proc_iterate((const utf8proc_uint8_t *)bytes + at,
                                                 (utf8proc_ssize_t)(len - at), &c);

        if (step <= 0)
            return false;
        at += (size_t)step;
    }
    return true;
}
