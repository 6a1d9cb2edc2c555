/* Claims in our own format (db/dataset/README.md), so that anybody can add sourced claims of her
 * own: the columns of claims.csv, and beside them what a fact and a source need that the dataset
 * does not have yet. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/build.h"
#include "db/import/kinds.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/base/date.h"

/* The first ones are the columns of claims.csv, in its order: its clocks come last, and are told by
 * --known-from. */
enum field {
    ID,
    FACT,
    OBJECT_KIND,
    OBJECT,
    OBJECT_TEXT,
    LOW,
    BEST,
    HIGH,
    QUALIFIER,
    TEXT,
    UNIT,
    START,
    END,
    PLACE,
    DEFINITION,
    MODALITY,
    ASSERTED_BY,
    REPORTED_BY,
    QUOTE,
    LOCATOR_UNIT,
    LOCATOR_START,
    LOCATOR_END,
    STATUS,
    SUPERSEDED_BY,
    VERDICT,
    NOTE,
    FLAGS,
    KNOWN_FROM, /* of the table alone */
    KNOWN_TO,
    SUBJECT_KIND = KNOWN_FROM, /* here the columns of the file go on */
    SUBJECT,
    PREDICATE,
    FACT_NAME,
    SOURCE_TITLE,
    SOURCE_PUBLISHER,
    SOURCE_KIND,
    SOURCE_PUBLISHED,
    SOURCE_URL,
    SOURCE_LICENCE,
    SOURCE_LANGUAGE,
    SOURCE_DERIVED_FROM,
    SOURCE_NOTE,
    CELLS_N,
    CLAIM_CELLS_N = KNOWN_TO + 1,
};

static const struct import_field fields[] = {
    [ID] = { .name = "id", .is_required = true },
    [FACT] = { .name = "fact" },
    [OBJECT_KIND] = { .name = "object_kind" },
    [OBJECT] = { .name = "object" },
    [OBJECT_TEXT] = { .name = "object_text" },
    [LOW] = { .name = "low" },
    [BEST] = { .name = "best" },
    [HIGH] = { .name = "high" },
    [QUALIFIER] = { .name = "qualifier" },
    [TEXT] = { .name = "text" },
    [UNIT] = { .name = "unit" },
    [START] = { .name = "start" },
    [END] = { .name = "end" },
    [PLACE] = { .name = "place" },
    [DEFINITION] = { .name = "definition" },
    [MODALITY] = { .name = "modality" },
    [ASSERTED_BY] = { .name = "asserted_by" },
    [REPORTED_BY] = { .name = "reported_by", .is_required = true },
    [QUOTE] = { .name = "quote" },
    [LOCATOR_UNIT] = { .name = "locator_unit" },
    [LOCATOR_START] = { .name = "locator_start" },
    [LOCATOR_END] = { .name = "locator_end" },
    [STATUS] = { .name = "status" },
    [SUPERSEDED_BY] = { .name = "superseded_by" },
    [VERDICT] = { .name = "verdict" },
    [NOTE] = { .name = "note" },
    [FLAGS] = { .name = "flags" },
    [SUBJECT_KIND] = { .name = "subject_kind" },
    [SUBJECT] = { .name = "subject" },
    [PREDICATE] = { .name = "predicate" },
    [FACT_NAME] = { .name = "fact_name" },
    [SOURCE_TITLE] = { .name = "source_title" },
    [SOURCE_PUBLISHER] = { .name = "source_publisher" },
    [SOURCE_KIND] = { .name = "source_kind" },
    [SOURCE_PUBLISHED] = { .name = "source_published" },
    [SOURCE_URL] = { .name = "source_url" },
    [SOURCE_LICENCE] = { .name = "source_licence" },
    [SOURCE_LANGUAGE] = { .name = "source_language" },
    [SOURCE_DERIVED_FROM] = { .name = "source_derived_from" },
    [SOURCE_NOTE] = { .name = "source_note" },
    { 0 },
};

/** A claim of the file, until all are read: claims may name each other. */
struct candidate {
    const struct text_row *claim;
    const struct text_row *fact;   /* to be added with it; NULL: the dataset has it */
    const struct text_row *source; /* the same */
};

static struct checker *checker_of(struct import *import)
{
    return *import_data(import);
}

static bool begin(struct import *import, struct error *err)
{
    struct checker *checker = NULL;

    if (!checker_new(import_database(import), &checker, err))
        return false;
    *import_data(import) = checker;
    return true;
}

static void end(struct import *import)
{
    checker_free(checker_of(import));
}

/* Splits `what is wrong; what would be right` and rejects the row for it. */
static bool reject_fault(struct import *import, char *fault, struct error *err)
{
    char *hint = strrchr(fault, ';');

    if (hint != NULL && hint[1] == ' ') {
        *hint = '\0';
        hint += 2;
    }
    return import_reject(import, -1, hint != NULL ? hint : "", err, "%s", fault);
}

/* Finds a row that the claim refers to; *ret is it when the dataset lacks it and a row above
 * brought it. */
static bool find_row(struct import *import, const char *table, const char *id,
                     const struct text_row **ret)
{
    const struct text_row *row = checker_find(checker_of(import), table, id);

    *ret = row != NULL && row->line > 0 ? row : NULL;
    return row != NULL;
}

/* Adds a row that the dataset lacks to what claims may refer to, unless it is faulty. */
static bool add_checked(struct import *import, const struct import_row *row, const char *table,
                        const char *const *cells, const struct text_row **ret, struct error *err)
{
    struct checker *checker = checker_of(import);
    const struct text_row *added;
    char fault[512];

    if (!checker_add(checker, table, row->file, row->line, cells, &added, err))
        return false;
    if (!checker_check(checker, table, added, fault, sizeof(fault))) {
        checker_drop(checker, table);
        return reject_fault(import, fault, err);
    }
    *ret = added;
    return checker_sort(checker, err);
}

/* The id of the subject, which may be told by a name. */
static const char *find_subject(struct import *import, const char *kind, const char *words)
{
    const char *id =
        strcmp(kind, "event") == 0 ? NULL : lookup_find(import_lookup(import), kind, words);

    return id != NULL ? id : words;
}

/* No fact of that id, and not enough to make a new one. */
static bool reject_fact(struct import *import, const char *id, const char *missing,
                        struct error *err)
{
    char near[128] = "", hint[192];

    if (id != NULL)
        checker_near(checker_of(import), "fact", id, near, sizeof(near));
    if (*near != '\0')
        snprintf(hint, sizeof(hint), "did you mean '%s'?", near);
    else
        snprintf(hint, sizeof(hint),
                 "the id of a fact, or subject_kind, subject and predicate of a new one");
    return import_reject(import, FACT, hint, err, "there is no fact '%s' and %s is empty",
                         id != NULL ? id : "", missing);
}

/* The fact that the claim is on: named by id, or by subject and predicate. */
static bool find_fact(struct import *import, const struct import_row *row, const char **ret_id,
                      struct candidate *candidate, struct error *err)
{
    const char *const *cells = row->cells;
    struct record *record = import_record(import); /* for its scratch */
    const char *fact[10] = { cells[FACT] };
    char predicate[128] = "";

    if (cells[FACT] != NULL && find_row(import, "facts", cells[FACT], &candidate->fact)) {
        *ret_id = cells[FACT];
        return true;
    }
    for (enum field field = SUBJECT_KIND; field <= PREDICATE; field++) {
        if (cells[field] == NULL)
            return reject_fact(import, cells[FACT], fields[field].name, err);
    }
    fact[1] = cells[SUBJECT_KIND];
    fact[2] = find_subject(import, cells[SUBJECT_KIND], cells[SUBJECT]);
    fact[3] = cells[PREDICATE];
    fact[4] = cells[FACT_NAME];
    fact[8] = cells[DEFINITION];
    if (fact[0] == NULL) {
        snprintf(predicate, sizeof(predicate), "%s", cells[PREDICATE]);
        fact[0] = record_slug(record, record_format(record, "%s %s", fact[2], predicate));
    }
    *ret_id = fact[0];
    if (find_row(import, "facts", fact[0], &candidate->fact))
        return true;
    if (fact[4] == NULL)
        fact[4] = fact[0]; /* until the rest of it is looked at */
    if (!add_checked(import, row, "facts", fact, &candidate->fact, err))
        return false;
    if (cells[FACT_NAME] != NULL || import_is_rejected(import))
        return true;
    checker_drop(checker_of(import), "facts");
    return import_reject(import, FACT_NAME, "the question in words, as 'Start of MINUSMA'", err,
                         "the fact '%s' is new and fact_name is empty", fact[0])
           && checker_sort(checker_of(import), err);
}

/* The document in which the claim stands. */
static bool find_source(struct import *import, const struct import_row *row,
                        struct candidate *candidate, struct error *err)
{
    const char *const *cells = row->cells;
    const char *published = cells[SOURCE_PUBLISHED];
    bool is_day =
        published != NULL && date_is_day(published) && strcmp(published, import_day(import)) <= 0;
    const char *source[13] = { cells[REPORTED_BY],
                               cells[SOURCE_TITLE],
                               cells[SOURCE_PUBLISHER],
                               cells[SOURCE_KIND],
                               published,
                               cells[SOURCE_URL],
                               cells[SOURCE_LICENCE],
                               cells[SOURCE_LANGUAGE],
                               cells[SOURCE_DERIVED_FROM],
                               NULL,
                               cells[SOURCE_NOTE],
                               is_day ? published : import_day(import),
                               NULL };

    if (cells[REPORTED_BY] == NULL)
        return import_reject(import, REPORTED_BY, "the id of a source: no number without a source",
                             err, "reported_by is empty");
    if (find_row(import, "sources", cells[REPORTED_BY], &candidate->source))
        return true;
    if (cells[SOURCE_TITLE] != NULL)
        return add_checked(import, row, "sources", source, &candidate->source, err);
    return true; /* the check of the claim names the nearest source */
}

static bool map_row(struct import *import, const struct import_row *row, struct error *err)
{
    struct candidate *candidate = text_alloc(import_memory(import), sizeof(*candidate));
    const char *claim[CLAIM_CELLS_N] = { NULL };
    struct record *record;
    const char *fact = NULL;

    if (candidate == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for claims");
    if (row->cells[ID] == NULL)
        return import_reject(import, ID, "a slug of its own, never re-used", err, "id is empty");
    if (!find_fact(import, row, &fact, candidate, err)
        || (!import_is_rejected(import) && !find_source(import, row, candidate, err)))
        return false;
    if (import_is_rejected(import))
        return true;
    for (size_t i = 0; i < KNOWN_FROM; i++)
        claim[i] = row->cells[i];
    claim[FACT] = fact;
    claim[KNOWN_FROM] = import_day(import);
    if (claim[MODALITY] == NULL)
        claim[MODALITY] = "stated";
    if (claim[STATUS] == NULL)
        claim[STATUS] = "normal";
    if (!checker_add(checker_of(import), "claims", row->file, row->line, claim, &candidate->claim,
                     err))
        return false;
    record = import_record(import);
    record->id = candidate->claim->cells[ID];
    record->data = candidate;
    return import_put(import, record, err);
}

static bool sort(struct import *import, struct error *err)
{
    return checker_sort(checker_of(import), err);
}

/* ---- Writing ---- */

static bool write_fact(struct import *import, const struct candidate *candidate, struct error *err)
{
    static const char sql[] =
        "INSERT OR IGNORE INTO facts (id, subject_kind, subject, predicate, name, definition,"
        " start_min, start_max, end_min, end_max) VALUES (?1, ?2, ?3, ?4, ?5, ?6, '" DATE_FIRST
        "', '" DATE_LAST "', '" DATE_LAST "', '" DATE_LAST "')";
    const char *const *cells = candidate->fact != NULL ? candidate->fact->cells : NULL;
    const char *texts[] = { NULL, NULL, NULL, NULL, NULL, NULL };

    if (cells == NULL)
        return true;
    for (size_t i = 0; i < 5; i++)
        texts[i] = cells[i];
    texts[5] = cells[8];
    return import_execute(import, sql, texts, 6, err);
}

static bool write_source(struct import *import, const struct candidate *candidate,
                         struct error *err)
{
    static const char sql[] =
        "INSERT OR IGNORE INTO sources (id, title, publisher, kind, published, url, licence,"
        " language, derived_from, note, known_from, published_min, published_max)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    const char *const *cells = candidate->source != NULL ? candidate->source->cells : NULL;
    struct date_span span;
    const char *texts[13] = { NULL };

    if (cells == NULL)
        return true;
    for (size_t i = 0; i < 9; i++)
        texts[i] = cells[i];
    texts[9] = cells[10];
    texts[10] = cells[11];
    if (cells[4] != NULL && date_parse(cells[4], &span)) {
        texts[11] = span.min;
        texts[12] = span.max;
    }
    return import_execute(import, sql, texts, 13, err);
}

static void put_number(struct record *record, size_t column, const char *text)
{
    if (text != NULL)
        record_integer(record, column, strtoll(text, NULL, 10));
}

/* Start and end as the builder reads them: a start that is not known lies before the end, or before
 * the source said so; an end that is not said is open. */
static bool put_period(struct import *import, struct record *record, const char *const *cells)
{
    enum { SOURCE_KNOWN_FROM = 11 /* column of sources.csv */ };
    const struct text_row *source = checker_find(checker_of(import), "sources", cells[REPORTED_BY]);
    const char *start = cells[START], *end_text = cells[END];
    bool is_put = true;

    record_span(record, CLAIM_END, NULL, DATE_LAST, DATE_LAST);
    if (end_text != NULL)
        is_put = record_date(record, CLAIM_END, end_text);
    if (start != NULL)
        return is_put && record_date(record, CLAIM_START, start);
    record_span(record, CLAIM_START, NULL, DATE_FIRST,
                source != NULL ? source->cells[SOURCE_KNOWN_FROM] : import_day(import));
    if (end_text != NULL)
        record->values[CLAIM_START_MAX] = record->values[CLAIM_END_MAX];
    return is_put;
}

/* A list cell as JSON: items separated by `; `. */
static const char *as_json(struct import *import, const char *list)
{
    defer(buffer_done) struct buffer json = BUFFER_INIT(4096);
    char *copy;

    buffer_byte(&json, '[');
    for (const char *at = list, *next; at != NULL; at = next) {
        size_t len;

        next = strstr(at, "; ");
        len = next != NULL ? (size_t)(next - at) : strlen(at);
        next = next != NULL ? next + 2 : NULL;
        if (at != list)
            buffer_byte(&json, ',');
        buffer_json(&json, at, len);
    }
    buffer_byte(&json, ']');
    copy = json.broken ? NULL : text_alloc(import_memory(import), json.len + 1);
    if (copy != NULL)
        memcpy(copy, json.data, json.len);
    return copy;
}

/** Columns that go to the table as they are. */
static const struct {
    enum field field;
    size_t column;
} texts_of[] = {
    { FACT, CLAIM_FACT },
    { OBJECT_KIND, CLAIM_OBJECT_KIND },
    { OBJECT, CLAIM_OBJECT },
    { OBJECT_TEXT, CLAIM_OBJECT_TEXT },
    { QUALIFIER, CLAIM_QUALIFIER },
    { TEXT, CLAIM_TEXT },
    { UNIT, CLAIM_UNIT },
    { PLACE, CLAIM_PLACE },
    { DEFINITION, CLAIM_DEFINITION },
    { MODALITY, CLAIM_MODALITY },
    { ASSERTED_BY, CLAIM_ASSERTED_BY },
    { REPORTED_BY, CLAIM_REPORTED_BY },
    { QUOTE, CLAIM_QUOTE },
    { LOCATOR_UNIT, CLAIM_LOCATOR_UNIT },
    { STATUS, CLAIM_STATUS },
    { SUPERSEDED_BY, CLAIM_SUPERSEDED_BY },
    { VERDICT, CLAIM_VERDICT },
    { NOTE, CLAIM_NOTE },
};

/* Subject and predicate are those of the fact. */
static bool copy_subject(struct import *import, const char *fact, struct record *record,
                         struct error *err)
{
    sqlite3_stmt *stmt = NULL;
    static const size_t columns[] = { CLAIM_SUBJECT_KIND, CLAIM_SUBJECT, CLAIM_PREDICATE };
    bool is_there;

    if (sqlite3_prepare_v2(import_database(import),
                           "SELECT subject_kind, subject, predicate FROM facts WHERE id = ?1", -1,
                           &stmt, NULL)
        != SQLITE_OK)
        return error_set(err, ERR_INTERNAL, NULL, "claims: %s",
                         sqlite3_errmsg(import_database(import)));
    sqlite3_bind_text(stmt, 1, fact, -1, SQLITE_STATIC);
    is_there = sqlite3_step(stmt) == SQLITE_ROW;
    for (int i = 0; is_there && i < 3; i++) {
        size_t len = (size_t)sqlite3_column_bytes(stmt, i);
        char *copy = text_alloc(import_memory(import), len + 1);

        if (copy != NULL)
            memcpy(copy, sqlite3_column_text(stmt, i), len);
        record_text(record, columns[i], copy);
    }
    sqlite3_finalize(stmt);
    return (is_there && !import_memory(import)->failed)
           || error_set(err, ERR_INTERNAL, NULL, "claims: no fact '%s'", fact);
}

/* All claims are known now: each is checked as the builder checks a line of claims.csv. */
static bool check(struct import *import, struct record *record, struct error *err)
{
    const struct candidate *candidate = record->data;
    const char *const *cells = candidate->claim->cells;
    char *scratch = text_alloc(import_memory(import), SCRATCH_SIZE);
    size_t row = record->row;
    char fault[512];

    if (!checker_check(checker_of(import), "claims", candidate->claim, fault, sizeof(fault)))
        return reject_fault(import, fault, err);
    if (scratch == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for claims");
    if (!write_fact(import, candidate, err) || !write_source(import, candidate, err))
        return false;
    record_begin(record, &target_claims, scratch);
    record->id = cells[ID];
    record->row = row;
    for (size_t i = 0; i < sizeof(texts_of) / sizeof(texts_of[0]); i++)
        record_text(record, texts_of[i].column, cells[texts_of[i].field]);
    put_number(record, CLAIM_LOW, cells[LOW]);
    put_number(record, CLAIM_BEST, cells[BEST]);
    put_number(record, CLAIM_HIGH, cells[HIGH]);
    put_number(record, CLAIM_LOCATOR_START, cells[LOCATOR_START]);
    put_number(record, CLAIM_LOCATOR_END, cells[LOCATOR_END]);
    if (cells[FLAGS] != NULL)
        record_text(record, CLAIM_FLAGS, as_json(import, cells[FLAGS]));
    return copy_subject(import, cells[FACT], record, err)
           && (put_period(import, record, cells)
               || error_set(err, ERR_INTERNAL, NULL, "claims: no date"));
}

const struct import_kind kind_claims = {
    .name = "claims",
    .text = "sourced claims in bluehelm's own format (db/dataset/README.md)",
    .fields = fields,
    .is_closed = true,
    .target = &target_claims,
    .data_set = "claims",
    .is_held = true,
    .begin = begin,
    .row = map_row,
    .finish = sort,
    .check = check,
    .end = end,
};
