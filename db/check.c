#define _GNU_SOURCE /* fstat, O_CLOEXEC, TEMP_FAILURE_RETRY */
#include "db/check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "db/finalize.h"
#include "db/schema.h"
#include "db/seal.h"
#include "db/search.h"
#include "db/sql_tally.h"
#include "db/tables.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"

enum {
    HEADER_SIZE = 100,       /* bytes of an SQLite file's header */
    HEADER_VERSION = 60,     /* place in it: user_version */
    HEADER_APPLICATION = 68, /* place in it: application_id */
    SQL_MOST = 16384,        /* bytes of one query, or of the file's path as a URI */
    PAGE_FAULTS_MOST = 100,  /* faults of pages that SQLite lists before it stops */
};

/** A check under way. */
struct check {
    const char *file; /* borrowed */
    sqlite3 *db;
    struct faults faults;
};

/**
 * A rule on the content, as a query for the ids of the rows that break it.
 *
 * Where `table` is NULL, the rule holds for each table whose text has the column `with`, or (`with`
 * NULL) for each column of the kind `kind`. In the query $table, $column and the like (expand()
 * lists them) stand for what that declaration in db/tables.c says; a rule that needs one which it
 * does not say is skipped there.
 */
struct invariant {
    const char *table;
    const char *with;
    enum column_kind kind;
    const char *query;
    const char *text; /* what is wrong; what would be right */
};

/* NULL is not in what holds nothing: without a look at it, every row would be at fault where there
 * are no actors yet. */
#define NO_ACTOR(table, column)                                                                    \
    "SELECT id FROM " table " WHERE " column " IS NOT NULL AND " column                            \
    " NOT IN (SELECT id FROM actors)"
#define NO_SUCH_ACTOR "no such actor; the id of one that is there would be right."

/* A publisher's best figure may lie outside its bounds, and these may then be in any order. */
#define IS_FLAGGED                                                                                 \
    "EXISTS (SELECT 1 FROM json_each(flags_json) WHERE value = 'bounds_inconsistent')"

/* All of a pair of claims that an answer may show. */
#define PAIR                                                                                       \
    "fact, claim, version, other, other_version, stands, reason, reasons_json, is_apart,"          \
    " claim_from, claim_to, other_from, other_to"

/* All of what full-text search finds but its place. */
#define DOCUMENT "kind, id, version, known_from, known_to, title, names, text"

#define NUMBER_IS_SAID "coalesce(low, best, high) IS NOT NULL"

/* The series of rows of a table of sums that are not among what is made anew, or are missing. */
#define UNLIKE(table, made)                                                                        \
    "WITH made AS MATERIALIZED (" made ")"                                                         \
    " SELECT series FROM (SELECT * FROM made EXCEPT SELECT * FROM " table                          \
    ") UNION SELECT series FROM (SELECT * FROM " table " EXCEPT SELECT * FROM made)"               \
    " UNION SELECT series FROM (SELECT series, count(*) FROM made GROUP BY series"                 \
    " EXCEPT SELECT series, count(*) FROM " table " GROUP BY series)"
#define OTHER_SUMS(view) "its sums are not those of " view "; the same would be right."

/* Groups by mission and year, from the finest cells: a list of ids or flags is what its rows say.
 */
#define MISSION_YEARS                                                                              \
    "SELECT series, definition, harm, mission, year, low, best, high, records, unknown,"           \
    " CASE WHEN records = unknown THEN 'not_reported'"                                             \
    " WHEN best = 0 AND most = 0 THEN 'zero' ELSE 'reported' END,"                                 \
    " (SELECT json_group_array(json_object('id', id, 'name', title)) FROM (SELECT s.id, s.title"   \
    " FROM json_each(c.sources) l JOIN sources s ON s.id = l.value ORDER BY s.id)),"               \
    " (SELECT count(DISTINCT coalesce(s.origin, s.id)) FROM json_each(c.sources) l"                \
    " JOIN sources s ON s.id = l.value),"                                                          \
    " (SELECT json_group_array(flag) FROM (SELECT DISTINCT f.value AS flag FROM"                   \
    " json_each(c.flags) l, json_each(l.value) f ORDER BY flag))"                                  \
    " FROM (SELECT series, definition, harm, mission,"                                             \
    " CASE WHEN substr(date_min, 1, 4) = substr(end_max, 1, 4)"                                    \
    " THEN CAST(substr(date_min, 1, 4) AS INTEGER) END AS year, sum(low) AS low,"                  \
    " CASE WHEN max(best IS NULL) = 0 THEN sum(best) END AS best,"                                 \
    " CASE WHEN max(high IS NULL) = 0 THEN sum(high) END AS high, total(high) AS most,"            \
    " sum(records) AS records,"                                                                    \
    " total(CASE WHEN coalesce(low, best, high) IS NULL THEN records END) AS unknown,"             \
    " texts(source) AS sources, texts(flags_json) AS flags FROM casualty_cells"                    \
    " WHERE kind <> 'total' GROUP BY series, definition, harm, mission, 5) c"

static const struct invariant invariants[] = {
    /* Every number has its source and keeps its words and bounds. */
    { .table = "claims",
      .query = "SELECT id FROM claims WHERE NOT EXISTS (SELECT 1 FROM sources s WHERE s.id = "
               "reported_by)",
      .text = "no source reports it; reported_by with the id of a source would be right." },
    { .table = "casualties",
      .query = "SELECT id FROM casualties WHERE NOT EXISTS (SELECT 1 FROM sources s WHERE s.id = "
               "source)",
      .text = "a number without source; the id of a source would be right." },
    { .table = "relationships",
      .query = "SELECT id FROM relationships r WHERE"
               " NOT EXISTS (SELECT 1 FROM relationship_claims l WHERE l.relationship = r.id AND "
               "l.version = r.version)"
               " AND NOT EXISTS"
               " (SELECT 1 FROM relationship_sources l WHERE l.relationship = r.id AND l.version = "
               "r.version)",
      .text = "neither claims nor sources; those that say so would be right." },
    { .table = "missions",
      .query =
          "SELECT id FROM missions m WHERE NOT EXISTS"
          " (SELECT 1 FROM mission_sources l WHERE l.mission = m.id AND l.version = m.version)",
      .text = "no source; at least one would be right." },
    { .table = "events",
      .query = "SELECT id FROM events e WHERE NOT EXISTS (SELECT 1 FROM event_sources l WHERE "
               "l.event = e.id)"
               " AND NOT EXISTS (SELECT 1 FROM event_claims l WHERE l.event = e.id)",
      .text = "neither claims nor sources; those that say so would be right." },
    { .with = "qualifier",
      .query = "SELECT id FROM $table WHERE " NUMBER_IS_SAID
               " AND (qualifier IS NULL OR unit IS NULL OR text IS NULL)",
      .text = "a number without qualifier, unit or text; all three would be right." },
    { .table = "relationships",
      .query = "SELECT id FROM relationships WHERE low > high",
      .text = "low is greater than high; low at most high would be right." },
    { .with = "flags",
      .query = "SELECT id FROM $table WHERE low > high AND NOT " IS_FLAGGED,
      .text = "low is greater than high; low at most high would be right." },
    { .with = "flags",
      .query =
          "SELECT id FROM $table WHERE (low > best OR best > high) AND NOT coalesce(low > high, 0)"
          " AND NOT " IS_FLAGGED,
      .text = "best lies outside its bounds; the flag 'bounds_inconsistent' would be right." },
    { .with = "qualifier",
      .query = "SELECT id FROM $table WHERE " NUMBER_IS_SAID " AND CASE qualifier"
               " WHEN 'exactly' THEN low IS NOT best OR best IS NOT high"
               " WHEN 'at_least' THEN low IS NULL OR coalesce(best, high) IS NOT NULL"
               " WHEN 'more_than' THEN low IS NULL OR coalesce(best, high) IS NOT NULL"
               " WHEN 'up_to' THEN high IS NULL OR coalesce(low, best) IS NOT NULL"
               " WHEN 'fewer_than' THEN high IS NULL OR coalesce(low, best) IS NOT NULL"
               " WHEN 'about' THEN best IS NULL"
               " WHEN 'estimated' THEN best IS NULL"
               " WHEN 'between' THEN low IS NULL OR high IS NULL OR best IS NOT NULL END",
      .text = "low, best and high are not those of the qualifier; what db/dataset/README.md says "
              "of it would be right." },
    { .table = "claims",
      .query = "SELECT c.id FROM claims c JOIN definitions d ON d.id = c.definition WHERE c.unit "
               "<> d.unit",
      .text = "the unit is not its definition's; the same one would be right." },
    { .table = "casualties",
      .query = "SELECT c.id FROM casualties c JOIN definitions d ON d.id = c.definition WHERE "
               "c.unit <> d.unit",
      .text = "the unit is not its definition's; the same one would be right." },

    /* Two clocks. */
    { .with = "known_from",
      .query = "SELECT id FROM $table WHERE known_from > (SELECT max(id) FROM releases)",
      .text = "known_from is later than the newest release; that day or an earlier one would be "
              "right." },
    { .with = "known_from",
      .query = "SELECT id FROM $table WHERE known_to <= known_from",
      .text = "known_to is not later than known_from; a later day would be right." },
    { .with = "version",
      .query =
          "SELECT id FROM $table GROUP BY id HAVING min(version) <> 1 OR max(version) <> count(*)",
      .text = "versions with gaps; 1, 2, ... would be right." },
    { .with = "version",
      .query =
          "SELECT a.id FROM $table a JOIN $table b ON b.id = a.id AND b.version = a.version + 1"
          " WHERE a.known_to IS NULL OR a.known_to > b.known_from",
      .text = "a version is known beyond the beginning of the next; an end at that day would be "
              "right." },
    { .table = "actors",
      .query = "SELECT id FROM actors GROUP BY id HAVING min(version) <> 1 OR max(version) <> "
               "count(*)",
      .text = "versions with gaps; 1, 2, ... would be right." },
    { .table = "claims",
      .query = "SELECT id FROM claims GROUP BY id HAVING min(version) <> 1 OR max(version) <> "
               "count(*)",
      .text = "versions with gaps; 1, 2, ... would be right." },
    { .table = "strengths",
      .query = "SELECT id FROM strengths GROUP BY id HAVING min(version) <> 1 OR max(version) <> "
               "count(*)",
      .text = "versions with gaps; 1, 2, ... would be right." },
    { .with = "start",
      .query = "SELECT id FROM $table WHERE start_min > start_max OR end_min > end_max OR "
               "start_min > end_max",
      .text = "it ends before it begins; days in their order would be right." },
    { .table = "casualties",
      .query = "SELECT id FROM casualties WHERE date_min > date_max OR end_min > end_max OR "
               "date_min > end_max",
      .text = "it ends before it begins; days in their order would be right." },
    { .table = "events",
      .query = "SELECT id FROM events WHERE date_min > date_max OR end_min > end_max OR date_min > "
               "end_max",
      .text = "it ends before it begins; days in their order would be right." },

    /* Closed lists, and references that no foreign key can say. */
    { .kind = COLUMN_CODE,
      .query = "SELECT $key FROM $table WHERE $column IS NOT NULL"
               " AND $column NOT IN (SELECT id FROM codes WHERE list = '$list')",
      .text = "$column is no code of '$list'; one of them would be right." },
    { .kind = COLUMN_CODES,
      .query = "SELECT t.id FROM $table t, json_each(t.$column_json) WHERE value NOT IN"
               " (SELECT id FROM codes WHERE list = '$list')",
      .text = "$column holds what is no code of '$list'; codes of it would be right." },
    { .table = "facts",
      .query = "SELECT id FROM facts f WHERE NOT EXISTS"
               " (SELECT 1 FROM labels l WHERE l.kind = f.subject_kind AND l.id = f.subject)",
      .text = "no such subject; the id of one that is there would be right." },
    { .table = "claims",
      .query = "SELECT id FROM claims c WHERE object IS NOT NULL AND NOT EXISTS"
               " (SELECT 1 FROM labels l WHERE l.kind = c.object_kind AND l.id = c.object)",
      .text = "no such object; the id of one that is there would be right." },
    /* References by the id of what has versions, which no foreign key can say either. */
    { .table = "missions", .query = NO_ACTOR("missions", "id"), .text = NO_SUCH_ACTOR },
    { .table = "actors", .query = NO_ACTOR("actors", "part_of"), .text = NO_SUCH_ACTOR },
    { .table = "claims", .query = NO_ACTOR("claims", "asserted_by"), .text = NO_SUCH_ACTOR },
    { .table = "casualties", .query = NO_ACTOR("casualties", "mission"), .text = NO_SUCH_ACTOR },
    { .table = "relationships",
      .query = NO_ACTOR("relationships", "from_actor"),
      .text = NO_SUCH_ACTOR },
    { .table = "relationships",
      .query = NO_ACTOR("relationships", "to_actor"),
      .text = NO_SUCH_ACTOR },
    { .table = "strengths", .query = NO_ACTOR("strengths", "mission"), .text = NO_SUCH_ACTOR },
    { .kind = COLUMN_REFS,
      .query = "SELECT $self FROM $link l WHERE '$things' IN ('actor', 'claim', 'mission')"
               " AND NOT EXISTS (SELECT 1 FROM labels b WHERE b.kind = '$things' AND b.id = "
               "l.$linked)",
      .text = "$link names what is not there; the id of one that is would be right." },
    { .table = "claims",
      .query = "SELECT c.id FROM claims c JOIN claims o ON o.id = c.superseded_by"
               " WHERE o.fact <> c.fact OR c.status <> 'superseded'",
      .text =
          "superseded by a claim on another fact, or without the status; both would be right." },
    { .table = "series",
      .query = "SELECT series FROM series_overlaps a WHERE NOT EXISTS"
               " (SELECT 1 FROM series_overlaps b WHERE b.series = a.other AND b.other = a.series)",
      .text = "it overlaps a series that does not overlap it; both ways would be right." },
    { .table = "definitions",
      .query = "SELECT definition FROM definition_sums a WHERE NOT EXISTS"
               " (SELECT 1 FROM definition_sums b WHERE b.definition = a.other AND b.other = "
               "a.definition)",
      .text = "it adds with a definition that does not add with it; both ways would be right." },

    /* What is derived is derived from this text. */
    { .table = "claims",
      .query = "SELECT c.id FROM claims c JOIN facts f ON f.id = c.fact WHERE c.subject_kind <> "
               "f.subject_kind"
               " OR c.subject <> f.subject OR c.predicate <> f.predicate",
      .text = "subject and predicate are not those of its fact; the same would be right." },
    { .table = "casualties",
      .query =
          "SELECT c.id FROM casualties c JOIN series s ON s.id = c.series WHERE c.kind <> s.kind",
      .text = "the kind is not its series'; the same one would be right." },
    { .table = "claims",
      .query = "SELECT claim FROM (SELECT " PAIR " FROM claim_comparisons EXCEPT SELECT " PAIR
               " FROM claim_pairs) UNION SELECT claim FROM (SELECT " PAIR
               " FROM claim_pairs EXCEPT SELECT " PAIR " FROM claim_comparisons)",
      .text = "claim_pairs does not say how it stands to the other claims on its fact; what "
              "claim_comparisons says would be right." },
    { .table = "missions",
      .query = "SELECT id FROM missions WHERE id NOT IN (SELECT id FROM actors WHERE type = "
               "'un_mission')",
      .text = "no actor of type un_mission with its id; one would be right." },
    { .table = "places",
      .query =
          "SELECT id FROM places p WHERE"
          " NOT EXISTS (SELECT 1 FROM place_closure c WHERE c.ancestor = p.id AND c.place = p.id)"
          " OR (part_of IS NOT NULL AND NOT EXISTS"
          " (SELECT 1 FROM place_closure c WHERE c.ancestor = p.part_of AND c.place = p.id))",
      .text = "place_closure does not hold it; itself and every place it lies in would be right." },
    { .table = "casualties",
      .query =
          "SELECT id FROM casualties k WHERE NOT EXISTS (SELECT 1 FROM casualty_groups g"
          " WHERE g.series = k.series AND g.kind = k.kind AND g.victim_group = k.victim_group"
          " AND g.personnel_type IS k.personnel_type AND g.cause IS k.cause AND g.harm = k.harm"
          " AND g.definition = k.definition AND g.source = k.source"
          " AND g.known_from = k.known_from)",
      .text = "casualty_groups does not hold its values; every combination would be right." },
    { .kind = COLUMN_SLUG,
      .query = "SELECT id FROM $table t WHERE NOT EXISTS (SELECT 1 FROM labels l WHERE l.kind = "
               "'$thing' AND l.id = t.id)",
      .text = "no label; its name in `labels` would be right." },
    { .kind = COLUMN_SLUG,
      .query = "SELECT id FROM $table t WHERE NOT EXISTS"
               " (SELECT 1 FROM names n WHERE n.kind = '$thing' AND n.name = t.id AND n.id = t.id)",
      .text = "it is not found by its id; the id in `names` would be right." },
    { .kind = COLUMN_REFS,
      .query = "SELECT id FROM $table t WHERE json_array_length($column_json) <>"
               " (SELECT count(*) FROM $link l WHERE l.$self = t.id $same_version)",
      .text = "$column_json is not the list of its links; one item for each would be right." },
    { .table = "dataset",
      .query = "SELECT 'release' FROM (SELECT 1) WHERE (SELECT value FROM dataset WHERE key = "
               "'release') IS NOT"
               " (SELECT max(id) FROM releases)",
      .text = "it is not the newest release; its id would be right." },
};

/* What follows from rows that are right, each after what it is made of. */
static const struct invariant derived[] = {
    { .table = "casualty_cells",
      .query = UNLIKE("casualty_cells", "SELECT * FROM casualty_cell_sums"),
      .text = OTHER_SUMS("casualty_cell_sums") },
    { .table = "casualty_years",
      .query = UNLIKE("casualty_years", "SELECT * FROM casualty_year_sums"),
      .text = OTHER_SUMS("casualty_year_sums") },
    { .table = "casualty_series",
      .query = UNLIKE("casualty_series", "SELECT * FROM casualty_series_sums"),
      .text = OTHER_SUMS("casualty_series_sums") },
    { .table = "casualty_mission_years",
      .query = UNLIKE("casualty_mission_years", MISSION_YEARS),
      .text = OTHER_SUMS("casualty_cells by mission and year") },
    { .table = "documents",
      .query = "SELECT kind || '-' || id FROM (SELECT " DOCUMENT " FROM documents EXCEPT SELECT"
               " " DOCUMENT " FROM document_texts) UNION SELECT kind || '-' || id FROM (SELECT"
               " " DOCUMENT " FROM document_texts EXCEPT SELECT " DOCUMENT " FROM documents)",
      .text = "it is not what document_texts says that full-text search finds; the same would be "
              "right." },
};

static void close_database(sqlite3 **db)
{
    sqlite3_close_v2(*db);
    *db = NULL;
}

static bool fail(struct check *check, struct error *err)
{
    int code = sqlite3_errcode(check->db) & 0xFF;

    return error_set(err, code == SQLITE_NOMEM ? ERR_INTERNAL : ERR_INPUT, NULL,
                     "%s: %s; a whole file would be right.", check->file,
                     sqlite3_errmsg(check->db));
}

static bool prepare(struct check *check, const char *sql, sqlite3_stmt **ret, struct error *err)
{
    return sqlite3_prepare_v2(check->db, sql, -1, ret, NULL) == SQLITE_OK || fail(check, err);
}

/* A text of the file; "" where there is none. */
static const char *column_text(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);

    return text != NULL ? text : "";
}

static long long big_endian(const unsigned char *bytes, size_t n)
{
    long long value = 0;

    for (size_t i = 0; i < n; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* Looks at the first bytes ourselves: SQLite's words for what is no file of its own help nobody. */
static bool check_header(const char *file, struct error *err)
{
    defer(close_file) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    unsigned char header[HEADER_SIZE];
    long long version;
    size_t len = 0;
    struct error why = { .code = ERR_NONE };
    struct stat status;

    if (fd < 0 || fstat(fd, &status) != 0)
        return error_set(err, ERR_INPUT, NULL,
                         "%s: %s; a dataset file that 'bluehelm build' made would be right.", file,
                         strerror(errno));
    if (!S_ISREG(status.st_mode))
        return error_set(err, ERR_INPUT, NULL,
                         "%s: %s; a dataset file that 'bluehelm build' made would be right.", file,
                         S_ISDIR(status.st_mode) ? "a directory" : "not a regular file");
    if (status.st_size == 0)
        return error_set(err, ERR_INPUT, NULL,
                         "%s: the file is empty; build it anew with 'bluehelm build'.", file);
    for (ssize_t n = 1; len < HEADER_SIZE && n > 0; len += n > 0 ? (size_t)n : 0)
        n = TEMP_FAILURE_RETRY(read(fd, header + len, sizeof(header) - len));
    if (len < HEADER_SIZE || memcmp(header, "SQLite format 3", 16) != 0)
        return error_set(
            err, ERR_INPUT, NULL,
            "%s: not an SQLite file; a dataset file that 'bluehelm build' made would be right.",
            file);
    if (big_endian(header + HEADER_APPLICATION, 4) != SCHEMA_APPLICATION_ID)
        return error_set(err, ERR_INPUT, NULL,
                         "%s: an SQLite file, but not a bluehelm dataset; one that 'bluehelm "
                         "build' made would be right.",
                         file);
    version = big_endian(header + HEADER_VERSION, 4);
    if (version != SCHEMA_VERSION)
        return error_set(err, ERR_INPUT, NULL,
                         "%s: schema version %lld is %s than this program's %d; %s would be right.",
                         file, version, version > SCHEMA_VERSION ? "newer" : "older",
                         SCHEMA_VERSION,
                         version > SCHEMA_VERSION ? "a newer program" : "a file built anew");
    return seal_verify(fd, &why) || error_set(err, why.code, NULL, "%s: %s", file, why.detail);
}

static bool open_file(struct check *check, struct error *err)
{
    defer(buffer_done) struct buffer uri = BUFFER_INIT(SQL_MOST);

    buffer_text(&uri, "file:");
    buffer_percent(&uri, check->file, "/");
    if (!buffer_text(&uri, "?mode=ro&immutable=1"))
        return error_set(err, ERR_INPUT, NULL, "%s: the path is too long.", check->file);
    if (sqlite3_open_v2(uri.data, &check->db,
                        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL)
        != SQLITE_OK)
        return fail(check, err);
    sqlite3_extended_result_codes(check->db, 1);
    sqlite3_db_config(check->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(check->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return (sql_tally_register(check->db)
            && sqlite3_exec(check->db, "PRAGMA cell_size_check = ON", NULL, NULL, NULL)
                   == SQLITE_OK)
           || fail(check, err);
}

/* Compares tables, columns and indexes with those of db/schema.sql: one walk over two sorted lists.
 */
static bool check_schema(struct check *check, struct error *err)
{
    static const char query[] =
        "SELECT printf('%s %s: column %s %s, not null %d, key %d', m.type, m.name, c.name, c.type, "
        "c.\"notnull\", c.pk)"
        " AS item FROM sqlite_schema m JOIN pragma_table_xinfo(m.name) c"
        " WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " UNION ALL SELECT printf('%s %s on %s', type, name, tbl_name) FROM sqlite_schema"
        " WHERE type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY item";
    defer(close_database) sqlite3 *model = NULL;
    defer(finalize) sqlite3_stmt *right = NULL;
    defer(finalize) sqlite3_stmt *here = NULL;
    int more_right, more_here;

    if (sqlite3_open(":memory:", &model) != SQLITE_OK
        || sqlite3_exec(model, schema_sql, NULL, NULL, NULL) != SQLITE_OK
        || sqlite3_prepare_v2(model, query, -1, &right, NULL) != SQLITE_OK)
        return error_set(err, ERR_INTERNAL, NULL, "schema.sql: %s",
                         model ? sqlite3_errmsg(model) : "no memory");
    if (!prepare(check, query, &here, err))
        return false;
    more_right = sqlite3_step(right);
    more_here = sqlite3_step(here);
    while (more_right == SQLITE_ROW || more_here == SQLITE_ROW) {
        int order = more_right != SQLITE_ROW  ? 1
                    : more_here != SQLITE_ROW ? -1
                                              : strcmp(column_text(right, 0), column_text(here, 0));

        if (order < 0)
            fault_in(&check->faults, check->file,
                     "%s: it is missing; the schema of this program would be right.",
                     column_text(right, 0));
        else if (order > 0)
            fault_in(&check->faults, check->file,
                     "%s: the schema has none; without it, it would be right.",
                     column_text(here, 0));
        if (order <= 0)
            more_right = sqlite3_step(right);
        if (order >= 0)
            more_here = sqlite3_step(here);
    }
    return more_here == SQLITE_DONE || fail(check, err);
}

static bool check_pages(struct check *check, struct error *err)
{
    defer(finalize) sqlite3_stmt *rows = NULL;
    defer(buffer_done) struct buffer sql = BUFFER_INIT(SQL_MOST);
    int status;

    /* Not quick_check: an index that lost a row answers wrongly, and only this one compares it with
     * its table. Neither looks at CHECKs in a file that is open for reading (SQLite 3.40), so the
     * rules below say again those that matter. */
    if (!buffer_format(&sql, "PRAGMA integrity_check(%d)", PAGE_FAULTS_MOST))
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a statement");
    if (!prepare(check, sql.data, &rows, err))
        return false;
    while ((status = sqlite3_step(rows)) == SQLITE_ROW) {
        if (strcmp(column_text(rows, 0), "ok") != 0)
            fault_in(&check->faults, check->file, "%s; an undamaged file would be right.",
                     column_text(rows, 0));
    }
    return status == SQLITE_DONE || fail(check, err);
}

static bool check_references(struct check *check, struct error *err)
{
    defer(finalize) sqlite3_stmt *rows = NULL;
    int status;

    if (!prepare(check, "PRAGMA foreign_key_check", &rows, err))
        return false;
    while ((status = sqlite3_step(rows)) == SQLITE_ROW) {
        const char *table = column_text(rows, 0);
        defer(buffer_done) struct buffer sql = BUFFER_INIT(SQL_MOST);
        defer(finalize) sqlite3_stmt *row = NULL;
        const char *id = "";

        /* Tables without rowid have none to name the row by. */
        if (sqlite3_column_type(rows, 1) == SQLITE_INTEGER) {
            buffer_format(&sql, "SELECT * FROM \"%s\" WHERE rowid = ?", table);
            if (sql.broken || !prepare(check, sql.data, &row, err))
                return error_set(err, ERR_INTERNAL, NULL, "no memory for a statement");
            sqlite3_bind_int64(row, 1, sqlite3_column_int64(rows, 1));
            id = sqlite3_step(row) == SQLITE_ROW ? column_text(row, 0) : "";
        }
        fault_in(&check->faults, check->file,
                 "%s %s: it refers to none of %s; an id that is there would be right.", table, id,
                 column_text(rows, 2));
    }
    return status == SQLITE_DONE || fail(check, err);
}

static bool check_digest(struct check *check, struct check_summary *ret, struct error *err)
{
    defer(finalize) sqlite3_stmt *stored = NULL;

    if (!digest_compute(check->db, ret->digest, err)
        || !prepare(check, "SELECT value FROM dataset WHERE key = 'digest'", &stored, err))
        return false;
    if (sqlite3_step(stored) != SQLITE_ROW)
        fault_in(&check->faults, check->file,
                 "dataset digest: it is missing; a file built anew would be right.");
    else if (strcmp(column_text(stored, 0), ret->digest) != 0)
        fault_in(&check->faults, check->file,
                 "dataset digest: it says %s, and the content has %s; content that nobody changed "
                 "would be right.",
                 column_text(stored, 0), ret->digest);
    return true;
}

/** What a `$word` of a rule stands for. */
struct word {
    const char *word;
    const char *value; /* NULL: the declaration does not say */
};

/* Compares the full-text index with one that is made anew from the same rows, which no check of
 * SQLite's does in a file that is open for reading. */
static bool check_index(struct check *check, struct error *err)
{
    static const char fill[] =
        "INSERT INTO main.search (rowid, title, names, text, ids) SELECT document,"
        " search_tokens(title), search_tokens(names), search_tokens(text), search_tokens(id)"
        " FROM checked.documents;"
        "CREATE VIRTUAL TABLE temp.here USING fts5vocab('checked', 'search', 'instance');"
        "CREATE VIRTUAL TABLE temp.right USING fts5vocab('main', 'search', 'instance');";
    static const char query[] =
        "SELECT coalesce((SELECT kind || ' ' || id FROM checked.documents WHERE document = doc),"
        " 'document ' || doc) AS document, term FROM ("
        "SELECT * FROM (SELECT * FROM temp.here EXCEPT SELECT * FROM temp.right) UNION ALL"
        " SELECT * FROM (SELECT * FROM temp.right EXCEPT SELECT * FROM temp.here))"
        " GROUP BY document ORDER BY document LIMIT ?1";
    defer(close_database) sqlite3 *model = NULL;
    defer(buffer_done) struct buffer uri = BUFFER_INIT(SQL_MOST);
    sqlite3_stmt *stmt = NULL;
    int status;

    buffer_text(&uri, "file:");
    buffer_percent(&uri, check->file, "/");
    if (!buffer_text(&uri, "?mode=ro&immutable=1")
        || sqlite3_open_v2(":memory:", &model,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL)
               != SQLITE_OK
        || sqlite3_db_config(model, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK
        || sqlite3_exec(model, schema_sql, NULL, NULL, NULL) != SQLITE_OK || !search_register(model)
        || sqlite3_prepare_v2(model, "ATTACH ?1 AS checked", -1, &stmt, NULL) != SQLITE_OK)
        return error_set(err, ERR_INTERNAL, NULL, "schema.sql: %s",
                         model ? sqlite3_errmsg(model) : "no memory");
    sqlite3_bind_text(stmt, 1, uri.data, -1, SQLITE_STATIC);
    status = sqlite3_step(stmt);
    finalize(&stmt);
    if (status == SQLITE_DONE && sqlite3_exec(model, fill, NULL, NULL, NULL) == SQLITE_OK
        && sqlite3_prepare_v2(model, query, -1, &stmt, NULL) == SQLITE_OK) {
        sqlite3_bind_int(stmt, 1, PAGE_FAULTS_MOST);
        while ((status = sqlite3_step(stmt)) == SQLITE_ROW)
            fault_in(&check->faults, check->file,
                     "search: '%s' of %s is not in its words, or not in the index; an index made "
                     "from the words would be right.",
                     column_text(stmt, 1), column_text(stmt, 0));
    } else {
        status = SQLITE_ERROR;
    }
    /* An index that cannot be read is a fault of the file. */
    if (status != SQLITE_DONE)
        fault_in(&check->faults, check->file, "search: %s; an undamaged file would be right.",
                 sqlite3_errmsg(model));
    finalize(&stmt);
    return true;
}

/* Writes text with its $words replaced. False when one of them says nothing here. */
static bool expand(const char *text, const struct table *table, const struct column *column,
                   struct buffer *ret)
{
    const struct word words[] = {
        { "$table", table->name },
        { "$key", table->key[0] },
        { "$things", column ? column->things : NULL },
        { "$thing", table->thing },
        { "$self", table->self },
        { "$same_version",
          table->is_versioned || table->is_revised ? "AND l.version = t.version" : "" },
        { "$column", column ? (column->sql ? column->sql : column->name) : NULL },
        { "$list", column ? column->codes : NULL },
        { "$linked", column ? column->linked : NULL },
        { "$link", column ? column->link : NULL },
    };

    while (*text != '\0') {
        size_t plain = strcspn(text, "$");
        size_t i = 0;

        buffer_add(ret, text, plain);
        text += plain;
        if (*text == '\0')
            break;
        while (strncmp(words[i].word, text, strlen(words[i].word)) != 0) {
            if (++i == sizeof(words) / sizeof(words[0]))
                return false;
        }
        if (words[i].value == NULL)
            return false;
        buffer_text(ret, words[i].value);
        text += strlen(words[i].word);
    }
    return !ret->broken;
}

/* Runs one rule on one table, or on one column of it. */
static bool check_rule(struct check *check, const struct invariant *rule, const struct table *table,
                       const struct column *column, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(SQL_MOST);
    defer(buffer_done) struct buffer text = BUFFER_INIT(SQL_MOST);
    defer(finalize) sqlite3_stmt *rows = NULL;
    int status;

    if (!expand(rule->query, table, column, &sql) || !expand(rule->text, table, column, &text))
        return !sql.broken && !text.broken
                   ? true
                   : error_set(err, ERR_INTERNAL, NULL, "no memory for a statement");
    if (!prepare(check, sql.data, &rows, err))
        return false;
    while ((status = sqlite3_step(rows)) == SQLITE_ROW)
        fault_in(&check->faults, check->file, "%s %s: %s", table->name, column_text(rows, 0),
                 text.data);
    /* The content itself can stop a query: a list that is no JSON. That is one more fault of it,
     * and the rest is checked. */
    if (status != SQLITE_DONE)
        fault_in(
            &check->faults, check->file,
            "%s: %s, so that a rule cannot be checked; content that nobody changed would be right.",
            table->name, sqlite3_errmsg(check->db));
    return true;
}

/* A list that is only kept as links has no column of its own to compare. */
static bool has_column(struct check *check, const struct table *table, const struct column *column)
{
    defer(buffer_done) struct buffer name = BUFFER_INIT(SQL_MOST);

    return buffer_format(&name, "%s_json", column->name)
           && sqlite3_table_column_metadata(check->db, NULL, table->name, name.data, NULL, NULL,
                                            NULL, NULL, NULL)
                  == SQLITE_OK;
}

static bool check_rule_everywhere(struct check *check, const struct invariant *rule,
                                  struct error *err)
{
    if (rule->table != NULL) {
        const struct table only = { .name = rule->table };

        return check_rule(check, rule, &only, NULL, err);
    }
    for (size_t i = 0; i < TABLES_N; i++) {
        for (const struct column *column = tables[i].columns; column->name != NULL; column++) {
            bool is_on = rule->with != NULL ? strcmp(column->name, rule->with) == 0
                                            : column->kind == rule->kind;

            if (rule->with == NULL && rule->kind == COLUMN_REFS)
                is_on = is_on && has_column(check, &tables[i], column);
            if (is_on && !check_rule(check, rule, &tables[i], column, err))
                return false;
        }
    }
    return true;
}

static bool count_rows(struct check *check, struct check_summary *ret, struct error *err)
{
    defer(finalize) sqlite3_stmt *names = NULL;
    defer(finalize) sqlite3_stmt *release = NULL;

    if (!prepare(check,
                 "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
                 " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
                 &names, err))
        return false;
    while (sqlite3_step(names) == SQLITE_ROW) {
        defer(buffer_done) struct buffer sql = BUFFER_INIT(SQL_MOST);
        defer(finalize) sqlite3_stmt *count = NULL;

        if (!buffer_format(&sql, "SELECT count(*) FROM \"%s\"", column_text(names, 0)))
            return error_set(err, ERR_INTERNAL, NULL, "no memory for a statement");
        if (!prepare(check, sql.data, &count, err))
            return false;
        if (sqlite3_step(count) == SQLITE_ROW)
            ret->n_rows += (size_t)sqlite3_column_int64(count, 0);
    }
    if (!prepare(check, "SELECT max(id) FROM releases", &release, err))
        return false;
    if (sqlite3_step(release) == SQLITE_ROW)
        snprintf(ret->release, sizeof(ret->release), "%s", column_text(release, 0));
    return true;
}

static void check_done(struct check *check)
{
    close_database(&check->db);
}

static bool refuse(const struct check *check, struct error *err)
{
    return error_set(err, ERR_INPUT, NULL, "%zu fault%s in %s.", check->faults.n,
                     check->faults.n == 1 ? "" : "s", check->file);
}

bool check_dataset(const char *file, FILE *faults, struct check_summary *ret, struct error *err)
{
    defer(check_done) struct check check = { .file = file, .faults = { .out = faults } };
    struct check_summary summary = { 0 };

    if (!check_header(file, err) || !open_file(&check, err) || !check_schema(&check, err))
        return false;
    /* Each step relies on the one before: queries need the schema, and their answers whole pages.
     */
    if (check.faults.n > 0)
        return refuse(&check, err);
    if (!check_pages(&check, err))
        return false;
    if (check.faults.n > 0)
        return refuse(&check, err);
    if (!check_references(&check, err) || !check_digest(&check, &summary, err))
        return false;
    for (size_t i = 0; i < sizeof(invariants) / sizeof(invariants[0]); i++) {
        if (!check_rule_everywhere(&check, &invariants[i], err))
            return false;
    }
    if (check.faults.n > 0)
        return refuse(&check, err);
    for (size_t i = 0; i < sizeof(derived) / sizeof(derived[0]); i++) {
        if (!check_rule_everywhere(&check, &derived[i], err))
            return false;
        if (check.faults.n > 0)
            return refuse(&check, err);
    }
    if (!check_index(&check, err))
        return false;
    if (check.faults.n > 0)
        return refuse(&check, err);
    if (!count_rows(&check, &summary, err))
        return false;
    *ret = summary;
    return true;
}
