#define _GNU_SOURCE /* strndup, O_CLOEXEC, fsync */
#include "db/build.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "db/base.h"
#include "db/finalize.h"
#include "db/publish.h"
#include "db/schema.h"
#include "db/search.h"
#include "db/sql_alike.h"
#include "db/sql_fold.h"
#include "db/sql_tally.h"
#include "db/tables.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/base/fold.h"
#include "server/base/nearest.h"

enum {
    FOLD_SIZE = 4096, /* bytes of a folded name; longer ones are found by their id alone */
    SUGGESTIONS_MOST =
        100, /* faults for which the nearest id is looked up: it costs, and more are one mistake */
    CHAIN_MOST = 1000, /* steps along part_of and the like before it is left to the rows of the
                          circle itself */
    SQL_MOST = 16384,  /* bytes of one generated statement */
    PAGE_SIZE = 4096,  /* bytes; the system's page, which memory mapping likes */
    INDEXES_MOST = 16, /* indexes of one table */
};

/** A build under way. */
struct build {
    struct dataset_text text;
    struct faults faults;
    const char *text_dir; /* borrowed */
    size_t n_suggestions; /* looked up so far */
    size_t n_files;
    size_t n_rows;
};

/* ---- Reading ---- */

static void free_names(char ***names)
{
    for (size_t i = 0; *names != NULL && (*names)[i] != NULL; i++)
        free((*names)[i]);
    free(*names);
}

static void close_directory(DIR **dir)
{
    if (*dir != NULL)
        closedir(*dir);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lists the *.csv of the directory, sorted; NULL-terminated. */
static bool list_files(const char *text_dir, char ***ret, struct error *err)
{
    defer(close_directory) DIR *dir = opendir(text_dir);
    defer(free_names) char **names = NULL;
    size_t n = 0, size = 0;
    struct dirent *entry;

    if (dir == NULL)
        return error_set(err, ERR_INPUT, NULL, "%s: %s; a directory of text files would be right.",
                         text_dir, strerror(errno));
    for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
        const char *end = strrchr(entry->d_name, '.');

        if (entry->d_name[0] == '.' || end == NULL || strcmp(end, ".csv") != 0
            || entry->d_type == DT_DIR)
            continue;
        if (n + 1 >= size) {
            char **grown = realloc(names, (size = size ? size * 2 : 32) * sizeof(*names));

            if (grown == NULL)
                return error_set(err, ERR_INTERNAL, NULL, "no memory for a directory");
            names = grown;
        }
        names[n] = strdup(entry->d_name);
        names[++n] = NULL;
        if (names[n - 1] == NULL)
            return error_set(err, ERR_INTERNAL, NULL, "no memory for a directory");
    }
    if (errno != 0)
        return error_set(err, ERR_INPUT, NULL, "%s: %s.", text_dir, strerror(errno));
    if (n == 0)
        return error_set(err, ERR_INPUT, NULL,
                         "%s: no *.csv; the directory with the dataset's text would be right.",
                         text_dir);
    qsort(names, n, sizeof(*names), compare_names);
    *ret = names;
    names = NULL;
    return true;
}

/* The table of a file: its name up to the first hyphen or dot. TABLES_N: none, which is a fault. */
static size_t table_of_file(struct build *build, const char *path, const char *name)
{
    size_t len = strcspn(name, "-.");
    char given[64] = "", best[64] = "";

    for (size_t i = 0; i < TABLES_N; i++) {
        if (strlen(tables[i].name) == len && strncmp(tables[i].name, name, len) == 0)
            return i;
    }
    if (len < sizeof(given))
        memcpy(given, name, len);
    for (size_t i = 0; i < TABLES_N; i++) {
        if (nearest_is_closer(given, tables[i].name, best))
            snprintf(best, sizeof(best), "%s", tables[i].name);
    }
    fault_at(&build->faults, path, 1, "no table '%.*s'; %s%s%s", (int)(len < 64 ? len : 63), name,
             *best ? "did you mean '" : "a file named after a table would be right", best,
             *best ? "'?" : ".");
    return TABLES_N;
}

/* Compares the first row with the declared columns. */
static bool check_header(struct build *build, const struct table *table,
                         const struct text_row *header)
{
    size_t before = build->faults.n, n = 0;

    for (; table->columns[n].name != NULL; n++) {
        bool is_there = false;

        for (size_t j = 0; j < header->n_cells; j++)
            is_there = is_there
                       || (header->cells[j] != NULL
                           && strcmp(header->cells[j], table->columns[n].name) == 0);
        if (!is_there)
            row_fault(&build->text, header,
                      "no column '%s'; with it as column %zu it would be right.",
                      table->columns[n].name, n + 1);
    }
    for (size_t j = 0; j < header->n_cells; j++) {
        const char *given = header->cells[j] ? header->cells[j] : "";
        char best[64] = "";

        if (table_column(table, given) >= 0)
            continue;
        for (size_t i = 0; i < n; i++) {
            if (nearest_is_closer(given, table->columns[i].name, best))
                snprintf(best, sizeof(best), "%s", table->columns[i].name);
        }
        row_fault(&build->text, header, "column '%s' is none of %s; %s%s%s", given, table->name,
                  *best ? "did you mean '" : "without it, it would be right", best,
                  *best ? "'?" : ".");
    }
    if (build->faults.n == before && header->n_cells != n)
        row_fault(&build->text, header, "a column stands twice; each once would be right.");
    for (size_t i = 0; i < n && build->faults.n == before; i++) {
        if (strcmp(header->cells[i], table->columns[i].name) != 0)
            row_fault(&build->text, header, "column %zu is '%s'; '%s' would be right there.", i + 1,
                      header->cells[i], table->columns[i].name);
    }
    return build->faults.n == before;
}

/* Adds the rows of one file to its table. */
static bool add_rows(struct build *build, size_t i, const struct text *file, struct error *err)
{
    const struct table *table = &tables[i];
    struct table_rows *to = &build->text.of[i];
    size_t n = 0;

    while (table->columns[n].name != NULL)
        n++;
    if (to->n_rows + file->n_rows > to->size) {
        /* Some more for the files that follow: a table may have many. */
        size_t size = to->n_rows + file->n_rows + to->n_rows / 4;
        struct text_row *rows = realloc(to->rows, size * sizeof(*rows));

        if (rows == NULL)
            return error_set(err, ERR_INTERNAL, NULL, "no memory for the rows of %s", table->name);
        to->rows = rows;
        to->size = size;
    }
    for (size_t j = 1; j < file->n_rows; j++) {
        const struct text_row *row = &file->rows[j];

        if (row->n_cells == n) {
            to->rows[to->n_rows++] = *row;
            continue;
        }
        row_fault(&build->text, row,
                  "the row has %zu cells; %zu, one for each column, would be right.", row->n_cells,
                  n);
        to->is_partial = true;
    }
    return true;
}

/* Takes the rows of a text file into its table. */
static bool take_text(struct build *build, size_t i, const struct text *file, struct error *err)
{
    if (!file->is_whole)
        build->text.of[i].is_partial = true;
    if (file->n_rows == 0)
        return true;
    if (!check_header(build, &tables[i], &file->rows[0])) {
        build->text.of[i].is_partial = true;
        return true;
    }
    return add_rows(build, i, file, err);
}

static bool read_file(struct build *build, const char *name, struct error *err)
{
    size_t len = strlen(build->text_dir) + strlen(name) + 2;
    char *path = text_alloc(&build->text.memory, len);
    defer(text_done) struct text file = { 0 };
    struct stat status;
    size_t i;

    if (path == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a path");
    snprintf(path, len, "%s%s%s", build->text_dir,
             build->text_dir[strlen(build->text_dir) - 1] == '/' ? "" : "/", name);
    /* Some file systems do not tell a directory's entries apart. */
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return true;
    build->n_files++;
    i = table_of_file(build, path, name);
    if (i == TABLES_N)
        return true;
    return text_read(path, &build->text.memory, &build->faults, &file, err)
           && take_text(build, i, &file, err);
}

/** The columns of a table's key. */
struct key {
    const struct column *columns[TABLE_KEYS];
    int at[TABLE_KEYS];
    size_t n;
};

/* Orders rows of one table by its key; rows of the same key as they were read. */
static int compare_keys(const void *a, const void *b, void *data)
{
    const struct text_row *row_a = *(const struct text_row *const *)a,
                          *row_b = *(const struct text_row *const *)b;
    const struct key *key = data;

    for (size_t i = 0; i < key->n; i++) {
        int order =
            cell_compare(key->columns[i], row_a->cells[key->at[i]], row_b->cells[key->at[i]]);

        if (order != 0)
            return order;
    }
    return (row_a > row_b) - (row_a < row_b); /* both are in the one array of the table */
}

/* Sorts the rows of a table by its key, once all are there. */
static bool sort_table(struct build *build, size_t i, struct error *err)
{
    struct table_rows *rows = &build->text.of[i];
    const struct table *table = &tables[i];
    struct key key = { .n = 0 };
    bool is_sorted = true;

    for (; key.n < TABLE_KEYS && table->key[key.n] != NULL; key.n++) {
        key.at[key.n] = table_column(table, table->key[key.n]);
        key.columns[key.n] = &table->columns[key.at[key.n]];
    }
    rows->sorted = text_alloc(&build->text.memory, (rows->n_rows + 1) * sizeof(struct text_row *));
    if (rows->sorted == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for the rows of %s", table->name);
    for (size_t j = 0; j < rows->n_rows; j++) {
        rows->sorted[j] = &rows->rows[j];
        is_sorted =
            is_sorted && (j == 0 || compare_keys(&rows->sorted[j - 1], &rows->sorted[j], &key) < 0);
    }
    /* Lines stand in the order of their ids, and where one file is a table there is nothing to do.
     */
    if (!is_sorted)
        qsort_r(rows->sorted, rows->n_rows, sizeof(struct text_row *), compare_keys, &key);
    return true;
}

static bool sort_text(struct build *build, struct error *err)
{
    for (size_t i = 0; i < TABLES_N; i++) {
        if (!sort_table(build, i, err))
            return false;
        build->n_rows += build->text.of[i].n_rows;
    }
    if (build->text.of[TABLE_RELEASES].n_rows > 0)
        build->text.newest = build->text.of[TABLE_RELEASES]
                                 .sorted[build->text.of[TABLE_RELEASES].n_rows - 1]
                                 ->cells[0];
    return true;
}

static bool read_text(struct build *build, struct error *err)
{
    defer(free_names) char **names = NULL;

    if (!list_files(build->text_dir, &names, err))
        return false;
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        if (!read_file(build, names[i], err))
            return false;
    }
    return sort_text(build, err);
}

/* Reads what the program carries, as if it were files. */
static bool read_base(struct build *build, struct error *err)
{
    for (const struct base_text *base = base_texts; base->name != NULL; base++) {
        size_t i = table_of_file(build, base->name, base->name);
        defer(text_done) struct text file = { 0 };

        if (i == TABLES_N)
            return true;
        build->n_files++;
        if (!text_parse(base->name, base->text, strlen(base->text), &build->text.memory,
                        &build->faults, &file, err)
            || !take_text(build, i, &file, err))
            return false;
    }
    return sort_text(build, err);
}

/* ---- Checking: one cell ---- */

/** A cell that is looked at. */
struct cell {
    struct build *build;
    const struct table *table;
    const struct column *column;
    const struct text_row *row;
};

#define cell_fault(cell, ...)                                                                      \
    fault_at(&(cell)->build->faults, (cell)->row->path, (cell)->row->line, __VA_ARGS__)

/* The rest of a fault's sentence: the nearest right value, or what would be one. */
static const char *hint(char *ret, size_t size, const char *best, const char *otherwise)
{
    if (*best != '\0')
        snprintf(ret, size, "did you mean '%s'?", best);
    else
        snprintf(ret, size, "%s would be right.", otherwise);
    return ret;
}

static bool is_slug(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        bool is_hyphen = *at == '-';

        if (!is_hyphen && !(*at >= 'a' && *at <= 'z') && !(*at >= '0' && *at <= '9'))
            return false;
        if (is_hyphen && (at == text || at[1] == '-' || at[1] == '\0'))
            return false;
    }
    return *text != '\0';
}

static void check_slug(const struct cell *cell, const char *text)
{
    if (!is_slug(text))
        cell_fault(
            cell,
            "%s '%s' is not a slug; lower-case letters, digits and single hyphens would be right.",
            cell->column->name, text);
}

static void check_words(const struct cell *cell, const char *text)
{
    if (cell->column->like != NULL && fnmatch(cell->column->like, text, 0) != 0)
        cell_fault(cell, "%s '%s'; %s would be right.", cell->column->name, text,
                   cell->column->right);
}

static void check_integer(const struct cell *cell, const char *text)
{
    const struct column *column = cell->column;
    const char *digits = text + (*text == '-');
    bool is_whole = *digits != '\0' && strspn(digits, "0123456789") == strlen(digits)
                    && (digits[0] != '0' || (digits[1] == '\0' && digits == text));
    long long value;

    errno = 0;
    value = strtoll(text, NULL, 10);
    if (!is_whole)
        cell_fault(cell,
                   "%s '%s' is not a whole number; digits alone, without separators and leading "
                   "zeros, would be right.",
                   column->name, text);
    else if (errno != 0 || value < column->min || value > column->max)
        cell_fault(cell, "%s %s is out of range; %lld to %lld would be right.", column->name, text,
                   column->min, column->max);
}

static void check_real(const struct cell *cell, const char *text)
{
    const struct column *column = cell->column;
    char *end;
    double value = strtod(text, &end);

    /* strtod takes hexadecimal, infinity and a comma where the locale has one. */
    if (strspn(text, "-.0123456789") != strlen(text) || *end != '\0')
        cell_fault(cell, "%s '%s' is not a decimal number; digits with a point would be right.",
                   column->name, text);
    else if (value < (double)column->min || value > (double)column->max)
        cell_fault(cell, "%s %s is out of range; %lld to %lld would be right.", column->name, text,
                   column->min, column->max);
}

static void check_day(const struct cell *cell, const char *text)
{
    if (!date_is_day(text))
        cell_fault(cell, "%s '%s' is not a day; one of the calendar as 2013-04-25 would be right.",
                   cell->column->name, text);
}

static void check_date(const struct cell *cell, const char *text)
{
    struct date_span span;

    if (!date_parse(text, &span))
        cell_fault(cell,
                   "%s '%s' is not a date; 2013, 2013-04 or 2013-04-25, with ~ or ? behind, would "
                   "be right.",
                   cell->column->name, text);
}

static void check_code(const struct cell *cell, const char *text)
{
    const struct table_rows *codes = &cell->build->text.of[TABLE_CODES];
    char best[64] = "", right[192], otherwise[128];

    if (codes->is_partial || text_find_code(&cell->build->text, cell->column->codes, text) != NULL)
        return;
    for (size_t i = 0; i < codes->n_rows; i++) {
        const char *list = codes->rows[i].cells[0], *id = codes->rows[i].cells[1];

        if (list != NULL && id != NULL && strcmp(list, cell->column->codes) == 0
            && nearest_is_closer(text, id, best))
            snprintf(best, sizeof(best), "%s", id);
    }
    snprintf(otherwise, sizeof(otherwise), "a code of the list '%s' in codes.csv",
             cell->column->codes);
    cell_fault(cell, "%s '%s' is no code of '%s'; %s", cell->column->name, text,
               cell->column->codes, hint(right, sizeof(right), best, otherwise));
}

/* The id of that kind of thing that is nearest to a mistyped one. */
static void suggest(struct build *build, const char *thing, const char *given, char *ret,
                    size_t size)
{
    size_t len = strlen(given);

    *ret = '\0';
    if (build->n_suggestions++ >= SUGGESTIONS_MOST)
        return;
    for (size_t i = 0; i < TABLES_N; i++) {
        if (!table_holds(&tables[i], thing))
            continue;
        for (size_t j = 0; j < build->text.of[i].n_rows; j++) {
            const char *id = build->text.of[i].rows[j].cells[0];
            size_t its = id != NULL ? strlen(id) : 0;

            /* Lengths that far apart cannot be near; this spares most of the work. */
            if (id != NULL && (its > len ? its - len : len - its) <= its / 3 + 1
                && nearest_is_closer(given, id, ret))
                snprintf(ret, size, "%s", id);
        }
    }
}

static void check_ref(const struct cell *cell, const char *text)
{
    struct build *build = cell->build;
    const char *thing = cell->column->things;
    char best[128], right[192], otherwise[64];

    if (thing == NULL)
        thing = row_cell(cell->table, cell->row, cell->column->things_in);
    if (thing == NULL || text_find_thing(&build->text, thing, text, NULL) != NULL)
        return;
    for (size_t i = 0; i < TABLES_N; i++) {
        if (table_holds(&tables[i], thing) && build->text.of[i].is_partial)
            return;
    }
    suggest(build, thing, text, best, sizeof(best));
    snprintf(otherwise, sizeof(otherwise), "the id of one that has a line of its own");
    cell_fault(cell, "%s: no %s '%s'; %s", cell->column->name, thing, text,
               hint(right, sizeof(right), best, otherwise));
}

/* A list: no empty items, none twice, and each as the items' kind has it (NULL: any words). */
static void check_list(const struct cell *cell, const char *text,
                       void (*check)(const struct cell *, const char *))
{
    struct text_memory *memory = &cell->build->text.memory;
    struct text_mark mark = text_mark(memory);
    const char *const *items = NULL;
    size_t n = list_split(&cell->build->text, text, &items);

    for (size_t i = 0; i < n; i++) {
        bool is_twice = false;

        if (items[i][0] == '\0' || items[i][0] == ' ' || strchr(items[i], ';') != NULL) {
            cell_fault(cell,
                       "%s: item %zu is '%s'; items separated by one semicolon and one blank would "
                       "be right.",
                       cell->column->name, i + 1, items[i]);
            continue;
        }
        for (size_t j = 0; j < i; j++)
            is_twice = is_twice || strcmp(items[i], items[j]) == 0;
        if (is_twice)
            cell_fault(cell, "%s: '%s' stands twice; once would be right.", cell->column->name,
                       items[i]);
        else if (check != NULL)
            check(cell, items[i]);
    }
    text_release(memory, mark);
}

static void check_texts(const struct cell *cell, const char *text)
{
    check_list(cell, text, NULL);
}

static void check_codes(const struct cell *cell, const char *text)
{
    check_list(cell, text, check_code);
}

static void check_refs(const struct cell *cell, const char *text)
{
    check_list(cell, text, check_ref);
}

static void check_names(const struct cell *cell, const char *text)
{
    check_list(cell, text, cell->column->is_former ? check_slug : NULL);
}

/* ---- Checking: one row, one table, all ---- */

/* Something that ends does not end before it begins. */
static void check_period(struct build *build, const struct table *table, const struct text_row *row)
{
    const char *end = row_cell(table, row, "end");
    const char *name = table_column(table, "start") >= 0 ? "start" : "date";
    const char *start = row_cell(table, row, name);
    struct date_span first, last;

    if (start != NULL && end != NULL && date_parse(start, &first) && date_parse(end, &last)
        && strcmp(first.min, last.max) > 0)
        row_fault(&build->text, row, "end %s is before %s %s; an end that is not would be right.",
                  end, name, start);
}

/* Both ends of the other clock. */
static void check_known(struct build *build, const struct table *table, const struct text_row *row)
{
    const char *from = row_cell(table, row, "known_from"), *to = row_cell(table, row, "known_to");

    if (from == NULL || !date_is_day(from))
        return;
    if (build->text.newest != NULL && strcmp(from, build->text.newest) > 0)
        row_fault(
            &build->text, row,
            "known_from %s is later than the newest release; %s at the latest would be right.",
            from, build->text.newest);
    if (to != NULL && strcmp(to, from) <= 0)
        row_fault(&build->text, row,
                  "known_to %s is not later than known_from %s; a later day would be right.", to,
                  from);
}

/* Lines stand where a person looks for them, and where a diff is small. */
static void check_order(struct build *build, const struct table *table,
                        const struct text_row *before, const struct text_row *row)
{
    for (size_t i = 0; i < TABLE_KEYS && table->order[i] != NULL; i++) {
        int column = table_column(table, table->order[i]);
        int order =
            cell_compare(&table->columns[column], before->cells[column], row->cells[column]);

        if (order < 0)
            return;
        if (order > 0) {
            row_fault(&build->text, row,
                      "the line is out of order: %s '%s' comes after '%s'; lines in the order of "
                      "%s%s%s would be right.",
                      table->order[i], row->cells[column] ? row->cells[column] : "",
                      before->cells[column] ? before->cells[column] : "", table->order[0],
                      table->order[1] ? " and " : "", table->order[1] ? table->order[1] : "");
            return;
        }
    }
}

static void check_groups(struct build *build, const struct table *table,
                         const struct table_rows *rows)
{
    int column = table_column(table, table->group);

    for (size_t j = 1; j < rows->n_rows; j++) {
        const char *group = rows->rows[j].cells[column];
        const struct text_row *before = NULL;

        if (group == NULL
            || cell_compare(&table->columns[column], group, rows->rows[j - 1].cells[column]) == 0)
            continue;
        for (size_t k = 0; k + 1 < j && before == NULL; k++) {
            if (cell_compare(&table->columns[column], group, rows->rows[k].cells[column]) == 0)
                before = &rows->rows[k];
        }
        if (before != NULL)
            row_fault(
                &build->text, &rows->rows[j],
                "%s '%s' began at line %zu and goes on here; its lines together would be right.",
                table->group, group, before->line);
    }
}

static bool has_same(const struct table *table, const char *name, const struct text_row *a,
                     const struct text_row *b)
{
    int column = table_column(table, name);

    return a->cells[column] != NULL && b->cells[column] != NULL
           && strcmp(a->cells[column], b->cells[column]) == 0;
}

/* Rows of the same id: one, or versions 1, 2, ... of which each ends before the next begins. */
static void check_ids(struct build *build, const struct table *table, const struct table_rows *rows)
{
    long long expected = 0;

    for (size_t j = 0; j < rows->n_rows; j++) {
        const struct text_row *row = rows->sorted[j], *before = j > 0 ? rows->sorted[j - 1] : NULL;
        bool is_next = before != NULL && has_same(table, table->key[0], before, row);
        const char *id = row->cells[table_column(table, table->key[0])], *version, *until, *from;

        if (is_next && (table->key[1] == NULL || has_same(table, table->key[1], before, row))) {
            row_fault(
                &build->text, row,
                "%s '%s' stands at %s:%zu already; an id%s of its own would be right.",
                table->key[1] ? table->key[1] : table->key[0],
                row->cells[table_column(table, table->key[1] ? table->key[1] : table->key[0])],
                before->path, before->line, table->is_versioned ? " or version" : "");
            continue;
        }
        if (!table->is_versioned)
            continue;
        version = row_cell(table, row, "version");
        expected = is_next ? expected + 1 : 1;
        if (version == NULL || id == NULL)
            continue;
        if (strtoll(version, NULL, 10) != expected) {
            row_fault(&build->text, row,
                      "version %s of '%s' where %lld is due; versions 1, 2, ... without gaps would "
                      "be right.",
                      version, id, expected);
            expected = strtoll(version, NULL, 10);
            continue;
        }
        until = is_next ? row_cell(table, before, "known_to") : NULL;
        from = row_cell(table, row, "known_from");
        if (is_next && until == NULL)
            row_fault(&build->text, before,
                      "'%s' has a later version (%s:%zu) and no known_to; %s at the latest would "
                      "be right.",
                      id, row->path, row->line, from ? from : "a day");
        else if (is_next && from != NULL && strcmp(until, from) > 0)
            row_fault(&build->text, row,
                      "known_from %s, and the version before is known to %s; that day or a later "
                      "one would be right.",
                      from, until);
    }
}

/* Follows a reference inside its own table until it ends or comes back. */
static void check_circle(struct build *build, size_t i, int column, const struct text_row *row)
{
    const char *id = row->cells[0];
    const struct text_row *at = row;

    for (size_t n = 0; n < CHAIN_MOST && at != NULL && at->cells[column] != NULL && id != NULL;
         n++) {
        if (strcmp(at->cells[column], id) == 0) {
            row_fault(&build->text, row,
                      "%s of '%s' leads back to itself; a chain that ends would be right.",
                      tables[i].columns[column].name, id);
            return;
        }
        at = text_find(&build->text, i, at->cells[column]);
    }
}

static void check_cell(const struct cell *cell, const char *text);

static void check_table(struct build *build, size_t i)
{
    const struct table *table = &tables[i];
    const struct table_rows *rows = &build->text.of[i];
    struct cell cell = { .build = build, .table = table };

    if (table->is_required && rows->n_rows == 0 && !rows->is_partial) {
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s/%s.csv", build->text_dir, table->name);
        fault_at(&build->faults, path, 1, "no row of %s anywhere; at least one would be right.",
                 table->name);
    }
    for (size_t j = 0; j < rows->n_rows; j++) {
        const struct text_row *row = &rows->rows[j];

        if (j > 0 && row->path == row[-1].path)
            check_order(build, table, row - 1, row);
        for (int k = 0; table->columns[k].name != NULL; k++) {
            cell.row = row;
            cell.column = &table->columns[k];
            check_cell(&cell, row->cells[k]);
            if (cell.column->is_acyclic)
                check_circle(build, i, k, row);
        }
        if (table_column(table, "end") >= 0)
            check_period(build, table, row);
        check_known(build, table, row);
        for (size_t k = 0; k < TABLE_RULES && table->rules[k] != NULL; k++)
            table->rules[k](&build->text, table, row);
    }
    if (table->group != NULL)
        check_groups(build, table, rows);
    check_ids(build, table, rows);
}

/** A name under which something is found. */
struct name {
    const char *named; /* kind of thing */
    const char *folded;
    const char *given; /* as it stands in the text */
    const struct text_row *row;
    const struct table *table;
};

static int compare_found(const void *a, const void *b)
{
    const struct name *name_a = a, *name_b = b;
    int order = strcmp(name_a->named, name_b->named);

    if (order == 0)
        order = strcmp(name_a->folded, name_b->folded);
    if (order == 0)
        order = (name_a->table > name_b->table) - (name_a->table < name_b->table);
    return order != 0 ? order : (name_a->row > name_b->row) - (name_a->row < name_b->row);
}

static void add_name(struct build *build, const struct cell *cell, const char *given,
                     struct name *names, size_t *n)
{
    char folded[FOLD_SIZE];
    size_t len = fold_name(given, folded, sizeof(folded));
    char *kept;

    if (len == 0) {
        cell_fault(cell, "%s '%s' holds nothing to find it by; letters or digits would be right.",
                   cell->column->name, given);
        return;
    }
    kept = text_alloc(&build->text.memory, len + 1);
    if (kept == NULL)
        return;
    memcpy(kept, folded, len);
    names[(*n)++] = (struct name){ .named = cell->table->named,
                                   .folded = kept,
                                   .given = given,
                                   .row = cell->row,
                                   .table = cell->table };
}

/* Calls add_name for every name of a table's rows; with NULL only counts them. */
static size_t collect_names(struct build *build, size_t i, struct name *names, size_t n)
{
    struct cell cell = { .build = build, .table = &tables[i] };

    for (size_t j = 0; tables[i].named != NULL && j < build->text.of[i].n_rows; j++) {
        cell.row = &build->text.of[i].rows[j];
        for (int k = 0; tables[i].columns[k].name != NULL; k++) {
            const struct column *column = &tables[i].columns[k];
            const char *text = cell.row->cells[k], *type = row_cell(&tables[i], cell.row, "type");
            const char *const *items = &text;
            size_t n_items = text != NULL ? 1 : 0;

            cell.column = column;
            if (!column->is_name
                || (column->name_if != NULL
                    && (type == NULL || strcmp(type, column->name_if) != 0)))
                continue;
            if (column->kind == COLUMN_NAMES)
                n_items = list_split(&build->text, text, &items);
            if (names == NULL)
                n += n_items;
            for (size_t l = 0; names != NULL && l < n_items; l++)
                add_name(build, &cell, items[l], names, &n);
        }
    }
    return n;
}

/* No two things of one kind answer to one name: a request by name must mean one. */
static void check_found(struct build *build)
{
    size_t n = 0, most = 0;
    struct name *names;

    for (size_t i = 0; i < TABLES_N; i++)
        most = collect_names(build, i, NULL, most);
    names = text_alloc(&build->text.memory, (most + 1) * sizeof(*names));
    if (names == NULL)
        return;
    for (size_t i = 0; i < TABLES_N; i++)
        n = collect_names(build, i, names, n);
    qsort(names, n, sizeof(*names), compare_found);
    for (size_t i = 1, first = 0; i < n; i++) {
        const struct name *a = &names[first], *b = &names[i];
        const char *id_a = a->row->cells[0], *id_b = b->row->cells[0];

        if (strcmp(a->named, b->named) != 0 || strcmp(a->folded, b->folded) != 0) {
            first = i;
            continue;
        }
        if (id_a == NULL || id_b == NULL || b->row == b[-1].row
            || (a->table == b->table && strcmp(id_a, id_b) == 0))
            continue;
        if (strcmp(id_a, id_b) == 0)
            row_fault(&build->text, b->row,
                      "'%s' is an actor of its own at %s:%zu; the mission alone, which is an actor "
                      "by itself, would be right.",
                      id_b, a->row->path, a->row->line);
        else
            row_fault(&build->text, b->row,
                      "'%s' names '%s' and also '%s' (%s:%zu); a name of one alone would be right.",
                      b->given, id_b, id_a, a->row->path, a->row->line);
    }
}

/* ---- Writing ---- */

/** The schema's columns of one row, being bound. */
struct binding {
    const struct table *table;
    const struct text_row *row;
    const struct column *column;
    sqlite3_stmt *stmt;
    int at; /* next parameter, from 1 */
    struct dataset_text *text;
};

static void bind_text(struct binding *to, const char *text)
{
    /* NULL binds NULL; texts of the arena outlive the statement, those on the stack do not. */
    sqlite3_bind_text(to->stmt, to->at++, text, -1, SQLITE_TRANSIENT);
}

static void bind_words(struct binding *to, const char *text)
{
    bind_text(to, text);
}

static void bind_integer(struct binding *to, const char *text)
{
    if (text != NULL)
        sqlite3_bind_int64(to->stmt, to->at, strtoll(text, NULL, 10));
    to->at++;
}

static void bind_real(struct binding *to, const char *text)
{
    if (text != NULL)
        sqlite3_bind_double(to->stmt, to->at, strtod(text, NULL));
    to->at++;
}

static void bind_span(struct binding *to, const char *text, const char *min, const char *max)
{
    struct date_span span;
    bool is_date = text != NULL && date_parse(text, &span);

    bind_text(to, text);
    bind_text(to, is_date ? span.min : min);
    bind_text(to, is_date ? span.max : max);
}

static void bind_date(struct binding *to, const char *text)
{
    bind_span(to, text, NULL, NULL);
}

/* Not known since when: at the latest when it had ended, or when a source said that it was so. */
static void bind_start(struct binding *to, const char *text)
{
    const char *end = row_cell(to->table, to->row, "end");
    const char *known = row_cell(to->table, to->row, "known_from");
    struct date_span span;

    if (end != NULL && date_parse(end, &span))
        known = span.max;
    bind_span(to, text, DATE_FIRST, known != NULL ? known : DATE_LAST);
}

static void bind_end(struct binding *to, const char *text)
{
    const char *start = row_cell(to->table, to->row, "start"),
               *status = row_cell(to->table, to->row, "status");
    bool is_known = to->column->not_known == NULL || status == NULL
                    || strcmp(status, to->column->not_known) != 0;
    struct date_span span;
    const char *min = DATE_LAST;

    if (!is_known)
        min = start != NULL && date_parse(start, &span) ? span.min : DATE_FIRST;
    bind_span(to, text, min, DATE_LAST);
}

static void bind_last(struct binding *to, const char *text)
{
    const char *date = row_cell(to->table, to->row, "date");
    struct date_span span = { .min = DATE_FIRST, .max = DATE_LAST };

    if (date != NULL)
        date_parse(date, &span);
    bind_span(to, text, span.min, span.max);
}

static void bind_list(struct binding *to, const char *text)
{
    defer(buffer_done) struct buffer json = BUFFER_INIT(2 * TEXT_CELL_MOST);
    const char *const *items = NULL;
    size_t n = list_split(to->text, text, &items);

    buffer_byte(&json, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buffer_byte(&json, ',');
        buffer_json(&json, items[i], strlen(items[i]));
    }
    if (!buffer_byte(&json, ']'))
        to->text->memory.failed = true;
    bind_text(to, json.broken ? NULL : json.data);
}

/** How cells of one kind are checked and written. */
struct cell_kind {
    void (*check)(const struct cell *cell, const char *text);
    const char *suffixes[3]; /* of the schema's columns that it fills; NULL: no more */
    void (*bind)(struct binding *to,
                 const char *text); /* NULL: rows of other tables (REFS, NAMES) */
};

static const struct cell_kind cell_kinds[COLUMN__MAX] = {
    [COLUMN_SLUG] = { check_slug, { "" }, bind_words },
    [COLUMN_TEXT] = { check_words, { "" }, bind_words },
    [COLUMN_INTEGER] = { check_integer, { "" }, bind_integer },
    [COLUMN_REAL] = { check_real, { "" }, bind_real },
    [COLUMN_DAY] = { check_day, { "" }, bind_words },
    [COLUMN_DATE] = { check_date, { "", "_min", "_max" }, bind_date },
    [COLUMN_START] = { check_date, { "", "_min", "_max" }, bind_start },
    [COLUMN_END] = { check_date, { "", "_min", "_max" }, bind_end },
    [COLUMN_LAST] = { check_date, { "", "_min", "_max" }, bind_last },
    [COLUMN_CODE] = { check_code, { "" }, bind_words },
    [COLUMN_REF] = { check_ref, { "" }, bind_words },
    [COLUMN_TEXTS] = { check_texts, { "_json" }, bind_list },
    [COLUMN_CODES] = { check_codes, { "_json" }, bind_list },
    [COLUMN_REFS] = { check_refs, { NULL }, NULL },
    [COLUMN_NAMES] = { check_names, { NULL }, NULL },
};

static void check_cell(const struct cell *cell, const char *text)
{
    if (text != NULL)
        cell_kinds[cell->column->kind].check(cell, text);
    else if (cell->column->is_required)
        cell_fault(cell, "%s is empty; a value would be right.", cell->column->name);
}

static void close_database(sqlite3 **db)
{
    sqlite3_close_v2(*db);
    *db = NULL;
}

/* What SQLite could not do: the place's fault (full, not writable) or ours. */
static bool fail(sqlite3 *db, const char *file, struct error *err)
{
    int code = db != NULL ? sqlite3_errcode(db) & 0xFF : SQLITE_NOMEM;
    bool is_place = code == SQLITE_FULL || code == SQLITE_IOERR || code == SQLITE_CANTOPEN
                    || code == SQLITE_READONLY || code == SQLITE_PERM;

    return error_set(err, is_place ? ERR_INPUT : ERR_INTERNAL, NULL, "%s cannot be written: %s.",
                     file, db != NULL ? sqlite3_errmsg(db) : "no memory");
}

static bool run(sqlite3 *db, const char *sql, const char *file, struct error *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK || fail(db, file, err);
}

static bool prepare(sqlite3 *db, const struct buffer *sql, sqlite3_stmt **ret, const char *file,
                    struct error *err)
{
    if (sql->broken)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a statement");
    return sqlite3_prepare_v3(db, sql->data, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) == SQLITE_OK
           || fail(db, file, err);
}

/** A table being written. */
struct writer {
    struct build *build;
    sqlite3 *db;
    const char *file; /* for errors */
    const struct table *table;
    sqlite3_stmt *row;                  /* INSERT of the row itself */
    sqlite3_stmt *links[TABLE_COLUMNS]; /* INSERT of the rows of a list; NULL: the column is none */
};

static void writer_done(struct writer *writer)
{
    finalize(&writer->row);
    for (size_t i = 0; i < TABLE_COLUMNS; i++)
        finalize(&writer->links[i]);
}

/* INSERT INTO missions ("id", ..., "start", "start_min", "start_max", ...) VALUES (?, ...), from
 * the declaration. */
static bool prepare_row(struct writer *writer, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(SQL_MOST);
    const struct table *table = writer->table;
    int n = 0;

    buffer_format(&sql, "INSERT INTO \"%s\" (", table->name);
    for (const struct column *column = table->columns; column->name != NULL; column++) {
        const struct cell_kind *kind = &cell_kinds[column->kind];

        for (size_t i = 0; i < 3 && kind->suffixes[i] != NULL; i++)
            buffer_format(&sql, "%s\"%s%s\"", n++ > 0 ? ", " : "",
                          column->sql ? column->sql : column->name, kind->suffixes[i]);
    }
    for (size_t i = 0; i < TABLE_COPIES && table->copies[i].sql != NULL; i++, n++)
        buffer_format(&sql, ", \"%s\"", table->copies[i].sql);
    if (table->group != NULL && n++ > 0)
        buffer_text(&sql, ", position");
    buffer_text(&sql, ") VALUES (?");
    while (--n > 0)
        buffer_text(&sql, ", ?");
    buffer_byte(&sql, ')');
    return prepare(writer->db, &sql, &writer->row, writer->file, err);
}

static bool prepare_links(struct writer *writer, struct error *err)
{
    const struct table *table = writer->table;

    for (size_t i = 0; table->columns[i].name != NULL; i++) {
        defer(buffer_done) struct buffer sql = BUFFER_INIT(SQL_MOST);
        const struct column *column = &table->columns[i];

        if (column->kind == COLUMN_REFS)
            buffer_format(&sql,
                          "INSERT INTO \"%s\" (\"%s\", \"%s\", position%s) VALUES (?, ?, ?%s)",
                          column->link, table->self, column->linked,
                          table->is_versioned ? ", version" : "", table->is_versioned ? ", ?" : "");
        else if (column->kind == COLUMN_NAMES) /* versions of one thing share most of their names */
            buffer_format(&sql,
                          "INSERT OR IGNORE INTO aliases (id, alias, position, kind, former) "
                          "VALUES (?, ?, ?, '%s', %d)",
                          table->thing, column->is_former);
        else
            continue;
        if (!prepare(writer->db, &sql, &writer->links[i], writer->file, err))
            return false;
    }
    return true;
}

/* Runs an INSERT; a row that the schema refuses though no check of ours did is a fault like any
 * other. */
static bool insert(struct writer *writer, sqlite3_stmt *stmt, const struct text_row *row,
                   struct error *err)
{
    int code = sqlite3_step(stmt);

    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    if (code == SQLITE_DONE)
        return true;
    if ((code & 0xFF) != SQLITE_CONSTRAINT)
        return fail(writer->db, writer->file, err);
    row_fault(&writer->build->text, row,
              "the schema refuses the row (%s); one that db/schema.sql allows would be right.",
              sqlite3_errmsg(writer->db));
    return true;
}

/* Writes what a list cell names. */
static bool write_list(struct writer *writer, const struct text_row *row, size_t i,
                       struct error *err)
{
    const struct table *table = writer->table;
    const char *const *items = NULL;
    size_t n = list_split(&writer->build->text, row->cells[i], &items);

    for (size_t j = 0; j < n; j++) {
        struct binding to = { .table = table, .row = row, .stmt = writer->links[i], .at = 1 };

        bind_text(&to, row->cells[0]);
        bind_text(&to, items[j]);
        sqlite3_bind_int64(to.stmt, to.at++, (sqlite3_int64)j);
        if (table->is_versioned && table->columns[i].kind == COLUMN_REFS)
            bind_integer(&to, row_cell(table, row, "version"));
        if (!insert(writer, writer->links[i], row, err))
            return false;
    }
    return true;
}

static bool write_links(struct writer *writer, const struct text_row *row, struct error *err)
{
    struct text_memory *memory = &writer->build->text.memory;

    for (size_t i = 0; writer->table->columns[i].name != NULL; i++) {
        struct text_mark mark = text_mark(memory);

        if (writer->links[i] != NULL && row->cells[i] != NULL && !write_list(writer, row, i, err))
            return false;
        text_release(memory, mark);
    }
    return true;
}

static bool write_row(struct writer *writer, const struct text_row *row, long long position,
                      struct error *err)
{
    const struct table *table = writer->table;
    struct dataset_text *text = &writer->build->text;
    struct binding to = { .table = table, .row = row, .stmt = writer->row, .at = 1, .text = text };

    for (size_t i = 0; table->columns[i].name != NULL; i++) {
        to.column = &table->columns[i];
        if (cell_kinds[to.column->kind].bind != NULL)
            cell_kinds[to.column->kind].bind(&to, row->cells[i]);
    }
    for (size_t i = 0; i < TABLE_COPIES && table->copies[i].sql != NULL; i++) {
        const struct column *via = &table->columns[table_column(table, table->copies[i].via)];
        const char *id = row_cell(table, row, via->name);
        const struct table *its = NULL;
        const struct text_row *other =
            id != NULL ? text_find_thing(text, via->things, id, &its) : NULL;

        bind_text(&to, other != NULL ? row_cell(its, other, table->copies[i].from) : NULL);
    }
    if (table->group != NULL)
        sqlite3_bind_int64(to.stmt, to.at++, position);
    return insert(writer, writer->row, row, err) && write_links(writer, row, err);
}

static bool write_table(struct build *build, size_t i, sqlite3 *db, const char *file,
                        struct error *err)
{
    defer(writer_done) struct writer writer = {
        .build = build, .db = db, .file = file, .table = &tables[i]
    };
    const struct table_rows *rows = &build->text.of[i];
    long long position = 0;

    if (!prepare_row(&writer, err) || !prepare_links(&writer, err))
        return false;
    for (size_t j = 0; j < rows->n_rows; j++) {
        /* By key, so that it does not matter in which file a row stands; where the order is by
         * hand, as it is. */
        const struct text_row *row = tables[i].group != NULL ? &rows->rows[j] : rows->sorted[j];

        if (tables[i].group != NULL)
            position =
                j > 0 && has_same(&tables[i], tables[i].group, row - 1, row) ? position + 1 : 0;
        if (!write_row(&writer, row, position, err))
            return false;
    }
    return true;
}

/* Our own last look before anybody else reads the file. */
static bool check_written(const char *path, const char *file, struct error *err)
{
    defer(close_database) sqlite3 *db = NULL;
    defer(finalize) sqlite3_stmt *keys = NULL;
    defer(finalize) sqlite3_stmt *pages = NULL;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK
        || sqlite3_prepare_v2(db, "PRAGMA foreign_key_check", -1, &keys, NULL) != SQLITE_OK
        || sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &pages, NULL) != SQLITE_OK)
        return fail(db, file, err);
    if (sqlite3_step(keys) == SQLITE_ROW)
        return error_set(
            err, ERR_INTERNAL, NULL, "a row of %s refers to none of %s, and no check saw it",
            (const char *)sqlite3_column_text(keys, 0), (const char *)sqlite3_column_text(keys, 2));
    if (sqlite3_step(pages) != SQLITE_ROW)
        return fail(db, file, err);
    if (strcmp((const char *)sqlite3_column_text(pages, 0), "ok") != 0)
        return error_set(err, ERR_INTERNAL, NULL, "%s: %s", file,
                         (const char *)sqlite3_column_text(pages, 0));
    return true;
}

static bool write_digest(sqlite3 *db, const char *file, struct build_summary *ret,
                         struct error *err)
{
    defer(finalize) sqlite3_stmt *stmt = NULL;

    if (!digest_compute(db, ret->digest, err))
        return false;
    if (sqlite3_prepare_v2(db,
                           "INSERT INTO dataset (key, value) VALUES ('digest', ?1), ('schema', ?2)",
                           -1, &stmt, NULL)
        != SQLITE_OK)
        return fail(db, file, err);
    sqlite3_bind_text(stmt, 1, ret->digest, -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 2, SCHEMA_VERSION);
    return sqlite3_step(stmt) == SQLITE_DONE || fail(db, file, err);
}

/** Indexes that wait for the last row: one sort is cheaper than a million searches. */
struct indexes {
    char *sql[INDEXES_MOST]; /* SQL that builds each; of SQLite's memory */
    size_t n;
};

static void indexes_done(struct indexes *indexes)
{
    for (size_t i = 0; i < indexes->n; i++)
        sqlite3_free(indexes->sql[i]);
}

/* Drops the indexes of relationships: no check and nothing that is derived looks there, and no
 * other table of text grows as large. */
static bool put_off_indexes(sqlite3 *db, struct indexes *ret, const char *file, struct error *err)
{
    static const char list[] =
        "SELECT sql, name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'relationships'"
        " AND sql IS NOT NULL ORDER BY rowid";
    defer(finalize) sqlite3_stmt *stmt = NULL;
    defer(buffer_done) struct buffer drops = BUFFER_INIT(SQL_MOST);
    int code;

    if (sqlite3_prepare_v2(db, list, -1, &stmt, NULL) != SQLITE_OK)
        return fail(db, file, err);
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW && ret->n < INDEXES_MOST) {
        buffer_format(&drops, "DROP INDEX \"%s\";", (const char *)sqlite3_column_text(stmt, 1));
        ret->sql[ret->n] = sqlite3_mprintf("%s", (const char *)sqlite3_column_text(stmt, 0));
        if (ret->sql[ret->n] == NULL)
            return error_set(err, ERR_INTERNAL, NULL, "no memory for an index");
        ret->n++;
    }
    finalize(&stmt);
    if (code != SQLITE_DONE && code != SQLITE_ROW)
        return fail(db, file, err);
    if (drops.broken)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a statement");
    return ret->n == 0 || run(db, drops.data, file, err);
}

static bool build_indexes(sqlite3 *db, const struct indexes *indexes, const char *file,
                          struct error *err)
{
    for (size_t i = 0; i < indexes->n; i++) {
        if (!run(db, indexes->sql[i], file, err))
            return false;
    }
    return true;
}

/* Writes the file again without its gaps, past any copy in memory. */
static bool pack(sqlite3 *db, const char *path, const char *file, struct error *err)
{
    defer(finalize) sqlite3_stmt *stmt = NULL;

    if (sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &stmt, NULL) != SQLITE_OK)
        return fail(db, file, err);
    sqlite3_bind_text(stmt, 1, path, -1, SQLITE_STATIC);
    return sqlite3_step(stmt) == SQLITE_DONE || fail(db, file, err);
}

static void drop_text(struct build *build)
{
    for (size_t i = 0; i < TABLES_N; i++)
        free(build->text.of[i].rows);
    text_memory_done(&build->text.memory);
    build->text = (struct dataset_text){ .faults = build->text.faults };
}

static void build_done(struct build *build)
{
    drop_text(build);
}

/* Fills the empty database. False as well when the schema refused a row. */
static bool write_rows(struct build *build, sqlite3 *db, const char *file,
                       struct build_summary *ret, struct error *err)
{
    defer(indexes_done) struct indexes indexes = { .n = 0 };

    if (!run(db, "BEGIN", file, err) || !run(db, schema_sql, file, err)
        || !put_off_indexes(db, &indexes, file, err))
        return false;
    for (size_t i = 0; i < TABLES_N; i++) {
        if (!write_table(build, i, db, file, err))
            return false;
    }
    if (build->text.memory.failed)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for the text");
    if (build->faults.n > 0)
        return false;
    /* All of it is in the file now, and what follows wants memory of its own. */
    drop_text(build);
    return run(db, derive_states_sql, file, err) && run(db, derive_sql, file, err)
           && run(db, derive_sums_sql, file, err) && run(db, derive_groups_sql, file, err)
           && build_indexes(db, &indexes, file, err) && write_digest(db, file, ret, err)
           && run(db, "COMMIT; ANALYZE", file, err);
}

/* Fills the empty file at path; `file` is what it will be called. False as well when the schema
 * refused a row. */
static bool write_file(struct build *build, const char *path, const char *file,
                       struct build_summary *ret, struct error *err)
{
    defer(temporary_done) struct temporary scratch = { 0 };
    defer(close_database) sqlite3 *db = NULL;
    defer(buffer_done) struct buffer pragmas = BUFFER_INIT(SQL_MOST);

    if (!temporary_make(path, &scratch, err))
        return false;
    if (sqlite3_open_v2(scratch.path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL)
        != SQLITE_OK)
        return fail(db, file, err);
    sqlite3_extended_result_codes(db, 1);
    /* Nobody else sees the file and a failed one is thrown away: no journal, no locks, one sync at
     * the end. */
    buffer_format(
        &pragmas,
        "PRAGMA page_size = %d; PRAGMA encoding = 'UTF-8'; PRAGMA journal_mode = OFF;"
        "PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY;"
        "PRAGMA foreign_keys = OFF; PRAGMA cache_size = -65536",
        PAGE_SIZE);
    if (pragmas.broken)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a statement");
    if (!sql_alike_register(db) || !sql_fold_register(db) || !sql_tally_register(db)
        || !search_register(db))
        return fail(db, file, err);
    if (!run(db, pragmas.data, file, err) || !write_rows(build, db, file, ret, err)
        || !pack(db, path, file, err))
        return false;
    close_database(&db);
    return check_written(path, file, err);
}

static bool refuse(const struct build *build, struct error *err)
{
    return error_set(err, ERR_INPUT, NULL, "%zu fault%s in %s.", build->faults.n,
                     build->faults.n == 1 ? "" : "s", build->text_dir);
}

/* ---- Rows of text against a dataset ---- */

/** Rows of text, with what they may refer to. */
struct checker {
    struct build build;
    struct row_list {
        const struct text_row **rows;
        size_t n, size;
    } lists[TABLES_N]; /* what tables[i] will have when it is sorted */
};

/* Tables of which nothing refers to the rows, and which may be large. */
static bool is_referred_to(const struct table *table)
{
    return table->thing != NULL || table == &tables[TABLE_CODES];
}

static bool list_row(struct checker *checker, size_t i, const struct text_row *row,
                     struct error *err)
{
    struct row_list *list = &checker->lists[i];

    if (list->n == list->size) {
        size_t size = list->size > 0 ? list->size * 2 : 256;
        const struct text_row **rows = realloc(list->rows, size * sizeof(const struct text_row *));

        if (rows == NULL)
            return error_set(err, ERR_INTERNAL, NULL, "no memory for rows to check");
        list->rows = rows;
        list->size = size;
    }
    list->rows[list->n++] = row;
    return true;
}

static const struct text_row *copy_row(struct checker *checker, const char *file, size_t line,
                                       const char *const *cells, size_t n)
{
    struct text_memory *memory = &checker->build.text.memory;
    struct text_row *row = text_alloc(memory, sizeof(*row));
    const char **copies = text_alloc(memory, n * sizeof(*copies));

    if (row == NULL || copies == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t len = cells[i] != NULL ? strlen(cells[i]) : 0;
        char *copy = cells[i] != NULL ? text_alloc(memory, len + 1) : NULL;

        if (copy != NULL)
            memcpy(copy, cells[i], len);
        copies[i] = copy;
    }
    *row = (struct text_row){ .path = file, .line = line, .cells = copies, .n_cells = n };
    return memory->failed ? NULL : row;
}

/* The columns of a table that stand in the row itself, as text; NULL for lists. */
static void add_select(const struct table *table, struct buffer *sql)
{
    buffer_text(sql, "SELECT ");
    for (size_t i = 0; table->columns[i].name != NULL; i++) {
        const struct column *column = &table->columns[i];
        const char *suffix = cell_kinds[column->kind].suffixes[0];

        if (suffix == NULL || *suffix != '\0')
            buffer_format(sql, "%sNULL", i > 0 ? ", " : "");
        else
            buffer_format(sql, "%s\"%s\"", i > 0 ? ", " : "",
                          column->sql ? column->sql : column->name);
    }
    buffer_format(sql, " FROM %s", table->name);
}

static bool load_table(struct checker *checker, size_t i, sqlite3 *db, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(SQL_MOST);
    defer(finalize) sqlite3_stmt *stmt = NULL;
    const char *cells[TABLE_COLUMNS];
    size_t n = 0;
    int code;

    while (tables[i].columns[n].name != NULL)
        n++;
    add_select(&tables[i], &sql);
    if (!prepare(db, &sql, &stmt, "the dataset", err))
        return false;
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        const struct text_row *row;

        for (size_t j = 0; j < n; j++)
            cells[j] = (const char *)sqlite3_column_text(stmt, (int)j);
        row = copy_row(checker, "the dataset", 0, cells, n);
        if (row == NULL)
            return error_set(err, ERR_INTERNAL, NULL, "no memory for rows to check");
        if (!list_row(checker, i, row, err))
            return false;
    }
    return code == SQLITE_DONE || fail(db, "the dataset", err);
}

void checker_free(struct checker *checker)
{
    if (checker == NULL)
        return;
    for (size_t i = 0; i < TABLES_N; i++)
        free(checker->lists[i].rows);
    text_memory_done(&checker->build.text.memory);
    free(checker);
}

static void drop_checker(struct checker **checker)
{
    checker_free(*checker);
}

bool checker_new(sqlite3 *db, struct checker **ret, struct error *err)
{
    defer(drop_checker) struct checker *checker = calloc(1, sizeof(*checker));

    if (checker == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for rows to check");
    checker->build.text.faults = &checker->build.faults;
    checker->build.text_dir = "the dataset";
    for (size_t i = 0; i < TABLES_N; i++) {
        if (is_referred_to(&tables[i]) && !load_table(checker, i, db, err))
            return false;
    }
    if (!checker_sort(checker, err))
        return false;
    *ret = checker;
    checker = NULL;
    return true;
}

static size_t table_named(const char *name)
{
    size_t i = 0;

    while (i + 1 < TABLES_N && strcmp(tables[i].name, name) != 0)
        i++;
    return i;
}

bool checker_add(struct checker *checker, const char *table, const char *file, size_t line,
                 const char *const *cells, const struct text_row **ret, struct error *err)
{
    size_t i = table_named(table), n = 0;

    while (tables[i].columns[n].name != NULL)
        n++;
    *ret = copy_row(checker, file, line, cells, n);
    if (*ret == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for rows to check");
    return list_row(checker, i, *ret, err);
}

bool checker_sort(struct checker *checker, struct error *err)
{
    struct build *build = &checker->build;

    for (size_t i = 0; i < TABLES_N; i++) {
        struct table_rows *rows = &build->text.of[i];
        const struct row_list *list = &checker->lists[i];

        if (rows->n_rows == list->n)
            continue;
        rows->rows = text_alloc(&build->text.memory, list->n * sizeof(*rows->rows));
        if (rows->rows == NULL)
            return error_set(err, ERR_INTERNAL, NULL, "no memory for rows to check");
        for (size_t j = 0; j < list->n; j++)
            rows->rows[j] = *list->rows[j];
        rows->n_rows = list->n;
        if (!sort_table(build, i, err))
            return false;
    }
    return true;
}

void checker_drop(struct checker *checker, const char *table)
{
    checker->lists[table_named(table)].n--;
}

const struct text_row *checker_find(struct checker *checker, const char *table, const char *id)
{
    return text_find(&checker->build.text, table_named(table), id);
}

void checker_near(struct checker *checker, const char *thing, const char *given, char *ret,
                  size_t size)
{
    suggest(&checker->build, thing, given, ret, size);
}

static void free_words(char **words)
{
    free(*words);
}

static void close_stream(FILE **stream)
{
    if (*stream != NULL)
        fclose(*stream);
}

bool checker_check(struct checker *checker, const char *table, const struct text_row *row,
                   char *ret, size_t size)
{
    size_t i = table_named(table), len = 0;
    struct build *build = &checker->build;
    defer(free_words) char *words = NULL;
    defer(close_stream) FILE *stream = open_memstream(&words, &len);
    struct cell cell = { .build = build, .table = &tables[i], .row = row };
    const char *fault;

    build->faults = (struct faults){ .out = stream };
    for (size_t j = 0; tables[i].columns[j].name != NULL; j++) {
        cell.column = &tables[i].columns[j];
        check_cell(&cell, row->cells[j]);
    }
    if (table_column(&tables[i], "end") >= 0)
        check_period(build, &tables[i], row);
    for (size_t j = 0; j < TABLE_RULES && tables[i].rules[j] != NULL; j++)
        tables[i].rules[j](&build->text, &tables[i], row);
    if (stream != NULL)
        fflush(stream);
    build->faults.out = NULL;
    if (build->faults.n == 0)
        return true;
    /* `path:line: what is wrong; what would be right` without its place. */
    fault = words != NULL ? strstr(words, ": ") : NULL;
    snprintf(ret, size, "%.*s", fault != NULL ? (int)strcspn(fault + 2, "\n") : 0,
             fault != NULL ? fault + 2 : "");
    return false;
}

/* Checks all that was read. */
static bool check_text(struct build *build, struct error *err)
{
    for (size_t i = 0; i < TABLES_N; i++)
        check_table(build, i);
    check_found(build);
    if (build->text.memory.failed)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for the text");
    return build->faults.n == 0 || refuse(build, err);
}

bool build_base(const char *path, struct error *err)
{
    defer(build_done) struct build build = { .text_dir = "the text that the program carries" };
    struct build_summary summary = { 0 };

    build.text.faults = &build.faults;
    if (!read_base(&build, err) || !check_text(&build, err))
        return false;
    return write_file(&build, path, path, &summary, err)
           || (err->code == ERR_NONE && refuse(&build, err));
}

bool build_dataset(const char *text_dir, const char *file, FILE *faults, struct build_summary *ret,
                   struct error *err)
{
    defer(build_done) struct build build = { .faults = { .out = faults },
                                             .text_dir = *text_dir ? text_dir : "." };
    defer(temporary_done) struct temporary temporary = { 0 };
    struct build_summary summary = { 0 };

    build.text.faults = &build.faults;
    if (!read_text(&build, err) || !check_text(&build, err))
        return false;
    temporary_sweep(file);
    if (!temporary_make(file, &temporary, err))
        return false;
    snprintf(summary.release, sizeof(summary.release), "%s", build.text.newest);
    if (!write_file(&build, temporary.path, file, &summary, err))
        return err->code != ERR_NONE ? false : refuse(&build, err);
    if (!temporary_publish(&temporary, file, &summary.size, err))
        return false;
    summary.n_files = build.n_files;
    summary.n_rows = build.n_rows;
    *ret = summary;
    return true;
}
