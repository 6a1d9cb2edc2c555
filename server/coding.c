#define _GNU_SOURCE /* strcasestr */
#include "server/coding.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <zlib.h>
#include <zstd.h>

enum {
    CODING_GZIP_LEVEL = 5, /* 2% more bytes than 6, which zlib takes, for two thirds of the time */
    CODING_GZIP_BITS = 15 + 16, /* window of 32 KiB; + 16: gzip's frame and not zlib's */
    CODING_GZIP_MEMORY = 8,     /* zlib's own choice: 256 KiB in all */
    CODING_ZSTD_LEVEL = 3,
    CODING_ZSTD_WINDOW = 18, /* log2 of the bytes that a stream looks back: 1.3 MiB in all */
    CODING_PIECE = 32 << 10, /* bytes that are read of a source at once */
    CODING_WHOLE = 1000,     /* q=1 in thousandths */
    CODING_UNSAID = -1,      /* the header says nothing of it */
};

static const char *const names[CODING__MAX] = {
    [CODING_NONE] = "",
    [CODING_GZIP] = "gzip",
    [CODING_ZSTD] = "zstd",
};

const char *coding_name(enum coding coding)
{
    return names[coding];
}

/* ---- what the client wants ---- */

/** What an Accept-Encoding header says, in thousandths; CODING_UNSAID: nothing. */
struct wishes {
    int of[CODING__MAX];
    int others; /* "*" */
};

static bool is_word(const char *text, size_t len, const char *word)
{
    return len == strlen(word) && strncasecmp(text, word, len) == 0;
}

/* "0", "0.5", "1.000": a q value in thousandths; false for anything else. */
static bool read_quality(const char *text, size_t len, int *ret)
{
    int quality, digit = 100;

    if (len == 0 || len > 5 || (text[0] != '0' && text[0] != '1') || (len > 1 && text[1] != '.'))
        return false;
    quality = (text[0] - '0') * CODING_WHOLE;
    for (size_t i = 2; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        quality += (text[i] - '0') * digit;
        digit /= 10;
    }
    if (quality > CODING_WHOLE)
        return false;
    *ret = quality;
    return true;
}

static size_t trimmed(const char *text, size_t len)
{
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    return len;
}

/* One element: a coding and perhaps its q value. */
static void read_wish(const char *text, size_t len, struct wishes *ret)
{
    const char *semicolon = memchr(text, ';', len);
    size_t name = trimmed(text, semicolon != NULL ? (size_t)(semicolon - text) : len);
    int quality = CODING_WHOLE;

    if (semicolon != NULL) {
        const char *at = semicolon + 1 + strspn(semicolon + 1, " \t");
        const char *end = text + len;

        if (end - at < 2 || (*at != 'q' && *at != 'Q') || at[1] != '='
            || !read_quality(at + 2, trimmed(at + 2, (size_t)(end - at - 2)), &quality))
            return;
    }
    if (is_word(text, name, "*"))
        ret->others = quality;
    else if (is_word(text, name, "identity"))
        ret->of[CODING_NONE] = quality;
    else if (is_word(text, name, "gzip") || is_word(text, name, "x-gzip"))
        ret->of[CODING_GZIP] = quality;
    else if (is_word(text, name, "zstd"))
        ret->of[CODING_ZSTD] = quality;
}

static struct wishes read_wishes(const char *accept)
{
    struct wishes wishes = { .others = CODING_UNSAID };

    for (int i = 0; i < CODING__MAX; i++)
        wishes.of[i] = CODING_UNSAID;
    while (accept != NULL && *accept != '\0') {
        size_t len;

        accept += strspn(accept, ", \t");
        len = strcspn(accept, ",");
        read_wish(accept, trimmed(accept, len), &wishes);
        accept += len;
    }
    if (wishes.of[CODING_GZIP] == CODING_UNSAID)
        wishes.of[CODING_GZIP] = wishes.others;
    if (wishes.of[CODING_NONE] == CODING_UNSAID)
        wishes.of[CODING_NONE] = wishes.others;
    return wishes;
}

bool coding_accepted(const char *accept, enum coding coding)
{
    struct wishes wishes = read_wishes(accept);

    /* What a header does not speak of is taken as it is, and in no other way. */
    return coding == CODING_NONE ? wishes.of[coding] != 0 : wishes.of[coding] > 0;
}

enum coding coding_choose(const char *accept)
{
    struct wishes wishes = read_wishes(accept);
    enum coding best = CODING_NONE;

    for (int i = CODING_NONE + 1; i < CODING__MAX; i++) {
        if (wishes.of[i] > 0 && wishes.of[i] >= wishes.of[best])
            best = (enum coding)i;
    }
    return best;
}

bool coding_fits(const char *type)
{
    return type != NULL
           && (strncmp(type, "text/", 5) == 0 || strcasestr(type, "json") != NULL
               || strcasestr(type, "xml") != NULL);
}

/* ---- the work ---- */

static bool pack_gzip(const char *body, size_t len, char **ret, size_t *ret_len)
{
    z_stream coder = { .next_in = (z_const Bytef *)body, .avail_in = (uInt)len };
    size_t room;
    bool is_done;

    if (len > UINT32_MAX
        || deflateInit2(&coder, CODING_GZIP_LEVEL, Z_DEFLATED, CODING_GZIP_BITS, CODING_GZIP_MEMORY,
                        Z_DEFAULT_STRATEGY)
               != Z_OK)
        return false;
    room = deflateBound(&coder, len);
    *ret = malloc(room);
    coder.next_out = (Bytef *)*ret;
    coder.avail_out = (uInt)room;
    is_done = *ret != NULL && deflate(&coder, Z_FINISH) == Z_STREAM_END;
    *ret_len = coder.total_out;
    deflateEnd(&coder);
    return is_done;
}

static bool pack_zstd(const char *body, size_t len, char **ret, size_t *ret_len)
{
    size_t room = ZSTD_compressBound(len);

    *ret = malloc(room);
    if (*ret == NULL)
        return false;
    *ret_len = ZSTD_compress(*ret, room, body, len, CODING_ZSTD_LEVEL);
    return !ZSTD_isError(*ret_len);
}

bool coding_pack(enum coding coding, const char *body, size_t len, char **ret, size_t *ret_len)
{
    char *packed = NULL, *fitted;
    bool is_done = coding == CODING_GZIP ? pack_gzip(body, len, &packed, ret_len)
                                         : pack_zstd(body, len, &packed, ret_len);

    if (!is_done) {
        free(packed);
        return false;
    }
    fitted = realloc(packed, *ret_len); /* the bound is several times what it came to */
    *ret = fitted != NULL ? fitted : packed;
    return true;
}

/** A coding around a source. */
struct wrap {
    struct reply_source inner;
    enum coding coding;
    z_stream gzip;
    ZSTD_CCtx *zstd;    /* NULL: it is gzip */
    bool is_read;       /* the source has nothing left */
    bool is_done;       /* and all of it is told */
    const char *broken; /* why the coder failed; NULL: it did not */
    size_t len, at;     /* bytes of .piece, and those of them that are coded */
    char piece[CODING_PIECE];
};

static void free_wrap(void *context)
{
    struct wrap *wrap = context;

    reply_source_done(&wrap->inner);
    if (wrap->coding == CODING_GZIP)
        deflateEnd(&wrap->gzip);
    ZSTD_freeCCtx(wrap->zstd);
    free(wrap);
}

static const char *fault_of(const void *context)
{
    const struct wrap *wrap = context;

    return wrap->broken != NULL ? wrap->broken : wrap->inner.fault(wrap->inner.context);
}

/* Codes what there is of the piece into at most size bytes; -1: the coder fails. */
static ssize_t code_gzip(struct wrap *wrap, char *to, size_t size)
{
    int status;

    if (size > CODING_PIECE)
        size = CODING_PIECE;
    wrap->gzip.next_in = (z_const Bytef *)wrap->piece + wrap->at;
    wrap->gzip.avail_in = (uInt)(wrap->len - wrap->at);
    wrap->gzip.next_out = (Bytef *)to;
    wrap->gzip.avail_out = (uInt)size;
    status = deflate(&wrap->gzip, wrap->is_read ? Z_FINISH : Z_NO_FLUSH);
    wrap->at = wrap->len - wrap->gzip.avail_in;
    wrap->is_done = status == Z_STREAM_END;
    return status == Z_STREAM_ERROR ? -1 : (ssize_t)(size - wrap->gzip.avail_out);
}

static ssize_t code_zstd(struct wrap *wrap, char *to, size_t size)
{
    ZSTD_inBuffer in = { wrap->piece, wrap->len, wrap->at };
    ZSTD_outBuffer out = { to, size, 0 };
    size_t left =
        ZSTD_compressStream2(wrap->zstd, &out, &in, wrap->is_read ? ZSTD_e_end : ZSTD_e_continue);

    wrap->at = in.pos;
    wrap->is_done = wrap->is_read && left == 0;
    return ZSTD_isError(left) ? -1 : (ssize_t)out.pos;
}

static ssize_t read_wrap(void *context, char *to, size_t size)
{
    struct wrap *wrap = context;
    ssize_t len = 0;

    while (len == 0 && !wrap->is_done) {
        if (wrap->at == wrap->len && !wrap->is_read) {
            ssize_t n = wrap->inner.read(wrap->inner.context, wrap->piece, sizeof(wrap->piece));

            if (n < 0)
                return -1;
            wrap->is_read = n == 0;
            wrap->len = (size_t)n;
            wrap->at = 0;
        }
        len = wrap->coding == CODING_GZIP ? code_gzip(wrap, to, size) : code_zstd(wrap, to, size);
        if (len < 0)
            wrap->broken = "the coder failed";
    }
    return len;
}

bool coding_wrap(enum coding coding, struct reply_source *source)
{
    struct wrap *wrap = calloc(1, sizeof(*wrap));
    bool is_ready;

    if (wrap == NULL)
        return false;
    if (coding == CODING_GZIP) {
        is_ready = deflateInit2(&wrap->gzip, CODING_GZIP_LEVEL, Z_DEFLATED, CODING_GZIP_BITS,
                                CODING_GZIP_MEMORY, Z_DEFAULT_STRATEGY)
                   == Z_OK;
    } else {
        wrap->zstd = ZSTD_createCCtx();
        is_ready = wrap->zstd != NULL
                   && !ZSTD_isError(ZSTD_CCtx_setParameter(wrap->zstd, ZSTD_c_compressionLevel,
                                                           CODING_ZSTD_LEVEL))
                   && !ZSTD_isError(
                       ZSTD_CCtx_setParameter(wrap->zstd, ZSTD_c_windowLog, CODING_ZSTD_WINDOW));
    }
    if (!is_ready) {
        ZSTD_freeCCtx(wrap->zstd);
        free(wrap);
        return false;
    }
    wrap->coding = coding;
    wrap->inner = *source;
    *source = (struct reply_source){ read_wrap, fault_of, free_wrap, wrap };
    return true;
}
