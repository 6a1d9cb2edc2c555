#define _GNU_SOURCE /* copy_file_range, flock, O_CLOEXEC, TEMP_FAILURE_RETRY */
#include "db/import/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/beside.h"
#include "db/build.h"
#include "db/finalize.h"
#include "db/import/bulk.h"
#include "db/import/import.h"
#include "db/import/prefetch.h"
#include "db/import/report.h"
#include "db/import/timeline.h"
#include "db/publish.h"
#include "db/schema.h"
#include "db/seal.h"
#include "db/search.h"
#include "db/sql_alike.h"
#include "db/sql_fold.h"
#include "db/sql_tally.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/base/nearest.h"

enum {
    SQL_MOST = 16384,
    CACHE_KIB = 16384,     /* page cache: with it an import stays far below 100 MiB */
    BULK_CACHE_KIB = 8192, /* of a large load, which only adds: its sorts fit a processor's cache */
    STATEMENTS_MOST = 32,  /* statements of import_execute() that are kept */
    HELD_MOST = 1000000,   /* records that a kind may hold */
    REASON_SIZE = 512,     /* bytes of the reason for a rejection */
    PROGRESS_ROWS = 1024,  /* rows between two looks at the clock */
    BULK_BYTES = 8 << 20,  /* files from this size on are large: they are read in a second thread,
                              and indexes are built once, at the end */
    COPY_MOST = 1 << 30,   /* bytes of the dataset that are copied by one call */
};

/** A statement that import_execute() keeps. */
struct kept_statement {
    const char *sql; /* compared by its address */
    sqlite3_stmt *stmt;
};

/** An import under way. */
struct import {
    const struct import_options *options;
    const struct import_kind *kind;
    const char *path; /* of the copy that is filled */
    struct import_summary *summary;
    sqlite3 *db;
    sqlite3_stmt *sql[TARGET_SQL__MAX];
    struct value bound[CONTENT_MOST]; /* to the statement that inserts */
    sqlite3_stmt *next_of_row;        /* the states of a row that is a set of its own */
    struct kept_statement kept[STATEMENTS_MOST];
    struct lookup lookup;
    struct text_memory memory;
    struct report report;
    char report_path[IMPORT_PATH_SIZE];

    char source[128];         /* id; "": each row names its own */
    char version[32];         /* of the publisher; "": none was read */
    char next[DATE_DAY_SIZE]; /* next known state of the set; "": none */
    char next_source[128];    /* ""; none */
    bool is_empty;            /* the set has no row yet */
    sqlite3_int64 max_rowid;  /* of the target, before the import */
    unsigned char *seen;      /* one bit for each rowid up to it */
    struct bulk bulk;         /* the first, large load of a set; off: rows one by one */
    bool is_careful;          /* no such load: one found a row twice */
    bool is_double;           /* this one did */

    struct reader *reader;               /* the file under way; NULL: none */
    struct prefetch *prefetch;           /* who reads it; NULL: nobody else */
    const struct import_row *row;        /* under way; NULL: none */
    size_t n_put, n_inserted, n_revised; /* records of the row under way */
    bool is_rejected;                    /* the row under way is */
    struct record record;
    char scratch[SCRATCH_SIZE];
    struct buffer links_json;
    struct record *held;
    size_t n_held, held_size;
    void *data;                 /* the kind's own */
    struct held_row *held_rows; /* where each held record stood */
};

/** Where a held record stood, for its rejection. */
struct held_row {
    const char *file;
    size_t line;
    size_t n_inserted; /* rows that were added beside it */
};

/* ---- SQLite ---- */

static bool fail(const struct import *import, struct error *err)
{
    int code = import->db != NULL ? sqlite3_errcode(import->db) & 0xFF : SQLITE_NOMEM;
    bool is_place = code == SQLITE_FULL || code == SQLITE_IOERR || code == SQLITE_CANTOPEN
                    || code == SQLITE_READONLY || code == SQLITE_PERM;

    return error_set(err, is_place ? ERR_INPUT : ERR_INTERNAL, NULL, "%s cannot be written: %s.",
                     import->options->dataset,
                     import->db != NULL ? sqlite3_errmsg(import->db) : "no memory");
}

static bool run(const struct import *import, const char *sql, struct error *err)
{
    return sqlite3_exec(import->db, sql, NULL, NULL, NULL) == SQLITE_OK || fail(import, err);
}

static bool prepare(const struct import *import, const char *sql, sqlite3_stmt **ret,
                    struct error *err)
{
    return sqlite3_prepare_v3(import->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL)
               == SQLITE_OK
           || fail(import, err);
}

static void reset(sqlite3_stmt **stmt)
{
    if (*stmt != NULL)
        sqlite3_reset(*stmt);
}

/* Runs a statement that returns no rows. */
static bool step(const struct import *import, sqlite3_stmt *stmt, struct error *err)
{
    int code = sqlite3_step(stmt);

    sqlite3_reset(stmt);
    return code == SQLITE_DONE || fail(import, err);
}

static void bind(sqlite3_stmt *stmt, int parameter, const char *text)
{
    sqlite3_bind_text(stmt, parameter, text, -1, SQLITE_STATIC);
}

bool import_execute(struct import *import, const char *sql, const char *const *texts, size_t n,
                    struct error *err)
{
    struct kept_statement *kept = import->kept;

    while (kept < import->kept + STATEMENTS_MOST - 1 && kept->sql != NULL && kept->sql != sql)
        kept++;
    if (kept->sql != sql) {
        finalize(&kept->stmt);
        kept->sql = NULL;
        if (!prepare(import, sql, &kept->stmt, err))
            return false;
        kept->sql = sql;
    }
    for (size_t i = 0; i < n; i++)
        bind(kept->stmt, (int)i + 1, texts[i]);
    return step(import, kept->stmt, err);
}

/* ---- What kinds ask for ---- */

struct record *import_record(struct import *import)
{
    record_begin(&import->record, import->kind->target, import->scratch);
    return &import->record;
}

struct lookup *import_lookup(struct import *import)
{
    return &import->lookup;
}

const char *import_day(const struct import *import)
{
    return import->options->known_from;
}

const char *import_source(const struct import *import)
{
    return import->source[0] != '\0' ? import->source : NULL;
}

sqlite3 *import_database(struct import *import)
{
    return import->db;
}

struct text_memory *import_memory(struct import *import)
{
    return &import->memory;
}

void **import_data(struct import *import)
{
    return &import->data;
}

struct record *import_held(struct import *import, size_t *ret_n)
{
    *ret_n = import->n_held;
    return import->held;
}

const char *import_next(const struct import *import, const char **ret_source)
{
    *ret_source = import->next_source[0] != '\0' ? import->next_source : NULL;
    return import->next[0] != '\0' ? import->next : NULL;
}

void import_count_inserted(struct import *import)
{
    import->n_inserted++;
}

static bool report(struct import *import, const char *column, const char *hint, const char *reason,
                   struct error *err)
{
    struct rejection rejection = { .file = import->row->file,
                                   .line = import->row->line,
                                   .column = column,
                                   .reason = reason,
                                   .hint = hint };

    if (import->is_rejected)
        return true;
    import->is_rejected = true;
    return report_row(&import->report, &rejection, err);
}

bool import_reject(struct import *import, int field, const char *hint, struct error *err,
                   const char *fmt, ...)
{
    char reason[REASON_SIZE];
    struct import_row row = *import->row;
    const struct import_row *before = import->row;
    const char *column = "";
    va_list args;
    bool is_reported;

    va_start(args, fmt);
    vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);
    if (field >= 0 && import->reader != NULL) {
        column = reader_column(import->reader, (size_t)field);
        if (row.cells != NULL && row.cells[field] != NULL)
            row.line = row.lines[field];
    }
    import->row = &row;
    is_reported = report(import, column, hint, reason, err);
    import->row = before;
    return is_reported;
}

bool import_is_rejected(const struct import *import)
{
    return import->is_rejected;
}

bool import_reject_name(struct import *import, int field, const char *kind, const char *name,
                        struct error *err)
{
    char near[128], hint[192];

    if (import->is_rejected)
        return true;
    lookup_near(&import->lookup, kind, name, near, sizeof(near));
    if (*near != '\0')
        snprintf(hint, sizeof(hint), "perhaps '%s'", near);
    else
        snprintf(hint, sizeof(hint), "the name or code of a %s that the dataset has", kind);
    return import_reject(import, field, hint, err, "no %s is called '%s'", kind, name);
}

#define MISSION_NOTE "Known from imported files alone: nothing but the acronym is certain."

/* The id of a new mission: its acronym without what spellings differ in. */
static const char *mission_id(struct import *import, const char *acronym)
{
    char *id = text_alloc(&import->memory, SCRATCH_SIZE), *to = id;
    struct record record = { .scratch = id };
    const char *slug = id != NULL ? record_slug(&record, acronym) : "";

    for (; *slug != '\0'; slug++) {
        if (*slug != '-')
            *to++ = *slug;
    }
    if (id != NULL)
        *to = '\0';
    return id != NULL ? id : "";
}

/* Adds a mission that no text and no earlier import has. */
static bool add_mission(struct import *import, const char *id, const char *acronym,
                        struct error *err)
{
    static const char insert[] =
        "INSERT INTO missions (id, version, acronym, category, start_min, start_max, end_min,"
        " end_max, status, note, known_from) VALUES (?1, 1, ?2, 'other', '" DATE_FIRST "', ?3, "
        "'" DATE_FIRST "', '" DATE_LAST "', 'unknown', '" MISSION_NOTE "', ?3)";
    static const char link[] =
        "INSERT INTO mission_sources (mission, version, source, position) VALUES (?1, 1, ?2, 0)";
    const char *texts[] = { id, acronym, import_day(import) };
    const char *linked[] = { id, import_source(import) };

    if (*id == '\0')
        return error_set(err, ERR_INTERNAL, NULL, "no id for the mission '%s'", acronym);
    if (!lookup_add(&import->lookup, "mission", id, acronym)
        || !lookup_add(&import->lookup, "actor", id, acronym))
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a mission");
    import->n_inserted++;
    return import_execute(import, insert, texts, 3, err)
           && import_execute(import, link, linked, 2, err);
}

/* A mission that a later state added is known, and spelled, from this one on. */
static bool date_mission(struct import *import, const char *id, const char *acronym,
                         struct error *err)
{
    static const char earlier[] =
        "UPDATE missions SET acronym = ?2, start_max = ?3, known_from = ?3 WHERE id = ?1 AND "
        "version = 1 AND known_from > ?3 AND note = '" MISSION_NOTE "'";
    static const char link[] = "UPDATE mission_sources SET source = ?2 WHERE mission = ?1";
    const char *texts[] = { id, acronym, import_day(import) };
    const char *linked[] = { id, import_source(import) };

    return import_execute(import, earlier, texts, 3, err)
           && (sqlite3_changes(import->db) == 0 || import_execute(import, link, linked, 2, err));
}

bool import_mission(struct import *import, const char *acronym, const char **ret, struct error *err)
{
    const char *id = lookup_find(&import->lookup, "mission", acronym);

    if (id != NULL && lookup_find(&import->lookup, "named", acronym) != NULL) {
        *ret = id;
        return true;
    }
    if (id == NULL) {
        id = mission_id(import, acronym);
        if (!add_mission(import, id, acronym, err))
            return false;
    } else if (!date_mission(import, id, acronym, err)) {
        return false;
    }
    *ret = id;
    return lookup_add(&import->lookup, "named", id, acronym)
           || error_set(err, ERR_INTERNAL, NULL, "no memory for a mission");
}

/* ---- One record into the table ---- */

/** One version as it stands in the table. */
struct stored {
    sqlite3_value *values[CONTENT_MOST];
    char from[DATE_DAY_SIZE], to[DATE_DAY_SIZE]; /* to "": open */
    char source[128];                            /* "": none */
    sqlite3_value *links[LINKS_MOST];
    size_t n_links;
};

/** All versions of one row. */
struct stored_rows {
    struct stored *rows;
    size_t n, size;
};

static void stored_done(struct stored_rows *stored)
{
    for (size_t i = 0; i < stored->n; i++) {
        for (size_t j = 0; j < CONTENT_MOST; j++)
            sqlite3_value_free(stored->rows[i].values[j]);
        for (size_t j = 0; j < stored->rows[i].n_links; j++)
            sqlite3_value_free(stored->rows[i].links[j]);
    }
    free(stored->rows);
}

static void copy_text(char *ret, size_t size, sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    snprintf(ret, size, "%s", text != NULL ? text : "");
}

enum { COLUMN_ROWID, COLUMN_FROM, COLUMN_TO, COLUMN_SOURCE, COLUMN_CONTENT };

static bool is_content(const struct record *record, sqlite3_stmt *row)
{
    for (size_t i = 0; i < record->target->n_columns; i++) {
        if (!value_is(&record->values[i], row, COLUMN_CONTENT + (int)i))
            return false;
    }
    return true;
}

static bool is_same_value(sqlite3_value *a, sqlite3_value *b)
{
    int type = sqlite3_value_type(a);

    if (type != sqlite3_value_type(b))
        return false;
    if (type == SQLITE_INTEGER)
        return sqlite3_value_int64(a) == sqlite3_value_int64(b);
    if (type == SQLITE_FLOAT)
        return sqlite3_value_double(a) >= sqlite3_value_double(b)
               && sqlite3_value_double(a) <= sqlite3_value_double(b);
    return type == SQLITE_NULL
           || (sqlite3_value_bytes(a) == sqlite3_value_bytes(b)
               && memcmp(sqlite3_value_blob(a), sqlite3_value_blob(b),
                         (size_t)sqlite3_value_bytes(a))
                      == 0);
}

static bool is_same_content(const struct target *target, const struct stored *a,
                            const struct stored *b)
{
    for (size_t i = 0; i < target->n_columns; i++) {
        if (!is_same_value(a->values[i], b->values[i]))
            return false;
    }
    return true;
}

static bool add_stored(struct stored_rows *to, const struct target *target, sqlite3_stmt *row)
{
    struct stored *stored;

    if (to->n == to->size) {
        size_t size = to->size > 0 ? to->size * 2 : 4;
        struct stored *rows = realloc(to->rows, size * sizeof(*rows));

        if (rows == NULL)
            return false;
        to->rows = rows;
        to->size = size;
    }
    stored = &to->rows[to->n++];
    *stored = (struct stored){ .n_links = 0 };
    copy_text(stored->from, sizeof(stored->from), row, COLUMN_FROM);
    copy_text(stored->to, sizeof(stored->to), row, COLUMN_TO);
    copy_text(stored->source, sizeof(stored->source), row, COLUMN_SOURCE);
    for (size_t i = 0; i < target->n_columns; i++) {
        stored->values[i] = sqlite3_value_dup(sqlite3_column_value(row, COLUMN_CONTENT + (int)i));
        if (stored->values[i] == NULL)
            return false;
    }
    return true;
}

static bool load_links(const struct import *import, const char *id, struct stored_rows *stored,
                       struct error *err)
{
    sqlite3_stmt *stmt = import->sql[TARGET_LINK_SELECT];

    for (size_t i = 0; stmt != NULL && i < stored->n; i++) {
        struct stored *version = &stored->rows[i];
        int code;

        bind(stmt, 1, id);
        sqlite3_bind_int64(stmt, 2, (sqlite3_int64)i + 1);
        while ((code = sqlite3_step(stmt)) == SQLITE_ROW && version->n_links < LINKS_MOST)
            version->links[version->n_links++] = sqlite3_value_dup(sqlite3_column_value(stmt, 0));
        sqlite3_reset(stmt);
        if (code != SQLITE_DONE && code != SQLITE_ROW)
            return fail(import, err);
    }
    return true;
}

/* Tells whether a parameter still has a value: most columns of a file say the same in every row.
 * Texts are bound anew, since what they point to may have changed. */
static bool is_bound(const struct value *bound, const struct value *value)
{
    return bound->type == value->type
           && (value->type == SQLITE_NULL
               || (value->type == SQLITE_INTEGER && bound->integer == value->integer));
}

/* Inserts one version. *ret_there: a row with its id and version stands there already. */
static bool insert_version(struct import *import, const char *id, size_t version,
                           const struct timeline_version *clock, const struct record *record,
                           const struct stored *stored, bool *ret_there, struct error *err)
{
    const struct target *target = import->kind->target;
    sqlite3_stmt *stmt = import->sql[TARGET_INSERT], *link = import->sql[TARGET_LINK_INSERT];
    size_t n_links = target->is_source_linked ? clock->source != NULL
                     : stored != NULL         ? stored->n_links
                     : record != NULL         ? record->n_links
                                              : 0;

    bind(stmt, 1, id);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)version);
    bind(stmt, 3, clock->from);
    bind(stmt, 4, clock->to);
    if (target->source != NULL)
        bind(stmt, 5, clock->source);
    for (size_t i = 0; i < target->n_columns; i++) {
        if (stored != NULL)
            sqlite3_bind_value(stmt, (int)i + 6, stored->values[i]);
        else if (record != NULL && !is_bound(&import->bound[i], &record->values[i]))
            value_bind(&record->values[i], stmt, (int)i + 6);
        if (stored != NULL)
            import->bound[i].type = SQLITE_BLOB; /* none that a record has */
        else if (record != NULL)
            import->bound[i] = record->values[i];
    }
    if (!step(import, stmt, err))
        return false;
    *ret_there = sqlite3_changes(import->db) == 0;
    for (size_t i = 0; !*ret_there && i < n_links; i++) {
        bind(link, 1, id);
        sqlite3_bind_int64(link, 2, (sqlite3_int64)version);
        if (target->is_source_linked)
            bind(link, 3, clock->source);
        else if (stored != NULL)
            sqlite3_bind_value(link, 3, stored->links[i]);
        else
            bind(link, 3, record->links[i]);
        sqlite3_bind_int64(link, 4, (sqlite3_int64)i);
        if (!step(import, link, err))
            return false;
    }
    return true;
}

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

/** What is known of the states of a set, seen from the one that is imported. */
struct states {
    char next[DATE_DAY_SIZE]; /* "": none */
    char next_source[128];    /* "": none */
};

/* Writes the versions of a row anew, with this state in them. record NULL: it is absent. */
static bool rewrite(struct import *import, const char *id, const struct record *record,
                    const struct states *states, struct stored_rows *stored, struct error *err)
{
    struct timeline_state state = { .day = import_day(import),
                                    .next = or_null(states->next),
                                    .source = import_source(import),
                                    .next_source = or_null(states->next_source),
                                    .content = record != NULL ? (int)stored->n : TIMELINE_ABSENT };
    size_t n = stored->n;
    struct timeline_version *before = text_alloc(&import->memory, (2 * n + 3) * sizeof(*before));
    struct timeline_version *after = before != NULL ? before + n : NULL;

    if (before == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for versions");
    for (size_t i = 0; i < n; i++) {
        struct stored *version = &stored->rows[i];

        before[i] = (struct timeline_version){ .from = version->from,
                                               .to = or_null(version->to),
                                               .source = or_null(version->source),
                                               .content = (int)i };
        for (size_t j = i; j-- > 0;) {
            if (is_same_content(import->kind->target, version, &stored->rows[j]))
                before[i].content = (int)j;
        }
    }
    for (size_t i = 0; record != NULL && i < n; i++) {
        bool is_same = true;

        for (size_t j = 0; j < record->target->n_columns && is_same; j++) {
            const struct value *value = &record->values[j];
            sqlite3_value *other = stored->rows[i].values[j];
            int type = sqlite3_value_type(other);

            is_same =
                type == value->type
                && (type == SQLITE_NULL
                    || (type == SQLITE_INTEGER && sqlite3_value_int64(other) == value->integer)
                    || (type == SQLITE_FLOAT && sqlite3_value_double(other) >= value->real
                        && sqlite3_value_double(other) <= value->real)
                    || (type == SQLITE_TEXT && sqlite3_value_bytes(other) == value->len
                        && memcmp(sqlite3_value_blob(other), value->text, (size_t)value->len)
                               == 0));
        }
        if (is_same) {
            state.content = before[i].content;
            break;
        }
    }
    n = timeline_put(before, n, &state, after);
    bind(import->sql[TARGET_DELETE], 1, id);
    if (!step(import, import->sql[TARGET_DELETE], err))
        return false;
    if (import->sql[TARGET_LINK_DELETE] != NULL) {
        bind(import->sql[TARGET_LINK_DELETE], 1, id);
        if (!step(import, import->sql[TARGET_LINK_DELETE], err))
            return false;
    }
    for (size_t i = 0; i < n; i++) {
        bool is_new = (size_t)after[i].content == stored->n, is_there;

        if (!insert_version(import, id, i + 1, &after[i], is_new ? record : NULL,
                            is_new ? NULL : &stored->rows[after[i].content], &is_there, err))
            return false;
    }
    return true;
}

/* What the dataset says of a row on the state's day, by its versions. */
struct said {
    bool is_any;   /* there are versions */
    bool is_seen;  /* a row of these files stands there already */
    bool is_known; /* a version covers the day */
    bool is_same;  /* and says the same */
    bool is_whole; /* and holds up to the next state */
};

static bool is_seen(const struct import *import, sqlite3_int64 rowid)
{
    return rowid > import->max_rowid || (import->seen[rowid / 8] >> (rowid % 8) & 1) != 0;
}

static void mark_seen(struct import *import, sqlite3_int64 rowid)
{
    if (rowid <= import->max_rowid)
        import->seen[rowid / 8] |= (unsigned char)(1u << (rowid % 8));
}

static void look_at(struct import *import, const struct record *record, const struct states *states,
                    sqlite3_stmt *row, struct said *said)
{
    const char *from = (const char *)sqlite3_column_text(row, COLUMN_FROM);
    const char *to = (const char *)sqlite3_column_text(row, COLUMN_TO);
    const char *day = import_day(import);

    said->is_any = true;
    said->is_seen = said->is_seen || is_seen(import, sqlite3_column_int64(row, COLUMN_ROWID));
    mark_seen(import, sqlite3_column_int64(row, COLUMN_ROWID));
    if (strcmp(from, day) > 0 || (to != NULL && strcmp(to, day) <= 0))
        return;
    said->is_known = true;
    said->is_same = record != NULL && is_content(record, row);
    said->is_whole = to == NULL || (states->next[0] != '\0' && strcmp(to, states->next) >= 0);
}

/* The next state of a row that is a set of its own: one that was imported, or where the text's
 * versions begin and end. */
static bool find_states(struct import *import, const char *id, struct states *ret,
                        struct error *err)
{
    char name[512];
    int code;

    memcpy(ret->next, import->next, sizeof(ret->next));
    memcpy(ret->next_source, import->next_source, sizeof(ret->next_source));
    if (import->kind->scope != NULL)
        return true;
    snprintf(name, sizeof(name), "%s/%s", import->kind->data_set, id);
    bind(import->next_of_row, 1, name);
    bind(import->next_of_row, 2, import_day(import));
    bind(import->next_of_row, 3, id);
    code = sqlite3_step(import->next_of_row);
    if (code == SQLITE_ROW)
        copy_text(ret->next, sizeof(ret->next), import->next_of_row, 0);
    sqlite3_reset(import->next_of_row);
    return code == SQLITE_ROW || fail(import, err);
}

static bool keep_state(struct import *import, const char *data_set, struct error *err)
{
    static const char sql[] =
        "INSERT OR IGNORE INTO import_states (data_set, known_on, source) VALUES (?1, ?2, ?3)";
    const char *texts[] = { data_set, import_day(import), import_source(import) };

    return import_execute(import, sql, texts, 3, err);
}

/* Fills in what follows from the rest of a record. */
static bool complete(struct import *import, struct record *record, struct error *err)
{
    const struct target *target = record->target;
    struct buffer *json = &import->links_json;

    if (target == &target_casualties && record->values[CASUALTY_END_MIN].type == SQLITE_NULL) {
        record->values[CASUALTY_END_MIN] = record->values[CASUALTY_DATE_MIN];
        record->values[CASUALTY_END_MAX] = record->values[CASUALTY_DATE_MAX];
    }
    if (record->n_links == 0)
        return true;
    buffer_clear(json);
    for (size_t i = 0; i < record->n_links; i++) {
        const char *label = lookup_label(&import->lookup, target->kind, record->links[i]);

        buffer_text(json, i == 0 ? "[{\"id\":" : ",{\"id\":");
        buffer_json(json, record->links[i], strlen(record->links[i]));
        buffer_text(json, ",\"name\":");
        buffer_json(json, label, strlen(label));
        buffer_byte(json, '}');
    }
    if (!buffer_byte(json, ']'))
        return error_set(err, ERR_INTERNAL, NULL, "no memory for links");
    record_text(record, target->links_column, json->data);
    return true;
}

/* The CHECKs of the schema on what kinds fill in. */
static bool check_coordinates(struct import *import, const struct record *record, struct error *err)
{
    const struct value *latitude = &record->values[CASUALTY_LATITUDE];
    const struct value *longitude = &record->values[CASUALTY_LONGITUDE];

    if (record->target != &target_casualties)
        return true;
    if (latitude->type == SQLITE_FLOAT && !(latitude->real >= -90 && latitude->real <= 90))
        return report(import, "", "degrees north from -90 to 90", "the latitude is of no place",
                      err);
    if (longitude->type == SQLITE_FLOAT && !(longitude->real >= -180 && longitude->real <= 180))
        return report(import, "", "degrees east from -180 to 180", "the longitude is of no place",
                      err);
    return true;
}

static bool reject_double(struct import *import, const char *id, struct error *err)
{
    char reason[REASON_SIZE];

    snprintf(reason, sizeof(reason), "'%s' stands in a row above already", id);
    return report(import, "", "each row once", reason, err);
}

/* Puts a record of a set that has no row yet. */
static bool put_first(struct import *import, const struct record *record, struct error *err)
{
    struct timeline_version clock = { .from = import_day(import),
                                      .to = or_null(import->next),
                                      .source = import_source(import) };
    bool is_there = false;

    if (import->bulk.is_on && record->n_links == 0) {
        if (!bulk_insert(&import->bulk, record, clock.from, clock.to, clock.source, err))
            return false;
    } else if (!insert_version(import, record->id, 1, &clock, record, NULL, &is_there, err)) {
        return false;
    }
    if (is_there)
        return reject_double(import, record->id, err);
    import->n_inserted++;
    return true;
}

static bool put(struct import *import, struct record *record, struct error *err)
{
    defer(stored_done) struct stored_rows stored = { 0 };
    sqlite3_stmt *select = import->sql[TARGET_SELECT];
    struct said said = { 0 };
    struct states states;
    int code;

    if (import->is_rejected)
        return true;
    import->n_put++;
    if (!complete(import, record, err) || !check_coordinates(import, record, err))
        return false;
    if (import->is_rejected)
        return true;
    if (import->is_empty)
        return put_first(import, record, err);
    if (!find_states(import, record->id, &states, err))
        return false;
    bind(select, 1, record->id);
    while ((code = sqlite3_step(select)) == SQLITE_ROW)
        look_at(import, record, &states, select, &said);
    sqlite3_reset(select);
    if (code != SQLITE_DONE)
        return fail(import, err);
    if (said.is_seen)
        return reject_double(import, record->id, err);
    if (import->kind->scope == NULL) {
        char name[512];

        snprintf(name, sizeof(name), "%s/%s", import->kind->data_set, record->id);
        if (!keep_state(import, name, err))
            return false;
    }
    if (said.is_known && said.is_same && said.is_whole)
        return true;
    while (said.is_any && sqlite3_step(select) == SQLITE_ROW) {
        if (!add_stored(&stored, record->target, select))
            return error_set(err, ERR_INTERNAL, NULL, "no memory for versions");
    }
    sqlite3_reset(select);
    if (said.is_known && !said.is_same)
        import->n_revised++;
    else if (!said.is_known)
        import->n_inserted++;
    return load_links(import, record->id, &stored, err)
           && rewrite(import, record->id, record, &states, &stored, err);
}

/* ---- Held records ---- */

static bool hold(struct import *import, const struct record *record, struct error *err)
{
    struct record *held;
    struct held_row *row;

    if (import->n_held == HELD_MOST)
        return error_set(err, ERR_INPUT, NULL,
                         "%s: more than %d rows of a set that has some thousands; the publisher's "
                         "file would be right.",
                         import->row->file, HELD_MOST);
    if (import->n_held == import->held_size) {
        size_t size = import->held_size > 0 ? import->held_size * 2 : 1024;

        held = realloc(import->held, size * sizeof(*held));
        import->held = held != NULL ? held : import->held;
        row = realloc(import->held_rows, size * sizeof(*row));
        import->held_rows = row != NULL ? row : import->held_rows;
        if (held == NULL || row == NULL)
            return error_set(err, ERR_INTERNAL, NULL, "no memory for records");
        import->held_size = size;
    }
    row = &import->held_rows[import->n_held];
    *row = (struct held_row){ .file = import->row->file, .line = import->row->line };
    held = &import->held[import->n_held++];
    *held = *record;
    held->row = import->summary->n_read;
    held->scratch = NULL;
    held->id = text_keep(&import->memory, record->id);
    for (size_t i = 0; i < record->target->n_columns; i++) {
        if (held->values[i].type == SQLITE_TEXT)
            held->values[i].text = text_keep(&import->memory, held->values[i].text);
    }
    for (size_t i = 0; i < held->n_links; i++)
        held->links[i] = text_keep(&import->memory, held->links[i]);
    import->n_put++;
    return !import->memory.failed || error_set(err, ERR_INTERNAL, NULL, "no memory for records");
}

bool import_put(struct import *import, struct record *record, struct error *err)
{
    if (record->id[0] == '\0')
        return report(import, "", "an id with letters or digits",
                      "the row has nothing to be known by", err);
    return import->kind->is_held ? hold(import, record, err) : put(import, record, err);
}

/* ---- Rows ---- */

static void begin_row(struct import *import)
{
    import->n_put = 0;
    import->n_inserted = 0;
    import->n_revised = 0;
    import->is_rejected = false;
}

/* Counts the row under way, once. */
static void count_row(struct import *import)
{
    struct import_summary *summary = import->summary;

    if (import->is_rejected)
        summary->n_rejected++;
    else if (import->n_revised > 0
             || (import->n_inserted > 0 && import->n_inserted < import->n_put))
        summary->n_revised++;
    else if (import->n_inserted > 0)
        summary->n_inserted++;
    else
        summary->n_unchanged++;
}

/* Rows of held records are counted when these are put; one without records is counted at once. */
static void end_row(struct import *import)
{
    if (import->kind->is_held && import->n_put > 0 && !import->is_rejected) {
        import->held_rows[import->n_held - 1].n_inserted = import->n_inserted;
        return;
    }
    if (import->kind->is_held && import->is_rejected) {
        while (import->n_held > 0
               && import->held[import->n_held - 1].row == import->summary->n_read)
            import->n_held--;
    }
    count_row(import);
}

static bool put_held(struct import *import, struct error *err)
{
    for (size_t i = 0; i < import->n_held; i++) {
        struct import_row row = { .file = import->held_rows[i].file,
                                  .line = import->held_rows[i].line };
        bool is_first = i == 0 || import->held[i - 1].row != import->held[i].row;
        bool is_last = i + 1 == import->n_held || import->held[i + 1].row != import->held[i].row;

        if (is_first)
            begin_row(import);
        import->row = &row;
        import->n_inserted += import->held_rows[i].n_inserted;
        if ((import->kind->check != NULL && !import->kind->check(import, &import->held[i], err))
            || !put(import, &import->held[i], err))
            return false;
        import->row = NULL;
        if (is_last)
            count_row(import);
    }
    return true;
}

static void tell(const struct import *import, long long before, long long size)
{
    struct import_progress progress = { .rows = import->summary->n_read, .size = size };
    long long unused;

    if (import->options->progress == NULL)
        return;
    progress.bytes = before;
    if (import->prefetch != NULL)
        progress.bytes += prefetch_bytes(import->prefetch);
    else if (import->reader != NULL)
        progress.bytes += reader_bytes(import->reader, &unused);
    import->options->progress(&progress, import->options->progress_data);
}

static void drop_reader(struct reader **reader)
{
    reader_close(*reader);
}

/* The text with the day or version in place of %s. */
static void with_state(char *ret, size_t size, const char *text, const char *state)
{
    const char *at = strstr(text, "%s");

    if (at == NULL)
        snprintf(ret, size, "%s", text);
    else
        snprintf(ret, size, "%.*s%s%s", (int)(at - text), text, state, at + 2);
}

/* Tells whether files of the kind can say their version. */
static bool has_version(const struct import_kind *kind)
{
    for (const struct import_field *field = kind->fields; field->name != NULL; field++) {
        if (field->is_version)
            return true;
    }
    return false;
}

static bool add_source(struct import *import, struct error *err)
{
    static const char sql[] =
        "INSERT OR IGNORE INTO sources (id, title, publisher, kind, published, published_min,"
        " published_max, url, licence, language, citation, note, known_from)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?5, ?6, ?7, ?8, ?9, ?10, ?5)";
    const struct import_origin *origin = &import->kind->origin;
    const char *day = import_day(import);
    char title[512], citation[512], state[64], slug[SCRATCH_SIZE];
    struct record record = { .scratch = slug };
    const char *texts[] = { import->source,
                            title,
                            origin->publisher,
                            origin->kind,
                            day,
                            origin->url,
                            origin->licence,
                            origin->language,
                            origin->citation != NULL ? citation : NULL,
                            origin->note };

    if (origin->id == NULL)
        return true;
    if (import->version[0] != '\0')
        snprintf(state, sizeof(state), "version %s", import->version);
    else
        snprintf(state, sizeof(state), "%s%s", has_version(import->kind) ? "state of " : "", day);
    snprintf(import->source, sizeof(import->source), "%s-%s", origin->id,
             import->version[0] != '\0' ? record_slug(&record, import->version) : day);
    with_state(title, sizeof(title), origin->title, state);
    if (origin->citation != NULL)
        with_state(citation, sizeof(citation), origin->citation, state);
    return import_execute(import, sql, texts, sizeof(texts) / sizeof(texts[0]), err);
}

/* The first row with a version says which source the state is; all others say the same one. */
static bool check_version(struct import *import, const struct import_row *row, struct error *err)
{
    const char *version = NULL;
    int field = 0;

    while (import->kind->fields[field].name != NULL && !import->kind->fields[field].is_version)
        field++;
    version = row->cells[field];
    if (import->source[0] == '\0') {
        snprintf(import->version, sizeof(import->version), "%s", version != NULL ? version : "");
        return add_source(import, err);
    }
    if (strncmp(import->version, version != NULL ? version : "", sizeof(import->version) - 1) == 0)
        return true;
    return import_reject(import, field, "files of one version", err,
                         "version '%s' in a state of version '%s'", version != NULL ? version : "",
                         import->version);
}

static bool next_row(struct import *import, const struct import_row **ret, struct error *err)
{
    return import->prefetch != NULL ? prefetch_next(import->prefetch, ret, err)
                                    : reader_next(import->reader, ret, err);
}

static bool read_rows(struct import *import, long long before, long long size, struct error *err)
{
    bool is_versioned = has_version(import->kind);

    for (;;) {
        const struct import_row *row;

        if (!next_row(import, &row, err))
            return false;
        if (row == NULL)
            return true;
        import->row = row;
        import->summary->n_read++;
        begin_row(import);
        if (row->problem != NULL) {
            if (!report(import, "", row->right, row->problem, err))
                return false;
        } else if ((is_versioned && !check_version(import, row, err))
                   || !import->kind->row(import, row, err)) {
            return false;
        }
        end_row(import);
        if (import->summary->n_read % PROGRESS_ROWS == 0)
            tell(import, before, size);
    }
}

static bool read_file(struct import *import, const char *file, long long *before, long long size,
                      struct error *err)
{
    defer(drop_reader) struct reader *reader = NULL;
    long long unused;
    bool is_read;

    if (!reader_open(file, import->kind->fields, import->kind->is_closed, &reader, err))
        return false;
    if (size >= BULK_BYTES
        && !prefetch_start(reader, reader_fields(reader), &import->prefetch, err))
        return false;
    import->reader = reader;
    is_read = read_rows(import, *before, size, err);
    prefetch_stop(import->prefetch);
    import->prefetch = NULL;
    import->reader = NULL;
    import->row = NULL;
    *before += reader_bytes(reader, &unused);
    return is_read;
}

/* Bytes of all files; 0 where one does not tell. */
static long long size_of_files(const struct import_options *options)
{
    long long size = 0;

    for (size_t i = 0; i < options->n_files; i++) {
        struct stat status;

        if (stat(options->files[i], &status) != 0 || !S_ISREG(status.st_mode))
            return 0;
        size += status.st_size;
    }
    return size;
}

static bool read_files(struct import *import, struct error *err)
{
    const struct import_options *options = import->options;
    long long before = 0, size = size_of_files(options);

    for (size_t i = 0; i < options->n_files; i++) {
        if (!read_file(import, options->files[i], &before, size, err))
            return false;
    }
    if (import->summary->n_read == 0)
        return error_set(err, ERR_INPUT, NULL,
                         "%s:1: the file has no row behind its header; a state with rows would be "
                         "right.",
                         options->files[0]);
    if (import->kind->finish != NULL && !import->kind->finish(import, err))
        return false;
    if (!put_held(import, err))
        return false;
    tell(import, before, size);
    return true;
}

/* ---- Rows that vanished ---- */

/* Ends what this state does not say any more. */
static bool withdraw(struct import *import, const char *id, const struct states *states,
                     struct error *err)
{
    defer(stored_done) struct stored_rows stored = { 0 };
    sqlite3_stmt *select = import->sql[TARGET_SELECT];
    int code;

    bind(select, 1, id);
    while ((code = sqlite3_step(select)) == SQLITE_ROW) {
        mark_seen(import, sqlite3_column_int64(select, COLUMN_ROWID));
        if (!add_stored(&stored, import->kind->target, select))
            return error_set(err, ERR_INTERNAL, NULL, "no memory for versions");
    }
    sqlite3_reset(select);
    if (code != SQLITE_DONE)
        return fail(import, err);
    import->summary->n_withdrawn++;
    return load_links(import, id, &stored, err) && rewrite(import, id, NULL, states, &stored, err);
}

/** Ids of rows that vanished. */
struct ids {
    char **ids;
    size_t n, size;
};

static void ids_done(struct ids *ids)
{
    for (size_t i = 0; i < ids->n; i++)
        free(ids->ids[i]);
    free(ids->ids);
}

static bool add_id(struct ids *ids, const char *id)
{
    if (ids->n > 0 && strcmp(ids->ids[ids->n - 1], id) == 0)
        return true;
    if (ids->n == ids->size) {
        size_t size = ids->size > 0 ? ids->size * 2 : 64;
        char **grown = realloc(ids->ids, size * sizeof(*grown));

        if (grown == NULL)
            return false;
        ids->ids = grown;
        ids->size = size;
    }
    ids->ids[ids->n] = strdup(id);
    return ids->ids[ids->n++] != NULL;
}

/* The rows that are known of the state's day and were not in its files. */
static bool find_vanished(struct import *import, struct ids *ret, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(SQL_MOST);
    defer(finalize) sqlite3_stmt *stmt = NULL;
    int code;

    buffer_text(&sql, "SELECT rowid, id FROM ");
    buffer_text(&sql, import->kind->target->table);
    buffer_text(&sql, " WHERE (");
    buffer_text(&sql, import->kind->scope);
    buffer_text(&sql,
                ") AND (known_to IS NULL OR known_to > ?1) AND (?2 IS NULL OR known_from < ?2)"
                " ORDER BY id");
    if (sql.broken)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a statement");
    if (!prepare(import, sql.data, &stmt, err))
        return false;
    bind(stmt, 1, import_day(import));
    bind(stmt, 2, or_null(import->next));
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (!is_seen(import, sqlite3_column_int64(stmt, 0))
            && !add_id(ret, (const char *)sqlite3_column_text(stmt, 1)))
            return error_set(err, ERR_INTERNAL, NULL, "no memory for ids");
    }
    return code == SQLITE_DONE || fail(import, err);
}

static bool withdraw_vanished(struct import *import, struct error *err)
{
    defer(ids_done) struct ids ids = { 0 };
    struct states states;

    if (import->kind->scope == NULL || import->is_empty)
        return true;
    if (!find_vanished(import, &ids, err))
        return false;
    memcpy(states.next, import->next, sizeof(states.next));
    memcpy(states.next_source, import->next_source, sizeof(states.next_source));
    /* A row that was rejected may be one of them: what the publisher says of it is not known. */
    if (ids.n > 0 && import->summary->n_rejected > 0)
        return error_set(err, ERR_INPUT, NULL,
                         "%zu rows were rejected, and %zu rows of the state before are not among "
                         "the others ('%.80s'): what was withdrawn cannot be told. With the "
                         "rejected rows mended it would be right.",
                         import->summary->n_rejected, ids.n, ids.ids[0]);
    for (size_t i = 0; i < ids.n; i++) {
        if (!withdraw(import, ids.ids[i], &states, err))
            return false;
    }
    return true;
}

/* ---- The set and its states ---- */

/* The next known state of the set. The text may hold claims of some states too. */
static bool find_next(struct import *import, struct error *err)
{
    defer(finalize) sqlite3_stmt *stmt = NULL;
    char states[128];
    int code;

    if (import->kind->scope == NULL)
        return prepare(import,
                       "SELECT min(day) FROM (SELECT known_on AS day FROM import_states WHERE "
                       "data_set = ?1"
                       " UNION SELECT known_from FROM claims WHERE id = ?3"
                       " UNION SELECT known_to FROM claims WHERE id = ?3) WHERE day > ?2",
                       &import->next_of_row, err);
    if (!prepare(import,
                 import->kind->target->table == target_claims.table
                     ? "SELECT day, max(source) FROM (SELECT known_on AS day, source FROM "
                       "import_states WHERE data_set = ?1"
                       " UNION SELECT known_from, reported_by FROM claims WHERE reported_by GLOB ?3"
                       ") WHERE day > ?2 GROUP BY day ORDER BY day LIMIT 1"
                     : "SELECT known_on, source FROM import_states WHERE data_set = ?1 AND "
                       "known_on > ?2 ORDER BY known_on LIMIT 1",
                 &stmt, err))
        return false;
    bind(stmt, 1, import->kind->data_set);
    bind(stmt, 2, import_day(import));
    snprintf(states, sizeof(states), "%s-*", import->kind->origin.id);
    if (sqlite3_bind_parameter_count(stmt) > 2)
        bind(stmt, 3, states);
    code = sqlite3_step(stmt);
    if (code == SQLITE_ROW) {
        copy_text(import->next, sizeof(import->next), stmt, 0);
        copy_text(import->next_source, sizeof(import->next_source), stmt, 1);
    }
    return code == SQLITE_ROW || code == SQLITE_DONE || fail(import, err);
}

static bool check_series(struct import *import, struct error *err)
{
    for (const char *const *series = import->kind->series; *series != NULL; series++) {
        defer(finalize) sqlite3_stmt *stmt = NULL;

        if (!prepare(import, "SELECT 1 FROM series WHERE id = ?1", &stmt, err))
            return false;
        bind(stmt, 1, *series);
        if (sqlite3_step(stmt) != SQLITE_ROW)
            return error_set(err, ERR_INPUT, NULL,
                             "%s: it does not declare the series '%s', to which %s are imported; a "
                             "dataset that this version of the program built would be right.",
                             import->options->dataset, *series, import->kind->name);
    }
    return true;
}

/* How many rows the set has: none, or some. */
static bool look_at_set(struct import *import, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(SQL_MOST);
    defer(finalize) sqlite3_stmt *stmt = NULL;
    const struct import_kind *kind = import->kind;

    buffer_text(&sql, "SELECT coalesce(max(rowid), 0), EXISTS (SELECT 1 FROM ");
    buffer_text(&sql, kind->target->table);
    buffer_text(&sql, " WHERE ");
    buffer_text(&sql, kind->scope != NULL ? kind->scope : "1");
    buffer_text(&sql, ") FROM ");
    buffer_text(&sql, kind->target->table);
    if (sql.broken)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a statement");
    if (!prepare(import, sql.data, &stmt, err))
        return false;
    if (sqlite3_step(stmt) != SQLITE_ROW)
        return fail(import, err);
    import->max_rowid = sqlite3_column_int64(stmt, 0);
    import->is_empty = kind->scope != NULL && sqlite3_column_int(stmt, 1) == 0;
    import->seen = calloc((size_t)import->max_rowid / 8 + 1, 1);
    return import->seen != NULL || error_set(err, ERR_INTERNAL, NULL, "no memory for a set");
}

static bool prepare_target(struct import *import, struct error *err)
{
    for (size_t i = 0; i < TARGET_SQL__MAX; i++) {
        defer(buffer_done) struct buffer sql = BUFFER_INIT(SQL_MOST);

        if (i >= TARGET_LINK_SELECT && import->kind->target->links == NULL)
            continue;
        if (!target_sql(import->kind->target, (enum target_sql)i, &sql))
            return error_set(err, ERR_INTERNAL, NULL, "no memory for a statement");
        if (!prepare(import, sql.data, &import->sql[i], err))
            return false;
    }
    return true;
}

/* A set that was never read, from large files, is loaded at once. */
static bool begin_bulk(struct import *import, struct error *err)
{
    char pragma[64];

    if (!import->is_empty || import->is_careful || size_of_files(import->options) < BULK_BYTES)
        return true;
    snprintf(pragma, sizeof(pragma), "PRAGMA cache_size = -%d", BULK_CACHE_KIB);
    return run(import, pragma, err)
           && bulk_begin(import->db, import->kind->target, &import->bulk, err);
}

/* Where a row stands there twice, the load was in vain: only the ordinary way can tell its line. */
static bool build_key(struct import *import, struct error *err)
{
    return !import->bulk.is_on
           || (bulk_build_key(&import->bulk, &import->is_double, err)
               && (!import->is_double
                   || error_set(err, ERR_INTERNAL, NULL, "a row stands in a large load twice")));
}

/* A release for the day, so that it can be asked for, and the states of the series. */
static bool record_state(struct import *import, struct error *err)
{
    static const char release[] =
        "INSERT INTO releases (id, date, title, changes) SELECT ?1, ?1, ?2, ?3"
        " WHERE NOT EXISTS (SELECT 1 FROM releases WHERE id = ?1)";
    static const char link[] =
        "INSERT OR IGNORE INTO release_sources (release, source, position) SELECT ?1, ?2,"
        " count(*) FROM release_sources WHERE release = ?1";
    static const char state[] =
        "INSERT OR IGNORE INTO series_states (series, known_on, source) VALUES (?1, ?2, ?3)";
    const struct import_summary *summary = import->summary;
    const char *day = import_day(import);
    char title[256], changes[256];
    const char *texts[] = { day, title, changes };
    const char *linked[] = { day, import_source(import) };

    snprintf(title, sizeof(title), "%s, state of %s", import->kind->name, day);
    snprintf(changes, sizeof(changes), "Imported: %zu rows of %s in the state of %s.",
             summary->n_read - summary->n_rejected, import->kind->name, day);
    if (!import_execute(import, release, texts, 3, err)
        || (linked[1] != NULL && !import_execute(import, link, linked, 2, err)))
        return false;
    for (const char *const *series = import->kind->series; *series != NULL; series++) {
        const char *values[] = { *series, day, import_source(import) };

        if (!import_execute(import, state, values, 3, err))
            return false;
    }
    return import->kind->scope == NULL || keep_state(import, import->kind->data_set, err);
}

/* ---- The file ---- */

static bool open_dataset(struct import *import, const char *path, struct error *err)
{
    defer(finalize) sqlite3_stmt *stmt = NULL;
    char pragmas[256];

    if (sqlite3_open_v2(path, &import->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL)
        != SQLITE_OK)
        return fail(import, err);
    sqlite3_extended_result_codes(import->db, 1);
    /* Nobody else sees the copy and a failed one is thrown away: no journal, one sync at the end.
     */
    snprintf(pragmas, sizeof(pragmas),
             "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"
             "PRAGMA foreign_keys = OFF; PRAGMA secure_delete = OFF; PRAGMA threads = 2;"
             "PRAGMA cache_size = -%d",
             CACHE_KIB);
    if (sqlite3_exec(import->db, pragmas, NULL, NULL, NULL) != SQLITE_OK
        || sqlite3_prepare_v2(import->db,
                              "SELECT (SELECT application_id FROM pragma_application_id),"
                              " (SELECT user_version FROM pragma_user_version)",
                              -1, &stmt, NULL)
               != SQLITE_OK
        || sqlite3_step(stmt) != SQLITE_ROW
        || sqlite3_column_int64(stmt, 0) != SCHEMA_APPLICATION_ID)
        return error_set(err, ERR_INPUT, NULL,
                         "%s: not a dataset of bluehelm; one that 'bluehelm build' made, or none, "
                         "would be right.",
                         import->options->dataset);
    if (sqlite3_column_int(stmt, 1) != SCHEMA_VERSION)
        return error_set(err, ERR_INPUT, NULL,
                         "%s: schema version %d, and this program's is %d; a dataset that it built "
                         "would be right.",
                         import->options->dataset, sqlite3_column_int(stmt, 1), SCHEMA_VERSION);
    return (sql_alike_register(import->db) && sql_fold_register(import->db)
            && sql_tally_register(import->db) && search_register(import->db))
           || fail(import, err);
}

static bool write_whole(int fd, const char *from, size_t len)
{
    while (len > 0) {
        ssize_t n = TEMP_FAILURE_RETRY(write(fd, from, len));

        if (n < 0)
            return false;
        from += n;
        len -= (size_t)n;
    }
    return true;
}

/* Copies the dataset: sharing its blocks where the file system can. */
static bool copy_dataset(const char *dataset, int from, const char *path, struct error *err)
{
    defer(close_file) int to = open(path, O_RDWR | O_CLOEXEC);
    struct error why = { .code = ERR_NONE };
    char bytes[65536];
    ssize_t n;

    if (to < 0)
        return error_set(err, ERR_INPUT, NULL, "%s: %s.", path, strerror(errno));
    do
        n = copy_file_range(from, NULL, to, NULL, COPY_MOST, 0);
    while (n > 0 || (n < 0 && errno == EINTR));
    if (n < 0 && (errno == EXDEV || errno == ENOSYS || errno == EINVAL || errno == EOPNOTSUPP)) {
        while ((n = TEMP_FAILURE_RETRY(read(from, bytes, sizeof(bytes)))) > 0) {
            if (!write_whole(to, bytes, (size_t)n)) {
                n = -1;
                break;
            }
        }
    }
    if (n < 0)
        return error_set(err, ERR_INPUT, NULL, "%s cannot be copied: %s.", dataset,
                         strerror(errno));
    /* A page that went bad would be sealed again as if it were right. */
    return seal_verify(to, &why) || error_set(err, why.code, NULL, "%s: %s", dataset, why.detail);
}

/* Opens the old dataset and keeps other imports from it; *ret is -1 when there is none. */
static bool lock_dataset(const char *dataset, int *ret, struct error *err)
{
    struct stat status;

    *ret = open(dataset, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*ret < 0 && errno == ENOENT)
        return true;
    if (*ret < 0 || fstat(*ret, &status) != 0)
        return error_set(err, ERR_INPUT, NULL, "%s: %s; a dataset file would be right.", dataset,
                         strerror(errno));
    if (!S_ISREG(status.st_mode))
        return error_set(err, ERR_INPUT, NULL,
                         "%s: not a regular file; a dataset file would be right.", dataset);
    if (flock(*ret, LOCK_EX | LOCK_NB) != 0)
        return error_set(err, ERR_INPUT, NULL,
                         "%s: another import is under way; this one after it would be right.",
                         dataset);
    return true;
}

/* Tells whether the file in the place is still the one that was copied. */
static bool is_still_there(const char *dataset, int fd)
{
    struct stat there, copied;

    if (stat(dataset, &there) != 0)
        return fd < 0 && errno == ENOENT;
    return fd >= 0 && fstat(fd, &copied) == 0 && there.st_dev == copied.st_dev
           && there.st_ino == copied.st_ino;
}

static bool keep_digest(struct import *import, struct error *err)
{
    static const char sql[] = "INSERT OR REPLACE INTO dataset (key, value) VALUES ('digest', ?1)";
    const char *texts[] = { import->summary->digest };

    return import_execute(import, sql, texts, 1, err);
}

static bool write_digest(struct import *import, struct error *err)
{
    return digest_compute(import->db, import->summary->digest, err) && keep_digest(import, err);
}

static bool check_keys_of(struct import *import, const char *table, struct error *err)
{
    defer(finalize) sqlite3_stmt *stmt = NULL;
    int code;

    if (!prepare(import, "SELECT \"table\", parent FROM pragma_foreign_key_check(?1)", &stmt, err))
        return false;
    bind(stmt, 1, table);
    code = sqlite3_step(stmt);
    if (code == SQLITE_ROW)
        return error_set(
            err, ERR_INTERNAL, NULL, "a row of %s refers to none of %s, and no check saw it",
            (const char *)sqlite3_column_text(stmt, 0), (const char *)sqlite3_column_text(stmt, 1));
    return code == SQLITE_DONE || fail(import, err);
}

/* Every table, but for one that a large load went into: that has looked already. */
static bool check_keys(struct import *import, bool is_bulk, struct error *err)
{
    defer(finalize) sqlite3_stmt *stmt = NULL;
    int code;

    if (!prepare(import, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name IS NOT ?1",
                 &stmt, err))
        return false;
    bind(stmt, 1, is_bulk ? import->kind->target->table : NULL);
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (!check_keys_of(import, (const char *)sqlite3_column_text(stmt, 0), err))
            return false;
    }
    return code == SQLITE_DONE || fail(import, err);
}

static bool fill(struct import *import, struct error *err)
{
    int before;

    if (!run(import, "BEGIN", err) || !lookup_load(import->db, &import->lookup, err)
        || !check_series(import, err) || !look_at_set(import, err) || !find_next(import, err)
        || !prepare_target(import, err))
        return false;
    before = sqlite3_total_changes(import->db);
    if ((!has_version(import->kind) && !add_source(import, err)) || !begin_bulk(import, err)
        || (import->kind->begin != NULL && !import->kind->begin(import, err))
        || !read_files(import, err) || !build_key(import, err))
        return false;
    if (import->summary->n_rejected == import->summary->n_read)
        return error_set(err, ERR_INPUT, NULL,
                         "%s: every row was rejected (%s says why); a file of %s would be right.",
                         import->options->files[0], import->report_path, import->kind->name);
    if (import->options->is_strict && import->summary->n_rejected > 0)
        return error_set(err, ERR_INPUT, NULL,
                         "%zu of %zu rows were rejected (%s says why); none would be right with "
                         "--strict.",
                         import->summary->n_rejected, import->summary->n_read, import->report_path);
    if (!withdraw_vanished(import, err) || !record_state(import, err))
        return false;
    import->summary->is_changed = sqlite3_total_changes(import->db) != before;
    return true;
}

/* Writes what a large load has left out: the indexes, and the digest that a second thread computes
 * meanwhile, by a connection of its own. That one sees the rows as they are committed now; the
 * pages that the indexes need are new ones. */
static bool finish_bulk(struct import *import, struct error *err)
{
    defer(beside_done) struct beside beside = { .is_started = false };

    if (!run(import, "COMMIT", err) || !beside_begin(import->path, &beside, err)
        || !run(import, "BEGIN", err) || !bulk_build_others(&import->bulk, err)
        || !beside_end(&beside, import->summary->digest, err))
        return false;
    return keep_digest(import, err);
}

static bool finish_file(struct import *import, struct error *err)
{
    bool is_bulk = import->bulk.is_on;

    for (size_t i = 0; i < TARGET_SQL__MAX; i++)
        reset(&import->sql[i]);
    return run(import, derive_sql, err) && run(import, derive_sums_sql, err)
           && run(import, derive_groups_sql, err)
           && (is_bulk ? finish_bulk(import, err) : write_digest(import, err))
           && run(import, "COMMIT", err) && check_keys(import, is_bulk, err)
           && run(import, "PRAGMA analysis_limit = 1000; ANALYZE", err);
}

static void close_database(struct import *import)
{
    bulk_done(&import->bulk);
    for (size_t i = 0; i < TARGET_SQL__MAX; i++)
        finalize(&import->sql[i]);
    finalize(&import->next_of_row);
    for (size_t i = 0; i < STATEMENTS_MOST; i++)
        finalize(&import->kept[i].stmt);
    sqlite3_close_v2(import->db);
    import->db = NULL;
}

static void import_done(struct import *import)
{
    struct error unused = { .code = ERR_NONE };

    if (import->kind != NULL && import->kind->end != NULL)
        import->kind->end(import);
    close_database(import);
    report_close(&import->report, &unused);
    lookup_done(&import->lookup);
    text_memory_done(&import->memory);
    buffer_done(&import->links_json);
    free(import->seen);
    free(import->held);
    free(import->held_rows);
}

static const char *guess_kind(const char *const *header, size_t n)
{
    for (size_t i = 0; import_kinds[i] != NULL; i++) {
        if (fields_match(import_kinds[i]->fields, header, n))
            return import_kinds[i]->name;
    }
    return NULL;
}

static bool find_kind(const char *name, const struct import_kind **ret, struct error *err)
{
    for (size_t i = 0; import_kinds[i] != NULL; i++) {
        if (strcmp(import_kinds[i]->name, name) == 0) {
            *ret = import_kinds[i];
            return true;
        }
    }
    error_set(err, ERR_INPUT, NULL, "There is no kind of file '%.80s'.", name);
    for (size_t i = 0; import_kinds[i] != NULL; i++)
        error_allow(err, name, import_kinds[i]->name);
    return false;
}

const char *import_kind_name(size_t i)
{
    return import_kinds[i] != NULL ? import_kinds[i]->name : NULL;
}

const char *import_kind_text(size_t i)
{
    return import_kinds[i] != NULL ? import_kinds[i]->text : NULL;
}

/* Imports into the copy at `path`, and closes it. */
static bool import_into(struct import *import, const char *path, struct error *err)
{
    bool is_filled;

    import->path = path;
    is_filled = open_dataset(import, path, err) && fill(import, err)
                && (!import->summary->is_changed || finish_file(import, err));

    if (import->report.out != NULL)
        snprintf(import->summary->report, sizeof(import->summary->report), "%s",
                 import->report_path);
    close_database(import);
    return report_close(&import->report, err) && is_filled;
}

/* Imports into the empty file at `path`. *ret_double: in vain, and the careful way is due. */
static bool try_import(const struct import_options *options, const struct import_kind *kind,
                       int old, const char *path, bool is_careful, bool *ret_double,
                       struct import_summary *ret, struct error *err)
{
    defer(import_done) struct import import = {
        .options = options, .kind = kind, .path = path, .summary = ret, .is_careful = is_careful
    };
    bool is_done;

    *ret = (struct import_summary){ 0 };
    import.links_json = BUFFER_INIT(1 << 16);
    import.report.path = import.report_path;
    if (options->report != NULL)
        snprintf(import.report_path, sizeof(import.report_path), "%s", options->report);
    else
        snprintf(import.report_path, sizeof(import.report_path), "%s-import-report.csv",
                 options->dataset);
    if (options->report == NULL)
        unlink(import.report_path); /* of an import before: it would be taken for this one's */
    is_done = (old >= 0 ? copy_dataset(options->dataset, old, path, err) : build_base(path, err))
              && import_into(&import, path, err);
    *ret_double = import.is_double;
    return is_done;
}

/* The same, twice if need be. */
static bool import_to(const struct import_options *options, const struct import_kind *kind, int old,
                      const char *path, struct import_summary *ret, struct error *err)
{
    struct error first = { .code = ERR_NONE };
    bool is_double;

    if (try_import(options, kind, old, path, false, &is_double, ret, &first))
        return true;
    if (!is_double) {
        *err = first;
        return false;
    }
    if (truncate(path, 0) != 0 || (old >= 0 && lseek(old, 0, SEEK_SET) != 0))
        return error_set(err, ERR_INPUT, NULL, "%s cannot be written: %s.", options->dataset,
                         strerror(errno));
    return try_import(options, kind, old, path, true, &is_double, ret, err);
}

bool import_run(const struct import_options *options, struct import_summary *ret, struct error *err)
{
    defer(temporary_done) struct temporary temporary = { 0 };
    defer(close_file) int old = -1;
    const struct import_kind *kind;

    *ret = (struct import_summary){ 0 };
    if (!find_kind(options->kind, &kind, err))
        return false;
    if (!date_is_day(options->known_from))
        return error_set(err, ERR_INPUT, NULL,
                         "'%.40s' is no day; the day of the state, as 2025-04-04, would be right.",
                         options->known_from);
    reader_set_guess(guess_kind);
    temporary_sweep(options->dataset);
    if (!lock_dataset(options->dataset, &old, err)
        || !temporary_make(options->dataset, &temporary, err)
        || !import_to(options, kind, old, temporary.path, ret, err))
        return false;
    if (!ret->is_changed || options->is_dry_run)
        return true;
    if (!is_still_there(options->dataset, old))
        return error_set(err, ERR_INPUT, NULL,
                         "%s: another file came into its place meanwhile; importing anew would be "
                         "right.",
                         options->dataset);
    return temporary_publish(&temporary, options->dataset, &ret->size, err);
}
