#pragma once

/* The vocabulary in which a resource is declared. Handlers only speak it; the engine derives the
 * rest from it. */

#include <stdbool.h>
#include <stddef.h>

/** What a field holds, how it is filtered, and how it is shown (one row each in server/type.c). */
enum field_type {
    FIELD_ID,         /* the key of the row, a slug */
    FIELD_TEXT,       /* words */
    FIELD_CODE,       /* one code of the closed list .codes */
    FIELD_INTEGER,    /* a whole number that is not a claim: a version, an M49 code */
    FIELD_REAL,       /* a coordinate in degrees; never a count */
    FIELD_DATE,       /* an imprecise date: columns <sql>, <sql>_min, <sql>_max */
    FIELD_DAY,        /* one exact day */
    FIELD_NUMBER,     /* a claimed number: columns low, best, high, qualifier, text, unit behind the
                         prefix <sql> */
    FIELD_REF,        /* another thing by id: {"id", "name"}, for places "iso3" as well */
    FIELD_REFS,       /* several things, as ready JSON in the column <sql> */
    FIELD_TEXTS,      /* several words, as ready JSON in the column <sql> */
    FIELD_LIST,       /* several objects of the shape .members, as ready JSON in the column <sql> */
    FIELD_OBJECT,     /* one object of the shape .members, as ready JSON in the column <sql> */
    FIELD_BOOLEAN,    /* true or false, as 1 or 0 in the column <sql> */
    FIELD_COLLECTION, /* the name of a collection */
    FIELD_ROW, /* a row of another collection as it was known on a day: the column <sql> is "DAY
                  COLLECTION ID", null where there is none */
    FIELD__MAX,
};

enum field_flag {
    FIELD_FILTER = 1 << 0,    /* may stand in the query string */
    FIELD_SORT = 1 << 1,      /* may stand in sort= */
    FIELD_NULLABLE = 1 << 2,  /* may be null */
    FIELD_HIDDEN = 1 << 3,    /* a filter only: not part of a row */
    FIELD_SUM = 1 << 4,       /* a number that may be summed over rows of one series */
    FIELD_DIMENSION = 1 << 5, /* not every series is broken down by it: those whose dimensions name
                                 it are */
    FIELD_STAMP = 1 << 6,     /* says which state of the row this is, not what the row says: no
                                 revision by itself */
};

/** One field of a resource. */
struct field {
    const char *name; /* lower_snake, the field's standard term */
    enum field_type type;
    unsigned flags;   /* of enum field_flag */
    const char *sql;  /* column, or what the type makes of it; NULL for hidden fields with .match */
    const char *only; /* FIELD_NUMBER: condition under which the row's number is this field's; NULL:
                         always */
    const char *kind; /* REF, REFS: kind of thing in `names`, or several with commas; NULL: not a
                         reference. ID, TEXT: kind whose names are looked up as well (aliases,
                         codes) when it is filtered by */
    const char
        *kind_sql; /* REF to several kinds: column that holds the kind; NULL: .kind is the one */
    const char *resource; /* REF, REFS: collection in which the thing is found; NULL: none */
    const char *match; /* condition with @ids for the ids that a value names (or @things: kind and
                          id); NULL: <sql> IN @ids */
    const char *codes; /* CODE and TEXTS: name of the closed list in `codes`; NULL: none */
    const struct field *members; /* LIST and OBJECT: what each object holds, all of it always, in
                                    its order; ends with an all-zero row */
    const char *param; /* declared parameter that asks for the field: rows hold it only where that
                          is not at its default; NULL: always */
    const char *unit;  /* INTEGER, REAL, NUMBER: unit, as in "people" */
    const char *text;  /* one sentence: what it means */
};

enum { PARAM_CHOICES = 8 /* most choices of one declared parameter */ };

/** What a declared parameter takes, and what is bound for it. One that is not given, and has no
 * default, is bound as NULL. */
enum param_type {
    PARAM_CHOICE, /* one of .choices, the first is the default; or .id_choice:ID, its id bound as
                     :name_id */
    PARAM_DATE,   /* an imprecise date: its first day as :name, its last as :name_last */
    PARAM_REF,    /* an exact name of one thing of .kind: its id */
    PARAM_COUNT,  /* a whole number from .least to .most; default .fallback */
    PARAM_TEXT,   /* words, as they are: what becomes of them is for .from to say */
    PARAM_SEARCH, /* words to search for, as they are, for the functions of db/search.h: at least
                     one is wanted */
};

/** A parameter of one resource alone, bound as :name inside .from. It may bear a name of the
 * engine's (from, to) that the resource does not take otherwise. */
struct param {
    const char *name;
    enum param_type type;
    bool is_required;
    const char *instead; /* REF: another declared REF that may stand in its place: is_required asks
                            for one of the two, and both must name the same thing; NULL: none */
    const char *choices[PARAM_CHOICES + 1]; /* CHOICE: NULL-terminated; the first is the default */
    const char *id_choice; /* CHOICE: one written `choice:ID`, its id bound as :name_id; NULL: none
                            */
    const char *kind;      /* REF, and the id of .id_choice: kind of the thing in `names` */
    const char *with;      /* declared parameter without which it has no meaning; NULL: none */
    const char *example;   /* a value that answers, for the documents and the tests; needed where
                              is_required */
    const char *unless;    /* declared parameter that it may not be given beside, and without
                              which alone it is required; NULL: none */
    long least, most, fallback; /* COUNT */
    const char *text;           /* one sentence */
};

/** The collection at /v1/{resource}/{id}/{name}: the collection `name` with the filter `filter` set
 * to the id. */
struct child {
    const char *name;              /* name of the collection; of .report where there is one */
    const char *filter;            /* its field that is set; the declared parameter, of a report */
    const struct resource *report; /* what stands there, and nowhere else; NULL: a collection of the
                                      catalogue */
};

enum { CELLS_FIELDS = 16 /* most fields that cells carry, and a NULL */ };

/** A table of rows that are known now, added up where they are alike: it has the columns of .row by
 * their names for its fields, low, best and high as sums, how many rows they are of (records), and
 * whether one may be part of another (may_be_part). Made by db/derive_sums.sql. */
struct cells {
    const char *from; /* as in struct resource, with the same alias */
    /* Names of the fields that the rows of a cell share; of a date they share the years of all its
     * days. Ends with NULL. */
    const char *fields[CELLS_FIELDS];
    bool has_parts; /* a row that may be part of another by itself is a cell, with all that .part
                       compares: so .part can be asked of the cells */
    size_t n_keys;  /* of .groups: how many fields, the first ones, rows are grouped by; else 0 */
};

/**
 * How rows of a resource are added up without counting anything twice. Its fields `series`,
 * `definition` and `source` say which rows go together; the tables series, series_overlaps,
 * series_states and definition_sums say which may.
 */
struct sums {
    const char *row;  /* alias and dot of the table that the rows come from */
    const char *part; /* condition on a row of `picked`, the rows that were asked for: it is part of
                         what another one of its series counts already; NULL: never */
    const char *beside; /* query of the things in @ids that are counted together with others, each
                           with the id of what counts them; NULL: none are */
    const char *beside_field;   /* the field whose values are @ids */
    const struct cells *cells;  /* the coarsest first, ends with an all-zero row; NULL: none */
    const struct cells *groups; /* each row is a whole group of one series and definition, as
                                   db/stats.c would add it up, with unknown, status, sources,
                                   independent and flags, and of a date that is a key the column
                                   year. Ends with an all-zero row; NULL: none */
};

/**
 * How rows of a collection that may be millions are found: which conditions an index serves, and
 * which orders. db/way.c chooses by how many rows a condition finds.
 */
struct ways {
    const char *table;   /* the table that the rows come from */
    const char *row;     /* its alias and dot */
    const char *found;   /* names of fields, each between spaces: an index finds the rows of a value
                            (of a day or a number, those from a value on) */
    const char *is_long; /* condition on a row that its period of world time reaches beyond the
                            month behind the one in which it begins; an index has these rows by
                            their first days */
    const char *most; /* as .found: of these numbers an index has the most that each may be, so that
                         only those from a value on are found */
    const char *along;   /* the same: references by which an index has the rows of one thing in the
                            order of their ids */
    const char *ordered; /* the same: an index has all rows in the order of the field and the id */
    const char *groups;  /* table of every combination of values that rows have in the columns of
                            .grouped, each once */
    const char *grouped; /* the same: fields of few values, named as their columns */
    const char *group;   /* that of these columns by which an index has the rows in the order of
                            their ids */
};

/** The sums of a collection as lines of a chart: one row for each bucket of time and line
 * (server/stats.h). */
struct lines {
    const struct resource *of; /* the collection; it has .sums */
    const char *date;          /* its field that the buckets are of */
};

struct resource;

/** What a report tells of a graph (server/graph.h). */
enum graph_report {
    GRAPH_NETWORK,     /* nodes and edges around one thing; edges as their collection tells them */
    GRAPH_LINKS,       /* nodes and links: node-link JSON, GraphML, DOT */
    GRAPH_NODES_ALONE, /* rows of nodes */
    GRAPH_EDGES_ALONE, /* rows of links */
    GRAPH_PATHS,       /* shortest chains of edges between two things */
};

/** The most that may be asked of a graph: what a declaration offers, and what db/graph.h holds. */
enum {
    GRAPH_DEPTH_MAX = 4,     /* most steps from the focus */
    GRAPH_HOPS_MAX = 8,      /* most edges in a chain */
    GRAPH_NODES_MAX = 5000,  /* most nodes of one answer */
    GRAPH_EDGES_MAX = 10000, /* most edges of one answer */
    GRAPH_CHAINS_MAX = 100,  /* most chains of one answer */
};

/** A report on the rows of a collection as the edges of a graph. Its resource has the fields, the
 * clocks and .from of that collection, so that every filter there is one here. */
struct graph {
    enum graph_report report;
    const char *row;              /* SQL of the rowid of an edge */
    const char *from, *to;        /* SQL of the ids of its two ends */
    const char *kind;             /* kind of the nodes in `names` */
    const struct resource *nodes; /* rows of the nodes in :nodes, a JSON list of [id, steps from the
                                     focus, edges]; NULL: none are told */
    const struct resource *links; /* rows of the edges in :edges, a JSON list of rowids; NULL: none
                                     are told */
    const char *label;            /* field of .nodes that a drawing calls a node by */
    const char *link_label;       /* field of .links that a drawing calls an edge by */
};

/** The rows that stand at /v1/{resource}/{id} where an item is a list itself: those of `resource`
 * with the filter `filter` set to the id. */
struct members {
    const struct resource *resource; /* has no path of its own */
    const char *filter;              /* its field that is set */
};

/** A collection: rows of a query, with filter, sort and page. */
struct resource {
    const char *name;    /* plural, as in the path: "missions", "meta/codes" */
    const char *item;    /* singular, as in the OpenAPI document: "Mission" */
    const char *kind;    /* kind of its ids in `names`; NULL: its ids have no other names */
    const char *example; /* id of a row, for the documents and the tests; NULL: none */
    const char *text;    /* one sentence: what one row is */
    const char *source;  /* where the rows come from, in words */
    const char *from;  /* FROM clause: tables with aliases; may use :as_of, declared parameters and,
                          with .fields_of, :fields; NULL: .changes_of says it */
    const char *where; /* condition that always holds; NULL: none */
    const char *key;   /* SQL of the id */
    const char *order; /* default sort=, as a client would write it */
    const char *known; /* alias and dot before known_from and known_to; NULL: no knowledge clock of
                          its own */
    bool is_list;      /* only the list has a path: its rows are lines of an answer, not things */
    bool is_glossary;  /* its rows are words with what they mean, in the fields id, name and text:
                          the page of documentation holds them */
    bool is_derived;   /* its rows are worked out from those of others: they have no versions */
    const char *start; /* SQL prefix of the first day columns of world time; NULL: no world time */
    const char *end;   /* SQL prefix of the last day columns of world time */
    const char *geometry; /* SQL of the coordinates of a row as JSON, [[longitude, latitude], ...]
                             in degrees, WGS 84; NULL: rows have no place */
    const char *search;   /* condition on a row that q= finds: with @hits(KIND) for the ids of that
                             kind that full-text search finds, :q for what was asked; NULL: no q= */
    const struct field *fields;    /* ends with an all-zero row */
    const struct param *params;    /* ends with an all-zero row; NULL: none */
    const struct child *children;  /* ends with an all-zero row; NULL: none */
    const struct sums *sums;       /* NULL: its numbers are not added up */
    const struct ways *ways;       /* NULL: SQLite finds its rows by itself */
    const struct lines *lines;     /* its rows are sums of that collection, and take its filters;
                                      .fields say what they hold; NULL: no */
    const struct members *members; /* NULL: /v1/{resource}/{id} is one row */
    const struct resource *const *changes_of; /* its rows are what came to be known in these
                                                 collections, as `x` (db/changes.h); NULL: no */
    const struct graph
        *graph; /* it is a report on a graph, without pages; NULL: it is a collection */
    const struct resource *const *fields_of; /* :fields is the JSON of the fields of these
                                                collections; NULL: it is not used */
};

/** The field of that name; NULL: there is none. */
const struct field *resource_field(const struct resource *resource, const char *name);

/** The declared parameter of that name; NULL: there is none. */
const struct param *resource_param(const struct resource *resource, const char *name);

/** Whether each row is kept in versions, dated by when they were known. */
bool resource_has_versions(const struct resource *resource);

/** The resource of that name in a NULL-terminated catalogue; NULL: there is none. */
const struct resource *resource_find(const struct resource *const *catalogue, const char *name);

/**
 * Walks the collections that include= may name for a resource: those its reference fields lead to,
 * each once.
 *
 * Shape: start with index 0; NULL after the last.
 */
const char *resource_include(const struct resource *resource, size_t index);
