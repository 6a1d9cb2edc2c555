#define _GNU_SOURCE /* strcasecmp */
#include "db/import/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <csv.h>
#include <jansson.h>

#include "db/import/input.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/base/date.h"
#include "server/base/nearest.h"

enum {
    NO_FIELD = -1,
    MS_PER_DAY = 86400000,
    PROBLEM_SIZE = 160, /* bytes of what is wrong with a row */
};

#define NO_CELL SIZE_MAX

/** A file on its way to rows. */
struct reader {
    struct input input;
    const struct import_field *fields; /* borrowed */
    size_t n_fields;
    bool is_json;
    bool is_closed; /* other columns are a fault */

    struct csv_parser parser;
    bool is_ready;              /* parser is set up */
    int field_of[COLUMNS_MOST]; /* field that a column is; NO_FIELD: none that we want */
    char *header[COLUMNS_MOST]; /* names of the columns, as they stand in the file */
    size_t n_columns;
    int column_of[FIELDS_MOST]; /* column that a field is; -1: the file has none */
    size_t row_bytes;           /* of the row under way */
    size_t n_cells;             /* of the row under way */
    size_t end_line;            /* line in which the bytes under way stand */
    bool is_header;             /* the row under way is the header */
    bool is_ended;              /* the row is whole */
    bool is_broken;             /* no memory */
    bool is_first;              /* no row behind the header was read yet */
    bool is_between;            /* JSON: an element was read, a comma or the end is due */

    struct buffer text;          /* the row's cells, each with its NUL */
    size_t offsets[FIELDS_MOST]; /* of each cell in it; NO_CELL: empty */
    size_t lines[FIELDS_MOST];
    const char *cells[FIELDS_MOST];
    char problem[PROBLEM_SIZE];
    struct import_row row;
};

static header_guess *guess_header;

void reader_set_guess(header_guess *guess)
{
    guess_header = guess;
}

bool fields_match(const struct import_field *fields, const char *const *header, size_t n)
{
    for (size_t i = 0; fields[i].name != NULL; i++) {
        bool is_there = !fields[i].is_required;

        for (size_t j = 0; j < n && !is_there; j++)
            is_there = strcasecmp(fields[i].name, header[j]) == 0;
        if (!is_there)
            return false;
    }
    return true;
}

size_t reader_fields(const struct reader *reader)
{
    return reader->n_fields;
}

const char *reader_column(const struct reader *reader, size_t field)
{
    return !reader->is_json && reader->column_of[field] >= 0
               ? reader->header[reader->column_of[field]]
               : reader->fields[field].name;
}

long long reader_bytes(const struct reader *reader, long long *ret_size)
{
    *ret_size = reader->input.size;
    return reader->input.read - (long long)(reader->input.len - reader->input.at);
}

static bool out_of_memory(struct error *err)
{
    return error_set(err, ERR_INTERNAL, NULL, "no memory for a row");
}

/* ---- The row under way ---- */

static void begin_row(struct reader *reader)
{
    buffer_clear(&reader->text);
    reader->n_cells = 0;
    reader->row_bytes = 0;
    reader->is_ended = false;
    reader->problem[0] = '\0';
    for (size_t i = 0; i < reader->n_fields; i++)
        reader->offsets[i] = NO_CELL;
}

/* Keeps a cell, without blanks at its ends. */
static void keep_cell(struct reader *reader, size_t field, const char *text, size_t len)
{
    static const char blanks[] = " \t\r\n";

    while (len > 0 && memchr(blanks, text[0], sizeof(blanks) - 1) != NULL) {
        text++;
        len--;
    }
    while (len > 0 && memchr(blanks, text[len - 1], sizeof(blanks) - 1) != NULL)
        len--;
    if (len == 0)
        return;
    reader->offsets[field] = reader->text.len;
    if (!buffer_add(&reader->text, text, len) || !buffer_byte(&reader->text, '\0'))
        reader->is_broken = true;
}

static const struct import_row *end_row(struct reader *reader)
{
    for (size_t i = 0; i < reader->n_fields; i++)
        reader->cells[i] =
            reader->offsets[i] != NO_CELL ? reader->text.data + reader->offsets[i] : NULL;
    reader->row.problem = reader->problem[0] != '\0' ? reader->problem : NULL;
    return &reader->row;
}

/* ---- CSV ---- */

static size_t line_ends(const char *text, size_t len)
{
    size_t n = 0;

    for (const char *at = text; (at = memchr(at, '\n', len - (size_t)(at - text))) != NULL; at++)
        n++;
    return n;
}

/* libcsv has read one cell. */
static void on_cell(void *bytes, size_t len, void *data)
{
    struct reader *reader = data;
    size_t column = reader->n_cells++;
    int field;

    if (column >= COLUMNS_MOST)
        return;
    if (reader->is_header) {
        char *name = strndup(len > 0 ? bytes : "", len);

        reader->is_broken = reader->is_broken || name == NULL;
        reader->header[column] = name;
        reader->n_columns = column + 1;
        return;
    }
    field = column < reader->n_columns ? reader->field_of[column] : NO_FIELD;
    if (field == NO_FIELD)
        return;
    /* A cell ends in the line under way, and began as many lines before as it has line ends. */
    reader->lines[field] = reader->end_line;
    if (reader->end_line != reader->row.line)
        reader->lines[field] -= line_ends(bytes, len);
    keep_cell(reader, (size_t)field, bytes, len);
}

/* libcsv has read the last cell of a row. */
static void on_row(int terminator, void *data)
{
    struct reader *reader = data;

    (void)terminator;
    reader->is_ended = true;
}

static bool parse_failed(struct reader *reader, struct error *err)
{
    if (csv_error(&reader->parser) != CSV_EPARSE)
        return out_of_memory(err);
    return error_set(err, ERR_INPUT, NULL,
                     "%s:%zu: a quote inside or behind cell %zu that does not belong; a cell in "
                     "quotes with each quote inside written twice would be right.",
                     reader->input.file, reader->row.line, reader->n_cells + 1);
}

/* The file has no more bytes: the row under way is whole, or there is none. */
static bool finish_csv(struct reader *reader, struct error *err)
{
    if (reader->row_bytes == 0)
        return true;
    if (csv_fini(&reader->parser, on_cell, on_row, reader) != 0) {
        if (csv_error(&reader->parser) != CSV_EPARSE)
            return out_of_memory(err);
        return error_set(err, ERR_INPUT, NULL,
                         "%s:%zu: the file ends inside a quote of cell %zu; the whole file would "
                         "be right.",
                         reader->input.file, reader->row.line, reader->n_cells + 1);
    }
    if (!reader->is_header && reader->is_ended && reader->n_cells < reader->n_columns)
        return error_set(err, ERR_INPUT, NULL,
                         "%s:%zu: the file ends in the middle of a row, behind cell %zu of %zu; "
                         "the whole file would be right.",
                         reader->input.file, reader->row.line, reader->n_cells, reader->n_columns);
    return true;
}

/* Reads on until a row is whole. Rows without any byte are none. */
static bool read_csv(struct reader *reader, struct error *err)
{
    begin_row(reader);
    while (!reader->is_ended) {
        const char *bytes;
        size_t len;

        reader->end_line = reader->input.line;
        if (!input_line(&reader->input, &bytes, &len, err))
            return false;
        if (len == 0)
            return finish_csv(reader, err);
        if (reader->row_bytes == 0 && len == 1 && (bytes[0] == '\n' || bytes[0] == '\r'))
            continue;
        if (reader->row_bytes == 0)
            reader->row.line = reader->end_line;
        reader->row_bytes += len;
        if (reader->row_bytes > ROW_BYTES_MOST)
            return error_set(err, ERR_INPUT, NULL,
                             "%s:%zu: a row of more than %d bytes; rows of one line each, and no "
                             "quote that is left open, would be right.",
                             reader->input.file, reader->row.line, ROW_BYTES_MOST);
        if (csv_parse(&reader->parser, bytes, len, on_cell, on_row, reader) != len)
            return parse_failed(reader, err);
        if (reader->is_broken)
            return out_of_memory(err);
    }
    return true;
}

static bool refuse_header(struct reader *reader, const struct import_field *field,
                          struct error *err)
{
    const char *missing = field->name;
    const char *const *header = (const char *const *)reader->header;
    const char *kind = guess_header != NULL ? guess_header(header, reader->n_columns) : NULL;
    char near[64] = "";

    if (kind != NULL) {
        error_set(err, ERR_INPUT, NULL,
                  "%s:1: no column '%s'; the header is that of '%s', so `bluehelm import %s` would "
                  "be right.",
                  reader->input.file, missing, kind, kind);
        return false;
    }
    if (field->without != NULL)
        return error_set(err, ERR_INPUT, NULL, "%s:1: no column '%s', %s.", reader->input.file,
                         missing, field->without);
    for (size_t i = 0; i < reader->n_columns; i++) {
        if (nearest_is_closer(missing, header[i], near))
            snprintf(near, sizeof(near), "%s", header[i]);
    }
    return error_set(
        err, ERR_INPUT, NULL, "%s:1: no column '%s'%s%.63s%s; a file with it would be right.",
        reader->input.file, missing, *near ? ", but one '" : "", near, *near ? "'" : "");
}

/* A column or member that the kind does not have. */
static bool refuse_column(struct reader *reader, const char *name, struct error *err)
{
    char near[64] = "";

    for (size_t i = 0; i < reader->n_fields; i++) {
        if (nearest_is_closer(name, reader->fields[i].name, near))
            snprintf(near, sizeof(near), "%s", reader->fields[i].name);
    }
    if (*near != '\0')
        return error_set(err, ERR_INPUT, NULL,
                         "%s:%zu: there is no column '%.80s'; did you mean '%s'?",
                         reader->input.file, reader->row.line, name, near);
    return error_set(err, ERR_INPUT, NULL,
                     "%s:%zu: there is no column '%.80s'; without it, it would be right.",
                     reader->input.file, reader->row.line, name);
}

/* Reads the header and finds our fields in it. */
static bool read_header(struct reader *reader, struct error *err)
{
    reader->is_header = true;
    reader->row.line = 1;
    if (!read_csv(reader, err))
        return false;
    reader->is_header = false;
    if (reader->is_broken)
        return out_of_memory(err);
    if (reader->n_cells > COLUMNS_MOST)
        return error_set(err, ERR_INPUT, NULL, "%s:1: %zu columns; %d at most would be right.",
                         reader->input.file, reader->n_cells, COLUMNS_MOST);
    for (size_t i = 0; i < reader->n_columns; i++)
        reader->field_of[i] = NO_FIELD;
    for (size_t i = 0; i < reader->n_fields; i++) {
        reader->column_of[i] = -1;
        for (size_t j = 0; j < reader->n_columns; j++) {
            if (strcasecmp(reader->fields[i].name, reader->header[j]) != 0)
                continue;
            if (reader->column_of[i] >= 0)
                return error_set(err, ERR_INPUT, NULL,
                                 "%s:1: column '%s' stands twice; once would be right.",
                                 reader->input.file, reader->header[j]);
            reader->column_of[i] = (int)j;
            reader->field_of[j] = (int)i;
        }
    }
    for (size_t i = 0; i < reader->n_fields; i++) {
        if (reader->fields[i].is_required && reader->column_of[i] < 0)
            return refuse_header(reader, &reader->fields[i], err);
    }
    for (size_t i = 0; reader->is_closed && i < reader->n_columns; i++) {
        if (reader->field_of[i] == NO_FIELD)
            return refuse_column(reader, reader->header[i], err);
    }
    return true;
}

/* HXL tags stand in a row behind the header, each with a hash sign in front. */
static bool is_tags(const struct reader *reader)
{
    bool is_any = false;

    for (size_t i = 0; i < reader->n_fields; i++) {
        if (reader->cells[i] != NULL && reader->cells[i][0] != '#')
            return false;
        is_any = is_any || reader->cells[i] != NULL;
    }
    return is_any;
}

static bool next_csv(struct reader *reader, const struct import_row **ret, struct error *err)
{
    bool is_first = reader->is_first;

    reader->is_first = false;
    if (!read_csv(reader, err))
        return false;
    if (!reader->is_ended) {
        *ret = NULL;
        return true;
    }
    if (reader->n_cells != reader->n_columns)
        snprintf(reader->problem, sizeof(reader->problem), "the row has %zu cells",
                 reader->n_cells);
    *ret = end_row(reader);
    if (reader->row.problem != NULL)
        reader->row.right = "as many as the header has";
    else if (is_first && is_tags(reader))
        return next_csv(reader, ret, err);
    return true;
}

/* ---- JSON ---- */

/* Hands jansson one byte at a time, so that it reads no further than the element. */
static size_t give_byte(void *buffer, size_t buflen, void *data)
{
    struct reader *reader = data;
    struct input *input = &reader->input;
    struct error err = { .code = ERR_NONE };

    if (buflen == 0 || reader->row_bytes > ROW_BYTES_MOST || !input_fill(input, &err)
        || input->at == input->len)
        return 0;
    reader->row_bytes++;
    *(char *)buffer = input->block[input->at++];
    if (*(char *)buffer == '\n')
        input->line++;
    return 1;
}

/* Steps over white space; *ret is the byte behind it, '\0' at the end of the file. */
static bool next_byte(struct input *input, char *ret, struct error *err)
{
    for (;;) {
        if (!input_fill(input, err))
            return false;
        if (input->at == input->len) {
            *ret = '\0';
            return true;
        }
        *ret = input->block[input->at];
        if (*ret != ' ' && *ret != '\t' && *ret != '\r' && *ret != '\n')
            return true;
        if (*ret == '\n')
            input->line++;
        input->at++;
    }
}

static void free_json(json_t **json)
{
    json_decref(*json);
}

/* The day of an instant in milliseconds since 1970, negative before it. */
static void put_day(struct reader *reader, size_t field, json_int_t ms)
{
    json_int_t days = ms / MS_PER_DAY - (ms % MS_PER_DAY < 0);
    /* Days since 0000-03-01, in eras of 400 years: the leap day comes last in each year. */
    json_int_t from = days + 719468, era = (from >= 0 ? from : from - 146096) / 146097;
    json_int_t day = from - era * 146097;
    json_int_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    json_int_t rest = day - (365 * year + year / 4 - year / 100), month = (5 * rest + 2) / 153;
    char text[64];
    int len;

    year += era * 400 + (month >= 10);
    len = snprintf(text, sizeof(text), "%04" PRId64 "-%02" PRId64 "-%02" PRId64, (int64_t)year,
                   (int64_t)(month < 10 ? month + 3 : month - 9),
                   (int64_t)(rest - (153 * month + 2) / 5 + 1));
    keep_cell(reader, field, text, (size_t)len);
}

static void put_json(struct reader *reader, size_t field, const json_t *value)
{
    const struct import_field *declared = &reader->fields[field];
    char text[64];

    reader->lines[field] = reader->row.line;
    switch (json_typeof(value)) {
    case JSON_STRING:
        keep_cell(reader, field, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        if (declared->is_date) {
            put_day(reader, field, json_integer_value(value));
            break;
        }
        snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        keep_cell(reader, field, text, strlen(text));
        break;
    case JSON_REAL:
        if (declared->is_date && json_real_value(value) > -1e15 && json_real_value(value) < 1e15) {
            put_day(reader, field, (json_int_t)json_real_value(value));
            break;
        }
        snprintf(text, sizeof(text), "%.17g", json_real_value(value));
        keep_cell(reader, field, text, strlen(text));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        keep_cell(reader, field, json_is_true(value) ? "true" : "false",
                  json_is_true(value) ? 4 : 5);
        break;
    case JSON_NULL:
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        snprintf(reader->problem, sizeof(reader->problem), "'%s' is a list or an object",
                 declared->name);
        reader->row.right = "a text, a number or null";
        break;
    }
}

static int field_named(const struct reader *reader, const char *name)
{
    for (size_t i = 0; i < reader->n_fields; i++) {
        if (strcasecmp(reader->fields[i].name, name) == 0)
            return (int)i;
    }
    return NO_FIELD;
}

static bool take_element(struct reader *reader, json_t *element, struct error *err)
{
    const char *keys[COLUMNS_MOST];
    const char *key;
    json_t *value;
    size_t n = 0;

    json_object_foreach(element, key, value)
    {
        int field = field_named(reader, key);

        if (n < COLUMNS_MOST)
            keys[n++] = key;
        if (field != NO_FIELD)
            put_json(reader, (size_t)field, value);
        else if (reader->is_closed)
            return refuse_column(reader, key, err);
    }
    if (fields_match(reader->fields, keys, n))
        return true;
    if (reader->is_first) {
        for (size_t i = 0; reader->fields[i].name != NULL; i++) {
            const char *kind = guess_header != NULL ? guess_header(keys, n) : NULL;

            if (!reader->fields[i].is_required || json_object_get(element, reader->fields[i].name))
                continue;
            return error_set(err, ERR_INPUT, NULL, "%s:%zu: no member '%s'; %s%s would be right.",
                             reader->input.file, reader->row.line, reader->fields[i].name,
                             kind ? "the members are those of the kind " : "objects with it",
                             kind ? kind : "");
        }
    }
    snprintf(reader->problem, sizeof(reader->problem), "the object lacks members");
    reader->row.right = "every member of the others";
    return true;
}

static bool next_json(struct reader *reader, const struct import_row **ret, struct error *err)
{
    defer(free_json) json_t *element = NULL;
    struct input *input = &reader->input;
    json_error_t failure;
    char byte;

    if (!next_byte(input, &byte, err))
        return false;
    if (reader->is_between && byte == ',') {
        input->at++;
        if (!next_byte(input, &byte, err))
            return false;
    } else if (byte == ']') {
        input->at++;
        if (!next_byte(input, &byte, err))
            return false;
        if (byte != '\0')
            return error_set(err, ERR_INPUT, NULL,
                             "%s:%zu: something stands behind the array; its end would be right.",
                             input->file, input->line);
        *ret = NULL;
        return true;
    } else if (reader->is_between) {
        return error_set(err, ERR_INPUT, NULL, "%s:%zu: %s; a comma or ']' would be right.",
                         input->file, input->line,
                         byte == '\0' ? "the file ends inside the array" : "no comma");
    }
    /* Only an object or a list ends where its last byte stands: jansson reads one byte behind
     * others. */
    if (byte != '{')
        return error_set(err, ERR_INPUT, NULL, "%s:%zu: %s; an object for each row would be right.",
                         input->file, input->line,
                         byte == '\0' ? "the file ends inside the array" : "no object");
    begin_row(reader);
    reader->row.line = input->line;
    element = json_load_callback(give_byte, reader, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES,
                                 &failure);
    if (element == NULL && reader->row_bytes > ROW_BYTES_MOST)
        return error_set(err, ERR_INPUT, NULL,
                         "%s:%zu: an element of more than %d bytes; one object for each row would "
                         "be right.",
                         input->file, reader->row.line, ROW_BYTES_MOST);
    if (element == NULL)
        return error_set(err, ERR_INPUT, NULL, "%s:%zu: %s; JSON would be right.", input->file,
                         input->line, failure.text);
    reader->is_between = true;
    if (!take_element(reader, element, err))
        return false;
    if (reader->is_broken)
        return out_of_memory(err);
    reader->is_first = false;
    *ret = end_row(reader);
    return true;
}

/* ---- Either ---- */

bool reader_next(struct reader *reader, const struct import_row **ret, struct error *err)
{
    return reader->is_json ? next_json(reader, ret, err) : next_csv(reader, ret, err);
}

void reader_close(struct reader *reader)
{
    if (reader == NULL)
        return;
    input_close(&reader->input);
    if (reader->is_ready)
        csv_free(&reader->parser);
    for (size_t i = 0; i < reader->n_columns; i++)
        free(reader->header[i]);
    buffer_done(&reader->text);
    free(reader);
}

static bool begin(struct reader *reader, struct error *err)
{
    char byte;

    if (!next_byte(&reader->input, &byte, err))
        return false;
    if (byte == '[') {
        reader->is_json = true;
        reader->input.at++;
        return true;
    }
    if (byte == '{')
        return error_set(
            err, ERR_INPUT, NULL,
            "%s:%zu: an object; an array of objects, one for each row, would be right.",
            reader->input.file, reader->input.line);
    if (csv_init(&reader->parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
        return out_of_memory(err);
    reader->is_ready = true;
    return read_header(reader, err);
}

static void drop_reader(struct reader **reader)
{
    reader_close(*reader);
}

bool reader_open(const char *file, const struct import_field *fields, bool is_closed,
                 struct reader **ret, struct error *err)
{
    defer(drop_reader) struct reader *reader = calloc(1, sizeof(*reader));

    if (reader == NULL)
        return out_of_memory(err);
    reader->fields = fields;
    reader->is_closed = is_closed;
    while (reader->n_fields < FIELDS_MOST && fields[reader->n_fields].name != NULL)
        reader->n_fields++;
    reader->text = BUFFER_INIT(2 * ROW_BYTES_MOST);
    reader->is_first = true;
    reader->input.fd = -1;
    reader->row =
        (struct import_row){ .file = file, .cells = reader->cells, .lines = reader->lines };
    if (!input_open(file, &reader->input, err) || !begin(reader, err))
        return false;
    *ret = reader;
    reader = NULL;
    return true;
}
