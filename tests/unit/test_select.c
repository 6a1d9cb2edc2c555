/* struct query -> SELECT: order, pages, filters and what is said of rows that are not there. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <sqlite3.h>

#include "db/conn.h"
#include "db/schema.h"
#include "db/dataset.h"
#include "db/query.h"
#include "db/select.h"
#include "db/way.h"
#include "handlers/catalogue.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/base/date.h"
#include "server/type.h"
#include "tests/unit/support.h"

enum {
    CROWD = 240,  /* rows that are made up by chance, with nulls and ties in every column */
    LONG = 8192,  /* bytes of a target */
    N_VALUES = 5, /* values tried of each field */
};

static struct world *fixture;
static struct world crowd; /* the fixture and CROWD casualties; shares the fixture's directory */

/* ---- set-up ---- */

static unsigned chance(unsigned below)
{
    static unsigned seed = 20130425;

    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % below;
}

/* One of n texts, or NULL. */
static const char *pick(const char *const *texts, unsigned n)
{
    unsigned i = chance(n + 1);

    return i < n ? texts[i] : NULL;
}

static char *crowd_sql(void)
{
    static const char *const missions_of[] = { "unfix", "uniga", "unnam" };
    static const char *const places_of[] = { "ner", "nga", "tinville" };
    static const char *const causes[] = { "illness", "accident", "malicious_act", "unknown" };
    static const char *const types[] = { "military", "police", "local" };
    static const char *const harms[] = { "killed", "killed", "killed", "injured", "missing" };
    static const char *const dates[][3] = {
        { "2018", "2018-01-01", "2018-12-31" },     { "2019", "2019-01-01", "2019-12-31" },
        { "2019-06", "2019-06-01", "2019-06-30" },  { "2019-06-13", "2019-06-13", "2019-06-13" },
        { "2020-02~", "2020-02-01", "2020-02-29" }, { "2018-12-31", "2018-12-31", "2018-12-31" },
    };
    sqlite3_str *sql = sqlite3_str_new(NULL);

    for (unsigned i = 0; i < CROWD; i++) {
        const char *const *date = dates[chance(6)];
        const char *const *end = chance(3) > 0 ? NULL : dates[chance(6)];
        long long low = chance(8), best = low + chance(4), high = best + chance(4);
        unsigned shape = chance(9);
        char number[3][24];

        snprintf(number[0], 24, "%lld", low);
        snprintf(number[1], 24, "%lld", shape == 8 ? high + 2 : best); /* outside its own bounds */
        snprintf(number[2], 24, "%lld", high);
        for (unsigned j = 0; j < 3; j++) {
            if (shape < 7 && !((shape + 1) & (1u << j)))
                strcpy(number[j], "NULL");
            else if (shape == 7)
                strcpy(number[j], "NULL");
        }
        sqlite3_str_appendf(
            sql,
            "INSERT INTO casualties (id, version, series, kind, mission, place, date, date_min,"
            " date_max, end, end_min, end_max, victim_group, personnel_type, cause, nationality,"
            " harm, low, best, high, qualifier, text, unit, definition, source, known_from)"
            " VALUES ('crowd-%u-%u', 1, 'roll', 'cell', %Q, %Q, %Q, %Q, %Q, %Q, %Q, %Q,"
            " 'un_personnel', %Q, %Q, %Q, %Q, %s, %s, %s, 'estimated', 'words', 'person',"
            " 'un-dead', 'roll-2021', '2021-01-01');\n",
            chance(1000), i, pick(missions_of, 3), pick(places_of, 3), date[0], date[1], date[2],
            end != NULL ? end[0] : NULL, end != NULL ? end[1] : date[1],
            end != NULL ? end[2] : date[2], pick(types, 3), pick(causes, 4), pick(places_of, 2),
            harms[chance(5)], number[0], number[1], number[2]);
    }
    sqlite3_str_appendall(sql, derive_groups_sql);
    return sqlite3_str_finish(sql);
}

static int open_both(void **state)
{
    struct error err = { 0 };
    char *sql = crowd_sql();

    world_open(state);
    fixture = *state;
    crowd = *fixture;
    assert_non_null(sql);
    world_variant(fixture, "crowd.db", sql, crowd.file);
    sqlite3_free(sql);
    crowd.dataset = crowd.service.dataset = dataset_new();
    if (!dataset_publish(crowd.dataset, crowd.file, &err))
        fail_msg("%s", err.detail);
    return 0;
}

static int close_both(void **state)
{
    dataset_free(crowd.dataset);
    return world_close(state);
}

/* What has to be asked besides. */
static const char *besides(const char *name)
{
    static char text[128];

    world_besides(resource_find(catalogue, name), text, sizeof(text));
    return text;
}

/* ---- pages ---- */

/* Walks all pages from a target; the ids of all rows in their order, for json_decref(). */
static json_t *walk(const struct world *world, const char *target)
{
    json_t *ids = json_array();
    char next[LONG];
    size_t n_pages = 0;

    snprintf(next, sizeof(next), "%s", target);
    while (next[0] != '\0') {
        json_auto_t *page = world_get(world, 200, next);
        const char *next_url = string_of(page, "next_url");
        json_t *row;
        size_t i;

        json_array_foreach(json_object_get(page, "data"), i, row)
            json_array_append(ids, json_object_get(row, "id"));
        assert_int_equal(next_url != NULL, string_of(page, "next") != NULL);
        snprintf(next, sizeof(next), "%s", next_url != NULL ? next_url : "");
        if (++n_pages > 2 * CROWD)
            fail_msg("%s never ends", target);
    }
    return ids;
}

static void assert_walk_is_whole(const struct world *world, const char *name, const char *sort,
                                 unsigned limit)
{
    char target[LONG];
    json_auto_t *whole = NULL;
    json_auto_t *walked = NULL;

    snprintf(target, sizeof(target), "/v1/%s?%ssort=%s&fields=id&limit=10000", name, besides(name),
             sort);
    whole = walk(world, target);
    snprintf(target, sizeof(target), "/v1/%s?%ssort=%s&fields=id&limit=%u", name, besides(name),
             sort, limit);
    walked = walk(world, target);
    if (!json_equal(whole, walked))
        fail_msg("%s: %zu rows at once, and others in pages (%zu)", target, json_array_size(whole),
                 json_array_size(walked));
}

/* Writes a sort= of random keys, each once, each way. */
static void random_sort(const struct resource *resource, char *ret, size_t size)
{
    const struct field *keys[QUERY_FIELDS];
    unsigned n_keys = 0, n = 1 + chance(5);
    size_t len = 0;

    for (const struct field *field = resource->fields; field->name != NULL; field++) {
        if (field->flags & FIELD_SORT)
            keys[n_keys++] = field;
    }
    for (unsigned i = 0; i < n && n_keys > 0; i++) {
        unsigned at = chance(n_keys);

        len += (size_t)snprintf(ret + len, size - len, "%s%s%s", i > 0 ? "," : "",
                                chance(2) ? "-" : "", keys[at]->name);
        keys[at] = keys[--n_keys];
    }
}

static void any_sort_pages_through_each_row_once_in_the_unpaged_order(void **state)
{
    char sort[512];

    (void)state;
    for (int i = 0; i < 60; i++) {
        random_sort(&casualties, sort, sizeof(sort));
        assert_walk_is_whole(&crowd, "casualties", sort, 1 + chance(60) + (i % 10 == 0 ? 0 : 6));
    }
    for (size_t i = 0; catalogue[i] != NULL; i++) {
        for (int j = 0; j < 12 && catalogue[i]->graph == NULL && catalogue[i]->lines == NULL; j++) {
            random_sort(catalogue[i], sort, sizeof(sort));
            assert_walk_is_whole(fixture, catalogue[i]->name, sort, 1 + chance(4));
        }
    }
}

static void pages_of_one_row_see_ties_and_nulls_too(void **state)
{
    (void)state;
    assert_walk_is_whole(&crowd, "casualties", "cause,-deaths,personnel_type", 1);
    assert_walk_is_whole(&crowd, "casualties", "-end,id", 1);
}

static void a_filtered_walk_is_as_whole(void **state)
{
    json_auto_t *whole =
        walk(&crowd, "/v1/casualties?place=ner&deaths__gte=2&sort=-cause,date&limit=10000");
    json_auto_t *walked =
        walk(&crowd, "/v1/casualties?place=ner&deaths__gte=2&sort=-cause,date&limit=7");

    (void)state;
    assert_true(json_array_size(whole) > 10);
    assert_true(json_equal(whole, walked));
}

static void an_offset_skips_rows_and_the_walk_goes_on_behind_it(void **state)
{
    json_auto_t *whole = walk(&crowd, "/v1/casualties?limit=10000");
    json_auto_t *rest = walk(&crowd, "/v1/casualties?limit=20&offset=33");

    (void)state;
    assert_int_equal(json_array_size(rest), json_array_size(whole) - 33);
    assert_true(json_equal(json_array_get(rest, 0), json_array_get(whole, 33)));
    assert_true(json_equal(json_array_get(rest, 100), json_array_get(whole, 133)));
    assert_string_equal(world_ids(&crowd, "/v1/casualties?offset=100000"), "");
}

/* Indented text is several times as long: its pages must end earlier, not fail. */
static void an_indented_page_ends_early_as_well(void **state)
{
    json_auto_t *whole = walk(&crowd, "/v1/casualties?limit=10000");
    struct world narrow = crowd;

    (void)state;
    for (size_t limit = 70 << 10; limit < 600 << 10; limit += 60 << 10) {
        json_auto_t *plain = NULL;
        json_auto_t *pretty = NULL;

        narrow.service.body_limit = limit;
        plain = walk(&narrow, "/v1/casualties?limit=10000");
        pretty = walk(&narrow, "/v1/casualties?limit=10000&pretty=1");
        assert_true(json_equal(plain, whole));
        assert_true(json_equal(pretty, whole));
    }
}

static void the_total_counts_all_pages(void **state)
{
    json_auto_t *page = world_get(&crowd, 200, "/v1/casualties?cause=illness&limit=3");
    json_auto_t *whole = walk(&crowd, "/v1/casualties?cause=illness&limit=10000");

    (void)state;
    assert_int_equal(json_integer_value(json_object_get(json_object_get(page, "meta"), "total")),
                     json_array_size(whole));
}

/* ---- order ---- */

/* What a row is sorted by, as text or number; false: a null. */
static bool sort_value(const json_t *row, const char *name, const char **text, long long *number)
{
    const json_t *value = json_object_get(row, name);
    static char days[2][DATE_DAY_SIZE];
    static int turn;

    *text = NULL;
    if (json_is_null(value))
        return false;
    if (json_is_object(value)) {
        const json_t *part = json_object_get(value, "best");

        if (!json_is_integer(part))
            part = json_object_get(value, "low");
        if (!json_is_integer(part))
            part = json_object_get(value, "high");
        *number = json_integer_value(part);
    } else if (strcmp(name, "date") == 0 || strcmp(name, "end") == 0) {
        struct date_span span;

        assert_true(date_parse(json_string_value(value), &span));
        turn = !turn;
        memcpy(days[turn], span.min, sizeof(span.min));
        *text = days[turn];
    } else {
        *text = json_string_value(value);
    }
    return true;
}

/* Negative, 0, positive: how two rows stand by one key. */
static int compare_rows(const json_t *a, const json_t *b, const char *name, bool descending)
{
    const char *text_a, *text_b;
    long long number_a = 0, number_b = 0;
    bool has_a = sort_value(a, name, &text_a, &number_a);
    bool has_b = sort_value(b, name, &text_b, &number_b);
    int order;

    if (!has_a || !has_b)
        return (has_a ? 0 : 1) - (has_b ? 0 : 1); /* nulls last, whichever way */
    order = text_a != NULL ? strcmp(text_a, text_b) : (number_a > number_b) - (number_a < number_b);
    return descending ? -order : order;
}

static void assert_sorted(const char *sort, size_t n_keys, const char *const *names)
{
    char target[LONG];
    json_auto_t *page = NULL;
    json_t *data;

    snprintf(target, sizeof(target), "/v1/casualties?sort=%s&limit=10000", sort);
    page = world_get(&crowd, 200, target);
    data = json_object_get(page, "data");
    assert_true(json_array_size(data) > CROWD);
    for (size_t i = 1; i < json_array_size(data); i++) {
        const json_t *a = json_array_get(data, i - 1), *b = json_array_get(data, i);
        int order = 0;

        for (size_t j = 0; j < n_keys && order == 0; j++)
            order = compare_rows(a, b, names[j] + (names[j][0] == '-'), names[j][0] == '-');
        if (order == 0)
            order = compare_rows(a, b, "id", names[n_keys - 1][0] == '-');
        if (order >= 0)
            fail_msg("%s: %s stands before %s", target, string_of(a, "id"), string_of(b, "id"));
    }
}

static void rows_stand_in_the_order_asked_for_with_nulls_last(void **state)
{
    (void)state;
    assert_sorted("cause,-deaths", 2, (const char *const[]){ "cause", "-deaths" });
    assert_sorted("-deaths,cause", 2, (const char *const[]){ "-deaths", "cause" });
    assert_sorted("-end,date", 2, (const char *const[]){ "-end", "date" });
    assert_sorted("date,-personnel_type,cause", 3,
                  (const char *const[]){ "date", "-personnel_type", "cause" });
    assert_sorted("injured", 1, (const char *const[]){ "injured" });
    assert_sorted("-id", 1, (const char *const[]){ "-id" });
}

/* ---- filters ---- */

/* The ids of all rows that match, as an object; for json_decref(). */
static json_t *matching(const struct world *world, const char *name, const char *filters)
{
    char target[LONG];
    json_auto_t *ids = NULL;
    json_t *set = json_object();
    json_t *id;
    size_t i;

    snprintf(target, sizeof(target), "/v1/%s?%sfields=id&limit=10000&%s", name, besides(name),
             filters);
    ids = walk(world, target);
    json_array_foreach(ids, i, id) json_object_set_new(set, json_string_value(id), json_true());
    assert_int_equal(json_object_size(set), json_array_size(ids));
    return set;
}

static json_t *filtered(const struct world *world, const struct resource *resource,
                        const struct field *field, const char *op, const char *value, bool definite)
{
    defer(buffer_done) struct buffer filters = BUFFER_INIT(LONG - 256);

    buffer_format(&filters, "%s%s=", field->name, op);
    buffer_percent(&filters, value, "");
    buffer_text(&filters, definite ? "&certainty=definite" : "");
    return matching(world, resource->name, filters.data);
}

static void assert_subset(const json_t *part, const json_t *whole, const char *what)
{
    const char *id;
    json_t *unused;

    json_object_foreach((json_t *)(uintptr_t)part, id, unused)
    {
        if (json_object_get(whole, id) == NULL)
            fail_msg("%s: %s", what, id);
    }
}

/* The first is the second without the third, looking only at `among`. */
static void assert_difference(const json_t *rest, const json_t *among, const json_t *without,
                              const char *what)
{
    const char *id;
    json_t *unused;

    json_object_foreach((json_t *)(uintptr_t)among, id, unused)
    {
        bool is_right = json_object_get(without, id) == NULL;

        if ((json_object_get(rest, id) != NULL) != is_right)
            fail_msg("%s: %s is %s", what, id, is_right ? "not found" : "found");
    }
}

/* A value that a row holds, as a filter would give it; false: none. */
static bool value_of(const struct field *field, const json_t *value, char *ret, size_t size)
{
    if (field->type == FIELD_NUMBER) {
        static const char *const parts[] = { "best", "low", "high" };

        for (size_t i = 0; i < 3; i++) {
            if (json_is_integer(json_object_get(value, parts[i]))) {
                snprintf(ret, size, "%lld",
                         (long long)json_integer_value(json_object_get(value, parts[i])));
                return true;
            }
        }
        return false;
    }
    if (json_is_array(value))
        value = json_array_get(value, 0);
    if (json_is_object(value))
        value = json_object_get(value, "id");
    if (json_is_integer(value))
        snprintf(ret, size, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(ret, size, "%.9g", json_real_value(value));
    else if (json_is_string(value))
        snprintf(ret, size, "%s", json_string_value(value));
    else
        return false;
    if (field->type == FIELD_DATE)
        ret[strcspn(ret, "~?")] = '\0';
    return true;
}

/* What must hold of a filter by any one value, whatever the field. */
static void assert_laws(const struct world *world, const struct resource *resource,
                        const struct field *field, const json_t *valued, const char *value)
{
    json_auto_t *possible = filtered(world, resource, field, "", value, false);
    json_auto_t *definite = filtered(world, resource, field, "", value, true);
    json_auto_t *not_possible = filtered(world, resource, field, "__not", value, false);
    json_auto_t *not_definite = filtered(world, resource, field, "__not", value, true);
    char what[512];

    snprintf(what, sizeof(what), "%s: %s of '%.200s'", resource->name, field->name, value);
    assert_subset(definite, possible, what);
    assert_subset(not_definite, not_possible, what);
    assert_difference(not_possible, valued, definite, what);
    assert_difference(not_definite, valued, possible, what);
    if (field->type != FIELD_DATE) { /* an open or unknown date lies somewhere: see DATA.md */
        assert_subset(possible, valued, what);
        assert_subset(not_possible, valued, what);
    }
    if (type_takes(field, OPERATOR_IN)) {
        if (strchr(value, ',') == NULL) {
            json_auto_t *in = filtered(world, resource, field, "__in", value, true);
            json_auto_t *not_in = filtered(world, resource, field, "__notin", value, true);

            assert_true(json_equal(in, definite));
            assert_true(json_equal(not_in, not_definite));
        }
    }
}

static void assert_laws_of_field(const struct world *world, const struct resource *resource,
                                 const struct field *field, const json_t *rows)
{
    bool is_list = field->type == FIELD_REFS || field->type == FIELD_TEXTS;
    json_auto_t *valued = json_object();
    json_auto_t *tried = json_object();
    char value[2048];
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (is_list || !json_is_null(json_object_get(row, field->name)))
            json_object_set_new(valued, string_of(row, "id"), json_true());
    }
    if (type_takes(field, OPERATOR_ISNULL)) {
        char filters[128];
        json_auto_t *null = NULL;
        json_auto_t *not_null = NULL;

        snprintf(filters, sizeof(filters), "%s__isnull=true", field->name);
        null = matching(world, resource->name, filters);
        snprintf(filters, sizeof(filters), "%s__isnull=false", field->name);
        not_null = matching(world, resource->name, filters);
        assert_int_equal(json_object_size(null) + json_object_size(not_null),
                         json_array_size(rows));
        if (!is_list)
            assert_true(json_equal(not_null, valued));
    }
    json_array_foreach(rows, i, row)
    {
        if (json_object_size(tried) == N_VALUES)
            break;
        if (!value_of(field, json_object_get(row, field->name), value, sizeof(value))
            || json_object_get(tried, value) != NULL)
            continue;
        json_object_set_new(tried, value, json_true());
        assert_laws(world, resource, field, valued, value);
        {
            /* A row is found by what it says itself. */
            json_auto_t *found = filtered(world, resource, field, "", value, false);

            if (json_object_get(found, string_of(row, "id")) == NULL)
                fail_msg("%s: %s is not found by %s=%.200s", resource->name, string_of(row, "id"),
                         field->name, value);
        }
    }
}

static void definite_is_possible_and_not_is_the_rest_among_rows_with_a_value(void **state)
{
    (void)state;
    for (size_t i = 0; catalogue[i] != NULL; i++) {
        const struct world *world = catalogue[i] == &casualties ? &crowd : fixture;
        char target[256];
        json_auto_t *page = NULL;

        if (catalogue[i]->graph != NULL || catalogue[i]->lines != NULL)
            continue; /* it has no pages */
        snprintf(target, sizeof(target), "/v1/%s?%slimit=10000", catalogue[i]->name,
                 besides(catalogue[i]->name));
        page = world_get(world, 200, target);
        for (const struct field *field = catalogue[i]->fields; field->name != NULL; field++) {
            if (type_takes(field, OPERATOR_NOT) && !(field->flags & FIELD_HIDDEN))
                assert_laws_of_field(world, catalogue[i], field, json_object_get(page, "data"));
        }
    }
}

/* ---- numbers, by an oracle that shares nothing with the SQL ---- */

struct bounds {
    long long least, most;
    bool has_least, has_most; /* the bound is given */
};

/* What a number says for certain, and where it may possibly lie. */
static void read_bounds(const json_t *number, struct bounds *certain, struct bounds *possible)
{
    const json_t *low = json_object_get(number, "low");
    const json_t *best = json_object_get(number, "best");
    const json_t *high = json_object_get(number, "high");
    long long b = json_integer_value(best);

    *certain = (struct bounds){ json_integer_value(low), json_integer_value(high),
                                json_is_integer(low), json_is_integer(high) };
    if (json_is_integer(best) && certain->has_least && b < certain->least)
        certain->least = b;
    if (json_is_integer(best) && certain->has_most && b > certain->most)
        certain->most = b;
    *possible = *certain;
    if (json_is_integer(best) && !certain->has_least && !certain->has_most)
        *possible = (struct bounds){ b, b, true, true };
}

static bool holds(const struct bounds *bounds, const char *op, long long value, bool definite)
{
    bool has_least = bounds->has_least, has_most = bounds->has_most;

    if (definite) {
        if (strcmp(op, "__gte") == 0)
            return has_least && bounds->least >= value;
        if (strcmp(op, "__gt") == 0)
            return has_least && bounds->least > value;
        if (strcmp(op, "__lte") == 0)
            return has_most && bounds->most <= value;
        if (strcmp(op, "__lt") == 0)
            return has_most && bounds->most < value;
        return has_least && has_most && bounds->least == value && bounds->most == value;
    }
    if (strcmp(op, "__gte") == 0)
        return !has_most || bounds->most >= value;
    if (strcmp(op, "__gt") == 0)
        return !has_most || bounds->most > value;
    if (strcmp(op, "__lte") == 0)
        return !has_least || bounds->least <= value;
    if (strcmp(op, "__lt") == 0)
        return !has_least || bounds->least < value;
    return (!has_least || bounds->least <= value) && (!has_most || bounds->most >= value);
}

static void numbers_are_found_by_where_they_may_and_must_lie(void **state)
{
    static const char *const ops[] = { "", "__gt", "__gte", "__lt", "__lte" };
    json_auto_t *page = world_get(&crowd, 200, "/v1/casualties?limit=10000");
    const struct field *field = resource_field(&casualties, "deaths");
    size_t n_found = 0;

    (void)state;
    for (long long value = -1; value < 16; value++) {
        for (size_t op = 0; op < 5; op++) {
            for (int definite = 0; definite < 2; definite++) {
                char text[24];
                json_auto_t *found = NULL;
                json_t *row;
                size_t i;

                snprintf(text, sizeof(text), "%lld", value);
                found = filtered(&crowd, &casualties, field, ops[op], text, definite);
                n_found += json_object_size(found);
                json_array_foreach(json_object_get(page, "data"), i, row)
                {
                    const json_t *number = json_object_get(row, "deaths");
                    struct bounds bounds[2];
                    bool is_right = false;

                    if (!json_is_null(number)) {
                        read_bounds(number, &bounds[1], &bounds[0]);
                        is_right = holds(&bounds[definite], ops[op], value, definite);
                    }
                    if ((json_object_get(found, string_of(row, "id")) != NULL) != is_right)
                        fail_msg("deaths%s=%lld%s: %s is %s", ops[op], value,
                                 definite ? " definitely" : "", string_of(row, "id"),
                                 is_right ? "missing" : "found");
                }
            }
        }
    }
    assert_true(n_found > 1000);
}

static void the_ends_of_the_number_line_can_be_asked_for(void **state)
{
    (void)state;
    assert_string_equal(world_ids(fixture, "/v1/claims?number__lt=-9223372036854775808"), "");
    assert_string_equal(world_ids(fixture, "/v1/claims?number__gt=9223372036854775807"), "");
    assert_string_equal(
        world_ids(fixture, "/v1/claims?number__gte=6&predicate=deaths&certainty=definite"),
        "unfix-deaths-herald");
}

/* ---- dates, by another oracle ---- */

static void dates_are_found_by_the_days_they_may_and_must_mean(void **state)
{
    static const char *const values[] = { "2018", "2019", "2019-06", "2019-06-13", "2020-02-15" };
    static const char *const ops[] = { "", "__gt", "__gte", "__lt", "__lte" };
    json_auto_t *page = world_get(&crowd, 200, "/v1/casualties?limit=10000");
    const struct field *field = resource_field(&casualties, "date");

    (void)state;
    for (size_t v = 0; v < 5; v++) {
        struct date_span asked;

        assert_true(date_parse(values[v], &asked));
        for (size_t op = 0; op < 5; op++) {
            for (int definite = 0; definite < 2; definite++) {
                json_auto_t *found =
                    filtered(&crowd, &casualties, field, ops[op], values[v], definite);
                json_t *row;
                size_t i;

                json_array_foreach(json_object_get(page, "data"), i, row)
                {
                    struct date_span span;
                    bool is_right;

                    assert_true(date_parse(string_of(row, "date"), &span));
                    if (op == 0)
                        is_right = definite ? strcmp(span.min, asked.min) >= 0
                                                  && strcmp(span.max, asked.max) <= 0
                                            : strcmp(span.min, asked.max) <= 0
                                                  && strcmp(span.max, asked.min) >= 0;
                    else if (op == 1) /* behind all of the year, month or day */
                        is_right = strcmp(definite ? span.min : span.max, asked.max) > 0;
                    else if (op == 2)
                        is_right = strcmp(definite ? span.min : span.max, asked.min) >= 0;
                    else if (op == 3)
                        is_right = strcmp(definite ? span.max : span.min, asked.min) < 0;
                    else
                        is_right = strcmp(definite ? span.max : span.min, asked.max) <= 0;
                    if ((json_object_get(found, string_of(row, "id")) != NULL) != is_right)
                        fail_msg("date%s=%s%s: %s (%s) is %s", ops[op], values[v],
                                 definite ? " definitely" : "", string_of(row, "id"),
                                 string_of(row, "date"), is_right ? "missing" : "found");
                }
            }
        }
    }
}

static void words_are_found_without_case_and_accents_and_never_by_a_pattern(void **state)
{
    (void)state;
    assert_string_equal(world_ids(fixture, "/v1/places?name__contains=INVI"), "tinville");
    assert_string_equal(world_ids(fixture, "/v1/places?name__startswith=tin"), "tinville");
    assert_string_equal(world_ids(fixture, "/v1/places?name__startswith=invi"), "");
    assert_string_equal(world_ids(fixture, "/v1/places?name__contains=%25"), "");
    assert_string_equal(world_ids(fixture, "/v1/places?name__contains=_iger"), "");
    assert_string_equal(world_ids(fixture, "/v1/places?name__contains=niger"), "ner nga");
    assert_string_equal(world_ids(fixture, "/v1/places?name=niger"), "ner");
    assert_string_equal(world_ids(fixture, "/v1/places?name__contains=' OR 1=1 --"), "");
    assert_string_equal(world_ids(fixture, "/v1/actors?name__startswith=%D0%93%D0%9E%D0%9B"),
                        "blue-lantern");
    assert_string_equal(world_ids(fixture, "/v1/places?id__startswith=n"), "nam ner nga");
}

/* ---- rows by id, names, absences ---- */

static void ask_for_all_fields(const struct resource *resource, struct query *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->resource = resource;
    ret->limit = 100;
    for (const struct field *field = resource->fields; field->name != NULL; field++) {
        if (!(field->flags & FIELD_HIDDEN))
            ret->fields[ret->n_fields++] = field;
    }
    for (size_t i = 0; resource->params != NULL && resource->params[i].name != NULL; i++)
        ret->params[i] = resource->params[i].choices[0];
}

static void rows_by_ids_come_in_the_order_of_their_ids(void **state)
{
    static struct query query;
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    struct error err = { 0 };
    bool is_row;

    ask_for_all_fields(&places, &query);
    assert_true(select_by_ids(world_conn(*state), &query, "[\"tinville\",\"none\",\"nam\",\"nam\"]",
                              &rows, &err));
    assert_true(stmt_step(rows, &is_row, &err) && is_row);
    assert_string_equal((const char *)sqlite3_column_text(rows, 0), "nam");
    assert_true(stmt_step(rows, &is_row, &err) && is_row);
    assert_string_equal((const char *)sqlite3_column_text(rows, 0), "tinville");
    assert_true(stmt_step(rows, &is_row, &err));
    assert_false(is_row);
}

static void one_row_more_than_the_limit_tells_that_there_is_more(void **state)
{
    static struct query query;
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    struct error err = { 0 };
    bool is_row = true;
    int n = 0;

    ask_for_all_fields(&places, &query);
    query.limit = 2;
    assert_true(select_open(world_conn(*state), &query, &rows, &err));
    while (stmt_step(rows, &is_row, &err) && is_row)
        n++;
    assert_int_equal(n, 3);
}

static enum select_absence absence_of(const struct world *world, const struct resource *resource,
                                      const char *key, const char *as_of, char id[SELECT_ID_SIZE])
{
    static struct query query;
    enum select_absence absence = SELECT_UNKNOWN;
    struct error err = { 0 };

    ask_for_all_fields(resource, &query);
    query.key = key;
    snprintf(query.as_of, sizeof(query.as_of), "%s", as_of);
    if (!select_absence(world_conn(world), &query, &absence, id, &err))
        fail_msg("%s", err.detail);
    return absence;
}

static void an_absence_has_its_reason(void **state)
{
    char id[SELECT_ID_SIZE] = "";

    assert_int_equal(absence_of(*state, &missions, "nothing", "", id), SELECT_UNKNOWN);
    assert_int_equal(absence_of(*state, &missions, "unfix", "1990-01-01", id), SELECT_NOT_YET);
    assert_int_equal(absence_of(*state, &casualties, "unfix-2018-military-illness", "", id),
                     SELECT_GONE);
    assert_int_equal(
        absence_of(*state, &casualties, "unfix-2018-military-illness", "2019-12-31", id),
        SELECT_NOT_YET);
    assert_int_equal(absence_of(*state, &facts, "unfix-deaths", "2019-01-01", id), SELECT_NOT_YET);
    assert_int_equal(absence_of(*state, &missions, "MINUFIX", "", id), SELECT_RENAMED);
    assert_string_equal(id, "unfix");
    assert_int_equal(absence_of(*state, &actors, "lantern", "", id), SELECT_RENAMED);
    assert_string_equal(id, "blue-lantern");
    assert_int_equal(absence_of(*state, &casualties, "UNFIX", "", id), SELECT_UNKNOWN);
}

/* Asks a changed copy of the fixture. */
static void open_variant(const char *name, const char *sql, struct world *ret)
{
    struct error err = { 0 };

    *ret = *fixture;
    world_variant(fixture, name, sql, ret->file);
    ret->dataset = ret->service.dataset = dataset_new();
    if (!dataset_publish(ret->dataset, ret->file, &err))
        fail_msg("%s", err.detail);
}

static void a_fact_whose_claims_were_all_withdrawn_is_gone(void **state)
{
    struct world changed;
    char id[SELECT_ID_SIZE];

    (void)state;
    open_variant("withdrawn.db",
                 "UPDATE claims SET known_to = '2020-06-01' WHERE fact = 'blue-lantern-paid'",
                 &changed);
    assert_int_equal(absence_of(&changed, &facts, "blue-lantern-paid", "", id), SELECT_GONE);
    assert_int_equal(absence_of(&changed, &facts, "blue-lantern-paid", "2020-12-31", id),
                     SELECT_GONE);
    json_decref(world_get(&changed, 200, "/v1/facts/blue-lantern-paid?as_of=2020-05-31"));
    json_decref(world_problem(&changed, 410, "withdrawn", NULL, "/v1/facts/blue-lantern-paid"));
    dataset_free(changed.dataset);
}

/* A redirect to one of several would be a guess. */
static void a_name_that_several_things_bear_moves_to_none_of_them(void **state)
{
    struct world changed;
    char id[SELECT_ID_SIZE];

    (void)state;
    open_variant("namesakes.db",
                 "INSERT INTO names VALUES ('mission', 'un mission', 'unfix'),"
                 " ('mission', 'un mission', 'uniga')",
                 &changed);
    assert_int_equal(absence_of(&changed, &missions, "UN mission", "", id), SELECT_SEVERAL);
    json_decref(world_problem(&changed, 404, "unknown_id", NULL, "/v1/missions/UN%20mission"));
    assert_string_equal(world_ids(&changed, "/v1/missions?id=UN%20mission"), "unfix uniga");
    dataset_free(changed.dataset);
}

static void names_are_known_by_kind_and_suggested_when_near(void **state)
{
    struct conn *conn = world_conn(*state);
    struct error err = { 0 };
    char id[SELECT_ID_SIZE] = "";
    bool is_known = false;

    assert_true(select_name(conn, "place", "niger", &is_known, id, &err));
    assert_true(is_known);
    assert_string_equal(id, "ner");
    assert_true(select_name(conn, "actor,place", "562", &is_known, NULL, &err));
    assert_true(is_known);
    assert_true(select_name(conn, "actor", "niger", &is_known, NULL, &err));
    assert_false(is_known);
    error_set(&err, ERR_PARAM_INVALID, "place", "No such place.");
    error_allow(&err, NULL, "kept");
    select_suggest(conn, "place", "nigerr", &err);
    assert_string_equal(err.did_you_mean, "niger");
    assert_string_equal(err.allowed, "kept");
    select_suggest(conn, "place", "qqqqqqqqqqq", &err);
    assert_string_equal(err.did_you_mean, "");
}

/* ---- plans ---- */

/* Tells whether the plan of a page sorted by date, behind a row, says a word. */
static bool plan_says(const struct world *world, const struct resource *resource, const char *word)
{
    static struct query query;
    defer(buffer_done) struct buffer sql = BUFFER_INIT(128 << 10);
    defer(stmt_return) sqlite3_stmt *stmt = NULL;
    struct error err = { 0 };
    bool is_row = true, is_said = false;

    ask_for_all_fields(resource, &query);
    query.n_fields = 1;
    query.sorts[query.n_sorts++] =
        (struct sort){ .field = resource_field(resource, "date"), .descending = true };
    query.keyset = (struct keyset){ .is_set = true, .n = 2, .texts = { "2019-06-13", "x" } };
    buffer_text(&sql, "EXPLAIN QUERY PLAN ");
    assert_true(select_sql(&query, NULL, &sql));
    assert_true(conn_stmt(world_conn(world), sql.data, &stmt, &err));
    while (stmt_step(stmt, &is_row, &err) && is_row)
        is_said = is_said || strstr((const char *)sqlite3_column_text(stmt, 3), word) != NULL;
    return is_said;
}

static void a_page_by_date_is_sought_in_its_index_and_not_sorted(void **state)
{
    assert_true(plan_says(*state, &casualties, "casualties_by_date"));
    assert_false(plan_says(*state, &casualties, "TEMP B-TREE"));
    assert_true(plan_says(*state, &events, "events_by_date"));
    assert_false(plan_says(*state, &events, "TEMP B-TREE"));
}

static void a_walk_over_edges_asks_their_indexes_alone(void **state)
{
    assert_true(
        plan_says(*state, &graph_diff, "COVERING INDEX relationships_by_from (from_actor=?"));
    assert_true(plan_says(*state, &graph_diff, "COVERING INDEX relationships_by_to (to_actor=?"));
    /* Those that differ are sought by their ends as well. */
    assert_true(plan_says(*state, &graph_diff, "e USING INDEX relationships_by_from (from_actor"));
    assert_true(plan_says(*state, &graph_diff, "e USING INDEX relationships_by_to (to_actor"));
}

/* Of a million casualties, as SQLite believes, each way in which words find some is an index. */
static void a_search_of_casualties_reads_none_but_those_it_finds(void **state)
{
    static struct query query;
    defer(buffer_done) struct buffer sql = BUFFER_INIT(128 << 10);
    sqlite3_stmt *stmt = NULL;
    struct conn *conn = NULL;
    struct error err = { 0 };
    char file[sizeof(crowd.file)];
    bool is_row = true, is_sought = false;

    world_variant(
        *state, "million.db",
        "UPDATE sqlite_stat1 SET stat = '1000000 ' || CASE idx WHEN 'casualties_by_id'"
        " THEN '1 1' WHEN 'casualties_by_known_from' THEN '1000000' ELSE '1000 100 10' END"
        " WHERE tbl = 'casualties'",
        file);
    assert_true(conn_open(file, NULL, &conn, &err));
    ask_for_all_fields(&casualties, &query);
    query.search = "niger";
    query.sorts[query.n_sorts++] = (struct sort){ .field = resource_field(&casualties, "id") };
    buffer_text(&sql, "EXPLAIN QUERY PLAN ");
    assert_true(select_sql(&query, NULL, &sql));
    assert_true(conn_stmt(conn, sql.data, &stmt, &err));
    while (stmt_step(stmt, &is_row, &err) && is_row) {
        const char *step = (const char *)sqlite3_column_text(stmt, 3);

        if (strncmp(step, "SCAN k", 6) == 0 || strncmp(step, "SCAN c", 6) == 0)
            fail_msg("%s", step);
        is_sought = is_sought || strstr(step, "SEARCH k USING INTEGER PRIMARY KEY") != NULL;
    }
    assert_true(is_sought);
    stmt_return(&stmt);
    conn_close(conn);
}

/* ---- statements that are kept ---- */

static const char *ask_sql(const struct query *query, sqlite3_stmt **ret)
{
    struct error err = { 0 };

    stmt_return(ret);
    if (!select_open(world_conn(fixture), query, ret, &err))
        fail_msg("%s", err.detail);
    return sqlite3_sql(*ret);
}

/* The statement of a query is that of its own text. */
static void assert_kept(const struct query *query, struct buffer *sql, sqlite3_stmt **rows)
{
    struct error err = { 0 };
    struct way way;

    buffer_clear(sql);
    assert_true(way_choose(world_conn(fixture), query, &way, &err));
    assert_true(select_sql(query, &way, sql));
    assert_string_equal(ask_sql(query, rows), sql->data);
}

/* Each change of a query gives it a statement of its own, and without the change it has its own
 * again. */
static void a_kept_statement_is_that_of_the_very_query(void **state)
{
    static struct query plain, query;
    static struct resource elsewhere;
    defer(stmt_return) sqlite3_stmt *rows = NULL;

    (void)state;
    elsewhere = casualties;
    elsewhere.geometry = "'[]'";
    for (int change = 0; change < 10; change++) {
        defer(buffer_done) struct buffer sql = BUFFER_INIT(128 << 10);

        ask_for_all_fields(&casualties, &plain);
        plain.has_geometry = change == 9;
        memcpy(&query, &plain, sizeof(query));
        switch (change) {
        case 0:
            query.n_fields--;
            break;
        case 1: /* the last two the other way round */
            query.fields[query.n_fields - 1] = plain.fields[plain.n_fields - 2];
            query.fields[query.n_fields - 2] = plain.fields[plain.n_fields - 1];
            break;
        case 2:
            snprintf(query.as_of, sizeof(query.as_of), "2020-01-01");
            break;
        case 3:
            query.has_geometry = true;
            break;
        case 4:
            query.key = "x";
            break;
        case 5: /* of one item alone */
            plain.key = query.key = "x";
            query.is_history = true;
            break;
        case 6:
            query.sorts[query.n_sorts++] =
                (struct sort){ .field = resource_field(&casualties, "deaths") };
            break;
        case 7:
            query.has_world = true;
            break;
        case 8: /* one of several numbers of a row */
            query.n_fields = 1;
            query.fields[0] = resource_field(&casualties, "missing");
            break;
        default: /* the same rows, placed otherwise */
            query.resource = &elsewhere;
        }
        for (int i = 0; i < 2; i++) {
            assert_kept(&plain, &sql, &rows);
            assert_kept(&query, &sql, &rows);
        }
    }
}

/* Parameters beyond those that are kept at hand are found as well. */
static void many_values_are_all_bound(void **state)
{
    enum { MANY = 60 };
    static struct query query;
    static char ids[MANY][24];
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    struct error err = { 0 };
    bool is_row;

    (void)state;
    ask_for_all_fields(&places, &query);
    query.limit = 10;
    query.terms[query.n_terms++] = (struct term){ .field = resource_field(&places, "id"),
                                                  .op = OPERATOR_IN,
                                                  .n_values = MANY };
    for (size_t i = 0; i < MANY; i++) {
        snprintf(ids[i], sizeof(ids[i]), i == MANY - 1 ? "tinville" : "nowhere-%zu", i);
        query.values[query.n_values++] = (struct value){ .text = ids[i] };
    }
    assert_true(select_open(world_conn(fixture), &query, &rows, &err));
    assert_true(stmt_step(rows, &is_row, &err));
    assert_true(is_row);
    assert_string_equal((const char *)sqlite3_column_text(rows, 0), "tinville");
    assert_true(stmt_step(rows, &is_row, &err));
    assert_false(is_row);
}

/* A number that is not the field's is null in every form, whichever of them is asked for first. */
static void numbers_that_exclude_each_other_share_their_columns(void **state)
{
    static const char *const names[] = { "missing", "deaths", "harm", "injured" };
    static struct query query;
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    struct select_walk walk = { .column = 0 };
    struct select_place places_of[4];
    struct error err = { 0 };
    size_t n_rows = 0;
    bool is_row;

    (void)state;
    ask_for_all_fields(&casualties, &query);
    query.limit = 1000;
    for (query.n_fields = 0; query.n_fields < 4; query.n_fields++) {
        query.fields[query.n_fields] = resource_field(&casualties, names[query.n_fields]);
        places_of[query.n_fields] = select_next(&walk, query.fields[query.n_fields]);
    }
    assert_int_equal(walk.column, 3 + SELECT_NUMBER_PARTS + 1);
    assert_int_equal(places_of[0].at, places_of[1].at);
    assert_int_equal(places_of[0].at, places_of[3].at);
    assert_int_equal(places_of[2].only, -1);
    assert_true(select_open(world_conn(&crowd), &query, &rows, &err));
    for (; stmt_step(rows, &is_row, &err) && is_row; n_rows++) {
        const char *harm = (const char *)sqlite3_column_text(rows, places_of[2].at);

        assert_int_equal(sqlite3_column_int(rows, places_of[0].only), strcmp(harm, "missing") == 0);
        assert_int_equal(sqlite3_column_int(rows, places_of[1].only), strcmp(harm, "killed") == 0);
        assert_int_equal(sqlite3_column_int(rows, places_of[3].only), strcmp(harm, "injured") == 0);
    }
    assert_true(n_rows >= CROWD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_sort_pages_through_each_row_once_in_the_unpaged_order),
        cmocka_unit_test(pages_of_one_row_see_ties_and_nulls_too),
        cmocka_unit_test(a_filtered_walk_is_as_whole),
        cmocka_unit_test(an_offset_skips_rows_and_the_walk_goes_on_behind_it),
        cmocka_unit_test(an_indented_page_ends_early_as_well),
        cmocka_unit_test(the_total_counts_all_pages),
        cmocka_unit_test(rows_stand_in_the_order_asked_for_with_nulls_last),
        cmocka_unit_test(definite_is_possible_and_not_is_the_rest_among_rows_with_a_value),
        cmocka_unit_test(numbers_are_found_by_where_they_may_and_must_lie),
        cmocka_unit_test(the_ends_of_the_number_line_can_be_asked_for),
        cmocka_unit_test(dates_are_found_by_the_days_they_may_and_must_mean),
        cmocka_unit_test(words_are_found_without_case_and_accents_and_never_by_a_pattern),
        cmocka_unit_test(rows_by_ids_come_in_the_order_of_their_ids),
        cmocka_unit_test(one_row_more_than_the_limit_tells_that_there_is_more),
        cmocka_unit_test(an_absence_has_its_reason),
        cmocka_unit_test(a_fact_whose_claims_were_all_withdrawn_is_gone),
        cmocka_unit_test(a_name_that_several_things_bear_moves_to_none_of_them),
        cmocka_unit_test(names_are_known_by_kind_and_suggested_when_near),
        cmocka_unit_test(a_page_by_date_is_sought_in_its_index_and_not_sorted),
        cmocka_unit_test(a_walk_over_edges_asks_their_indexes_alone),
        cmocka_unit_test(a_search_of_casualties_reads_none_but_those_it_finds),
        cmocka_unit_test(a_kept_statement_is_that_of_the_very_query),
        cmocka_unit_test(many_values_are_all_bound),
        cmocka_unit_test(numbers_that_exclude_each_other_share_their_columns),
    };

    return cmocka_run_group_tests(tests, open_both, close_both);
}
