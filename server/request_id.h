#pragma once

/* The name of one request, in its reply, in the log and in problem documents. */

#include <stdbool.h>
#include <stdint.h>

enum { REQUEST_ID_SIZE = 65 /* 64 characters and their NUL */ };

/** Where ids come from: one for each worker, so that nobody waits for a counter. */
struct id_source {
    uint64_t next; /* what the next id is made from */
};

/** Begins a source at a random place, so that ids of two workers or two runs do not meet. */
void request_id_seed(struct id_source *source);

/** Makes an id: 16 lower-case hexadecimal digits, another one with each call. */
void request_id_next(struct id_source *source, char ret[static REQUEST_ID_SIZE]);

/** Tells whether a client's own id may be used: 1 to 64 of A-Z a-z 0-9 . _ - (so it needs no
 * escaping anywhere). */
bool request_id_is_good(const char *id);
