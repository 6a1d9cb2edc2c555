#include "server/odata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "db/conn.h"
#include "db/dataset.h"
#include "server/base/cleanup.h"
#include "server/odata_filter.h"
#include "server/param.h"
#include "server/query.h"
#include "server/render_json.h"
#include "server/route.h"
#include "server/row_source.h"
#include "server/serve.h"

enum {
    PAGE_MOST = 10000,    /* most rows of a page that Prefer may ask for */
    KEYS_SURE = 150,      /* bytes of sort values that fit a token however they are escaped */
    PAGE_TAIL = 64 << 10, /* bytes of a body that a page's rows may not use */
    LINK_SIZE = 8 << 12,  /* bytes of a nextLink */
    SET_NAME = 128,       /* bytes of a set's name and its NUL */
};

/* What of our own goes beside the options of OData: both clocks, and words. */
static const char *const customs[] = {
    "as_of", "at", "during", "from", "to", "certainty", "q", NULL
};

static bool is_in(const char *const *names, const char *name)
{
    for (; *names != NULL; names++) {
        if (strcmp(*names, name) == 0)
            return true;
    }
    return false;
}

/* ---- paths ---- */

bool odata_is_target(const char *raw)
{
    static const char prefix[] = "/odata";

    return raw != NULL && strncmp(raw, prefix, sizeof(prefix) - 1) == 0
           && (raw[sizeof(prefix) - 1] == '\0' || raw[sizeof(prefix) - 1] == '/'
               || raw[sizeof(prefix) - 1] == '?');
}

bool odata_set_name(const struct resource *resource, char *ret, size_t size)
{
    if (resource->graph != NULL || resource->lines != NULL || resource->changes_of != NULL)
        return false;
    /* A set answers without being asked for anything. */
    for (const struct param *param = resource->params; param != NULL && param->name != NULL;
         param++) {
        if (param->is_required || param->unless != NULL)
            return false;
    }
    snprintf(ret, size, "%s", resource->name);
    for (char *at = ret; *at != '\0'; at++) {
        if (*at == '/')
            *at = '_';
    }
    return true;
}

static bool unsupported_path(const char *what, struct error *err)
{
    return error_set(err, ERR_UNSUPPORTED, NULL,
                     "'%.80s' is not served: there are /odata/, $metadata, {set}, {set}/$count and "
                     "{set}('id').",
                     what);
}

bool odata_route(const struct resource *const *catalogue, const struct target *target,
                 struct route *ret, struct error *err)
{
    const char *set = target->n_segments > 1 ? target->segments[1] : NULL;
    const char *more = target->n_segments > 2 ? target->segments[2] : NULL;
    char name[SET_NAME];
    size_t len;

    ret->kind = ROUTE_ODATA;
    ret->odata = ODATA_SERVICE;
    if (set == NULL)
        return true;
    if (set[0] == '$') {
        ret->odata = ODATA_METADATA;
        return (strcmp(set, "$metadata") == 0 && more == NULL) || unsupported_path(set, err);
    }
    len = strcspn(set, "(");
    for (const struct resource *const *at = catalogue; *at != NULL; at++) {
        if (odata_set_name(*at, name, sizeof(name)) && strlen(name) == len
            && strncmp(name, set, len) == 0)
            ret->resource = *at;
    }
    if (ret->resource == NULL) {
        char given[SET_NAME];

        snprintf(given, sizeof(given), "%.*s", (int)(len < 100 ? len : 100), set);
        error_set(err, ERR_PATH_UNKNOWN, NULL,
                  "There is no entity set '%s' here; /odata/ lists what there is.", given);
        for (; *catalogue != NULL; catalogue++) {
            if (odata_set_name(*catalogue, name, sizeof(name)))
                error_allow(err, given, name);
        }
        return false;
    }
    ret->odata = set[len] == '(' ? ODATA_ENTITY : ODATA_SET;
    if (ret->odata == ODATA_ENTITY) {
        ret->id = set + len + 1;
        ret->id_segment = 1;
    }
    if (more == NULL)
        return true;
    if (strcmp(more, "$count") != 0 || ret->odata == ODATA_ENTITY || target->n_segments > 3)
        return unsupported_path(more, err);
    ret->odata = ODATA_COUNT;
    return true;
}

void odata_template(const struct route *route, char *ret, size_t size)
{
    char name[SET_NAME] = "";

    if (route->resource != NULL)
        odata_set_name(route->resource, name, sizeof(name));
    snprintf(ret, size, "/odata/%s%s", route->odata == ODATA_METADATA ? "$metadata" : name,
             route->odata == ODATA_COUNT    ? "/$count"
             : route->odata == ODATA_ENTITY ? "('{id}')"
                                            : "");
}

/* The id between the parentheses: 'minusma', or id='minusma', a quote inside doubled. */
static bool read_key(const char *text, char ret[SELECT_ID_SIZE], struct error *err)
{
    size_t n = 0;

    if (strncmp(text, "id=", 3) == 0)
        text += 3;
    if (*text == '\'') {
        for (text++; *text != '\0'; text++) {
            if (*text == '\'' && *++text != '\'')
                break;
            if (n + 1 < SELECT_ID_SIZE)
                ret[n++] = *text;
        }
        ret[n] = '\0';
        if (strcmp(text, ")") == 0 && text[-1] == '\'' && n > 0)
            return true;
    }
    return error_set(err, ERR_REQUEST_MALFORMED, NULL,
                     "A key is written in single quotes and parentheses, as in /odata/missions"
                     "('minusma').");
}

/* ---- manners ---- */

/* Where links lead. Clients take no relative @odata.context, and what a request says of its host is
 * not to be believed: where the service is found is a setting. */
static void set_root(const char *public_url, struct odata *odata)
{
    if (public_url == NULL
        || (size_t)snprintf(odata->root, sizeof(odata->root), "%s/odata/", public_url)
               >= sizeof(odata->root))
        odata->root[0] = '\0';
}

/* A page size out of Prefer; what it cannot be read from is no preference. */
static void set_page(const struct request *request, struct odata *odata)
{
    static const char name[] = "maxpagesize=";
    const char *at = request->prefer != NULL ? strstr(request->prefer, name) : NULL;
    int64_t n = 0;
    char number[12] = "";

    odata->page = ODATA_PAGE;
    if (at == NULL)
        return;
    at += sizeof(name) - 1;
    snprintf(number, sizeof(number), "%.*s", (int)strspn(at, "0123456789"), at);
    if (!param_integer(number, &n) || n < 1)
        return;
    odata->page = n < PAGE_MOST ? (uint32_t)n : PAGE_MOST;
    odata->is_page_by_client = true;
}

static bool refuse_format(const char *value, struct error *err)
{
    return error_set(err, ERR_UNSUPPORTED, "$format",
                     "'$format' takes json, or application/json with odata.metadata=minimal or "
                     "none, not '%.80s'.",
                     value);
}

/* One parameter of a media type, as "odata.metadata=none". */
static bool read_format_param(const char *param, size_t len, struct odata *odata)
{
    static const char *const ignored[] = { "odata.metadata=minimal", "metadata=minimal",
                                           "IEEE754Compatible=false", "charset=utf-8" };

    while (len > 0 && *param == ' ') {
        param++;
        len--;
    }
    if ((len == 19 && strncasecmp(param, "odata.metadata=none", len) == 0)
        || (len == 13 && strncasecmp(param, "metadata=none", len) == 0)) {
        odata->is_bare = true;
        return true;
    }
    for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++) {
        if (strlen(ignored[i]) == len && strncasecmp(param, ignored[i], len) == 0)
            return true;
    }
    return len >= 16 && strncasecmp(param, "odata.streaming=", 16) == 0;
}

static bool read_format(const char *value, struct odata *odata, struct error *err)
{
    size_t len = strcspn(value, ";");
    const char *at = value + len;

    odata->is_bare = false;
    if (odata->kind == ODATA_METADATA)
        return strcmp(value, "xml") == 0 || strcmp(value, "application/xml") == 0
               || error_set(err, ERR_UNSUPPORTED, "$format", "$metadata is told as xml alone.");
    if (!(len == 4 && strncmp(value, "json", len) == 0)
        && !(len == 16 && strncmp(value, "application/json", len) == 0))
        return refuse_format(value, err);
    while (*at == ';') {
        len = strcspn(at + 1, ";");
        if (!read_format_param(at + 1, len, odata))
            return refuse_format(value, err);
        at += 1 + len;
    }
    return true;
}

static void set_manner(const struct request *request, const char *public_url,
                       const struct target *target, struct odata *odata)
{
    set_root(public_url, odata);
    set_page(request, odata);
    if (target_param(target, "$format") == NULL && request->accept != NULL)
        odata->is_bare = strstr(request->accept, "metadata=none") != NULL;
    snprintf(odata->manner, sizeof(odata->manner), "odata %d %u %s", odata->is_bare, odata->page,
             odata->root);
}

const char *odata_type(const struct odata *odata)
{
    if (odata->kind == ODATA_METADATA)
        return "application/xml";
    if (odata->kind == ODATA_COUNT)
        return "text/plain;charset=utf-8";
    return odata->is_bare ? "application/json;odata.metadata=none;IEEE754Compatible=false"
                          : "application/json;odata.metadata=minimal;IEEE754Compatible=false";
}

/* ---- options ---- */

static bool unknown_param(const char *name, bool is_document, struct error *err)
{
    static const char *const options[] = { "$filter", "$select", "$orderby", "$top",
                                           "$skip",   "$count",  "$format",  NULL };

    if (name[0] == '$')
        error_set(err, ERR_UNSUPPORTED, name, "The option '%.60s' is not served%s.", name,
                  strcmp(name, "$search") == 0 ? "; q= searches for words" : "");
    else
        error_set(err, ERR_PARAM_UNKNOWN, name, "There is no parameter '%.60s' here.", name);
    for (size_t i = 0; options[i] != NULL && !is_document; i++)
        error_allow(err, name, options[i]);
    for (size_t i = 0; customs[i] != NULL && !is_document; i++)
        error_allow(err, name, customs[i]);
    return false;
}

static bool is_repeated(const struct target *target, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(target->params[i].name, target->params[index].name) == 0)
            return true;
    }
    return false;
}

/* What query_parse() is to read: the collection, with our own parameters. */
static bool set_base(const struct target *target, const struct route *route, struct odata *odata,
                     struct error *err)
{
    static const char *const of_sets[] = { "$filter", "$orderby",   "$top", "$skip",
                                           "$count",  "$skiptoken", NULL };
    static const char *const of_all[] = { "$select", "$format", NULL };
    struct target *base = &odata->base;

    base->segments[0] = "v1";
    base->segments[1] = route->resource->name;
    base->n_segments = 2;
    for (size_t i = 0; i < target->n_params; i++) {
        const struct target_param *param = &target->params[i];

        if (is_repeated(target, i))
            return error_set(err, ERR_PARAM_REPEATED, param->name, "'%.60s' may stand only once.",
                             param->name);
        if (is_in(customs, param->name))
            base->params[base->n_params++] = *param;
        else if (is_in(of_sets, param->name) && odata->kind == ODATA_ENTITY)
            return error_set(err, ERR_PARAM_INVALID, param->name,
                             "'%s' is for a set: this is one entity.", param->name);
        else if (!is_in(of_sets, param->name) && !is_in(of_all, param->name))
            return unknown_param(param->name, false, err);
    }
    return true;
}

/* The next item of a list with commas, without the spaces around; false: there are no more. */
static bool next_item(const char **list, const char **ret, size_t *ret_len)
{
    const char *at = *list;
    size_t len;

    if (at == NULL)
        return false;
    len = strcspn(at, ",");
    *list = at[len] == ',' ? at + len + 1 : NULL;
    while (len > 0 && *at == ' ') {
        at++;
        len--;
    }
    while (len > 0 && at[len - 1] == ' ')
        len--;
    *ret = at;
    *ret_len = len;
    return true;
}

static bool find_column(const struct odata *odata, const char *option, const char *name, size_t len,
                        int *ret, struct error *err)
{
    char given[FLAT_NAME];

    *ret = odata_column(&odata->all, name, len);
    if (*ret >= 0)
        return true;
    snprintf(given, sizeof(given), "%.*s", (int)(len < 60 ? len : 60), name);
    if (strpbrk(given, "/($@") != NULL)
        return error_set(err, ERR_UNSUPPORTED, option,
                         "'%s' takes names of properties alone: '%s' is a path or an expression.",
                         option, given);
    error_set(err, ERR_PARAM_INVALID, option, "'%s': there is no property '%s'.", option, given);
    for (size_t i = 0; i < odata->all.n; i++)
        error_allow(err, given, odata->all.columns[i].name);
    return false;
}

/* Keeps the columns of `shown` that are wanted, and of the query the fields that they are parts of.
 */
static bool read_select(const char *value, struct odata *odata, struct query *query,
                        struct error *err)
{
    bool is_wanted[FLAT_COLUMNS] = { false };
    const char *name;
    size_t len, n = 0, n_fields = 0, used = 0;

    while (next_item(&value, &name, &len)) {
        int index = 0;

        if (len == 1 && *name == '*') {
            for (size_t i = 0; i < odata->all.n; i++)
                is_wanted[i] = true;
        } else if (!find_column(odata, "$select", name, len, &index, err)) {
            return false;
        } else {
            is_wanted[index] = true;
        }
    }
    for (size_t i = 0; i < odata->all.n; i++) {
        const struct field *field = odata->all.columns[i].field;

        if (is_wanted[i] && (n_fields == 0 || query->fields[n_fields - 1] != field))
            query->fields[n_fields++] = field;
    }
    query->n_fields = n_fields;
    flat_of(query, &odata->shown);
    for (size_t i = 0; i < odata->shown.n; i++) {
        const char *column = odata->shown.columns[i].name;

        if (is_wanted[odata_column(&odata->all, column, strlen(column))]) {
            if (n != i)
                odata->shown.columns[n] = odata->shown.columns[i];
            used += (size_t)snprintf(odata->select + used, sizeof(odata->select) - used, "%s%s",
                                     n > 0 ? "," : "", odata->shown.columns[n].name);
            if (used >= sizeof(odata->select))
                used = sizeof(odata->select) - 1;
            n++;
        }
    }
    odata->shown.n = n;
    odata->has_select = used + 1 < sizeof(odata->select);
    return true;
}

/* Whether rows can be brought into the order of a column, and paged in it. */
static bool is_sortable(const struct flat_column *column)
{
    return column->type == FLAT_TEXT || column->type == FLAT_INTEGER || column->type == FLAT_REAL
           || column->type == FLAT_BOOLEAN;
}

static bool read_sort(const char *item, size_t len, const struct odata *odata, struct query *query,
                      struct error *err)
{
    size_t name_len = 0, rest;
    const struct flat_column *column;
    struct sort sort = { .is_column = true };
    int index = 0;

    while (name_len < len && item[name_len] != ' ')
        name_len++;
    rest = name_len;
    while (rest < len && item[rest] == ' ')
        rest++;
    if (memchr(item, '(', len) != NULL
        || !find_column(odata, "$orderby", item, name_len, &index, err)) {
        return error_set(err, ERR_UNSUPPORTED, "$orderby",
                         "'$orderby' takes names of properties alone, each with asc or desc.");
    }
    sort.descending = len - rest == 4 && strncmp(item + rest, "desc", 4) == 0;
    if (len > rest && !sort.descending && !(len - rest == 3 && strncmp(item + rest, "asc", 3) == 0))
        return error_set(err, ERR_PARAM_INVALID, "$orderby",
                         "At character %zu of '%.*s' asc, desc or a comma is wanted.", rest + 1,
                         (int)(len < 80 ? len : 80), item);
    column = &odata->all.columns[index];
    if (!is_sortable(column))
        return error_set(err, ERR_UNSUPPORTED, "$orderby",
                         "Rows cannot be sorted by '%s', which is a list or has parts.",
                         column->name);
    sort.field = column->field;
    sort.part = odata_part(&odata->all, index);
    sort.is_nullable = column->is_nullable;
    for (size_t i = 0; i < query->n_sorts; i++) {
        if (query->sorts[i].field == sort.field && query->sorts[i].part == sort.part)
            return error_set(err, ERR_PARAM_INVALID, "$orderby", "'$orderby' names '%s' twice.",
                             column->name);
    }
    /* Nothing is left to sort behind an id. */
    if (query->n_sorts > 0 && query->sorts[query->n_sorts - 1].field->type == FIELD_ID)
        return true;
    if (query->n_sorts == QUERY_SORTS)
        return error_set(err, ERR_PARAM_INVALID, "$orderby", "'$orderby' takes at most %d keys.",
                         QUERY_SORTS);
    query->sorts[query->n_sorts++] = sort;
    return true;
}

static bool read_orderby(const char *value, const struct odata *odata, struct query *query,
                         struct error *err)
{
    const char *item;
    size_t len;

    query->n_sorts = 0;
    while (next_item(&value, &item, &len)) {
        if (!read_sort(item, len, odata, query, err))
            return false;
    }
    return true;
}

static bool read_count(const char *value, struct odata *odata, struct error *err)
{
    odata->is_counted = strcmp(value, "true") == 0;
    return odata->is_counted || strcmp(value, "false") == 0
           || error_set(err, ERR_PARAM_INVALID, "$count", "'$count' takes true or false.");
}

/* Where the page begins: behind the last row of the page before. */
static bool read_skiptoken(const struct state *state, const struct target *target,
                           const char *value, const struct odata *odata, struct query *query,
                           struct error *err)
{
    char known[FINGERPRINT_SIZE];
    struct error why = { 0 };

    if (target_param(target, "$skip") != NULL)
        return error_set(err, ERR_PARAM_INVALID, "$skiptoken",
                         "'$skiptoken' and '$skip' exclude each other.");
    query_known(state, query->as_of, known);
    if (cursor_read(value, odata->owner, known, query, &why))
        return true;
    if (why.code == ERR_CURSOR_STALE)
        return error_set(err, ERR_CURSOR_STALE, "$skiptoken",
                         "The nextLink is of another state of the dataset; begin anew.");
    if (why.code == ERR_INTERNAL)
        return error_set(err, ERR_INTERNAL, NULL, "%s", why.detail);
    return error_set(err, ERR_PARAM_INVALID, "$skiptoken",
                     "'$skiptoken' is for the nextLink of an answer, which is to be asked as it "
                     "is.");
}

static bool set_owner(const struct target *target, struct odata *odata, struct error *err)
{
    /* as_of is none of its query: the token says by itself what was known when it was given. */
    static const char *const shape[] = { "$top",    "$skip",   "$skiptoken", "$count",
                                         "$select", "$format", "as_of",      NULL };
    defer(buffer_done) struct buffer canonical = BUFFER_INIT(4 * TARGET_TEXT);

    target_canonical(target, shape, &canonical);
    if (canonical.broken)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for the name of a query");
    fingerprint((const char *const[]){ canonical.data, NULL }, odata->owner);
    return true;
}

/* The options of OData, when the rest of the query is read. */
static bool read_options(const struct state *state, const struct target *target,
                         struct odata *odata, struct query *query, struct error *err)
{
    const char *filter = target_param(target, "$filter");
    const char *select = target_param(target, "$select");
    const char *orderby = target_param(target, "$orderby");
    const char *top = target_param(target, "$top");
    const char *skip = target_param(target, "$skip");
    const char *count = target_param(target, "$count");
    const char *token = target_param(target, "$skiptoken");

    if (filter != NULL) {
        if (!odata_filter_parse(filter, &odata->all, &odata->filter, err))
            return false;
        query->filter = &odata->filter;
    }
    if ((select != NULL && !read_select(select, odata, query, err))
        || (orderby != NULL && !read_orderby(orderby, odata, query, err))
        || (count != NULL && !read_count(count, odata, err))
        || (top != NULL && !param_count("$top", top, 0, ODATA_MOST, &odata->top, err))
        || (skip != NULL && !param_count("$skip", skip, 0, ODATA_MOST, &query->offset, err)))
        return false;
    odata->has_top = top != NULL;
    query->limit = odata->has_top && odata->top < odata->page ? odata->top : odata->page;
    return token == NULL || read_skiptoken(state, target, token, odata, query, err);
}

bool odata_read_document(const struct target *target, const struct route *route,
                         const struct request *request, const char *public_url, struct odata *ret,
                         struct error *err)
{
    ret->kind = (enum odata_kind)route->odata;
    for (size_t i = 0; i < target->n_params; i++) {
        if (strcmp(target->params[i].name, "$format") != 0)
            return unknown_param(target->params[i].name, true, err);
        if (is_repeated(target, i))
            return error_set(err, ERR_PARAM_REPEATED, "$format", "'$format' may stand only once.");
        if (!read_format(target->params[i].value, ret, err))
            return false;
    }
    set_manner(request, public_url, target, ret);
    return true;
}

bool odata_read(const struct resource *const *catalogue, const struct state *state,
                const struct target *target, const struct route *route,
                const struct request *request, const char *public_url, struct odata *ret,
                struct query *query, struct error *err)
{
    const char *format = target_param(target, "$format");
    struct route base = { .kind = ROUTE_COLLECTION, .resource = route->resource };

    ret->kind = (enum odata_kind)route->odata;
    if (ret->kind == ODATA_ENTITY) {
        if (!read_key(route->id, ret->key, err))
            return false;
        base.kind = ROUTE_ITEM;
        base.id = ret->key;
    }
    if (!set_base(target, route, ret, err) || (format != NULL && !read_format(format, ret, err))
        || !query_parse(catalogue, state, &ret->base, &base, query, err)
        || !set_owner(target, ret, err))
        return false;
    set_manner(request, public_url, target, ret);
    flat_of(query, &ret->all);
    flat_of(query, &ret->shown);
    return read_options(state, target, ret, query, err);
}

/* ---- documents ---- */

void odata_service(const struct resource *const *catalogue, const struct odata *odata,
                   struct buffer *body)
{
    char name[SET_NAME];
    bool is_first = true;

    buffer_byte(body, '{');
    if (!odata->is_bare) {
        buffer_text(body, "\"@odata.context\":\"");
        buffer_format(body, "%s$metadata\",", odata->root);
    }
    buffer_text(body, "\"value\":[");
    for (; *catalogue != NULL; catalogue++) {
        if (!odata_set_name(*catalogue, name, sizeof(name)))
            continue;
        buffer_format(body, "%s{\"name\":\"%s\",\"kind\":\"EntitySet\",\"url\":\"%s\"}",
                      is_first ? "" : ",", name, name);
        is_first = false;
    }
    buffer_text(body, "]}");
}

static void add_description(struct buffer *body, const char *text)
{
    buffer_text(body, "<Annotation Term=\"Org.OData.Core.V1.Description\" String=\"");
    buffer_markup(body, text);
    buffer_text(body, "\"/>");
}

static const char *edm_type(const struct flat_column *column)
{
    switch (odata_type_of(column)) {
    case ODATA_NUMBER:
        return column->type == FLAT_REAL ? "Edm.Double" : "Edm.Int64";
    case ODATA_BOOLEAN:
        return "Edm.Boolean";
    case ODATA_DATE:
        return "Edm.Date";
    default:
        return "Edm.String";
    }
}

static void add_entity_type(struct buffer *body, const struct resource *resource)
{
    struct flat flat;

    flat_of_resource(resource, &flat);
    buffer_format(body, "<EntityType Name=\"%s\">\n<Key><PropertyRef Name=\"id\"/></Key>\n",
                  resource->item);
    for (size_t i = 0; i < flat.n; i++) {
        const struct flat_column *column = &flat.columns[i];

        /* A declared parameter has to ask for it: rows here never hold it. */
        if (column->field->param != NULL)
            continue;
        buffer_format(body, "<Property Name=\"%s\" Type=\"%s\" Nullable=\"%s\">", column->name,
                      edm_type(column), column->is_nullable ? "true" : "false");
        add_description(body, column->field->text);
        buffer_text(body, "</Property>\n");
    }
    add_description(body, resource->text);
    buffer_text(body, "\n</EntityType>\n");
    flat_done(&flat);
}

void odata_metadata(const struct resource *const *catalogue, struct buffer *body)
{
    char name[SET_NAME];

    buffer_text(body, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
                      "<edmx:Edmx Version=\"4.0\" "
                      "xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\">\n"
                      "<edmx:Reference Uri=\"https://oasis-tcs.github.io/odata-vocabularies/"
                      "vocabularies/Org.OData.Core.V1.xml\">"
                      "<edmx:Include Namespace=\"Org.OData.Core.V1\"/></edmx:Reference>\n"
                      "<edmx:DataServices>\n"
                      "<Schema Namespace=\"bluehelm\" "
                      "xmlns=\"http://docs.oasis-open.org/odata/ns/edm\">\n");
    for (const struct resource *const *at = catalogue; *at != NULL; at++) {
        if (odata_set_name(*at, name, sizeof(name)))
            add_entity_type(body, *at);
    }
    buffer_text(body, "<EntityContainer Name=\"Dataset\">\n");
    for (; *catalogue != NULL; catalogue++) {
        if (odata_set_name(*catalogue, name, sizeof(name)))
            buffer_format(body, "<EntitySet Name=\"%s\" EntityType=\"bluehelm.%s\"/>\n", name,
                          (*catalogue)->item);
    }
    buffer_text(body, "</EntityContainer>\n</Schema>\n</edmx:DataServices>\n</edmx:Edmx>");
}

/* ---- rows ---- */

/* "@odata.context" with a comma behind. */
static void add_context(const struct odata *odata, const struct query *query, struct buffer *body)
{
    char name[SET_NAME] = "";

    if (odata->is_bare)
        return;
    odata_set_name(query->resource, name, sizeof(name));
    buffer_format(body, "\"@odata.context\":\"%s$metadata#%s", odata->root, name);
    if (odata->has_select)
        buffer_format(body, "(%s)", odata->select);
    buffer_format(body, "%s\",", odata->kind == ODATA_ENTITY ? "/$entity" : "");
}

/* Where the next page is: the same request from behind the last row on. */
static void add_next(const struct state *state, const struct target *target,
                     const struct odata *odata, const struct query *query, const char *token,
                     uint32_t n, struct buffer *body)
{
    static const char *const without[] = { "$top", "$skip", "$skiptoken", "$count", "as_of", NULL };
    defer(buffer_done) struct buffer link = BUFFER_INIT(LINK_SIZE);
    char name[SET_NAME] = "";

    odata_set_name(query->resource, name, sizeof(name));
    /* Told from the same day on: a walk stays in one state of knowledge. */
    buffer_format(&link, "%s%s?as_of=%s", odata->root, name, query_day(state, query->as_of));
    for (size_t i = 0; i < target->n_params; i++) {
        if (is_in(without, target->params[i].name))
            continue;
        buffer_byte(&link, '&');
        buffer_percent(&link, target->params[i].name, "$");
        buffer_byte(&link, '=');
        buffer_percent(&link, target->params[i].value, "$,:()'");
    }
    if (odata->has_top)
        buffer_format(&link, "&$top=%u", odata->top - n);
    buffer_format(&link, "&$skiptoken=%s", token);
    buffer_text(body, ",\"@odata.nextLink\":");
    buffer_literal_of(body, &link);
}

/* Why there is no token behind a row. */
static bool no_token(size_t len, struct error *err)
{
    if (len <= KEYS_SURE)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a token");
    return error_set(err, ERR_UNSUPPORTED, "$orderby",
                     "The texts that the rows are sorted by are too long to go on behind them; "
                     "sort by another property.");
}

/* Bytes of the values that a token behind a row holds. */
static size_t keys_len(sqlite3_stmt *row, int column)
{
    size_t len = 0;

    for (; column < sqlite3_column_count(row); column++)
        len += (size_t)sqlite3_column_bytes(row, column);
    return len;
}

bool odata_page(const struct resource *const *catalogue, struct conn *conn,
                const struct target *target, struct odata *odata, const struct query *query,
                struct buffer *body, struct error *err)
{
    const struct row_place place = { catalogue, conn, query, err };
    const struct row_source source = row_source_of(&place);
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    int width = render_width(query);
    bool is_row, has_token = true, is_full = query->limit == 0;
    char known[FINGERPRINT_SIZE], token[CURSOR_SIZE] = "";
    int64_t total;
    size_t len = 0;
    uint32_t n = 0;

    query_known(conn_state(conn), query->as_of, known);
    buffer_byte(body, '{');
    add_context(odata, query, body);
    if (odata->is_counted) {
        if (!select_count(conn, query, &total, err))
            return false;
        buffer_format(body, "\"@odata.count\":%lld,", (long long)total);
    }
    buffer_text(body, "\"value\":[");
    if (!select_open(conn, query, &rows, err))
        return false;
    while (true) {
        if (!stmt_step(rows, &is_row, err))
            return false;
        if (!is_row || is_full)
            break;
        buffer_text(body, n > 0 ? ",\n" : "\n");
        flat_json_row(&odata->shown, rows, &source, body);
        n++;
        is_full = n == query->limit || body->len + PAGE_TAIL > body->limit;
        if (is_full) {
            has_token = cursor_write(rows, width, odata->owner, known, token);
            len = keys_len(rows, width);
        }
    }
    buffer_text(body, n > 0 ? "\n]" : "]");
    if (is_row && !(odata->has_top && odata->top == n)) {
        if (!has_token)
            return no_token(len, err);
        add_next(conn_state(conn), target, odata, query, token, n, body);
    }
    buffer_byte(body, '}');
    return true;
}

bool odata_entity(const struct resource *const *catalogue, struct conn *conn, struct odata *odata,
                  const struct query *query, struct buffer *body, bool *ret_row, struct error *err)
{
    const struct row_place place = { catalogue, conn, query, err };
    const struct row_source source = row_source_of(&place);
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    defer(buffer_done) struct buffer row = BUFFER_INIT(body->limit);

    if (!select_open(conn, query, &rows, err) || !stmt_step(rows, ret_row, err))
        return false;
    if (!*ret_row)
        return true;
    buffer_byte(body, '{');
    add_context(odata, query, body);
    flat_json_row(&odata->shown, rows, &source, &row);
    body->broken = body->broken || row.broken;
    if (row.len > 1)
        buffer_add(body, row.data + 1, row.len - 1);
    return true;
}

void odata_error(const struct error *err, const char *code, const char *message,
                 struct buffer *body)
{
    defer(buffer_done) struct buffer words = BUFFER_INIT(2048);

    buffer_text(&words, message);
    if (err->did_you_mean[0] != '\0')
        buffer_format(&words, " Is '%s' meant?", err->did_you_mean);
    buffer_text(body, "{\"error\":{\"code\":");
    buffer_literal(body, code);
    buffer_text(body, ",\"message\":");
    buffer_literal_of(body, &words);
    if (err->param[0] != '\0') {
        buffer_text(body, ",\"target\":");
        buffer_literal(body, err->param);
    }
    buffer_text(body, "}}");
}

void odata_free(struct odata *odata)
{
    if (odata == NULL)
        return;
    flat_done(&odata->all);
    flat_done(&odata->shown);
    free(odata);
}
