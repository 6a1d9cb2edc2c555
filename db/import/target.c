#include "db/import/target.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/base/fold.h"

static const char *const casualty_columns[CASUALTY__MAX] = {
    [CASUALTY_SERIES] = "series",
    [CASUALTY_KIND] = "kind",
    [CASUALTY_MISSION] = "mission",
    [CASUALTY_PLACE] = "place",
    [CASUALTY_LATITUDE] = "latitude",
    [CASUALTY_LONGITUDE] = "longitude",
    [CASUALTY_LOCATION] = "location",
    [CASUALTY_DATE] = "date",
    [CASUALTY_DATE_MIN] = "date_min",
    [CASUALTY_DATE_MAX] = "date_max",
    [CASUALTY_END] = "end",
    [CASUALTY_END_MIN] = "end_min",
    [CASUALTY_END_MAX] = "end_max",
    [CASUALTY_VICTIM_GROUP] = "victim_group",
    [CASUALTY_PERSONNEL_TYPE] = "personnel_type",
    [CASUALTY_CAUSE] = "cause",
    [CASUALTY_NATIONALITY] = "nationality",
    [CASUALTY_NATIONALITY_TEXT] = "nationality_text",
    [CASUALTY_HARM] = "harm",
    [CASUALTY_LOW] = "low",
    [CASUALTY_BEST] = "best",
    [CASUALTY_HIGH] = "high",
    [CASUALTY_QUALIFIER] = "qualifier",
    [CASUALTY_TEXT] = "text",
    [CASUALTY_UNIT] = "unit",
    [CASUALTY_DEFINITION] = "definition",
    [CASUALTY_FLAGS] = "flags_json",
    [CASUALTY_NOTE] = "note",
    [CASUALTY_PERPETRATORS] = "perpetrators_json",
};

static const char *const casualty_initial[CASUALTY__MAX] = {
    [CASUALTY_UNIT] = "person",
    [CASUALTY_FLAGS] = "[]",
    [CASUALTY_PERPETRATORS] = "[]",
};

const struct target target_casualties = {
    .table = "casualties",
    .columns = casualty_columns,
    .n_columns = CASUALTY__MAX,
    .source = "source",
    .links = "casualty_perpetrators",
    .self = "casualty",
    .linked = "actor",
    .kind = "actor",
    .links_column = CASUALTY_PERPETRATORS,
    .initial = casualty_initial,
    .references = { { CASUALTY_SERIES, "series" },
                    { CASUALTY_PLACE, "places" },
                    { CASUALTY_NATIONALITY, "places" },
                    { CASUALTY_DEFINITION, "definitions" } },
};

static const char *const actor_columns[ACTOR__MAX] = {
    [ACTOR_NAME] = "name",       [ACTOR_TYPE] = "type", [ACTOR_ISO3] = "iso3",
    [ACTOR_UCDP_ID] = "ucdp_id", [ACTOR_NOTE] = "note",
};

static const char *const actor_initial[ACTOR__MAX] = { [ACTOR_NAME] = NULL };

const struct target target_actors = {
    .table = "actors",
    .columns = actor_columns,
    .n_columns = ACTOR__MAX,
    .is_source_linked = true,
    .links = "actor_sources",
    .self = "actor",
    .linked = "source",
    .kind = "source",
    .initial = actor_initial,
};

static const char *const strength_columns[STRENGTH__MAX] = {
    [STRENGTH_MISSION] = "mission",     [STRENGTH_DATE] = "date",
    [STRENGTH_DATE_MIN] = "date_min",   [STRENGTH_DATE_MAX] = "date_max",
    [STRENGTH_CATEGORY] = "category",   [STRENGTH_LOW] = "low",
    [STRENGTH_BEST] = "best",           [STRENGTH_HIGH] = "high",
    [STRENGTH_QUALIFIER] = "qualifier", [STRENGTH_TEXT] = "text",
    [STRENGTH_UNIT] = "unit",           [STRENGTH_DEFINITION] = "definition",
    [STRENGTH_FLAGS] = "flags_json",    [STRENGTH_NOTE] = "note",
};

static const char *const strength_initial[STRENGTH__MAX] = {
    [STRENGTH_UNIT] = "person",
    [STRENGTH_FLAGS] = "[]",
};

const struct target target_strengths = {
    .table = "strengths",
    .columns = strength_columns,
    .n_columns = STRENGTH__MAX,
    .source = "source",
    .initial = strength_initial,
    .references = { { STRENGTH_DEFINITION, "definitions" } },
};

static const char *const claim_columns[CLAIM__MAX] = {
    [CLAIM_FACT] = "fact",
    [CLAIM_SUBJECT_KIND] = "subject_kind",
    [CLAIM_SUBJECT] = "subject",
    [CLAIM_PREDICATE] = "predicate",
    [CLAIM_OBJECT_KIND] = "object_kind",
    [CLAIM_OBJECT] = "object",
    [CLAIM_OBJECT_TEXT] = "object_text",
    [CLAIM_LOW] = "low",
    [CLAIM_BEST] = "best",
    [CLAIM_HIGH] = "high",
    [CLAIM_QUALIFIER] = "qualifier",
    [CLAIM_TEXT] = "text",
    [CLAIM_UNIT] = "unit",
    [CLAIM_START] = "start",
    [CLAIM_START_MIN] = "start_min",
    [CLAIM_START_MAX] = "start_max",
    [CLAIM_END] = "end",
    [CLAIM_END_MIN] = "end_min",
    [CLAIM_END_MAX] = "end_max",
    [CLAIM_PLACE] = "place",
    [CLAIM_DEFINITION] = "definition",
    [CLAIM_MODALITY] = "modality",
    [CLAIM_ASSERTED_BY] = "asserted_by",
    [CLAIM_QUOTE] = "quote",
    [CLAIM_LOCATOR_UNIT] = "locator_unit",
    [CLAIM_LOCATOR_START] = "locator_start",
    [CLAIM_LOCATOR_END] = "locator_end",
    [CLAIM_STATUS] = "status",
    [CLAIM_SUPERSEDED_BY] = "superseded_by",
    [CLAIM_VERDICT] = "verdict",
    [CLAIM_NOTE] = "note",
    [CLAIM_FLAGS] = "flags_json",
    [CLAIM_REPORTED_BY] = "reported_by",
};

static const char *const claim_initial[CLAIM__MAX] = {
    [CLAIM_MODALITY] = "stated",
    [CLAIM_STATUS] = "normal",
    [CLAIM_FLAGS] = "[]",
};

const struct target target_claims = {
    .table = "claims",
    .columns = claim_columns,
    .n_columns = CLAIM__MAX,
    .initial = claim_initial,
};

const struct target target_state_claims = {
    .table = "claims",
    .columns = claim_columns,
    .n_columns = CLAIM_REPORTED_BY,
    .source = "reported_by",
    .initial = claim_initial,
};

void record_begin(struct record *record, const struct target *target, char *scratch)
{
    *record = (struct record){ .target = target, .id = "", .scratch = scratch };
    for (size_t i = 0; i < target->n_columns; i++) {
        record->values[i].type = SQLITE_NULL;
        if (target->initial[i] != NULL)
            record_text(record, i, target->initial[i]);
    }
}

void record_text(struct record *record, size_t column, const char *text)
{
    struct value *value = &record->values[column];

    value->type = text != NULL ? SQLITE_TEXT : SQLITE_NULL;
    value->text = text;
    value->len = text != NULL ? (int)strlen(text) : 0;
}

void record_integer(struct record *record, size_t column, int64_t value)
{
    record->values[column].type = SQLITE_INTEGER;
    record->values[column].integer = value;
}

void record_real(struct record *record, size_t column, double value)
{
    record->values[column].type = SQLITE_FLOAT;
    record->values[column].real = value;
}

/* Lends room of the scratch; NULL when there is none. */
static char *lend(struct record *record, size_t size)
{
    char *room = record->scratch + record->n_scratch;

    if (size > SCRATCH_SIZE - record->n_scratch)
        return NULL;
    record->n_scratch += size;
    return room;
}

void record_span(struct record *record, size_t column, const char *text, const char *min,
                 const char *max)
{
    record_text(record, column, text);
    record_text(record, column + 1, min);
    record_text(record, column + 2, max);
}

bool record_date(struct record *record, size_t column, const char *text)
{
    struct date_span *span = (struct date_span *)(void *)lend(record, sizeof(*span));

    if (text == NULL || span == NULL || !date_parse(text, span))
        return false;
    record_span(record, column, text, span->min, span->max);
    return true;
}

const char *record_format(struct record *record, const char *fmt, ...)
{
    size_t size = SCRATCH_SIZE - record->n_scratch;
    char *room = record->scratch + record->n_scratch;
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(room, size, fmt, args);
    va_end(args);
    if (len < 0 || (size_t)len >= size)
        return "";
    record->n_scratch += (size_t)len + 1;
    return room;
}

const char *record_join(struct record *record, const char *first, ...)
{
    size_t room = SCRATCH_SIZE - record->n_scratch, len = 0;
    char *ret = record->scratch + record->n_scratch;
    va_list args;

    va_start(args, first);
    for (const char *text = first; text != NULL; text = va_arg(args, const char *)) {
        size_t n = strlen(text);

        if (len + n >= room) {
            va_end(args);
            return "";
        }
        memcpy(ret + len, text, n);
        len += n;
    }
    va_end(args);
    ret[len] = '\0';
    record->n_scratch += len + 1;
    return ret;
}

const char *record_number(struct record *record, int64_t number)
{
    enum { DIGITS = 20 }; /* of 2^63, and the NUL */
    char *ret = lend(record, DIGITS);
    size_t at = DIGITS - 1;

    if (ret == NULL)
        return "";
    ret[at] = '\0';
    do
        ret[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return ret + at;
}

const char *record_slug(struct record *record, const char *words)
{
    char folded[1024];
    size_t n = fold_name(words, folded, sizeof(folded)), len = 0;
    char *room = lend(record, n + 1);

    if (n == 0 || room == NULL)
        return "";
    for (size_t i = 0; i < n; i++) {
        if (isalnum((unsigned char)folded[i]) && (unsigned char)folded[i] < 0x80)
            room[len++] = folded[i];
        else if (len > 0 && room[len - 1] != '-')
            room[len++] = '-';
    }
    while (len > 0 && room[len - 1] == '-')
        len--;
    room[len] = '\0';
    return room;
}

bool value_is(const struct value *value, sqlite3_stmt *row, int column)
{
    int type = sqlite3_column_type(row, column);

    if (type != value->type)
        return false;
    if (type == SQLITE_INTEGER)
        return sqlite3_column_int64(row, column) == value->integer;
    if (type == SQLITE_FLOAT)
        return sqlite3_column_double(row, column) >= value->real
               && sqlite3_column_double(row, column) <= value->real;
    if (type == SQLITE_TEXT)
        return sqlite3_column_bytes(row, column) == value->len
               && memcmp(sqlite3_column_text(row, column), value->text, (size_t)value->len) == 0;
    return true;
}

void value_bind(const struct value *value, sqlite3_stmt *stmt, int parameter)
{
    switch (value->type) {
    case SQLITE_INTEGER:
        sqlite3_bind_int64(stmt, parameter, value->integer);
        break;
    case SQLITE_FLOAT:
        sqlite3_bind_double(stmt, parameter, value->real);
        break;
    case SQLITE_TEXT:
        sqlite3_bind_text(stmt, parameter, value->text, value->len, SQLITE_STATIC);
        break;
    default:
        sqlite3_bind_null(stmt, parameter);
    }
}

static void add_columns(const struct target *target, struct buffer *sql)
{
    buffer_text(sql, "known_from, known_to, ");
    if (target->is_source_linked)
        buffer_format(sql,
                      "(SELECT \"%s\" FROM %s l WHERE l.\"%s\" = id AND l.version = %s.version"
                      " ORDER BY l.position LIMIT 1)",
                      target->linked, target->links, target->self, target->table);
    else
        buffer_text(sql, target->source != NULL ? target->source : "NULL");
    for (size_t i = 0; i < target->n_columns; i++)
        buffer_format(sql, ", \"%s\"", target->columns[i]);
}

static void add_insert(const struct target *target, struct buffer *sql)
{
    size_t n = target->n_columns + 4;

    buffer_format(sql, "INSERT OR IGNORE INTO %s (id, version, known_from, known_to",
                  target->table);
    if (target->source != NULL)
        buffer_format(sql, ", %s", target->source);
    for (size_t i = 0; i < target->n_columns; i++)
        buffer_format(sql, ", \"%s\"", target->columns[i]);
    buffer_format(sql, ") VALUES (?1, ?2, ?3, ?4%s", target->source != NULL ? ", ?5" : "");
    for (size_t i = 5; i <= n; i++)
        buffer_format(sql, ", ?%zu", i + 1); /* ?5 is the source, whether there is one or not */
    buffer_byte(sql, ')');
}

bool target_sql(const struct target *target, enum target_sql which, struct buffer *sql)
{
    switch (which) {
    case TARGET_SELECT:
        buffer_text(sql, "SELECT rowid, ");
        add_columns(target, sql);
        buffer_format(sql, " FROM %s WHERE id = ?1 ORDER BY version", target->table);
        break;
    case TARGET_INSERT:
        add_insert(target, sql);
        break;
    case TARGET_DELETE:
        buffer_format(sql, "DELETE FROM %s WHERE id = ?1", target->table);
        break;
    case TARGET_LINK_SELECT:
        buffer_format(sql,
                      "SELECT \"%s\" FROM %s WHERE \"%s\" = ?1 AND version = ?2 ORDER BY position",
                      target->linked, target->links, target->self);
        break;
    case TARGET_LINK_INSERT:
        buffer_format(
            sql,
            "INSERT OR IGNORE INTO %s (\"%s\", version, \"%s\", position) VALUES (?1, ?2, "
            "?3, ?4)",
            target->links, target->self, target->linked);
        break;
    case TARGET_LINK_DELETE:
        buffer_format(sql, "DELETE FROM %s WHERE \"%s\" = ?1", target->links, target->self);
        break;
    case TARGET_SQL__MAX:
        break;
    }
    return !sql->broken;
}

bool target_reference_sql(const struct target *target, size_t i, struct buffer *sql)
{
    return buffer_format(sql, "SELECT 1 FROM \"%s\" WHERE id = ?1", target->references[i].table);
}
