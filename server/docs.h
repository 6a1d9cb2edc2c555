#pragma once

/* The documents for readers, made from the catalogue as routes and the OpenAPI document are: a page
 * for people and a map for language models. */

#include "db/resource.h"
#include "server/base/buffer.h"

struct state;

/** Adds a word with what it means to the words that docs_render() takes. */
void docs_add_word(struct buffer *words, const char *id, const char *name, const char *text);

/**
 * Writes the page of documentation: how to ask, every operation with a line for each tool, the
 * codebook.
 *
 * Shape: HTML that runs no script and needs no other host; catalogue is NULL-terminated; state
 * gives the codes and the release; version is the program's; words are what docs_add_word() made.
 * The same arguments give the same bytes. Errors: the buffer is broken where the page does not fit.
 */
void docs_render(const struct resource *const *catalogue, const struct state *state,
                 const char *version, const struct buffer *words, struct buffer *out);

/**
 * Writes the map of the API for language models: the rules, and each path with a sentence.
 *
 * Shape, errors: Markdown; as docs_render().
 */
void llms_render(const struct resource *const *catalogue, const struct state *state,
                 const char *version, struct buffer *out);
