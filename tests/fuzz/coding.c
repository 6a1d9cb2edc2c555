/*
 * Accept-Encoding (the first line) and the codings themselves (the rest is a body): what is chosen
 * is taken, and what is packed unpacks to what it was, whole or told in pieces.
 */

#define _GNU_SOURCE /* strcasestr */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <zlib.h>
#include <zstd.h>

#include "server/coding.h"
#include "tests/fuzz/fuzz.h"

enum { LINES = 2, ROOM = 64 << 10 };

static size_t unpack(enum coding coding, const char *packed, size_t len, char *ret)
{
    z_stream stream = { .next_in = (z_const Bytef *)packed,
                        .avail_in = (uInt)len,
                        .next_out = (Bytef *)ret,
                        .avail_out = ROOM };
    int status;

    if (coding == CODING_ZSTD)
        return ZSTD_decompress(ret, ROOM, packed, len);
    must(inflateInit2(&stream, 15 + 16) == Z_OK, "memory");
    status = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    return status == Z_STREAM_END && stream.avail_in == 0 ? stream.total_out : (size_t)-1;
}

/** A body that is told in pieces of any size. */
struct pieces {
    const char *body;
    size_t len, at;
    uint64_t seed;
};

static ssize_t read_piece(void *context, char *to, size_t size)
{
    struct pieces *pieces = context;
    size_t n = fuzz_random(&pieces->seed) % 40 + 1;

    n = n < size ? n : size;
    n = n < pieces->len - pieces->at ? n : pieces->len - pieces->at;
    memcpy(to, pieces->body + pieces->at, n);
    pieces->at += n;
    return (ssize_t)n;
}

static const char *fault_of(const void *context)
{
    (void)context;
    return "none";
}

static void keep(void *context)
{
    (void)context;
}

/* A compressed stream need not say how long it is: zstd's own function for one piece wants that. */
static size_t unpack_stream(enum coding coding, const char *packed, size_t len, char *ret)
{
    ZSTD_DCtx *context;
    ZSTD_inBuffer in = { packed, len, 0 };
    ZSTD_outBuffer out = { ret, ROOM, 0 };
    size_t left;

    if (coding != CODING_ZSTD)
        return unpack(coding, packed, len, ret);
    context = ZSTD_createDCtx();
    must(context != NULL, "memory");
    left = ZSTD_decompressStream(context, &out, &in);
    ZSTD_freeDCtx(context);
    return left == 0 && in.pos == len ? out.pos : (size_t)-1;
}

static void check_coding(enum coding coding, const char *body, size_t len)
{
    static char unpacked[ROOM], told[2 * ROOM];
    struct pieces pieces = { body, len, 0, len };
    struct reply_source source = { read_piece, fault_of, keep, &pieces };
    size_t n, n_told = 0;
    ssize_t piece;
    char *packed;

    must(coding_pack(coding, body, len, &packed, &n), "memory");
    must(unpack(coding, packed, n, unpacked) == len && memcmp(unpacked, body, len) == 0,
         "%s keeps a body", coding_name(coding));
    free(packed);
    must(coding_wrap(coding, &source), "memory");
    while ((piece = source.read(source.context, told + n_told, fuzz_random(&pieces.seed) % 100 + 1))
           > 0)
        n_told += (size_t)piece;
    must(piece == 0 && source.read(source.context, told, 1) == 0, "the stream ends, and stays so");
    reply_source_done(&source);
    must(unpack_stream(coding, told, n_told, unpacked) == len && memcmp(unpacked, body, len) == 0,
         "%s keeps a body that is told in pieces", coding_name(coding));
}

static void one(const uint8_t *bytes, size_t len)
{
    char *lines[LINES], more[600];
    enum coding chosen;
    size_t body;

    fuzz_lines(bytes, len, lines, LINES);
    chosen = coding_choose(lines[0]);
    must(chosen == CODING_NONE || coding_accepted(lines[0], chosen), "'%s': %s is taken", lines[0],
         coding_name(chosen));
    if (strcasestr(lines[0], "zstd") == NULL)
        must(!coding_accepted(lines[0], CODING_ZSTD), "'%s' does not name zstd", lines[0]);
    /* What is no element counts as not there. */
    snprintf(more, sizeof(more), "%.256s, ;, x;q=2 ,", lines[0]);
    if (strlen(lines[0]) <= 256)
        must(coding_choose(more) == chosen, "'%s' is as '%s'", more, lines[0]);
    coding_fits(lines[0]);
    body = strlen(lines[1]);
    for (int i = CODING_NONE + 1; body < ROOM && i < CODING__MAX; i++)
        check_coding((enum coding)i, lines[1], body);
    fuzz_lines_free(lines, LINES);
}

const struct fuzz_target target_coding = {
    .name = "coding", .longest = 600, .runs = 400, .one = one
};
