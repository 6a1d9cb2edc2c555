/*
 * A dataset file whose bytes are not what they were: it is refused with a sentence, or it is served
 * without harm, whatever its rows have become. The input is a list of changes to the dataset of
 * tests/fixture, of eight bytes each: where (page and place in it), how, and with what. A change
 * may also be of a value: then table, column, row and another value.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>

#include "db/check.h"
#include "db/dataset.h"
#include "db/seal.h"
#include "handlers/catalogue.h"
#include "tests/fuzz/fuzz.h"

enum {
    PAGE = 4096,
    CHANGE = 8,
    CHANGES_MOST = 64,
    BODY = 1 << 20,
    ASKED = 5 /* requests of a file */
};

/** What is done with a place. */
enum change {
    CHANGE_BYTE,   /* one byte is another */
    CHANGE_PAIR,   /* two bytes are others: a pointer to a cell, a count of them */
    CHANGE_FOUR,   /* a number of a page */
    CHANGE_BIT,    /* one bit is another */
    CHANGE_ZERO,   /* nothing stands here: up to 256 bytes */
    CHANGE_PAGE,   /* a whole page is a copy of another one */
    CHANGE_END,    /* the file ends here */
    CHANGE_HEADER, /* one byte of the file's header is another */
    CHANGE_VALUE,  /* a value is another one, whatever the schema thinks of it */
    CHANGE_VALUE_, /* the same: files that SQLite can read are the more telling ones */
    CHANGE_VALUE__,
    CHANGE__MAX,
};

/* Values that no column expects, as SQL. */
static const char *const values[] = {
    "NULL",
    "''",
    "'x'",
    "-1",
    "0",
    "9223372036854775807",
    "-9223372036854775808",
    "1e308",
    "-1e-308",
    "9e999",
    "x'00ff'",
    "x''",
    "CAST(x'fffe41' AS TEXT)",
    "CAST(x'410042' AS TEXT)",
    "'[]'",
    "'{}'",
    "'['",
    "'[null]'",
    "'[1,{\"a\":[]}]'",
    "'[\"niger-army\"]'",
    "'[\"\\u0000\"]'",
    "'0000-00-00'",
    "'9999-12-31'",
    "'2020-02-30'",
    "'-'",
    "char(13,10)||'Set-Cookie: a=b'",
    "'a\"b<c>&d'",
    "replace(hex(zeroblob(40000)),'00','ab')",
    "replace(hex(zeroblob(4000)),'00','[')",
    "'niger-army'",
    "'unfix'",
    "'killed'",
};

enum { VALUES = sizeof(values) / sizeof(*values), TABLES_MOST = 64, NAME = 64, PATH = 300 };

/* The tables of the fixture; those of full-text search are not changed by way of SQL. */
static struct table_names {
    char name[NAME];
    char columns[48][NAME];
    size_t n;
} tables[TABLES_MOST];
static size_t n_tables;

static char path[PATH];

static uint8_t *bytes_now;
static size_t len_now, room;

static const char *const targets[] = {
    "/v1/",
    "/v1/missions?include=places,sources",
    "/v1/missions/unfix?history=1",
    "/v1/casualties?sort=-deaths&limit=5",
    "/v1/casualties.csv",
    "/v1/casualties/stats?explain=1",
    "/v1/claims?limit=3&pretty=1",
    "/v1/facts",
    "/v1/actors.ndjson",
    "/v1/places.geojson",
    "/v1/relationships",
    "/v1/events",
    "/v1/series",
    "/v1/sources",
    "/v1/releases",
    "/v1/search?q=n*",
    "/v1/actors/unfix/network",
    "/v1/graph.graphml",
    "/v1/timeline?mission=unfix",
    "/v1/changes?since=2000",
    "/v1/disagreements",
    "/v1/coverage",
    "/v1/meta/codes",
    "/openapi.json",
    "/docs",
    "/odata/missions?$filter=contains(name,'a')",
    "/readyz",
    "/v1/missions?dl=1",
    "/v1/export/missions.csv",
    "/v1/export",
    "/metrics",
    "/v1/timeline?actor=unfix",
    "/v1/casualties.csv?excel=1",
};

static void write_now(void)
{
    FILE *file = fopen(path, "wb");

    must(file != NULL && fwrite(bytes_now, 1, len_now, file) == len_now && fclose(file) == 0,
         "%s is written", path);
}

static void begin(void)
{
    static const char names[] =
        "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c"
        " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE 'search%'";
    const uint8_t *fixture = fuzz_fixture(&len_now);
    sqlite3_stmt *rows;
    sqlite3 *db;

    room = 4 * len_now;
    bytes_now = malloc(room);
    must(bytes_now != NULL, "memory");
    memcpy(bytes_now, fixture, len_now);
    snprintf(path, sizeof(path), "%s/changed.db", fuzz_directory());
    write_now();
    must(sqlite3_open(path, &db) == SQLITE_OK
             && sqlite3_prepare_v2(db, names, -1, &rows, NULL) == SQLITE_OK,
         "the fixture can be opened");
    for (n_tables = 0; sqlite3_step(rows) == SQLITE_ROW;) {
        const char *table = (const char *)sqlite3_column_text(rows, 0);
        struct table_names *last = &tables[n_tables > 0 ? n_tables - 1 : 0];

        if (n_tables == 0 || strcmp(last->name, table) != 0) {
            must(n_tables < TABLES_MOST, "there are few tables");
            last = &tables[n_tables++];
            last->n = 0;
            snprintf(last->name, sizeof(last->name), "%s", table);
        }
        if (last->n < sizeof(last->columns) / sizeof(*last->columns))
            snprintf(last->columns[last->n++], NAME, "%s",
                     (const char *)sqlite3_column_text(rows, 1));
    }
    sqlite3_finalize(rows);
    sqlite3_close(db);
    must(n_tables > 10, "there are %zu tables", n_tables);
}

static bool is_value(const uint8_t change[CHANGE])
{
    return change[4] % CHANGE__MAX >= CHANGE_VALUE;
}

/* Changes a value in the file; what the schema does not let happen does not. */
static void change_value(sqlite3 *db, const uint8_t change[CHANGE])
{
    const struct table_names *table = &tables[change[0] % n_tables];
    char *sql = sqlite3_mprintf(
        "UPDATE OR IGNORE \"%w\" SET \"%w\" = %s WHERE _rowid_ IN"
        " (SELECT _rowid_ FROM \"%w\" LIMIT %d OFFSET %d)",
        table->name, table->columns[change[1] % table->n], values[change[3] % VALUES], table->name,
        change[5] % 4 == 0 ? -1 : 1, change[5] % 4 == 0 ? 0 : change[2] % 16);

    must(sql != NULL, "memory");
    sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
}

/* Values first: the bytes of a page are changed under what they have come to. */
static void change_values(const uint8_t *bytes, size_t len)
{
    sqlite3 *db;
    FILE *file;

    must(sqlite3_open(path, &db) == SQLITE_OK, "%s can be opened", path);
    sqlite3_exec(db,
                 "PRAGMA journal_mode=off; PRAGMA synchronous=off; PRAGMA foreign_keys=off;"
                 " PRAGMA ignore_check_constraints=1; BEGIN",
                 NULL, NULL, NULL);
    for (size_t i = 0; i + CHANGE <= len && i < CHANGES_MOST * CHANGE; i += CHANGE) {
        if (is_value(bytes + i))
            change_value(db, bytes + i);
    }
    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    sqlite3_close(db);
    file = fopen(path, "rb");
    must(file != NULL, "%s can be read", path);
    len_now = fread(bytes_now, 1, room, file);
    fclose(file);
}

static void end(void)
{
    free(bytes_now);
}

static void apply(const uint8_t change[CHANGE], size_t len)
{
    size_t page = (size_t)(change[0] << 8 | change[1]) % (len / PAGE);
    size_t place = (size_t)(change[2] << 8 | change[3]) % PAGE;
    size_t at = page * PAGE + place, n = 1;

    switch ((enum change)(change[4] % CHANGE__MAX)) {
    case CHANGE_FOUR:
        n = 4;
        break;
    case CHANGE_PAIR:
        n = 2;
        break;
    case CHANGE_BYTE:
    case CHANGE__MAX:
        break;
    case CHANGE_VALUE:
    case CHANGE_VALUE_:
    case CHANGE_VALUE__:
        return;
    case CHANGE_BIT:
        bytes_now[at] ^= (uint8_t)(1u << change[5] % 8);
        return;
    case CHANGE_ZERO:
        n = (size_t)change[5] + 1;
        memset(bytes_now + at, 0, n < len - at ? n : len - at);
        return;
    case CHANGE_PAGE:
        memmove(bytes_now + page * PAGE,
                bytes_now + (size_t)(change[5] << 8 | change[6]) % (len / PAGE) * PAGE, PAGE);
        return;
    case CHANGE_END:
        len_now = at < len_now ? at : len_now;
        return;
    case CHANGE_HEADER:
        bytes_now[place % 100] = change[5];
        return;
    }
    if (at + n <= len)
        memcpy(bytes_now + at, change + CHANGE - 1 - n, n);
}

/* Asks for some of all that there is; any known status will do, and any rows. */
static void ask(const struct service *service, const char *target)
{
    struct request request = { .method = "GET", .target = target, .id = "fuzz" };
    char piece[4096];
    struct reply reply;
    ssize_t n;

    serve(service, &request, &reply);
    must(reply.status == 200 || reply.status == 308 || (reply.status >= 400 && reply.status < 600),
         "%s: status %d", target, reply.status);
    /* Rows may say anything, and answers what rows say; but no file ends a header early. */
    for (size_t i = 0; i < reply.n_headers; i++) {
        for (const char *at = reply.headers[i].value; *at != '\0'; at++)
            must((unsigned char)*at >= 0x20 && *at != 0x7f, "%s: %s: %s", target,
                 reply.headers[i].name, reply.headers[i].value);
    }
    while (reply.source.read != NULL
           && (n = reply.source.read(reply.source.context, piece, sizeof(piece))) > 0)
        ;
    reply_done(&reply);
}

static void one(const uint8_t *bytes, size_t len)
{
    size_t size;
    const uint8_t *fixture = fuzz_fixture(&size);
    struct service service = { .catalogue = catalogue, .deadline_ms = 500, .body_limit = BODY };
    struct check_summary summary;
    struct error err = { 0 }, check_err = { 0 }, seal_err = { 0 };
    uint64_t seed = fuzz_seed(bytes, len);
    bool is_good, is_checked;

    memcpy(bytes_now, fixture, size);
    len_now = size;
    write_now();
    change_values(bytes, len);
    for (size_t i = 0; i + CHANGE <= len && i < CHANGES_MOST * CHANGE; i += CHANGE)
        apply(bytes + i, size);
    write_now();
    /* Sealed as it is now, so that SQLite sees it; else the seal is all that is looked at. A file
     * that is no whole one is not sealed. */
    if (fuzz_random(&seed) % 8 != 0)
        seal_write(path, path, &seal_err);
    service.dataset = dataset_new();
    must(service.dataset != NULL, "memory");
    is_good = dataset_publish(service.dataset, path, &err);
    if (is_good) {
        /* Some of all, others each time. */
        for (int i = 0; i < ASKED; i++)
            ask(&service, targets[fuzz_random(&seed) % (sizeof(targets) / sizeof(*targets))]);
    } else {
        must(err.code == ERR_INPUT && strstr(err.detail, ": ") != NULL, "code %d: %s",
             (int)err.code, err.detail);
    }
    dataset_leave(service.dataset);
    dataset_free(service.dataset);
    if (fuzz_random(&seed) % 4 != 0) /* it costs as much as all the rest */
        return;
    is_checked = check_dataset(path, NULL, &summary, &check_err);
    must(is_checked == (check_err.code == ERR_NONE), "a refusal has a reason");
    if (is_checked)
        must(is_good, "what check takes is served: %s", err.detail);
}

const struct fuzz_target target_dataset = {
    .name = "dataset", .longest = 256, .runs = 20, .begin = begin, .one = one, .end = end
};
