/* Walks every declaration: consistency first, then every filter, operator and sort key against the
 * schema. */

#include "tests/unit/engine.h"

#include "db/query.h"
#include "server/query.h"
#include "server/type.h"
#include "tests/unit/support.h"

static bool is_sentence(const char *text)
{
    size_t len = strlen(text);

    return len > 10 && text[len - 1] == '.' && strchr(text, '\n') == NULL;
}

static void every_field_is_described_named_and_typed_soundly(void **state)
{
    (void)state;
    for (const struct resource *const *at = catalogue; *at != NULL; at++) {
        size_t n = 0;

        assert_true(is_sentence((*at)->text));
        assert_int_equal((*at)->fields[0].type, FIELD_ID);
        assert_string_equal((*at)->fields[0].name, "id");
        for (const struct field *field = (*at)->fields; field->name != NULL; field++, n++) {
            /* Capitals are those of words that dashboards prescribe: timeEnd. */
            assert_int_equal(strspn(field->name, "abcdefghijklmnopqrstuvwxyz0123456789_"
                                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
                             strlen(field->name));
            assert_true(field->name[0] >= 'a' && field->name[0] <= 'z');
            assert_null(strstr(field->name, "__"));
            assert_ptr_equal(resource_field(*at, field->name), field); /* no name twice */
            assert_true(is_sentence(field->text));
            assert_non_null(type_name(field));
            if (field->type == FIELD_INTEGER || field->type == FIELD_REAL
                || field->type == FIELD_NUMBER)
                assert_non_null(field->unit);
            if (field->type == FIELD_CODE)
                assert_non_null(field->codes);
            if (field->type == FIELD_REF || field->type == FIELD_REFS)
                assert_non_null(field->kind);
            assert_true(field->sql != NULL || (field->flags & FIELD_HIDDEN));
            if (field->resource != NULL)
                assert_non_null(resource_find(catalogue, field->resource));
            for (size_t i = 0; query_reserved(i) != NULL; i++)
                assert_string_not_equal(field->name, query_reserved(i));
        }
        assert_true(n <= QUERY_FIELDS);
    }
}

static void every_resource_is_described_and_ordered(void **state)
{
    (void)state;
    for (const struct resource *const *at = catalogue; *at != NULL; at++) {
        char order[256], *save = NULL;

        assert_ptr_equal(resource_find(catalogue, (*at)->name), *at); /* no name twice */
        assert_int_equal(strspn((*at)->name, "abcdefghijklmnopqrstuvwxyz_/"), strlen((*at)->name));
        assert_true((*at)->item[0] >= 'A' && (*at)->item[0] <= 'Z');
        assert_non_null((*at)->source);
        assert_int_equal((*at)->start == NULL, (*at)->end == NULL);
        assert_int_equal((*at)->lines == NULL, (*at)->order != NULL); /* lines go by time */
        snprintf(order, sizeof(order), "%s", (*at)->order != NULL ? (*at)->order : "");
        for (char *key = strtok_r(order, ",", &save); key != NULL;
             key = strtok_r(NULL, ",", &save)) {
            const struct field *field = resource_field(*at, key + (key[0] == '-'));

            assert_non_null(field);
            assert_true(field->flags & FIELD_SORT);
        }
        for (size_t i = 0; resource_include(*at, i) != NULL; i++) {
            assert_true(i < QUERY_INCLUDES);
            assert_non_null(resource_find(catalogue, resource_include(*at, i)));
        }
    }
}

/* What is nested is declared as soundly as what is not, and is only shown. */
static void assert_members(const struct field *members)
{
    assert_non_null(members);
    assert_non_null(members->name);
    for (; members->name != NULL; members++) {
        assert_true(is_sentence(members->text));
        assert_false(members->flags & ~(unsigned)FIELD_NULLABLE);
        assert_null(members->param);
        if (members->type == FIELD_CODE)
            assert_non_null(members->codes);
        if (members->type == FIELD_INTEGER || members->type == FIELD_NUMBER)
            assert_non_null(members->unit);
        if (members->type == FIELD_REF || members->type == FIELD_REFS)
            assert_non_null(members->kind);
        if (members->type == FIELD_LIST || members->type == FIELD_OBJECT)
            assert_members(members->members);
        else
            assert_null(members->members);
    }
}

static void every_structure_says_what_it_holds(void **state)
{
    size_t n = 0;

    (void)state;
    for (const struct resource *const *at = catalogue; *at != NULL; at++) {
        for (const struct field *field = (*at)->fields; field->name != NULL; field++) {
            if (field->type != FIELD_LIST && field->type != FIELD_OBJECT) {
                assert_null(field->members);
                continue;
            }
            assert_members(field->members);
            assert_false(field->flags & ~(unsigned)FIELD_NULLABLE);
            n++;
        }
    }
    assert_true(n > 0);
}

static void a_parameter_that_asks_for_a_field_is_declared(void **state)
{
    size_t n = 0;

    (void)state;
    for (const struct resource *const *at = catalogue; *at != NULL; at++) {
        for (const struct field *field = (*at)->fields; field->name != NULL; field++) {
            const struct param *param = (*at)->params;

            if (field->param == NULL)
                continue;
            while (param != NULL && param->name != NULL && strcmp(param->name, field->param) != 0)
                param++;
            assert_true(param != NULL && param->name != NULL);
            assert_true(field != (*at)->fields); /* the id is always there */
            assert_false(field->flags & (FIELD_FILTER | FIELD_SORT));
            n++;
        }
    }
    assert_true(n > 0);
}

/* What server/query.c and db/select.c take for granted. */
static void every_field_is_as_the_engine_needs_it(void **state)
{
    (void)state;
    for (const struct resource *const *at = catalogue; *at != NULL; at++) {
        for (const struct field *field = (*at)->fields; field->name != NULL; field++) {
            if (field != (*at)->fields)
                assert_int_not_equal(field->type, FIELD_ID);
            if (field->flags & FIELD_HIDDEN) {
                assert_non_null(field->match);
                assert_false(field->flags & (FIELD_SORT | FIELD_SUM));
            }
            if (field->flags & FIELD_SORT) {
                /* A key that may be null and does not say so would lose rows between two pages. */
                assert_true(field->type != FIELD_NUMBER || (field->flags & FIELD_NULLABLE));
                /* Cursors carry texts and whole numbers. */
                assert_int_not_equal(field->type, FIELD_REAL);
                assert_int_not_equal(field->type, FIELD_REFS);
                assert_int_not_equal(field->type, FIELD_TEXTS);
            }
            if (field->type == FIELD_DATE)
                assert_true(strlen(field->sql) < 80);
            if (field->only != NULL || (field->flags & FIELD_SUM))
                assert_int_equal(field->type, FIELD_NUMBER);
            if (field->codes != NULL)
                assert_true(field->type == FIELD_CODE || field->type == FIELD_TEXTS);
            if (field->match != NULL)
                assert_true(strstr(field->match, "@ids") != NULL
                            || strstr(field->match, "@things") != NULL);
            if (field->kind_sql != NULL)
                assert_non_null(strchr(field->kind, ','));
        }
    }
}

/* Whether a parameter that another one goes with is there, and can be shown. */
static bool has_example(const struct resource *resource, const char *name)
{
    const struct param *param = resource->params;

    while (name != NULL && param->name != NULL && strcmp(param->name, name) != 0)
        param++;
    return name == NULL || (param->name != NULL && param->example != NULL);
}

static void no_declared_parameter_bears_the_name_of_anything_else(void **state)
{
    (void)state;
    for (const struct resource *const *at = catalogue; *at != NULL; at++) {
        size_t n = 0;

        for (const struct param *param = (*at)->params; param != NULL && param->name != NULL;
             param++, n++) {
            assert_true(is_sentence(param->text));
            assert_int_equal(param->type == PARAM_CHOICE, param->choices[0] != NULL);
            assert_int_equal(param->type == PARAM_REF || param->id_choice != NULL,
                             param->kind != NULL);
            assert_true(param->type != PARAM_COUNT
                        || (param->least <= param->fallback && param->fallback <= param->most));
            assert_true(!param->is_required || param->example != NULL);
            if (param->instead != NULL) {
                const struct param *other = (*at)->params;

                while (other->name != NULL && strcmp(other->name, param->instead) != 0)
                    other++;
                assert_non_null(other->name);
                assert_true(other != param && !other->is_required && other->example != NULL);
                assert_true(param->type == PARAM_REF && other->type == PARAM_REF);
            }
            assert_true(has_example(*at, param->with));
            assert_true(has_example(*at, param->unless));
            /* Unless it is the field that the parameter asks for, which is no filter. */
            if (resource_field(*at, param->name) != NULL) {
                const struct field *field = resource_field(*at, param->name);

                assert_non_null(field->param);
                assert_string_equal(field->param, param->name);
                assert_false(type_takes(field, OPERATOR_EQUAL));
            }
            for (size_t i = 0; query_reserved(i) != NULL; i++) {
                /* Names of world time are free where nothing has it, and for a graph's ends. */
                bool is_free =
                    ((*at)->start == NULL || (*at)->graph != NULL)
                    && (strcmp(param->name, "from") == 0 || strcmp(param->name, "to") == 0
                        || strcmp(param->name, "at") == 0);

                is_free = is_free || ((*at)->search == NULL && strcmp(param->name, "q") == 0);

                assert_true(is_free || strcmp(param->name, query_reserved(i)) != 0);
            }
        }
        assert_true(n <= QUERY_PARAMS);
    }
}

static void every_code_list_is_in_the_dataset(void **state)
{
    struct error err = { 0 };
    struct conn *conn;

    (void)state;
    assert_true(dataset_conn(dataset, &conn, &err));
    for (const struct resource *const *at = catalogue; *at != NULL; at++) {
        for (const struct field *field = (*at)->fields; field->name != NULL; field++) {
            const struct state *now = conn_state(conn);
            size_t n = 0;

            for (size_t i = 0; field->codes != NULL && i < now->n_codes; i++)
                n += strcmp(now->codes[i].list, field->codes) == 0;
            if (field->codes != NULL && n == 0)
                fail_msg("%s.%s: no list '%s'", (*at)->name, field->name, field->codes);
        }
    }
}

static void every_child_names_a_collection_and_its_filter(void **state)
{
    (void)state;
    for (const struct resource *const *at = catalogue; *at != NULL; at++) {
        for (const struct child *child = (*at)->children; child != NULL && child->name != NULL;
             child++) {
            const struct resource *other = resource_find(catalogue, child->name);

            if (child->report != NULL) {
                assert_string_equal(child->report->name, child->name);
                assert_non_null(resource_param(child->report, child->filter));
                continue;
            }
            assert_non_null(other);
            assert_non_null(resource_field(other, child->filter));
            assert_true(type_takes(resource_field(other, child->filter), OPERATOR_EQUAL));
        }
    }
}

static void every_resource_has_golden_replies(void **state)
{
    (void)state;
    for (const struct resource *const *at = catalogue; *at != NULL; at++) {
        char path[128];

        snprintf(path, sizeof(path), "tests/golden/%s/plain-list.json", (*at)->name);
        assert_int_equal(access(path, R_OK), 0);
    }
}

/* A value that the field takes and the fixture knows, where it must be known. */
static const char *value_for(const struct field *field, struct conn *conn, char *text, size_t size)
{
    const struct state *now = conn_state(conn);
    struct error err = { 0 };
    sqlite3_stmt *stmt = NULL;
    bool is_row;

    switch (field->type) {
    case FIELD_DATE:
    case FIELD_DAY:
        return "2019-06";
    case FIELD_INTEGER:
    case FIELD_REAL:
    case FIELD_NUMBER:
        return "3";
    case FIELD_BOOLEAN:
        return "true";
    case FIELD_COLLECTION:
        return "casualties";
    default:
        break;
    }
    if (field->codes != NULL) {
        for (size_t i = 0; i < now->n_codes; i++) {
            if (strcmp(now->codes[i].list, field->codes) == 0)
                return strcmp(now->codes[i].id, "+") == 0 ? "support" : now->codes[i].id;
        }
        return NULL; /* a list that the fixture leaves empty */
    }
    if (field->type != FIELD_REF && field->type != FIELD_REFS)
        return "x";
    assert_true(
        conn_stmt(conn, "SELECT id FROM names WHERE instr(?1, kind) > 0 LIMIT 1", &stmt, &err));
    sqlite3_bind_text(stmt, 1, field->kind, -1, SQLITE_STATIC);
    assert_true(stmt_step(stmt, &is_row, &err));
    if (is_row)
        snprintf(text, size, "%s", (const char *)sqlite3_column_text(stmt, 0));
    stmt_return(&stmt);
    return is_row ? text : NULL;
}

/* What has to be asked besides. */
static const char *besides(const char *name)
{
    static char text[128];

    world_besides(resource_find(catalogue, name), text, sizeof(text));
    return text;
}

static void every_filter_with_every_operator_is_answered(void **state)
{
    static const char *const ways[] = { "", "&certainty=definite", "&as_of=2020-06-01" };
    struct error err = { 0 };
    struct conn *conn;
    size_t n = 0;

    (void)state;
    assert_true(dataset_conn(dataset, &conn, &err));
    for (const struct resource *const *at = catalogue; *at != NULL; at++) {
        for (const struct field *field = (*at)->fields; field->name != NULL; field++) {
            for (int op = 0; op < OPERATOR__MAX; op++) {
                char text[256];
                const char *value =
                    op == OPERATOR_ISNULL ? "true" : value_for(field, conn, text, sizeof(text));

                if (!type_takes(field, (enum operator)op) || value == NULL)
                    continue;
                for (size_t i = 0; i < 3; i++) {
                    char target[1024];
                    struct reply reply;

                    snprintf(target, sizeof(target), "/v1/%s?%s%s%s%s=%s%s", (*at)->name,
                             besides((*at)->name), field->name, op == OPERATOR_EQUAL ? "" : "__",
                             operator_name((enum operator)op), value, ways[i]);
                    reply = ask(target);
                    if (reply.status != 200)
                        print_error("%s: %d %s\n%.*s\n", target, reply.status, reply.log_detail,
                                    (int)reply.len, reply.body);
                    assert_int_equal(reply.status, 200);
                    reply_done(&reply);
                    n++;
                }
            }
        }
    }
    assert_true(n > 1000);
}

/* Walks a collection in pages of two and counts; the ids must be those of the one large page, in
 * its order. */
static void assert_walk(const char *name, const char *sort)
{
    char target[2560];
    struct reply whole;
    json_t *all;
    size_t i = 0;
    char cursor[1600] = "";

    snprintf(target, sizeof(target), "/v1/%s?%ssort=%s&limit=10000&fields=id", name, besides(name),
             sort);
    whole = ask(target);
    assert_int_equal(whole.status, 200);
    all = body_of(&whole);
    do {
        struct reply reply;
        json_t *page, *row;
        size_t j;

        snprintf(target, sizeof(target), "/v1/%s?%ssort=%s&limit=2&fields=id%s%s", name,
                 besides(name), sort, cursor[0] ? "&cursor=" : "", cursor);
        reply = ask(target);
        assert_int_equal(reply.status, 200);
        page = body_of(&reply);
        json_array_foreach(json_object_get(page, "data"), j, row)
        {
            json_t *right = json_array_get(json_object_get(all, "data"), i++);

            assert_true(json_equal(row, right));
        }
        snprintf(cursor, sizeof(cursor), "%s",
                 json_is_null(json_object_get(page, "next"))
                     ? ""
                     : json_string_value(json_object_get(page, "next")));
        json_decref(page);
        reply_done(&reply);
    } while (cursor[0] != '\0');
    assert_int_equal(i, json_array_size(json_object_get(all, "data")));
    json_decref(all);
    reply_done(&whole);
}

static void every_sort_key_walks_each_row_once_both_ways_nulls_included(void **state)
{
    (void)state;
    for (const struct resource *const *at = catalogue; *at != NULL; at++) {
        const struct field *before = NULL;

        for (const struct field *field = (*at)->fields; field->name != NULL; field++) {
            char sort[128];

            if (!(field->flags & FIELD_SORT) || (*at)->graph != NULL)
                continue;
            assert_walk((*at)->name, field->name);
            snprintf(sort, sizeof(sort), "-%s", field->name);
            assert_walk((*at)->name, sort);
            if (before != NULL && before->type != FIELD_ID) {
                snprintf(sort, sizeof(sort), "%s,-%s", before->name, field->name);
                assert_walk((*at)->name, sort);
            }
            before = field;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_described_named_and_typed_soundly),
        cmocka_unit_test(every_resource_is_described_and_ordered),
        cmocka_unit_test(every_structure_says_what_it_holds),
        cmocka_unit_test(a_parameter_that_asks_for_a_field_is_declared),
        cmocka_unit_test(every_field_is_as_the_engine_needs_it),
        cmocka_unit_test(no_declared_parameter_bears_the_name_of_anything_else),
        cmocka_unit_test(every_code_list_is_in_the_dataset),
        cmocka_unit_test(every_child_names_a_collection_and_its_filter),
        cmocka_unit_test(every_resource_has_golden_replies),
        cmocka_unit_test(every_filter_with_every_operator_is_answered),
        cmocka_unit_test(every_sort_key_walks_each_row_once_both_ways_nulls_included),
    };
    int failed;

    open_fixture();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    close_fixture();
    return failed;
}
