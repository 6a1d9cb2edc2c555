/* UCDP's Actor Dataset: states and organised groups, their names, and how they came out of each
 * other. The file has no dates: what it says is known from the state that says so, and not since
 * when it is so. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/import/kinds.h"
#include "db/finalize.h"
#include "db/import/timeline.h"
#include "db/import/ucdp.h"
#include "server/base/cleanup.h"
#include "server/base/date.h"

enum field {
    ACTOR_ID,
    NAME_DATA,
    NAME_ORIG,
    NAME_ORIG_FULL,
    NAME_ORIG_FULL_ENG,
    NEW_NAME,
    NEW_NAME_FULL,
    NEW_NAME_FULL_ENG,
    ORG,
    LOCATION,
    VERSION,
    PREVIOUS_IDS,
    SPLIT_IDS,
    ALLIANCE_IDS,
    GROUP_IDS,
};

static const struct import_field fields[] = {
    [ACTOR_ID] = { .name = "ActorId", .is_required = true },
    [NAME_DATA] = { .name = "NameData", .is_required = true },
    [NAME_ORIG] = { .name = "NameOrig" },
    [NAME_ORIG_FULL] = { .name = "NameOrigFull" },
    [NAME_ORIG_FULL_ENG] = { .name = "NameOrigFullEng" },
    [NEW_NAME] = { .name = "NewName" },
    [NEW_NAME_FULL] = { .name = "NewNameFullMotherTongue" },
    [NEW_NAME_FULL_ENG] = { .name = "NewNameFullEng" },
    [ORG] = { .name = "Org", .is_required = true },
    [LOCATION] = { .name = "Location" },
    [VERSION] = { .name = "Version", .is_version = true },
    [PREVIOUS_IDS] = { .name = "ActorIdPrev" },
    [SPLIT_IDS] = { .name = "ActorIdSplitTemp" },
    [ALLIANCE_IDS] = { .name = "ActorIdAlliance" },
    [GROUP_IDS] = { .name = "ActorIdGroup" },
    { 0 },
};

/* By UCDP's number, from 1. */
static const struct {
    const char *type; /* code list actor_type */
    const char *words;
} orgs[] = {
    { "armed_group", "an organised group" },
    { "informal_group", "supporters of a party or candidate" },
    { "informal_group", "a community or clan" },
    { "government", "a government" },
};

enum { ORGS_N = sizeof(orgs) / sizeof(orgs[0]) };

#define NOTE "From the UCDP Actor Dataset: "

/** A kind of edge to the actors of a list of ids. */
static const struct {
    enum field field;
    const char *type; /* code list relationship_type */
    const char *slug;
    const char *sign;
} edges[] = {
    { PREVIOUS_IDS, "splintered_from", "splintered-from", "0" },
    { SPLIT_IDS, "split_temporarily_from", "split-temporarily-from", "0" },
    { ALLIANCE_IDS, "entered_alliance", "entered-alliance", "+" },
    { GROUP_IDS, "joined", "joined", "+" },
};

enum {
    EDGES_N = sizeof(edges) / sizeof(edges[0]),
    NAME_SIZE = 512,
    VERSIONS_MOST = 64, /* of one edge: states in which it came and went */
};

/* Names of the lookup that nobody else uses. */
#define TAKEN "ucdp-taken"   /* ids of actors, by themselves */
#define NUMBER "ucdp-number" /* ids of actors, by ActorId */
#define OURS "ucdp-ours" /* ids of actors that are not of this set, by themselves and by NAMED */
#define NAMED "="        /* before a name, so that it is never taken for an id */
#define SAID "ucdp-said" /* ids of edges that the file says */

/** An edge that the file says, until all actors are known. */
struct edge {
    size_t kind;
    long from, to; /* ActorId */
};

/** What is kept until the end of the file. */
struct kept {
    struct edge *edges;
    size_t n, size;
};

static bool fail(struct import *import, struct error *err)
{
    return error_set(err, ERR_INTERNAL, NULL, "actors: %s",
                     sqlite3_errmsg(import_database(import)));
}

static bool no_memory(struct error *err)
{
    return error_set(err, ERR_INTERNAL, NULL, "no memory for actors");
}

/* ---- Who is there ---- */

/* States and governments come first: several of ours may have one number. */
static bool load_actors(struct import *import, struct error *err)
{
    static const char sql[] =
        "SELECT id, name, ucdp_id, coalesce(note, '') GLOB '" NOTE "*' FROM actors a"
        " WHERE version = (SELECT max(version) FROM actors o WHERE o.id = a.id)"
        " ORDER BY type NOT IN ('state', 'government'), id";
    defer(finalize) sqlite3_stmt *stmt = NULL;
    struct lookup *lookup = import_lookup(import);
    int code;

    if (sqlite3_prepare_v2(import_database(import), sql, -1, &stmt, NULL) != SQLITE_OK)
        return fail(import, err);
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *id = (const char *)sqlite3_column_text(stmt, 0);
        const char *number = (const char *)sqlite3_column_text(stmt, 2);
        char named[NAME_SIZE];

        snprintf(named, sizeof(named), NAMED "%s", (const char *)sqlite3_column_text(stmt, 1));
        if (!lookup_add(lookup, TAKEN, id, id)
            || (number != NULL && !lookup_add(lookup, NUMBER, id, number))
            || (sqlite3_column_int(stmt, 3) == 0 && !lookup_add(lookup, OURS, id, named)))
            return no_memory(err);
    }
    return code == SQLITE_DONE || fail(import, err);
}

static bool begin(struct import *import, struct error *err)
{
    *import_data(import) = calloc(1, sizeof(struct kept));
    return *import_data(import) != NULL ? load_actors(import, err) : no_memory(err);
}

static void end(struct import *import)
{
    struct kept *kept = *import_data(import);

    if (kept != NULL)
        free(kept->edges);
    free(kept);
    *import_data(import) = NULL;
}

/* ---- One row ---- */

/* A cell that says something: both an empty one and `n/a` are none. */
static const char *said(const struct import_row *row, enum field field)
{
    const char *cell = row->cells[field];

    return cell != NULL && strcmp(cell, "n/a") != 0 ? cell : NULL;
}

/* A name in one line: two rows hold line breaks inside names. */
static const char *one_line(struct record *record, const char *text, size_t len)
{
    char words[NAME_SIZE];
    size_t n = 0;

    for (size_t i = 0; i < len && n < sizeof(words) - 1; i++) {
        bool is_blank = strchr(" \t\r\n", text[i]) != NULL;

        if (!is_blank)
            words[n++] = text[i];
        else if (n > 0 && words[n - 1] != ' ')
            words[n++] = ' ';
    }
    while (n > 0 && words[n - 1] == ' ')
        n--;
    words[n] = '\0';
    return record_join(record, words, NULL);
}

static bool add_alias(struct import *import, const char *id, const char *alias, int position,
                      struct error *err)
{
    /* What somebody else is called already stays his name alone. */
    static const char sql[] =
        "INSERT OR IGNORE INTO aliases (kind, id, alias, former, position)"
        " SELECT 'actor', ?1, ?2, 0, CAST(?3 AS INTEGER) WHERE NOT EXISTS (SELECT 1 FROM names n"
        " JOIN actors a ON a.id = n.id WHERE n.kind = 'actor' AND n.name = fold(?2) AND n.id <> ?1"
        " AND coalesce(a.note, '') NOT GLOB '" NOTE "*')";
    char number[16];
    const char *texts[] = { id, alias, number };

    snprintf(number, sizeof(number), "%d", position);
    return import_execute(import, sql, texts, 3, err);
}

/* The other names of an actor. Those of NewName are several, with commas between them. */
static bool add_aliases(struct import *import, const struct import_row *row, struct record *record,
                        const char *name, struct error *err)
{
    for (enum field field = NAME_ORIG; field <= NEW_NAME_FULL_ENG; field++) {
        const char *at = said(row, field);

        while (at != NULL && *at != '\0') {
            size_t len = field == NEW_NAME ? strcspn(at, ",") : strlen(at);
            const char *alias = one_line(record, at, len);

            if (*alias != '\0' && strcmp(alias, name) != 0
                && !add_alias(import, record->id, alias, (int)(field - NAME_ORIG), err))
                return false;
            at += len;
            at += *at == ',';
        }
    }
    return true;
}

/* The code of the one country that an actor is of; NULL: several, or none that has one. */
static const char *country(struct import *import, const char *name, const char *location)
{
    static const char government[] = "Government of ";
    bool is_government = strncmp(name, government, sizeof(government) - 1) == 0;
    const char *words = is_government ? name + sizeof(government) - 1 : location;
    const char *place = words != NULL ? lookup_find(import_lookup(import), "place", words) : NULL;
    char *code;

    if (place == NULL || strlen(place) != 3)
        return NULL;
    code = text_alloc(import_memory(import), 4);
    for (size_t i = 0; code != NULL && i < 3; i++)
        code[i] = (char)(place[i] - 'a' + 'A');
    return code;
}

/* Who the actor is in the dataset. *ret_ours: one that the dataset has from elsewhere. */
static bool find_id(struct import *import, struct record *record, const char *number,
                    const char *name, const char **ret, bool *ret_ours, struct error *err)
{
    struct lookup *lookup = import_lookup(import);
    const char *ours = lookup_find(lookup, OURS, record_join(record, NAMED, name, NULL)), *slug;

    *ret = lookup_find(lookup, NUMBER, number);
    if (*ret == NULL && ours != NULL)
        *ret = ours;
    *ret_ours = *ret != NULL && lookup_find(lookup, OURS, *ret) != NULL;
    if (*ret != NULL)
        return lookup_add(lookup, NUMBER, *ret, number) || no_memory(err);
    slug = record_slug(record, name);
    *ret = *slug != '\0' && lookup_find(lookup, TAKEN, slug) == NULL
               ? slug
               : record_join(record, "ucdp-", number, NULL);
    return (lookup_add(lookup, TAKEN, *ret, *ret) && lookup_add(lookup, NUMBER, *ret, number))
           || no_memory(err);
}

static bool keep_edges(struct import *import, const struct import_row *row, long from,
                       struct error *err)
{
    struct kept *kept = *import_data(import);

    for (size_t i = 0; i < EDGES_N; i++) {
        const char *at = said(row, edges[i].field);

        while (at != NULL && *at != '\0') {
            char *after;
            long to = strtol(at, &after, 10);

            if (after == at || (*after != '\0' && *after != ','))
                return import_reject(import, (int)edges[i].field,
                                     "numbers of actors, with commas between them", err,
                                     "%s '%s' is no list of numbers", fields[edges[i].field].name,
                                     row->cells[edges[i].field]);
            if (kept->n == kept->size) {
                size_t size = kept->size > 0 ? kept->size * 2 : 256;
                struct edge *grown = realloc(kept->edges, size * sizeof(*grown));

                if (grown == NULL)
                    return no_memory(err);
                kept->edges = grown;
                kept->size = size;
            }
            kept->edges[kept->n++] = (struct edge){ .kind = i, .from = from, .to = to };
            at = after + (*after == ',');
        }
    }
    return true;
}

static bool map_row(struct import *import, const struct import_row *row, struct error *err)
{
    struct record *record = import_record(import);
    const char *number = row->cells[ACTOR_ID], *org = row->cells[ORG], *name = said(row, NAME_DATA);
    const char *location = said(row, LOCATION), *id;
    bool is_ours;

    if (number == NULL || number[strspn(number, "0123456789")] != '\0' || strlen(number) > 9)
        return import_reject(import, ACTOR_ID, "UCDP's number of the actor", err,
                             "ActorId '%s' is no number", number != NULL ? number : "");
    if (name == NULL)
        return import_reject(import, NAME_DATA, "the name of the actor", err, "NameData is empty");
    if (org == NULL || org[0] < '1' || org[0] > '0' + ORGS_N || org[1] != '\0')
        return import_reject(import, ORG, "1 to 4", err, "Org '%s' is none of UCDP's",
                             org != NULL ? org : "");
    name = one_line(record, name, strlen(name));
    if (!keep_edges(import, row, strtol(number, NULL, 10), err)
        || !find_id(import, record, number, name, &id, &is_ours, err))
        return false;
    if (is_ours || import_is_rejected(import))
        return true; /* what the dataset has from its own sources says more */
    record->id = id;
    record_text(record, ACTOR_NAME, name);
    record_text(record, ACTOR_TYPE, orgs[org[0] - '1'].type);
    record_text(record, ACTOR_ISO3, country(import, name, location));
    record_integer(record, ACTOR_UCDP_ID, strtol(number, NULL, 10));
    record_text(record, ACTOR_NOTE,
                record_join(record, NOTE, orgs[org[0] - '1'].words,
                            location != NULL ? "; location " : "", location != NULL ? location : "",
                            ".", NULL));
    return add_aliases(import, row, record, name, err) && import_put(import, record, err);
}

/* ---- Edges, once all actors are known ---- */

/** Versions of an edge: it says the same in each, so that only its days matter. */
struct versions {
    struct timeline_version list[VERSIONS_MOST + 2];
    size_t n;
};

static const char *keep_column(struct import *import, sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    char *kept = text != NULL ? text_alloc(import_memory(import), strlen(text) + 1) : NULL;

    if (kept != NULL)
        memcpy(kept, text, strlen(text));
    return kept;
}

static bool load_versions(struct import *import, const char *id, struct versions *ret,
                          struct error *err)
{
    defer(finalize) sqlite3_stmt *stmt = NULL;
    int code;

    ret->n = 0;
    if (sqlite3_prepare_v2(import_database(import),
                           "SELECT known_from, known_to, (SELECT source FROM relationship_sources"
                           " l WHERE l.relationship = r.id AND l.version = r.version)"
                           " FROM relationships r WHERE id = ?1 ORDER BY version",
                           -1, &stmt, NULL)
        != SQLITE_OK)
        return fail(import, err);
    sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW && ret->n < VERSIONS_MOST)
        ret->list[ret->n++] = (struct timeline_version){ .from = keep_column(import, stmt, 0),
                                                         .to = keep_column(import, stmt, 1),
                                                         .source = keep_column(import, stmt, 2) };
    return code == SQLITE_DONE || fail(import, err);
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool is_same_versions(const struct versions *a, const struct versions *b)
{
    for (size_t i = 0; i < a->n && a->n == b->n; i++) {
        if (!is_same(a->list[i].from, b->list[i].from) || !is_same(a->list[i].to, b->list[i].to)
            || !is_same(a->list[i].source, b->list[i].source))
            return false;
    }
    return a->n == b->n;
}

/* The first version of an edge, of which the others are copies. */
static bool add_edge(struct import *import, const char *id, const struct edge *edge,
                     const char *from, const char *to, struct error *err)
{
    static const char sql[] =
        "INSERT OR IGNORE INTO relationships (id, version, from_actor, type, to_actor, sign,"
        " start_min, start_max, end_min, end_max, status, known_from) VALUES (?1, 1, ?2, ?3, ?4, "
        "?5, '" DATE_FIRST "', '" DATE_LAST "', '" DATE_FIRST "', '" DATE_LAST "', 'asserted', ?6)";
    const char *texts[] = {
        id, from, edges[edge->kind].type, to, edges[edge->kind].sign, import_day(import),
    };

    return import_execute(import, sql, texts, sizeof(texts) / sizeof(texts[0]), err);
}

static bool write_versions(struct import *import, const char *id, const struct versions *versions,
                           struct error *err)
{
    static const char copy[] =
        "INSERT OR IGNORE INTO relationships (id, version, from_actor, type, to_actor, sign,"
        " start_min, start_max, end_min, end_max, status, known_from) SELECT id, "
        "CAST(?2 AS INTEGER), from_actor, type, to_actor, sign, start_min, start_max, end_min, "
        "end_max, status, known_from FROM relationships WHERE id = ?1 AND version = 1";
    static const char date[] =
        "UPDATE relationships SET known_from = ?3, known_to = ?4 WHERE id = ?1 AND version = "
        "CAST(?2 AS INTEGER)";
    static const char link[] =
        "INSERT INTO relationship_sources (relationship, version, source, position)"
        " VALUES (?1, CAST(?2 AS INTEGER), ?3, 0)";
    static const char unlink_all[] = "DELETE FROM relationship_sources WHERE relationship = ?1";
    static const char drop[] =
        "DELETE FROM relationships WHERE id = ?1 AND version > CAST(?2 AS INTEGER)";
    char number[24];

    if (!import_execute(import, unlink_all, &id, 1, err))
        return false;
    for (size_t i = 0; i < versions->n; i++) {
        const struct timeline_version *version = &versions->list[i];
        const char *dated[] = { id, number, version->from, version->to };
        const char *linked[] = { id, number, version->source };

        snprintf(number, sizeof(number), "%zu", i + 1);
        if (!import_execute(import, copy, dated, 2, err)
            || !import_execute(import, date, dated, 4, err)
            || !import_execute(import, link, linked, 3, err))
            return false;
    }
    snprintf(number, sizeof(number), "%zu", versions->n);
    return import_execute(import, drop, (const char *[]){ id, number }, 2, err);
}

/* Puts this state into the versions of an edge. */
static bool put_state(struct import *import, const char *id, bool is_said, struct error *err)
{
    struct timeline_state state = { .day = import_day(import),
                                    .source = import_source(import),
                                    .content = is_said ? 0 : TIMELINE_ABSENT };
    struct versions before, after;

    state.next = import_next(import, &state.next_source);
    if (!load_versions(import, id, &before, err))
        return false;
    /* One that was added just now has no source so far: it is not known before this state. */
    if (before.n == 1 && before.list[0].source == NULL)
        before.n = 0;
    after.n = timeline_put(before.list, before.n, &state, after.list);
    return is_same_versions(&before, &after) || write_versions(import, id, &after, err);
}

static const char *edge_id(struct record *record, const struct edge *edge)
{
    return record_join(record, "ucdp-", record_number(record, edge->from), "-",
                       edges[edge->kind].slug, "-", record_number(record, edge->to), NULL);
}

static bool put_edge(struct import *import, const struct edge *edge, struct error *err)
{
    struct lookup *lookup = import_lookup(import);
    struct record *record = import_record(import);
    const char *from = lookup_find(lookup, NUMBER, record_number(record, edge->from));
    const char *to = lookup_find(lookup, NUMBER, record_number(record, edge->to));
    const char *id = edge_id(record, edge);

    /* Some ids are of actors that the file does not hold, one actor is its own splinter. */
    if (from == NULL || to == NULL || strcmp(from, to) == 0)
        return true;
    return add_edge(import, id, edge, from, to, err) && put_state(import, id, true, err)
           && (lookup_add(lookup, SAID, id, id) || no_memory(err));
}

/* Edges that other states say and this one does not. */
static bool end_edges(struct import *import, struct error *err)
{
    defer(finalize) sqlite3_stmt *stmt = NULL;
    int code;

    if (sqlite3_prepare_v2(import_database(import),
                           "SELECT DISTINCT relationship FROM relationship_sources"
                           " WHERE source GLOB 'ucdp-actor-*' AND relationship GLOB 'ucdp-[0-9]*'"
                           " ORDER BY relationship",
                           -1, &stmt, NULL)
        != SQLITE_OK)
        return fail(import, err);
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *id = keep_column(import, stmt, 0);

        if (id == NULL)
            return no_memory(err);
        if (lookup_find(import_lookup(import), SAID, id) == NULL
            && !put_state(import, id, false, err))
            return false;
    }
    return code == SQLITE_DONE || fail(import, err);
}

static bool finish(struct import *import, struct error *err)
{
    struct kept *kept = *import_data(import);

    for (size_t i = 0; i < kept->n; i++) {
        if (!put_edge(import, &kept->edges[i], err))
            return false;
    }
    return end_edges(import, err);
}

const struct import_kind kind_ucdp_actors = {
    .name = "ucdp-actors",
    .text = "states and organised groups, and how they came out of each other (UCDP actor)",
    .fields = fields,
    .target = &target_actors,
    .data_set = "ucdp-actor",
    .scope = "coalesce(note, '') GLOB '" NOTE "*'",
    .origin = { .id = "ucdp-actor",
                .title = "UCDP Actor Dataset, %s",
                .publisher = UCDP_PUBLISHER,
                .kind = "research_data",
                .licence = UCDP_LICENCE,
                .language = "en",
                .citation = "Uppsala Conflict Data Program, UCDP Actor Dataset, %s",
                .note = "Imported from the publisher's file, which has no dates. Attribution is "
                        "needed whatever the licence." },
    .begin = begin,
    .row = map_row,
    .finish = finish,
    .end = end,
};
