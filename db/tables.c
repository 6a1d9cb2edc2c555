#include "db/tables.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int table_column(const struct table *table, const char *name)
{
    for (int i = 0; table->columns[i].name != NULL; i++) {
        if (strcmp(table->columns[i].name, name) == 0)
            return i;
    }
    return -1;
}

const char *row_cell(const struct table *table, const struct text_row *row, const char *name)
{
    int i = table_column(table, name);

    return i >= 0 ? row->cells[i] : NULL;
}

int cell_compare(const struct column *column, const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        return (a != NULL) - (b != NULL);
    /* Whole numbers have no leading zeros, so the longer one is the greater one. */
    if (column->kind == COLUMN_INTEGER && strlen(a) != strlen(b))
        return strlen(a) < strlen(b) ? -1 : 1;
    return strcmp(a, b);
}

/* The first row whose key begins with these cells; b NULL: any. */
static const struct text_row *find(const struct dataset_text *text, size_t i, const char *a,
                                   const char *b)
{
    const struct table *table = &tables[i];
    const struct table_rows *rows = &text->of[i];
    int column_a = table_column(table, table->key[0]);
    int column_b = b != NULL ? table_column(table, table->key[1]) : -1;
    size_t from = 0, to = rows->n_rows;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        const char *const *cells = rows->sorted[middle]->cells;
        int order = cell_compare(&table->columns[column_a], cells[column_a], a);

        if (order == 0 && column_b >= 0)
            order = cell_compare(&table->columns[column_b], cells[column_b], b);
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    if (from == rows->n_rows
        || cell_compare(&table->columns[column_a], rows->sorted[from]->cells[column_a], a) != 0
        || (column_b >= 0
            && cell_compare(&table->columns[column_b], rows->sorted[from]->cells[column_b], b)
                   != 0))
        return NULL;
    return rows->sorted[from];
}

const struct text_row *text_find(const struct dataset_text *text, size_t i, const char *id)
{
    return find(text, i, id, NULL);
}

const struct text_row *text_find_thing(const struct dataset_text *text, const char *thing,
                                       const char *id, const struct table **ret_table)
{
    for (size_t i = 0; i < TABLES_N; i++) {
        const struct text_row *row;

        if (!table_holds(&tables[i], thing))
            continue;
        row = text_find(text, i, id);
        if (row == NULL)
            continue;
        if (ret_table != NULL)
            *ret_table = &tables[i];
        return row;
    }
    return NULL;
}

bool table_holds(const struct table *table, const char *thing)
{
    return (table->thing != NULL && strcmp(table->thing, thing) == 0)
           || (table->also != NULL && strcmp(table->also, thing) == 0);
}

const struct text_row *text_find_code(const struct dataset_text *text, const char *list,
                                      const char *id)
{
    return find(text, TABLE_CODES, list, id);
}

size_t list_split(struct dataset_text *text, const char *cell, const char *const **ret)
{
    size_t n = 0;
    const char **items;
    char *copy;

    if (cell == NULL)
        return 0;
    for (const char *at = cell; at != NULL; at = strstr(at, "; ")) {
        at += n > 0 ? 2 : 0;
        n++;
    }
    items = text_alloc(&text->memory, n * sizeof(*items));
    copy = text_alloc(&text->memory, strlen(cell) + 1);
    if (items == NULL || copy == NULL)
        return 0;
    memcpy(copy, cell, strlen(cell));
    for (size_t i = 0; i < n; i++) {
        char *end = strstr(copy, "; ");

        items[i] = copy;
        if (end != NULL) {
            *end = '\0';
            copy = end + 2;
        }
    }
    *ret = items;
    return n;
}

/* ---- Rules: what a row must be beyond the types of its cells ---- */

static bool is_text(const char *cell, const char *text)
{
    return cell != NULL && strcmp(cell, text) == 0;
}

static bool has_item(struct dataset_text *text, const char *cell, const char *item)
{
    struct text_mark mark = text_mark(&text->memory);
    const char *const *items = NULL;
    size_t n = list_split(text, cell, &items);
    bool has = false;

    for (size_t i = 0; i < n && !has; i++)
        has = strcmp(items[i], item) == 0;
    text_release(&text->memory, mark);
    return has;
}

/** Which of low, best and high a qualifier has: `+` needed, `-` empty, `?` as the source has it,
 * `=` all the same. */
struct number_shape {
    const char *qualifier;
    const char *bounds;
    const char *right;
};

static const struct number_shape number_shapes[] = {
    { "exactly", "===", "the same number in low, best and high" },
    { "at_least", "+--", "low alone (the number itself)" },
    { "more_than", "+--", "low alone (the number and one more)" },
    { "up_to", "--+", "high alone (the number itself)" },
    { "fewer_than", "--+", "high alone (the number less one)" },
    { "about", "?+?", "best, with low and high only where the source gives them" },
    { "estimated", "?+?", "best, with low and high only where the source gives them" },
    { "between", "+-+", "low and high without best" },
};

/* Compares two cells that may hold whole numbers; 0 where one does not. */
static int compare_numbers(const char *a, const char *b)
{
    long long x, y;

    if (a == NULL || b == NULL || *a == '\0' || *b == '\0' || strspn(a, "-0123456789") != strlen(a)
        || strspn(b, "-0123456789") != strlen(b))
        return 0;
    x = strtoll(a, NULL, 10);
    y = strtoll(b, NULL, 10);
    return (x > y) - (x < y);
}

static void check_shape(struct dataset_text *text, const struct text_row *row,
                        const char *qualifier, const char *const bounds[3])
{
    for (size_t i = 0; i < sizeof(number_shapes) / sizeof(number_shapes[0]); i++) {
        const struct number_shape *shape = &number_shapes[i];
        bool is_right = true;

        if (strcmp(shape->qualifier, qualifier) != 0)
            continue;
        for (size_t j = 0; j < 3; j++) {
            if (shape->bounds[j] == '-')
                is_right = is_right && bounds[j] == NULL;
            else if (shape->bounds[j] == '+')
                is_right = is_right && bounds[j] != NULL;
            else if (shape->bounds[j] == '=')
                is_right = is_right && bounds[j] != NULL && is_text(bounds[0], bounds[j]);
        }
        if (!is_right)
            row_fault(text, row,
                      "qualifier '%s' with low '%s', best '%s', high '%s'; %s would be right.",
                      qualifier, bounds[0] ? bounds[0] : "", bounds[1] ? bounds[1] : "",
                      bounds[2] ? bounds[2] : "", shape->right);
        return;
    }
}

/* A number has its words, its unit and bounds that fit its qualifier. */
static void number_is_whole(struct dataset_text *text, const struct table *table,
                            const struct text_row *row)
{
    const char *bounds[] = { row_cell(table, row, "low"), row_cell(table, row, "best"),
                             row_cell(table, row, "high") };
    const char *qualifier = row_cell(table, row, "qualifier");
    bool is_flagged = has_item(text, row_cell(table, row, "flags"), "bounds_inconsistent");
    bool is_outside =
        compare_numbers(bounds[0], bounds[1]) > 0 || compare_numbers(bounds[1], bounds[2]) > 0;

    if (bounds[0] == NULL && bounds[1] == NULL && bounds[2] == NULL) {
        if (qualifier != NULL)
            row_fault(text, row,
                      "qualifier '%s' without a number; one in low, best or high, or no qualifier "
                      "would be right.",
                      qualifier);
        return;
    }
    if (qualifier == NULL)
        row_fault(text, row,
                  "a number without qualifier; a code of the list 'qualifier' would be right.");
    if (row_cell(table, row, "text") == NULL)
        row_fault(text, row,
                  "a number without text; the number in the source's words would be right.");
    if (row_cell(table, row, "unit") == NULL)
        row_fault(text, row, "a number without unit; a code of the list 'unit' would be right.");
    if (compare_numbers(bounds[0], bounds[2]) > 0)
        row_fault(text, row, "low %s is greater than high %s; low at most high would be right.",
                  bounds[0], bounds[2]);
    else if (is_outside && !is_flagged)
        row_fault(text, row,
                  "best %s lies outside low '%s' and high '%s'; bounds around it, or the flag "
                  "'bounds_inconsistent' where they are the publisher's, would be right.",
                  bounds[1], bounds[0] ? bounds[0] : "", bounds[2] ? bounds[2] : "");
    else if (is_flagged && !is_outside)
        row_fault(text, row,
                  "flag 'bounds_inconsistent' on bounds that are consistent; no such flag would be "
                  "right.");
    if (qualifier != NULL)
        check_shape(text, row, qualifier, bounds);
}

/* What a definition counts is what the number counts. */
static void unit_is_the_definitions(struct dataset_text *text, const struct table *table,
                                    const struct text_row *row)
{
    const char *id = row_cell(table, row, "definition");
    const char *unit = row_cell(table, row, "unit");
    const struct table *definitions = NULL;
    const struct text_row *definition =
        id != NULL ? text_find_thing(text, "definition", id, &definitions) : NULL;
    const char *right = definition != NULL ? row_cell(definitions, definition, "unit") : NULL;

    if (unit != NULL && right != NULL && strcmp(unit, right) != 0)
        row_fault(
            text, row,
            "unit '%s', and definition '%s' counts in '%s'; the same unit in both would be right.",
            unit, id, right);
}

/* Two columns of which one makes no sense without the other. */
static void need_both(struct dataset_text *text, const struct table *table,
                      const struct text_row *row, const char *a, const char *b)
{
    if ((row_cell(table, row, a) == NULL) != (row_cell(table, row, b) == NULL))
        row_fault(text, row, "one of %s and %s without the other; both or neither would be right.",
                  a, b);
}

static void object_has_its_kind(struct dataset_text *text, const struct table *table,
                                const struct text_row *row)
{
    need_both(text, table, row, "object_kind", "object");
}

static void locator_is_whole(struct dataset_text *text, const struct table *table,
                             const struct text_row *row)
{
    const char *start = row_cell(table, row, "locator_start");
    const char *end = row_cell(table, row, "locator_end");

    need_both(text, table, row, "locator_unit", "locator_start");
    if (end != NULL && start == NULL)
        row_fault(text, row, "locator_end without locator_start; both would be right.");
    if (compare_numbers(start, end) > 0)
        row_fault(
            text, row,
            "locator_start %s is greater than locator_end %s; start at most end would be right.",
            start, end);
}

static void coordinates_are_two(struct dataset_text *text, const struct table *table,
                                const struct text_row *row)
{
    need_both(text, table, row, "latitude", "longitude");
}

/* The words of a source are quoted to be found again, not to be reprinted. */
static void quote_is_short(struct dataset_text *text, const struct table *table,
                           const struct text_row *row)
{
    enum { WORDS_MOST = 10 };
    const char *at = row_cell(table, row, "quote");
    size_t n = 0;

    for (; at != NULL && *at != '\0'; n++) {
        at += strcspn(at, " \n");
        at += strspn(at, " \n");
    }
    if (n > WORDS_MOST)
        row_fault(text, row, "a quote of %zu words; the decisive ones, %d at most, would be right.",
                  n, WORDS_MOST);
}

static void successor_is_of_the_fact(struct dataset_text *text, const struct table *table,
                                     const struct text_row *row)
{
    const char *id = row_cell(table, row, "superseded_by");
    const char *fact = row_cell(table, row, "fact");
    const struct text_row *successor = id != NULL ? text_find_thing(text, "claim", id, NULL) : NULL;
    const char *its = successor != NULL ? row_cell(table, successor, "fact") : NULL;

    if (id != NULL && !is_text(row_cell(table, row, "status"), "superseded"))
        row_fault(text, row, "superseded_by with status '%s'; status 'superseded' would be right.",
                  row_cell(table, row, "status") ? row_cell(table, row, "status") : "");
    if (fact != NULL && its != NULL && strcmp(fact, its) != 0)
        row_fault(text, row,
                  "superseded by '%s', which is a claim on '%s'; a claim on '%s' would be right.",
                  id, its, fact);
}

static void has_claims_or_sources(struct dataset_text *text, const struct table *table,
                                  const struct text_row *row)
{
    if (row_cell(table, row, "claims") == NULL && row_cell(table, row, "sources") == NULL)
        row_fault(text, row,
                  "neither claims nor sources; the ids of those that say so would be right.");
}

static void nationality_is_one(struct dataset_text *text, const struct table *table,
                               const struct text_row *row)
{
    if (row_cell(table, row, "nationality") != NULL
        && row_cell(table, row, "nationality_text") != NULL)
        row_fault(text, row,
                  "both nationality and nationality_text; the text alone where it names no place "
                  "of ours would be right.");
}

/* Lists of the table's own things: never the row itself, and each names the other. */
static void list_is_mutual(struct dataset_text *text, const struct table *table,
                           const struct text_row *row, const char *column)
{
    const char *id = row_cell(table, row, "id");
    const char *const *items = NULL;
    size_t n = list_split(text, row_cell(table, row, column), &items);

    for (size_t i = 0; i < n && id != NULL; i++) {
        const struct text_row *other = text_find_thing(text, table->thing, items[i], NULL);

        if (strcmp(items[i], id) == 0)
            row_fault(text, row, "'%s' stands in its own %s; the others alone would be right.", id,
                      column);
        else if (other != NULL && !has_item(text, row_cell(table, other, column), id))
            row_fault(text, row,
                      "%s names '%s', whose %s (%s:%zu) does not name '%s'; each naming the other "
                      "would be right.",
                      column, items[i], column, other->path, other->line, id);
    }
}

static void overlaps_are_mutual(struct dataset_text *text, const struct table *table,
                                const struct text_row *row)
{
    list_is_mutual(text, table, row, "overlaps");
}

static void sums_are_mutual(struct dataset_text *text, const struct table *table,
                            const struct text_row *row)
{
    list_is_mutual(text, table, row, "adds_with");
}

/* db/derive.sql makes an actor of it. */
static void mission_can_be_an_actor(struct dataset_text *text, const struct table *table,
                                    const struct text_row *row)
{
    (void)table;
    if (!text->of[TABLE_CODES].is_partial
        && text_find_code(text, "actor_type", "un_mission") == NULL)
        row_fault(text, row,
                  "a mission, and no code 'un_mission' in the list 'actor_type'; a line for it in "
                  "codes.csv would be right.");
}

static void id_is_the_date(struct dataset_text *text, const struct table *table,
                           const struct text_row *row)
{
    const char *id = row_cell(table, row, "id"), *date = row_cell(table, row, "date");

    if (id != NULL && date != NULL && strcmp(id, date) != 0)
        row_fault(text, row, "release '%s' of the day %s; the same day in both would be right.", id,
                  date);
}

/* ---- Tables ---- */

/* Columns that several tables have. */
#define COLUMN_ID                                                                                  \
    {                                                                                              \
        .name = "id", .kind = COLUMN_SLUG, .is_required = true                                     \
    }
#define COLUMN_VERSION                                                                             \
    {                                                                                              \
        .name = "version", .kind = COLUMN_INTEGER, .is_required = true, .min = 1, .max = 9999      \
    }
#define COLUMN_NOTE                                                                                \
    {                                                                                              \
        .name = "note", .kind = COLUMN_TEXT                                                        \
    }
#define COLUMNS_KNOWN                                                                              \
    { .name = "known_from", .kind = COLUMN_DAY, .is_required = true },                             \
    {                                                                                              \
        .name = "known_to", .kind = COLUMN_DAY                                                     \
    }
#define COLUMNS_NUMBER(unit_is_required, most)                                                     \
    { .name = "low", .kind = COLUMN_INTEGER, .max = (most) },                                      \
        { .name = "best", .kind = COLUMN_INTEGER, .max = (most) },                                 \
        { .name = "high", .kind = COLUMN_INTEGER, .max = (most) },                                 \
        { .name = "qualifier", .kind = COLUMN_CODE, .codes = "qualifier" },                        \
        { .name = "text", .kind = COLUMN_TEXT },                                                   \
    {                                                                                              \
        .name = "unit", .kind = COLUMN_CODE, .codes = "unit", .is_required = (unit_is_required)    \
    }

/* People that a count can come to: more than ever lived at a time, and few enough that a million
 * such counts can be added up. */
#define PEOPLE_MOST 100000000000

static const struct column codes[] = {
    { .name = "list",
      .kind = COLUMN_TEXT,
      .is_required = true,
      .like = "[a-z]*",
      .right = "a name in lower case" },
    { .name = "id",
      .kind = COLUMN_TEXT,
      .is_required = true,
      .like = "[a-z0+-]*",
      .right = "a code in lower case" },
    { .name = "name", .kind = COLUMN_TEXT, .is_required = true },
    { .name = "text", .kind = COLUMN_TEXT, .is_required = true },
    { .name = "inverse", .kind = COLUMN_TEXT },
    { 0 },
};

static const struct column sources[] = {
    COLUMN_ID,
    { .name = "title", .kind = COLUMN_TEXT, .is_required = true },
    { .name = "publisher", .kind = COLUMN_TEXT, .is_required = true },
    { .name = "kind", .kind = COLUMN_CODE, .codes = "source_kind", .is_required = true },
    { .name = "published", .kind = COLUMN_DATE },
    { .name = "url",
      .kind = COLUMN_TEXT,
      .like = "http*://?*",
      .right = "an address that begins with https://" },
    { .name = "licence", .kind = COLUMN_TEXT },
    { .name = "language",
      .kind = COLUMN_TEXT,
      .like = "[a-z][a-z]",
      .right = "two small letters of ISO 639-1" },
    { .name = "derived_from", .kind = COLUMN_REF, .things = "source", .is_acyclic = true },
    { .name = "citation", .kind = COLUMN_TEXT },
    COLUMN_NOTE,
    COLUMNS_KNOWN,
    { 0 },
};

static const struct column releases[] = {
    { .name = "id", .kind = COLUMN_DAY, .is_required = true },
    { .name = "date", .kind = COLUMN_DAY, .is_required = true },
    { .name = "title", .kind = COLUMN_TEXT, .is_required = true },
    { .name = "changes", .kind = COLUMN_TEXT, .is_required = true },
    { .name = "sources",
      .kind = COLUMN_REFS,
      .things = "source",
      .link = "release_sources",
      .linked = "source" },
    { 0 },
};

static const struct column definitions[] = {
    COLUMN_ID,
    { .name = "name", .kind = COLUMN_TEXT, .is_required = true },
    { .name = "text", .kind = COLUMN_TEXT, .is_required = true },
    { .name = "unit", .kind = COLUMN_CODE, .codes = "unit", .is_required = true },
    { .name = "adds_with",
      .kind = COLUMN_REFS,
      .things = "definition",
      .link = "definition_sums",
      .linked = "other" },
    { 0 },
};

static const struct column series[] = {
    COLUMN_ID,
    { .name = "name", .kind = COLUMN_TEXT, .is_required = true },
    { .name = "kind", .kind = COLUMN_CODE, .codes = "series_kind", .is_required = true },
    { .name = "definition", .kind = COLUMN_REF, .things = "definition", .is_required = true },
    { .name = "official", .kind = COLUMN_INTEGER, .is_required = true, .max = 1 },
    { .name = "overlaps",
      .kind = COLUMN_REFS,
      .things = "series",
      .link = "series_overlaps",
      .linked = "other" },
    { .name = "rank", .kind = COLUMN_INTEGER, .is_required = true, .min = 1, .max = 999 },
    { .name = "frequency", .kind = COLUMN_CODE, .codes = "frequency", .is_required = true },
    { .name = "dimensions", .kind = COLUMN_CODES, .codes = "dimension" },
    { .name = "text", .kind = COLUMN_TEXT, .is_required = true },
    { 0 },
};

static const struct column places[] = {
    { .name = "id", .kind = COLUMN_SLUG, .is_required = true, .is_name = true },
    { .name = "name", .kind = COLUMN_TEXT, .is_required = true, .is_name = true },
    { .name = "kind", .kind = COLUMN_CODE, .codes = "place_kind", .is_required = true },
    { .name = "iso2",
      .kind = COLUMN_TEXT,
      .is_name = true,
      .like = "[A-Z][A-Z]",
      .right = "two capital letters" },
    { .name = "iso3",
      .kind = COLUMN_TEXT,
      .is_name = true,
      .like = "[A-Z][A-Z][A-Z]",
      .right = "three capital letters" },
    { .name = "m49", .kind = COLUMN_INTEGER, .is_name = true, .min = 1, .max = 999 },
    { .name = "latitude", .kind = COLUMN_REAL, .min = -90, .max = 90 },
    { .name = "longitude", .kind = COLUMN_REAL, .min = -180, .max = 180 },
    { .name = "part_of", .kind = COLUMN_REF, .things = "place", .is_acyclic = true },
    { .name = "aliases", .kind = COLUMN_NAMES, .is_name = true },
    COLUMN_NOTE,
    { .name = "sources",
      .kind = COLUMN_REFS,
      .things = "source",
      .link = "place_sources",
      .linked = "source" },
    { 0 },
};

static const struct column actors[] = {
    { .name = "id", .kind = COLUMN_SLUG, .is_required = true, .is_name = true },
    { .name = "name", .kind = COLUMN_TEXT, .is_required = true, .is_name = true },
    { .name = "type", .kind = COLUMN_CODE, .codes = "actor_type", .is_required = true },
    { .name = "iso3",
      .kind = COLUMN_TEXT,
      .is_name = true,
      .name_if = "state", /* a state's army and government have its code as well, and it does not
                             name them */
      .like = "[A-Z][A-Z][A-Z]",
      .right = "three capital letters" },
    { .name = "ucdp_id", .kind = COLUMN_INTEGER, .min = 1, .max = INT64_MAX },
    { .name = "part_of", .kind = COLUMN_REF, .things = "actor", .is_acyclic = true },
    { .name = "aliases", .kind = COLUMN_NAMES, .is_name = true },
    { .name = "former_ids", .kind = COLUMN_NAMES, .is_name = true, .is_former = true },
    COLUMN_NOTE,
    { .name = "sources",
      .kind = COLUMN_REFS,
      .things = "source",
      .link = "actor_sources",
      .linked = "source" },
    COLUMNS_KNOWN,
    { 0 },
};

static const struct column missions[] = {
    { .name = "id", .kind = COLUMN_SLUG, .is_required = true, .is_name = true },
    COLUMN_VERSION,
    { .name = "acronym", .kind = COLUMN_TEXT, .is_required = true, .is_name = true },
    { .name = "name", .kind = COLUMN_TEXT, .is_name = true },
    { .name = "category", .kind = COLUMN_CODE, .codes = "mission_category", .is_required = true },
    { .name = "places",
      .kind = COLUMN_REFS,
      .things = "place",
      .link = "mission_places",
      .linked = "place" },
    { .name = "region", .kind = COLUMN_CODE, .codes = "region" },
    { .name = "start", .kind = COLUMN_START },
    { .name = "end", .kind = COLUMN_END, .not_known = "unknown" },
    { .name = "status", .kind = COLUMN_CODE, .codes = "mission_status", .is_required = true },
    { .name = "resolutions", .kind = COLUMN_TEXTS },
    { .name = "components",
      .kind = COLUMN_REFS,
      .things = "mission",
      .link = "mission_components",
      .linked = "component" },
    { .name = "aliases", .kind = COLUMN_NAMES, .is_name = true },
    COLUMN_NOTE,
    { .name = "sources",
      .kind = COLUMN_REFS,
      .is_required = true,
      .things = "source",
      .link = "mission_sources",
      .linked = "source" },
    COLUMNS_KNOWN,
    { 0 },
};

static const struct column facts[] = {
    COLUMN_ID,
    { .name = "subject_kind", .kind = COLUMN_CODE, .codes = "subject_kind", .is_required = true },
    { .name = "subject", .kind = COLUMN_REF, .things_in = "subject_kind", .is_required = true },
    { .name = "predicate", .kind = COLUMN_CODE, .codes = "predicate", .is_required = true },
    { .name = "name", .kind = COLUMN_TEXT, .is_required = true },
    { .name = "start", .kind = COLUMN_START },
    { .name = "end", .kind = COLUMN_END },
    { .name = "place", .kind = COLUMN_REF, .things = "place" },
    { .name = "definition", .kind = COLUMN_REF, .things = "definition" },
    COLUMN_NOTE,
    { 0 },
};

static const struct column claims[] = {
    COLUMN_ID,
    { .name = "fact", .kind = COLUMN_REF, .things = "fact", .is_required = true },
    { .name = "object_kind", .kind = COLUMN_CODE, .codes = "subject_kind" },
    { .name = "object", .kind = COLUMN_REF, .things_in = "object_kind" },
    { .name = "object_text", .kind = COLUMN_TEXT },
    COLUMNS_NUMBER(false, INT64_MAX),
    { .name = "start", .kind = COLUMN_START },
    { .name = "end", .kind = COLUMN_END },
    { .name = "place", .kind = COLUMN_REF, .things = "place" },
    { .name = "definition", .kind = COLUMN_REF, .things = "definition" },
    { .name = "modality", .kind = COLUMN_CODE, .codes = "modality", .is_required = true },
    { .name = "asserted_by", .kind = COLUMN_REF, .things = "actor" },
    { .name = "reported_by", .kind = COLUMN_REF, .things = "source", .is_required = true },
    { .name = "quote", .kind = COLUMN_TEXT },
    { .name = "locator_unit", .kind = COLUMN_CODE, .codes = "locator_unit" },
    { .name = "locator_start", .kind = COLUMN_INTEGER, .max = INT64_MAX },
    { .name = "locator_end", .kind = COLUMN_INTEGER, .max = INT64_MAX },
    { .name = "status", .kind = COLUMN_CODE, .codes = "claim_status", .is_required = true },
    { .name = "superseded_by", .kind = COLUMN_REF, .things = "claim", .is_acyclic = true },
    { .name = "verdict", .kind = COLUMN_CODE, .codes = "verdict" },
    COLUMN_NOTE,
    { .name = "flags", .kind = COLUMN_CODES, .codes = "flag" },
    COLUMNS_KNOWN,
    { 0 },
};

static const struct column events[] = {
    COLUMN_ID,
    { .name = "name", .kind = COLUMN_TEXT, .is_required = true },
    { .name = "kind", .kind = COLUMN_CODE, .codes = "event_kind", .is_required = true },
    { .name = "date", .kind = COLUMN_DATE, .is_required = true },
    { .name = "end", .kind = COLUMN_LAST },
    { .name = "text", .kind = COLUMN_TEXT },
    { .name = "places",
      .kind = COLUMN_REFS,
      .things = "place",
      .link = "event_places",
      .linked = "place" },
    { .name = "actors",
      .kind = COLUMN_REFS,
      .things = "actor",
      .link = "event_actors",
      .linked = "actor" },
    { .name = "claims",
      .kind = COLUMN_REFS,
      .things = "claim",
      .link = "event_claims",
      .linked = "claim" },
    { .name = "sources",
      .kind = COLUMN_REFS,
      .things = "source",
      .link = "event_sources",
      .linked = "source" },
    COLUMN_NOTE,
    COLUMNS_KNOWN,
    { 0 },
};

static const struct column casualties[] = {
    COLUMN_ID,
    COLUMN_VERSION,
    { .name = "series", .kind = COLUMN_REF, .things = "series", .is_required = true },
    { .name = "mission", .kind = COLUMN_REF, .things = "mission" },
    { .name = "place", .kind = COLUMN_REF, .things = "place" },
    { .name = "date", .kind = COLUMN_DATE, .is_required = true },
    { .name = "end", .kind = COLUMN_LAST },
    { .name = "victim_group", .kind = COLUMN_CODE, .codes = "victim_group", .is_required = true },
    { .name = "personnel_type", .kind = COLUMN_CODE, .codes = "personnel_type" },
    { .name = "cause", .kind = COLUMN_CODE, .codes = "cause" },
    { .name = "nationality", .kind = COLUMN_REF, .things = "place" },
    { .name = "nationality_text", .kind = COLUMN_TEXT },
    { .name = "perpetrators",
      .kind = COLUMN_REFS,
      .things = "actor",
      .link = "casualty_perpetrators",
      .linked = "actor" },
    { .name = "harm", .kind = COLUMN_CODE, .codes = "harm", .is_required = true },
    COLUMNS_NUMBER(true, PEOPLE_MOST),
    { .name = "definition", .kind = COLUMN_REF, .things = "definition", .is_required = true },
    { .name = "claims",
      .kind = COLUMN_REFS,
      .things = "claim",
      .link = "casualty_claims",
      .linked = "claim" },
    { .name = "source", .kind = COLUMN_REF, .things = "source", .is_required = true },
    { .name = "flags", .kind = COLUMN_CODES, .codes = "flag" },
    COLUMN_NOTE,
    COLUMNS_KNOWN,
    { 0 },
};

static const struct column relationships[] = {
    COLUMN_ID,
    COLUMN_VERSION,
    { .name = "from",
      .kind = COLUMN_REF,
      .sql = "from_actor",
      .things = "actor",
      .is_required = true },
    { .name = "type", .kind = COLUMN_CODE, .codes = "relationship_type", .is_required = true },
    { .name = "to", .kind = COLUMN_REF, .sql = "to_actor", .things = "actor", .is_required = true },
    { .name = "sign", .kind = COLUMN_CODE, .codes = "sign", .is_required = true },
    { .name = "start", .kind = COLUMN_START },
    { .name = "end", .kind = COLUMN_END },
    { .name = "status", .kind = COLUMN_CODE, .codes = "relationship_status", .is_required = true },
    COLUMNS_NUMBER(false, INT64_MAX),
    { .name = "claims",
      .kind = COLUMN_REFS,
      .things = "claim",
      .link = "relationship_claims",
      .linked = "claim" },
    { .name = "sources",
      .kind = COLUMN_REFS,
      .things = "source",
      .link = "relationship_sources",
      .linked = "source" },
    COLUMN_NOTE,
    COLUMNS_KNOWN,
    { 0 },
};

const struct table tables[TABLES_N] = {
    [TABLE_CODES] = { .name = "codes",
                      .group = "list",
                      .key = { "list", "id" },
                      .is_required = true,
                      .columns = codes },
    [TABLE_SOURCES] = { .name = "sources",
                        .thing = "source",
                        .key = { "id" },
                        .order = { "id" },
                        .is_required = true,
                        .columns = sources },
    [TABLE_RELEASES] = { .name = "releases",
                         .self = "release",
                         .key = { "id" },
                         .order = { "id" },
                         .is_required = true,
                         .columns = releases,
                         .rules = { id_is_the_date } },
    { .name = "definitions",
      .thing = "definition",
      .self = "definition",
      .key = { "id" },
      .order = { "id" },
      .columns = definitions,
      .rules = { sums_are_mutual } },
    { .name = "series",
      .thing = "series",
      .self = "series",
      .key = { "id" },
      .order = { "id" },
      .columns = series,
      .rules = { overlaps_are_mutual } },
    { .name = "places",
      .thing = "place",
      .named = "place",
      .self = "place",
      .key = { "id" },
      .order = { "id" },
      .columns = places,
      .rules = { coordinates_are_two } },
    { .name = "actors",
      .thing = "actor",
      .named = "actor",
      .self = "actor",
      .key = { "id" },
      .order = { "id" },
      .is_revised = true,
      .columns = actors },
    { .name = "missions",
      .thing = "mission",
      .also = "actor",
      .named = "actor",
      .self = "mission",
      .key = { "id", "version" },
      .order = { "id", "version" },
      .is_versioned = true,
      .columns = missions,
      .rules = { mission_can_be_an_actor } },
    { .name = "facts", .thing = "fact", .key = { "id" }, .order = { "id" }, .columns = facts },
    { .name = "claims",
      .thing = "claim",
      .key = { "id" },
      .order = { "fact", "id" },
      .is_revised = true,
      .columns = claims,
      .copies = { { .sql = "subject_kind", .via = "fact", .from = "subject_kind" },
                  { .sql = "subject", .via = "fact", .from = "subject" },
                  { .sql = "predicate", .via = "fact", .from = "predicate" } },
      .rules = { number_is_whole, unit_is_the_definitions, object_has_its_kind, locator_is_whole,
                 quote_is_short, successor_is_of_the_fact } },
    { .name = "events",
      .thing = "event",
      .self = "event",
      .key = { "id" },
      .order = { "id" },
      .columns = events,
      .rules = { has_claims_or_sources } },
    { .name = "casualties",
      .self = "casualty",
      .key = { "id", "version" },
      .order = { "id", "version" },
      .is_versioned = true,
      .columns = casualties,
      .copies = { { .sql = "kind", .via = "series", .from = "kind" } },
      .rules = { number_is_whole, unit_is_the_definitions, nationality_is_one } },
    { .name = "relationships",
      .self = "relationship",
      .key = { "id", "version" },
      .order = { "id", "version" },
      .is_versioned = true,
      .columns = relationships,
      .rules = { number_is_whole, has_claims_or_sources } },
};
