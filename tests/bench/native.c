/*
 * The native floor: what the same SQL costs in a tight loop, on one thread, without HTTP.
 *
 *   native DATASET SQL PARAMETERS SECONDS   prints, as JSON, microseconds of processor for each run
 *                                           of the statement: stepped alone, and written as JSON
 *   native DATASET SQL PARAMETERS N print   writes the answers to the first N lines, one a line
 *
 * SQL is a file with one statement; PARAMETERS one with a run a line, its values with tabs between
 * them. The names of columns tell the shape of the JSON: "a.x", "a.y" are members of an object a,
 * which is null where x is; "b_json" is JSON already; the others are members of the row. A writer
 * that knows its columns, writes ready `"name":` texts and calls no printf is the least that a
 * program in C does about an answer.
 */

#define _POSIX_C_SOURCE 200809L /* clock_gettime */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sqlite3.h>

enum {
    COLUMNS = 64,        /* most of them */
    PREFIX = 128,        /* bytes that stand before a value */
    VALUES = 8,          /* most in a line of parameters */
    FIRST = 1 << 16,     /* bytes of the buffer, at first */
    CLOCK_EVERY = 10000, /* microseconds between looks at the clock, about */
};

struct column {
    char prefix[PREFIX]; /* comma, name, and what opens the object */
    size_t prefix_len;
    char null[PREFIX]; /* first of an object: what stands instead of all of it */
    int n_members;     /* first of an object: columns in it; otherwise 0 */
    bool is_last;      /* of an object */
    bool is_json;
};

static struct column columns[COLUMNS];
static int n_columns;
static char *out;
static size_t out_len, out_size;

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "native: %s: %s\n", what, why);
    exit(1);
}

static char *slurp(const char *path)
{
    FILE *file = fopen(path, "rb");
    long len = 0;
    char *ret = NULL;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (len = ftell(file)) < 0
        || fseek(file, 0, SEEK_SET) != 0 || (ret = malloc((size_t)len + 1)) == NULL
        || fread(ret, 1, (size_t)len, file) != (size_t)len)
        fail(path, "not read");
    ret[len] = '\0';
    fclose(file);
    return ret;
}

/* ---- writer ---- */

/* Room for len more bytes. */
static char *room(size_t len)
{
    if (out_size - out_len < len) {
        out_size = (out_size + len) * 2;
        out = realloc(out, out_size);
        if (out == NULL)
            fail("realloc", "no memory");
    }
    return out + out_len;
}

static void put(const char *bytes, size_t len)
{
    memcpy(room(len), bytes, len);
    out_len += len;
}

static void put_integer(int64_t value)
{
    char digits[24], *at = digits + sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        *--at = '-';
    put(at, (size_t)(digits + sizeof(digits) - at));
}

static void put_text(const char *text, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    char *at = room(len * 6 + 2), *const begin = at;

    *at++ = '"';
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= 0x20 && c != '"' && c != '\\') {
            *at++ = (char)c;
        } else if (c >= 0x20 || c == '\n') {
            *at++ = '\\';
            *at++ = c == '\n' ? 'n' : (char)c;
        } else {
            memcpy(at, "\\u00", 4);
            at[4] = hex[c >> 4];
            at[5] = hex[c & 15];
            at += 6;
        }
    }
    *at++ = '"';
    out_len += (size_t)(at - begin);
}

static void put_value(sqlite3_stmt *stmt, int i)
{
    int type = sqlite3_column_type(stmt, i);
    const char *text = NULL;

    if (type == SQLITE_NULL) {
        put("null", 4);
    } else if (type == SQLITE_INTEGER) {
        put_integer(sqlite3_column_int64(stmt, i));
    } else {
        text = (const char *)sqlite3_column_text(stmt, i);
        if (columns[i].is_json || type == SQLITE_FLOAT)
            put(text, (size_t)sqlite3_column_bytes(stmt, i));
        else
            put_text(text, (size_t)sqlite3_column_bytes(stmt, i));
    }
}

static void put_row(sqlite3_stmt *stmt)
{
    for (int i = 0; i < n_columns; i++) {
        const struct column *column = &columns[i];

        if (column->n_members > 0 && sqlite3_column_type(stmt, i) == SQLITE_NULL) {
            put(column->null, strlen(column->null));
            i += column->n_members - 1;
            continue;
        }
        put(column->prefix, column->prefix_len);
        put_value(stmt, i);
        if (column->is_last)
            put("}", 1);
    }
    put("}", 1);
}

/* Makes the ready texts from the names. */
static void read_columns(sqlite3_stmt *stmt)
{
    const char *open = "";
    size_t open_len = 0;
    int first = 0;

    n_columns = sqlite3_column_count(stmt);
    if (n_columns > COLUMNS)
        fail("SQL", "too many columns");
    for (int i = 0; i < n_columns; i++) {
        const char *name = sqlite3_column_name(stmt, i), *dot = strchr(name, '.');
        const char *before = i == 0 ? "{" : ",";
        struct column *column = &columns[i];
        size_t len = strlen(name);

        if (dot == NULL) {
            column->is_json = len > 5 && strcmp(name + len - 5, "_json") == 0;
            snprintf(column->prefix, PREFIX, "%s\"%.*s\":", before,
                     (int)(column->is_json ? len - 5 : len), name);
            open_len = 0;
        } else if (open_len == (size_t)(dot - name) && strncmp(open, name, open_len) == 0) {
            snprintf(column->prefix, PREFIX, ",\"%s\":", dot + 1);
            columns[i - 1].is_last = false;
            column->is_last = true;
            columns[first].n_members++;
        } else {
            open = name;
            open_len = (size_t)(dot - name);
            first = i;
            snprintf(column->prefix, PREFIX, "%s\"%.*s\":{\"%s\":", before, (int)open_len, name,
                     dot + 1);
            snprintf(column->null, PREFIX, "%s\"%.*s\":null", before, (int)open_len, name);
            column->n_members = 1;
            column->is_last = true;
        }
        column->prefix_len = strlen(column->prefix);
    }
}

/* ---- runs ---- */

struct line {
    char *values[VALUES];
    int n;
};

static size_t split(char *text, struct line **ret)
{
    size_t n = 0, size = 0;

    for (char *at = text; *at != '\0';) {
        char *end = at + strcspn(at, "\n"), *rest = *end == '\0' ? end : end + 1;
        struct line *line = NULL;

        *end = '\0';
        if (n == size) {
            size = size * 2 + 16;
            *ret = realloc(*ret, size * sizeof(**ret));
            if (*ret == NULL)
                fail("realloc", "no memory");
        }
        line = &(*ret)[n++];
        line->n = 0;
        while (line->n < VALUES && at <= end) {
            char *tab = at + strcspn(at, "\t");

            line->values[line->n++] = at;
            at = tab + 1;
            *tab = '\0';
        }
        at = rest;
    }
    return n;
}

/* Runs the statement for one line; returns its rows. */
static size_t run(sqlite3 *db, sqlite3_stmt *stmt, const struct line *line, bool is_written)
{
    size_t rows = 0;
    int rc = SQLITE_OK;

    for (int i = 0; i < line->n; i++)
        sqlite3_bind_text(stmt, i + 1, line->values[i], -1, SQLITE_STATIC);
    out_len = 0;
    if (is_written)
        put("[", 1);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (is_written) {
            if (rows > 0)
                put(",", 1);
            put_row(stmt);
        }
        rows++;
    }
    if (is_written)
        put("]", 1);
    if (rc != SQLITE_DONE)
        fail("step", sqlite3_errmsg(db));
    sqlite3_reset(stmt);
    return rows;
}

static double processor(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Microseconds of processor for a run, and how many rows and bytes one had. */
static double measure(sqlite3 *db, sqlite3_stmt *stmt, const struct line *lines, size_t n_lines,
                      double seconds, bool is_written, double *rows, double *bytes)
{
    double began = 0, taken = 0;
    size_t runs = 0, at_once = 1, n_rows = 0, n_bytes = 0;

    run(db, stmt, &lines[0], is_written);
    began = processor();
    while (taken < seconds * 1e6) {
        for (size_t i = 0; i < at_once; i++) {
            n_rows += run(db, stmt, &lines[runs++ % n_lines], is_written);
            n_bytes += out_len;
        }
        taken = processor() - began;
        /* To look at the clock costs as much as to find one row: now and then is enough. */
        if (taken < CLOCK_EVERY)
            at_once *= 2;
    }
    *rows = (double)n_rows / (double)runs;
    *bytes = (double)n_bytes / (double)runs;
    return taken / (double)runs;
}

int main(int argc, char **argv)
{
    char uri[4096], *sql = NULL;
    struct line *lines = NULL;
    size_t n_lines = 0;
    double rows = 0, bytes = 0, step = 0, write = 0;
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;

    if (argc != 5 && !(argc == 6 && strcmp(argv[5], "print") == 0)) {
        fprintf(stderr, "usage: native DATASET SQL PARAMETERS SECONDS | N print\n");
        return 2;
    }
    sql = slurp(argv[2]);
    n_lines = split(slurp(argv[3]), &lines);
    if (n_lines == 0)
        fail(argv[3], "empty");
    snprintf(uri, sizeof(uri), "file:%s?immutable=1", argv[1]);
    if (sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                        NULL)
            != SQLITE_OK
        || sqlite3_exec(db, "PRAGMA mmap_size = 2147483648", NULL, NULL, NULL) != SQLITE_OK
        || sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
        fail(argv[2], sqlite3_errmsg(db));
    read_columns(stmt);
    out_size = FIRST;
    out = malloc(out_size);
    if (out == NULL)
        fail("malloc", "no memory");
    if (argc == 6) {
        for (size_t i = 0; i < n_lines && i < strtoul(argv[4], NULL, 10); i++) {
            run(db, stmt, &lines[i], true);
            put("\n", 1);
            fwrite(out, 1, out_len, stdout);
        }
    } else {
        step = measure(db, stmt, lines, n_lines, strtod(argv[4], NULL), false, &rows, &bytes);
        write = measure(db, stmt, lines, n_lines, strtod(argv[4], NULL), true, &rows, &bytes);
        printf("{\"step\":%.3f,\"write\":%.3f,\"rows\":%.2f,\"bytes\":%.1f}\n", step, write, rows,
               bytes);
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return 0;
}
