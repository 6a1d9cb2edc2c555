#pragma once

/* Every collection the daemon serves, in the order of the API document. A new one is one line here
 * and one file. */

#include "db/resource.h"

#define CATALOGUE(X)                                                                               \
    X(missions)                                                                                    \
    X(facts)                                                                                       \
    X(claims)                                                                                      \
    X(disagreements)                                                                               \
    X(casualties)                                                                                  \
    X(reconcile)                                                                                   \
    X(coverage)                                                                                    \
    X(strengths)                                                                                   \
    X(actors)                                                                                      \
    X(relationships)                                                                               \
    X(graph)                                                                                       \
    X(graph_nodes)                                                                                 \
    X(graph_edges)                                                                                 \
    X(graph_path)                                                                                  \
    X(events)                                                                                      \
    X(sources)                                                                                     \
    X(places)                                                                                      \
    X(releases)                                                                                    \
    X(changes)                                                                                     \
    X(timeline)                                                                                    \
    X(annotations)                                                                                 \
    X(series)                                                                                      \
    X(graph_diff)                                                                                  \
    X(search)                                                                                      \
    X(meta_fields)                                                                                 \
    X(meta_codes)                                                                                  \
    X(meta_definitions)                                                                            \
    X(meta_series)

#define CATALOGUE_DECLARE(name) extern const struct resource name;
CATALOGUE(CATALOGUE_DECLARE)
#undef CATALOGUE_DECLARE

/** The collections, NULL-terminated. */
extern const struct resource *const catalogue[];
