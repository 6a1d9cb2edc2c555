/* UCDP's Actor Dataset: states and organised groups, their names, how they came out of each other,
 * and who fought whom and with whom. The file has no dates: what it says is known from the state
 * that says so, and not since when it is so. */

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
    PREVIOUS_NAMES,
    SPLIT_NAMES,
    ALLIANCE_NAMES,
    GROUP_NAMES,
    DYAD_IDS,
    NON_STATE_IDS,
    ONE_SIDED_COALITION_IDS,
    NON_STATE_COALITION_IDS,
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
    [PREVIOUS_NAMES] = { .name = "NamePrev" },
    [SPLIT_NAMES] = { .name = "NameSplitTemp" },
    [ALLIANCE_NAMES] = { .name = "NameAlliance" },
    [GROUP_NAMES] = { .name = "GroupName" },
    [DYAD_IDS] = { .name = "DyadId" },
    [NON_STATE_IDS] = { .name = "NSID" },
    [ONE_SIDED_COALITION_IDS] = { .name = "OSCoalitionID" },
    [NON_STATE_COALITION_IDS] = { .name = "NSCoalitionID" },
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

enum {
    PAIR_OF_SIDES = 2,
    COALITION_MOST = 64, /* actors: a column that is no list of coalitions must not make a million
                            edges */
};

/**
 * A kind of edge. Those of a list of ids of actors lead from the row's actor to each of them. Those
 * of a list of ids of something else (dyads, conflicts, coalitions) join the actors whose rows name
 * the same one; such an edge is the same both ways, and leads from the lower number to the higher.
 */
static const struct {
    enum field field;
    enum field names; /* the same in words, one for each id; 0: there is no such column */
    size_t shared_by; /* actors that name one id, at most; 0: the ids are actors */
    const char *type; /* codes of the lists relationship_type and predicate */
    const char *slug;
    const char *sign;
    const char *note; /* of the claim */
} edges[] = {
    { PREVIOUS_IDS, PREVIOUS_NAMES, 0, "splintered_from", "splintered-from", "0",
      "Columns ActorIdPrev and NamePrev." },
    { SPLIT_IDS, SPLIT_NAMES, 0, "split_temporarily_from", "split-temporarily-from", "0",
      "Columns ActorIdSplitTemp and NameSplitTemp." },
    { ALLIANCE_IDS, ALLIANCE_NAMES, 0, "entered_alliance", "entered-alliance", "+",
      "Columns ActorIdAlliance and NameAlliance." },
    { GROUP_IDS, GROUP_NAMES, 0, "joined", "joined", "+", "Columns ActorIdGroup and GroupName." },
    /* A dyad has two sides. Where two actors name it, they are these; of three or more the file
     * does not say who stood on which. */
    { DYAD_IDS, 0, PAIR_OF_SIDES, "fought", "fought-over-state", "-",
      "A dyad of a state-based conflict that these two name in the column DyadId and no other." },
    { NON_STATE_IDS, 0, PAIR_OF_SIDES, "fought", "fought-non-state", "-",
      "A non-state conflict that these two name in the column NSID and no other." },
    { NON_STATE_COALITION_IDS, 0, COALITION_MOST, "in_coalition_with",
      "in-non-state-coalition-with", "+",
      "A coalition in a non-state conflict that both name in the column NSCoalitionID." },
    { ONE_SIDED_COALITION_IDS, 0, COALITION_MOST, "in_coalition_with",
      "in-one-sided-coalition-with", "+",
      "A coalition in violence against civilians that both name in the column OSCoalitionID." },
};

enum {
    EDGES_N = sizeof(edges) / sizeof(edges[0]),
    NAME_SIZE = 512,
    WORDS_MOST = 10,    /* of a quote */
    VERSIONS_MOST = 64, /* of one edge: states in which it came and went */
};

/* Names of the lookup that nobody else uses. */
#define TAKEN "ucdp-taken"   /* ids of actors, by themselves */
#define NUMBER "ucdp-number" /* ids of actors, by ActorId */
#define OURS "ucdp-ours" /* ids of actors that are not of this set, by themselves and by NAMED */
#define NAMED "="        /* before a name, so that it is never taken for an id */
#define SAID "ucdp-said" /* ids of edges that the file says */

/** What a row says of an edge, until all actors are known. */
struct edge {
    size_t kind;
    long from, to;     /* ActorId; before pairs are made of what is shared, to is its id */
    const char *words; /* that say so; NULL: more than may be quoted, or none */
    bool is_void;      /* its row was rejected: it counts among those who share, and no more */
};

/** Edges. Zeroed: none. */
struct edge_list {
    struct edge *edges;
    size_t n, size;
};

/** What is kept until the end of the file. */
struct kept {
    struct edge_list said;   /* from actor to actor */
    struct edge_list shared; /* from actor to what it shares with others */
};

static void edge_list_done(struct edge_list *list)
{
    free(list->edges);
}

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

/* An older dataset lacks codes of edges, and rows with a code that is not there are no dataset. */
static bool check_codes(struct import *import, struct error *err)
{
    static const char sql[] = "SELECT count(*) FROM codes WHERE id = ?1 AND list IN "
                              "('relationship_type', 'predicate')";
    defer(finalize) sqlite3_stmt *stmt = NULL;

    if (sqlite3_prepare_v2(import_database(import), sql, -1, &stmt, NULL) != SQLITE_OK)
        return fail(import, err);
    for (size_t i = 0; i < EDGES_N; i++) {
        sqlite3_reset(stmt);
        sqlite3_bind_text(stmt, 1, edges[i].type, -1, SQLITE_STATIC);
        if (sqlite3_step(stmt) != SQLITE_ROW)
            return fail(import, err);
        if (sqlite3_column_int(stmt, 0) != 2)
            return error_set(err, ERR_INPUT, NULL,
                             "The dataset does not know the relationship '%s'; one that this "
                             "version of bluehelm built would be right.",
                             edges[i].type);
    }
    return true;
}

static bool begin(struct import *import, struct error *err)
{
    *import_data(import) = calloc(1, sizeof(struct kept));
    return *import_data(import) != NULL ? check_codes(import, err) && load_actors(import, err)
                                        : no_memory(err);
}

static void end(struct import *import)
{
    struct kept *kept = *import_data(import);

    if (kept != NULL) {
        edge_list_done(&kept->said);
        edge_list_done(&kept->shared);
    }
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

static bool add_to(struct edge_list *list, const struct edge *edge, struct error *err)
{
    if (list->n == list->size) {
        size_t size = list->size > 0 ? list->size * 2 : 256;
        struct edge *grown = realloc(list->edges, size * sizeof(*grown));

        if (grown == NULL)
            return no_memory(err);
        list->edges = grown;
        list->size = size;
    }
    list->edges[list->n++] = *edge;
    return true;
}

static size_t count_items(const char *list)
{
    size_t n = 1;

    for (; *list != '\0'; list++)
        n += *list == ',';
    return n;
}

/* The words of a list that stand at the place of an id in the list beside it. NULL: the lists are
 * not of the same length, or the words are more than may be quoted. */
static const char *words_at(struct import *import, const char *names, size_t i)
{
    struct text_memory *memory = import_memory(import);
    const char *end;
    size_t n = 0, len;
    char *words;

    for (; i > 0; i--)
        names += strcspn(names, ",") + 1;
    len = strcspn(names, ",");
    end = names + len;
    words = text_alloc(memory, len + 1);
    for (len = 0; words != NULL && names < end; names++) {
        bool is_blank = strchr(" \t\r\n", *names) != NULL;

        if (is_blank && (len == 0 || words[len - 1] == ' '))
            continue;
        n += !is_blank && (len == 0 || words[len - 1] == ' ');
        words[len++] = is_blank ? ' ' : *names;
    }
    if (len > 0 && words[len - 1] == ' ')
        words[len - 1] = '\0';
    return n > 0 && n <= WORDS_MOST ? words : NULL;
}

/* Keeps what one column says of edges. */
static bool keep_column_edges(struct import *import, const struct import_row *row, size_t kind,
                              long from, struct error *err)
{
    struct kept *kept = *import_data(import);
    const char *list = said(row, edges[kind].field), *at = list;
    const char *names = edges[kind].names != 0 ? said(row, edges[kind].names) : NULL;
    size_t n = 0;

    if (list == NULL)
        return true;
    if (names != NULL && count_items(names) != count_items(list))
        names = NULL;
    while (*at != '\0') {
        char *after;
        struct edge edge = { .kind = kind, .from = from, .to = strtol(at, &after, 10) };

        if (after == at || (*after != '\0' && *after != ','))
            return import_reject(
                import, (int)edges[kind].field, "numbers, with commas between them", err,
                "%s '%s' is no list of numbers", fields[edges[kind].field].name, list);
        if (names != NULL)
            edge.words = words_at(import, names, n);
        if (!add_to(edges[kind].shared_by > 0 ? &kept->shared : &kept->said, &edge, err))
            return false;
        at = after + (*after == ',');
        n++;
    }
    return true;
}

static bool keep_edges(struct import *import, const struct import_row *row, long from,
                       struct error *err)
{
    for (size_t i = 0; i < EDGES_N; i++) {
        if (!keep_column_edges(import, row, i, from, err))
            return false;
    }
    return true;
}

static bool map_actor(struct import *import, const struct import_row *row, struct error *err)
{
    struct record *record = import_record(import);
    const char *number = row->cells[ACTOR_ID], *org = row->cells[ORG], *name = said(row, NAME_DATA);
    const char *location = said(row, LOCATION), *id;
    bool is_ours;

    if (name == NULL)
        return import_reject(import, NAME_DATA, "the name of the actor", err, "NameData is empty");
    if (org == NULL || org[0] < '1' || org[0] > '0' + ORGS_N || org[1] != '\0')
        return import_reject(import, ORG, "1 to 4", err, "Org '%s' is none of UCDP's",
                             org != NULL ? org : "");
    name = one_line(record, name, strlen(name));
    if (!find_id(import, record, number, name, &id, &is_ours, err))
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

static bool map_row(struct import *import, const struct import_row *row, struct error *err)
{
    struct kept *kept = *import_data(import);
    const char *number = row->cells[ACTOR_ID];
    size_t n_said = kept->said.n, n_shared = kept->shared.n;

    if (number == NULL || number[strspn(number, "0123456789")] != '\0' || strlen(number) > 9)
        return import_reject(import, ACTOR_ID, "UCDP's number of the actor", err,
                             "ActorId '%s' is no number", number != NULL ? number : "");
    if (!keep_edges(import, row, strtol(number, NULL, 10), err) || !map_actor(import, row, err))
        return false;
    if (!import_is_rejected(import))
        return true;
    kept->said.n = n_said;
    for (size_t i = n_shared; i < kept->shared.n; i++)
        kept->shared.edges[i].is_void = true;
    return true;
}

/* ---- Edges, once all actors are known ---- */

/** Versions of an edge and of the claim that says so: both have the same days and source. */
struct versions {
    struct timeline_version list[VERSIONS_MOST + 2]; /* content: place in words */
    size_t n;
    const char *words[VERSIONS_MOST + 2]; /* that are quoted; NULL: none */
    size_t n_words;
};

static const char *keep_column(struct import *import, sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    return text != NULL ? text_keep(import_memory(import), text) : NULL;
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static int content_of(struct versions *versions, const char *words)
{
    size_t i = 0;

    while (i < versions->n_words && !is_same(versions->words[i], words))
        i++;
    if (i == versions->n_words)
        versions->words[versions->n_words++] = words;
    return (int)i;
}

static bool load_versions(struct import *import, const char *id, struct versions *ret,
                          struct error *err)
{
    static const char sql[] =
        "SELECT r.known_from, r.known_to, c.reported_by, c.quote FROM relationships r"
        " LEFT JOIN claims c ON c.id = r.id AND c.version = r.version"
        " WHERE r.id = ?1 ORDER BY r.version";
    defer(finalize) sqlite3_stmt *stmt = NULL;
    int code;

    ret->n = ret->n_words = 0;
    if (sqlite3_prepare_v2(import_database(import), sql, -1, &stmt, NULL) != SQLITE_OK)
        return fail(import, err);
    sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW && ret->n < VERSIONS_MOST) {
        ret->list[ret->n] =
            (struct timeline_version){ .from = keep_column(import, stmt, 0),
                                       .to = keep_column(import, stmt, 1),
                                       .source = keep_column(import, stmt, 2),
                                       .content = content_of(ret, keep_column(import, stmt, 3)) };
        ret->n++;
    }
    return code == SQLITE_DONE || code == SQLITE_ROW || fail(import, err);
}

/* The note of an edge's claim, by the kind in its id. */
static const char *note_of(const char *id)
{
    const char *slug = id + sizeof("ucdp-") - 1;
    size_t len = 0, i = 0;

    slug += strspn(slug, "0123456789") + 1;
    len = strlen(slug);
    while (len > 0 && slug[len - 1] != '-')
        len--;
    while (i < EDGES_N
           && (strlen(edges[i].slug) + 1 != len || strncmp(edges[i].slug, slug, len - 1) != 0))
        i++;
    return i < EDGES_N ? edges[i].note : NULL;
}

static bool is_same_versions(const struct timeline_version *a, size_t n_a,
                             const struct timeline_version *b, size_t n_b)
{
    for (size_t i = 0; i < n_a && n_a == n_b; i++) {
        if (!is_same(a[i].from, b[i].from) || !is_same(a[i].to, b[i].to)
            || !is_same(a[i].source, b[i].source) || a[i].content != b[i].content)
            return false;
    }
    return n_a == n_b;
}

/* The first version of an edge, of which the others are copies, and the fact that its claim is on:
 * one for each edge, so that whoever denies it denies that and nothing else. */
static bool add_edge(struct import *import, const char *id, const struct edge *edge,
                     const char *from, const char *to, struct error *err)
{
    static const char row[] =
        "INSERT OR IGNORE INTO relationships (id, version, from_actor, type, to_actor, sign,"
        " start_min, start_max, end_min, end_max, status, known_from) VALUES (?1, 1, ?2, ?3, ?4, "
        "?5, '" DATE_FIRST "', '" DATE_LAST "', '" DATE_FIRST "', '" DATE_LAST "', 'asserted', ?6)";
    static const char fact[] =
        "INSERT OR IGNORE INTO facts (id, subject_kind, subject, predicate, name, start_min,"
        " start_max, end_min, end_max) VALUES (?1, 'actor', ?2, ?3, ?1, '" DATE_FIRST
        "', '" DATE_LAST "', '" DATE_FIRST "', '" DATE_LAST "')";
    const char *texts[] = {
        id, from, edges[edge->kind].type, to, edges[edge->kind].sign, import_day(import),
    };

    return import_execute(import, row, texts, sizeof(texts) / sizeof(texts[0]), err)
           && import_execute(import, fact, texts, 3, err);
}

/* Writes one version of an edge with its claim and its source. */
static bool write_version(struct import *import, const char *id, const char *number,
                          const struct timeline_version *version, const char *words,
                          struct error *err)
{
    static const char copy[] =
        "INSERT OR IGNORE INTO relationships (id, version, from_actor, type, to_actor, sign,"
        " start_min, start_max, end_min, end_max, status, known_from) SELECT id, "
        "CAST(?2 AS INTEGER), from_actor, type, to_actor, sign, start_min, start_max, end_min, "
        "end_max, status, known_from FROM relationships WHERE id = ?1 AND version = 1";
    static const char date[] =
        "UPDATE relationships SET known_from = ?3, known_to = ?4, claims_json = '[]',"
        " sources_json = '[]' WHERE id = ?1 AND version = CAST(?2 AS INTEGER)";
    static const char claim[] =
        "INSERT INTO claims (id, version, fact, subject_kind, subject, predicate, object_kind,"
        " object, start_min, start_max, end_min, end_max, modality, reported_by, quote, status,"
        " note, known_from, known_to) SELECT id, version, id, 'actor', from_actor, type, 'actor',"
        " to_actor, start_min, start_max, end_min, end_max, 'stated', ?3, ?4, 'normal', ?5,"
        " known_from, known_to FROM relationships WHERE id = ?1 AND version = CAST(?2 AS INTEGER)";
    static const char link_claim[] =
        "INSERT INTO relationship_claims (relationship, version, claim, position)"
        " VALUES (?1, CAST(?2 AS INTEGER), ?1, 0)";
    static const char link_source[] =
        "INSERT INTO relationship_sources (relationship, version, source, position)"
        " VALUES (?1, CAST(?2 AS INTEGER), ?3, 0)";
    const char *dated[] = { id, number, version->from, version->to };
    const char *claimed[] = { id, number, version->source, words, note_of(id) };

    return import_execute(import, copy, dated, 2, err)
           && import_execute(import, date, dated, 4, err)
           && import_execute(import, claim, claimed, 5, err)
           && import_execute(import, link_claim, dated, 2, err)
           && import_execute(import, link_source, claimed, 3, err);
}

static bool write_versions(struct import *import, const char *id, const struct versions *versions,
                           const struct timeline_version *list, size_t n, struct error *err)
{
    static const char *const clear[] = {
        "DELETE FROM relationship_sources WHERE relationship = ?1",
        "DELETE FROM relationship_claims WHERE relationship = ?1",
        "DELETE FROM claims WHERE id = ?1",
    };
    static const char drop[] =
        "DELETE FROM relationships WHERE id = ?1 AND version > CAST(?2 AS INTEGER)";
    char number[24];

    for (size_t i = 0; i < sizeof(clear) / sizeof(clear[0]); i++) {
        if (!import_execute(import, clear[i], &id, 1, err))
            return false;
    }
    for (size_t i = 0; i < n; i++) {
        snprintf(number, sizeof(number), "%zu", i + 1);
        if (!write_version(import, id, number, &list[i], versions->words[list[i].content], err))
            return false;
    }
    snprintf(number, sizeof(number), "%zu", n);
    return import_execute(import, drop, (const char *[]){ id, number }, 2, err);
}

/* Puts this state into the versions of an edge; words are those that say it. */
static bool put_state(struct import *import, const char *id, bool is_said, const char *words,
                      struct error *err)
{
    struct timeline_state state = { .day = import_day(import), .source = import_source(import) };
    struct timeline_version after[VERSIONS_MOST + 2];
    struct versions before;
    size_t n, n_before;

    state.next = import_next(import, &state.next_source);
    if (!load_versions(import, id, &before, err))
        return false;
    state.content = is_said ? content_of(&before, words) : TIMELINE_ABSENT;
    /* One that was added just now has no claim so far: it is not known before this state. */
    n_before = before.n == 1 && before.list[0].source == NULL ? 0 : before.n;
    n = timeline_put(before.list, n_before, &state, after);
    return is_same_versions(before.list, n_before, after, n)
           || write_versions(import, id, &before, after, n, err);
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
    return add_edge(import, id, edge, from, to, err)
           && put_state(import, id, true, edge->words, err)
           && (lookup_add(lookup, SAID, id, id) || no_memory(err));
}

/* By what is shared, then by who shares it. */
static int compare_shared(const void *a, const void *b)
{
    const struct edge *edge_a = a, *edge_b = b;

    if (edge_a->kind != edge_b->kind)
        return edge_a->kind < edge_b->kind ? -1 : 1;
    if (edge_a->to != edge_b->to)
        return edge_a->to < edge_b->to ? -1 : 1;
    return (edge_a->from > edge_b->from) - (edge_a->from < edge_b->from);
}

/* By the ends, then by what is shared. */
static int compare_pairs(const void *a, const void *b)
{
    const struct edge *edge_a = a, *edge_b = b;

    if (edge_a->kind != edge_b->kind)
        return edge_a->kind < edge_b->kind ? -1 : 1;
    if (edge_a->from != edge_b->from)
        return edge_a->from < edge_b->from ? -1 : 1;
    if (edge_a->to != edge_b->to)
        return edge_a->to < edge_b->to ? -1 : 1;
    return 0;
}

/* Makes edges of all pairs of actors that share something. What two share several times is one
 * edge. */
static bool put_pairs(struct import *import, struct edge_list *shared, struct error *err)
{
    defer(edge_list_done) struct edge_list pairs = { .n = 0 };

    if (shared->n > 0)
        qsort(shared->edges, shared->n, sizeof(*shared->edges), compare_shared);
    for (size_t first = 0, end; first < shared->n; first = end) {
        const struct edge *edge = &shared->edges[first];

        for (end = first + 1; end < shared->n && shared->edges[end].kind == edge->kind
                              && shared->edges[end].to == edge->to;
             end++)
            ;
        if (end - first > edges[edge->kind].shared_by)
            continue;
        for (size_t i = first; i < end; i++) {
            for (size_t j = i + 1; j < end; j++) {
                struct edge pair = { .kind = edge->kind,
                                     .from = shared->edges[i].from,
                                     .to = shared->edges[j].from };

                if (pair.from != pair.to && !shared->edges[i].is_void && !shared->edges[j].is_void
                    && !add_to(&pairs, &pair, err))
                    return false;
            }
        }
    }
    if (pairs.n > 0)
        qsort(pairs.edges, pairs.n, sizeof(*pairs.edges), compare_pairs);
    for (size_t i = 0; i < pairs.n; i++) {
        if ((i == 0 || compare_pairs(&pairs.edges[i - 1], &pairs.edges[i]) != 0)
            && !put_edge(import, &pairs.edges[i], err))
            return false;
    }
    return true;
}

/* What the fact of an edge is called, by the first names that its actors had: those do not change
 * when a later state comes. */
static bool name_facts(struct import *import, struct error *err)
{
    static const char sql[] =
        "UPDATE facts SET name = n.name FROM ("
        " SELECT r.id, a.name || ' ' || (SELECT lower(name) FROM codes WHERE list = "
        "'relationship_type' AND id = r.type) || ' ' || b.name AS name FROM relationships r"
        " JOIN actors a ON a.id = r.from_actor AND a.version = 1"
        " JOIN actors b ON b.id = r.to_actor AND b.version = 1"
        " WHERE r.id GLOB 'ucdp-[0-9]*' AND r.version = 1) n"
        " WHERE facts.id = n.id AND n.name IS NOT NULL AND facts.name <> n.name";

    return import_execute(import, sql, NULL, 0, err);
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
            && !put_state(import, id, false, NULL, err))
            return false;
    }
    return code == SQLITE_DONE || fail(import, err);
}

static bool finish(struct import *import, struct error *err)
{
    struct kept *kept = *import_data(import);

    for (size_t i = 0; i < kept->said.n; i++) {
        if (!put_edge(import, &kept->said.edges[i], err))
            return false;
    }
    return put_pairs(import, &kept->shared, err) && end_edges(import, err)
           && name_facts(import, err);
}

const struct import_kind kind_ucdp_actors = {
    .name = "ucdp-actors",
    .text = "states and organised groups, how they came out of each other, who fought whom (UCDP "
            "actor)",
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
