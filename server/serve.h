#pragma once

/* The pure function under the socket: (catalogue, dataset, request) -> reply. Knows nothing of
 * libmicrohttpd. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/base/error.h"

struct dataset;
struct exports;
struct metrics;
struct resource;

/** What the edge knows of one request. Borrows every text; all may be hostile. */
struct request {
    const char *method; /* "GET", "HEAD", ... as it came */
    const char *target; /* raw request target, still percent-encoded: "/v1/missions?category=pko" */
    const char *if_none_match;   /* header value; NULL: not sent */
    const char *preflight;       /* Access-Control-Request-Method; NULL: not sent */
    const char *accept;          /* header value; NULL: not sent */
    const char *accept_encoding; /* same */
    const char *prefer;          /* same */
    const char *range;           /* same */
    const char *if_range;        /* same */
    const char *id;              /* request id, of the client or ours; never NULL */
    /** Whether whoever asks keeps the reply of a key (struct reply); NULL: nothing is kept. */
    bool (*is_kept)(void *context, const char *key);
    /** Whether one more answer may hold the dataset open while it is sent; NULL: it may. */
    bool (*may_stream)(void *context);
    void *context;
};

enum {
    REPLY_HEADERS = 16, /* most headers that a reply carries beyond those of the edge */
    REPLY_KEY = 64,     /* bytes of a key and its NUL */
};

/** One header of a reply. */
struct header {
    const char *name; /* literal */
    char *value;      /* owned by the reply */
};

/** What tells a body piece by piece. Zeroed: nothing does. */
struct reply_source {
    /** Reads at most size bytes; 0: there is nothing left, -1: it failed, and what was read is not
     * whole. */
    ssize_t (*read)(void *context, char *to, size_t size);
    /** Why it failed. */
    const char *(*fault)(const void *context);
    void (*free)(void *context);
    void *context;
};

/** A part of an open file as a body. */
struct reply_file {
    int descriptor; /* owned; read at given places only */
    uint64_t first; /* bytes of the file before the body */
    uint64_t len;   /* bytes of the body; 0: there is no file */
};

/** A whole reply, or what makes one. Owns body, source, file and header values; reply_done() frees
 * them. */
struct reply {
    int status;
    const char *content_type;   /* literal; NULL: no body */
    char *body;                 /* malloc'ed; NULL: no body */
    size_t len;                 /* bytes of body */
    struct reply_source source; /* tells the body; .read NULL: .body is all of it */
    struct reply_file file;     /* holds the body; .len 0: .body or .source does */
    struct header headers[REPLY_HEADERS];
    size_t n_headers;
    bool is_lasting;      /* while the dataset is the current one, the same request (but for its
                             Range) gets the same reply: it may be kept */
    bool is_timeout;      /* a query was cut off at its deadline */
    bool is_short;        /* there was no memory for a header or for the body of a problem: it is
                             not to be sent */
    bool is_kept;         /* the one who asks has it: there is nothing here but .key and .route */
    char key[REPLY_KEY];  /* of a lasting reply: names it whatever request it answers, since others
                             may ask for the same in another spelling; "": nothing does */
    char route[96];       /* path template for the log, as "/v1/missions/{id}"; "": none */
    char log_detail[256]; /* for the log only; "": nothing to say */
};

/** What all requests share. Owns nothing. */
struct service {
    const struct resource *const *catalogue; /* NULL-terminated */
    struct dataset *dataset;                 /* where the current dataset is found */
    struct exports *exports; /* what is kept of its exports (server/export.h); NULL: nothing is */
    const char *public_url;  /* where the service is found, as "https://host", for those who take no
                                relative links (OData); NULL: links are relative */
    unsigned deadline_ms;    /* most time one query may take; 0: no limit */
    size_t body_limit;       /* most bytes of a reply's body */
    struct metrics *metrics; /* what the process counts; NULL: nothing */
};

/**
 * Answers one request.
 *
 * Shape: GET, HEAD and OPTIONS; a HEAD reply has the headers and the body of GET (the edge leaves
 * the body out). Errors: never fails; a failure is a problem document (RFC 9457) in *ret. Without
 * memory ret->is_short, without headers and body, and the status 503. Lifetime: *ret owns its texts
 * until reply_done(); safe in any thread, holds no lock while it renders.
 */
void serve(const struct service *service, const struct request *request, struct reply *ret);

/**
 * Makes the problem document of a failure that the edge found before serve() could be asked.
 *
 * Lifetime: as in serve().
 */
void serve_problem(const struct service *service, const struct request *request,
                   const struct error *err, struct reply *ret);

/** Frees a source. Takes a zeroed one. */
static inline void reply_source_done(struct reply_source *source)
{
    if (source->free != NULL)
        source->free(source->context);
    *source = (struct reply_source){ .read = NULL };
}

/** Frees a file. Takes a zeroed one. */
void reply_file_done(struct reply_file *file);

/** Frees what a reply owns. Takes NULL and zeroed replies. */
void reply_done(struct reply *reply);

/** Adds a header; the value is copied. False without memory or room. */
bool reply_header(struct reply *reply, const char *name, const char *value);
