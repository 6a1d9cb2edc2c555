/*
 * If-None-Match: a list of tags as RFC 9110 has it is met if and only if it holds the tag of the
 * answer, weak or strong, or is "*"; whatever else it is, the answer is one of 200 and 304. In the
 * input, \x01 stands for the tag.
 */

#include <stdlib.h>
#include <string.h>

#include "server/base/buffer.h"
#include "tests/fuzz/fuzz.h"

static char etag[64];

static const struct request asked = { .method = "GET",
                                      .target = "/v1/missions?limit=1",
                                      .id = "fuzz" };

static void begin(void)
{
    struct reply reply;

    serve(fuzz_service(), &asked, &reply);
    must(reply.status == 200 && fuzz_header(&reply, "ETag") != NULL, "there is an answer");
    must(strlen(fuzz_header(&reply, "ETag")) < sizeof(etag), "its tag has room");
    strcpy(etag, fuzz_header(&reply, "ETag"));
    reply_done(&reply);
}

static const char *skip(const char *at)
{
    return at + strspn(at, " \t");
}

/* Reads #entity-tag; false where it is none. Another way than that of the program. */
static bool read_tags(const char *at, bool *ret_holds)
{
    bool is_first = true;

    *ret_holds = false;
    for (at = skip(at); *at != '\0'; is_first = false) {
        const char *end;

        if (*at == ',') { /* an empty element */
            at = skip(at + 1);
            continue;
        }
        if (strncmp(at, "W/", 2) == 0)
            at += 2;
        end = *at == '"' ? strchr(at + 1, '"') : NULL;
        if (end == NULL)
            return false;
        for (const unsigned char *c = (const unsigned char *)at + 1; (const char *)c < end; c++) {
            if (*c < 0x21 || *c == 0x7f)
                return false;
        }
        if ((size_t)(end + 1 - at) == strlen(etag) && strncmp(at, etag, strlen(etag)) == 0)
            *ret_holds = true;
        at = skip(end + 1);
        if (*at != '\0' && *at != ',')
            return false;
    }
    return !is_first || *at == '\0';
}

static void one(const uint8_t *bytes, size_t len)
{
    struct buffer tags = BUFFER_INIT(64 << 10);
    struct request request = asked;
    struct reply reply;
    const char *tag;
    bool holds, is_list;

    for (size_t i = 0; i < len && bytes[i] != 0; i++) {
        if (bytes[i] == 1)
            buffer_text(&tags, etag);
        else
            buffer_byte(&tags, (char)bytes[i]);
    }
    buffer_text(&tags, "");
    request.if_none_match = tags.data;
    serve(fuzz_service(), &request, &reply);
    tag = fuzz_header(&reply, "ETag");
    must(tag != NULL && strcmp(tag, etag) == 0, "the tag stays what it is");
    is_list = read_tags(tags.data, &holds);
    if (is_list)
        must(reply.status == (holds ? 304 : 200), "'%s' is answered %d", tags.data, reply.status);
    if (strcmp(skip(tags.data), "*") == 0)
        must(reply.status == 304, "'%s' is answered %d", tags.data, reply.status);
    must(reply.status == 200 || reply.status == 304, "'%s' is answered %d", tags.data,
         reply.status);
    must((reply.status == 200) == (reply.body != NULL), "a 304 has no body, and a 200 has");
    reply_done(&reply);
    buffer_done(&tags);
}

const struct fuzz_target target_conditional = {
    .name = "conditional", .longest = 400, .runs = 3000, .begin = begin, .one = one
};
