#include "server/docs.h"

#include <stdio.h>
#include <string.h>

#include "db/dataset.h"
#include "db/query.h"
#include "server/format.h"
#include "server/openapi.h"
#include "server/stats.h"
#include "server/type.h"

/* Where the lines to copy find the server: its default address. Never from a Host header, which is
 * anybody's to write. */
#define HOST "http://localhost:8080"

enum {
    PATH_SIZE = 192,   /* bytes of a path and its NUL */
    QUERY_SIZE = 256,  /* bytes of a query, with its question mark and its NUL */
    TEXT_SIZE = 256,   /* bytes of a sentence that is put together */
    OPERATIONS = 24,   /* most operations of one resource */
    MEMBER_DEPTH = 64, /* bytes of the names before a member's own */
};

/** Something to ask. */
struct operation {
    char path[PATH_SIZE];            /* as the OpenAPI document writes it */
    char example[PATH_SIZE];         /* with an id that is there; "": none is known */
    char query[QUERY_SIZE];          /* what must be asked, "?q=word"; "": nothing */
    char text[TEXT_SIZE];            /* what it answers, without a stop */
    const char *root;                /* where the rows stand in the reply; NULL: it has none */
    const struct resource *resource; /* whose rows they are; NULL: nobody's */
    bool is_sums;
    bool is_item; /* one row, which has no other form */
};

/** The operations of one resource. */
struct operations {
    struct operation list[OPERATIONS];
    size_t n;
};

/* ---- what can be asked ---- */

static void need(struct operation *operation, const char *name, const char *value)
{
    size_t len = strlen(operation->query);

    snprintf(operation->query + len, sizeof(operation->query) - len, "%c%s=%s", len > 0 ? '&' : '?',
             name, value);
}

static bool has(const struct operation *operation, const char *name)
{
    const char *at = name != NULL ? strstr(operation->query, name) : NULL;

    return at != NULL && (at[-1] == '?' || at[-1] == '&') && at[strlen(name)] == '=';
}

/* Writes the query without which there is no answer, with the values that the declarations give.
 * fixed: the parameter that the path sets; NULL: none. */
static void add_needed(struct operation *operation, const struct resource *resource,
                       const char *fixed)
{
    if (resource->changes_of != NULL)
        need(operation, "since", "2021-06-10");
    if (resource->lines != NULL) {
        const struct field *field = resource->lines->of->fields;

        while (!(field->flags & FIELD_SUM))
            field++;
        need(operation, "measure", field->name);
    }
    for (const struct param *param = resource->params; param != NULL && param->name != NULL;
         param++) {
        if (param->is_required && param->example != NULL
            && (fixed == NULL || strcmp(param->name, fixed) != 0) && !has(operation, param->unless)
            && !has(operation, param->instead))
            need(operation, param->name, param->example);
    }
}

static struct operation *next(struct operations *operations, const struct resource *resource,
                              const char *root)
{
    struct operation *operation;

    if (operations->n == OPERATIONS)
        return &operations->list[OPERATIONS - 1];
    operation = &operations->list[operations->n++];
    *operation = (struct operation){ .resource = resource, .root = root };
    return operation;
}

/* A sentence of a declaration ends in a stop, and here none does. */
static void say(struct operation *operation, const char *text)
{
    size_t len = strlen(text);

    snprintf(operation->text, sizeof(operation->text), "%.*s",
             (int)(len > 0 && text[len - 1] == '.' ? len - 1 : len), text);
}

static const char *root_of(const struct resource *resource)
{
    if (resource->graph != NULL
        && (resource->graph->report == GRAPH_LINKS || resource->graph->report == GRAPH_NETWORK))
        return "data.nodes";
    return "data";
}

/* An example of a path below an item: the template with the item's own example. */
static void fill_in(struct operation *operation, const struct resource *owner, const char *behind)
{
    if (owner->example != NULL)
        snprintf(operation->example, sizeof(operation->example), "/v1/%s/%s%s%s", owner->name,
                 owner->example, behind[0] != '\0' ? "/" : "", behind);
}

static void add_list(const struct resource *resource, struct operations *ret)
{
    struct operation *operation = next(ret, resource, root_of(resource));

    snprintf(operation->path, sizeof(operation->path), "/v1/%s", resource->name);
    snprintf(operation->example, sizeof(operation->example), "/v1/%s", resource->name);
    operation->is_sums = resource->lines != NULL;
    say(operation, resource->text);
    add_needed(operation, resource, NULL);
}

static void add_sums(const struct resource *resource, struct operations *ret)
{
    struct operation *operation = next(ret, resource, "data");

    snprintf(operation->path, sizeof(operation->path), "/v1/%s/stats", resource->name);
    snprintf(operation->example, sizeof(operation->example), "/v1/%s/stats", resource->name);
    operation->is_sums = true;
    say(operation, "Sums of rows with their bounds, nobody counted twice");
    for (const struct field *field = resource->fields; field->name != NULL; field++) {
        bool is_date;
        char key[64];

        if (stats_groups_by(field, &is_date) && is_date) {
            snprintf(key, sizeof(key), "year(%s)", field->name);
            need(operation, "group_by", key);
            return;
        }
    }
}

static void add_item(const struct resource *resource, struct operations *ret)
{
    bool is_list = resource->members != NULL;
    struct operation *operation =
        next(ret, is_list ? resource->members->resource : resource, "data");

    snprintf(operation->path, sizeof(operation->path), "/v1/%s/{id}", resource->name);
    fill_in(operation, resource, "");
    operation->is_item = !is_list;
    add_needed(operation, resource, NULL);
    if (is_list)
        say(operation, resource->members->resource->text);
    else
        snprintf(operation->text, sizeof(operation->text), "One of %s, by its id or another name",
                 resource->name);
}

static void add_children(const struct resource *const *catalogue, const struct resource *resource,
                         struct operations *ret)
{
    for (const struct child *child = resource->children; child != NULL && child->name != NULL;
         child++) {
        const struct resource *rows =
            child->report != NULL ? child->report : resource_find(catalogue, child->name);
        struct operation *operation;

        if (rows == NULL)
            continue;
        operation = next(ret, rows, root_of(rows));
        snprintf(operation->path, sizeof(operation->path), "/v1/%s/{id}/%s", resource->name,
                 child->name);
        fill_in(operation, resource, child->name);
        add_needed(operation, rows, child->filter);
        if (child->report != NULL)
            say(operation, rows->text);
        else
            snprintf(operation->text, sizeof(operation->text),
                     "The %s whose %s is the one of the path", child->name, child->filter);
    }
}

static void operations_of(const struct resource *const *catalogue, const struct resource *resource,
                          struct operations *ret)
{
    ret->n = 0;
    add_list(resource, ret);
    if (resource->sums != NULL)
        add_sums(resource, ret);
    if (resource->is_list)
        return;
    add_item(resource, ret);
    if (resource->members == NULL)
        add_children(catalogue, resource, ret);
}

static bool fits(const struct operation *operation, enum format format)
{
    return format == FORMAT_JSON
           || (!operation->is_item && format_fits(operation->resource, format, operation->is_sums));
}

/* The collection of the catalogue that has these fields; NULL: none has. */
static const struct resource *owner_of(const struct resource *const *catalogue,
                                       const struct field *fields)
{
    for (; *catalogue != NULL; catalogue++) {
        if ((*catalogue)->fields == fields && (*catalogue)->graph == NULL)
            return *catalogue;
    }
    return NULL;
}

/* ---- HTML ---- */

/* Three texts, of which the middle one is not ours to trust. */
static void add_around(struct buffer *out, const char *before, const char *text, const char *behind)
{
    buffer_text(out, before);
    buffer_markup(out, text);
    buffer_text(out, behind);
}

/* A name as part of an anchor: "meta/codes" is "meta-codes". */
static void add_anchor(struct buffer *out, const char *name)
{
    for (; *name != '\0'; name++)
        buffer_byte(out, *name == '/' ? '-' : *name);
}

static void add_collection_link(struct buffer *out, const char *name)
{
    buffer_text(out, "<a href=\"#");
    add_anchor(out, name);
    add_around(out, "\">", name, "</a>");
}

static void add_url(struct buffer *out, const struct operation *operation, enum format format)
{
    buffer_markup(out, operation->example);
    buffer_text(out, format_suffix(format));
    buffer_markup(out, operation->query);
}

static void add_run(struct buffer *out, const struct operation *operation, enum format format)
{
    buffer_text(out, "<a href=\"");
    add_url(out, operation, format);
    buffer_text(out, "\">");
    add_url(out, operation, format);
    buffer_text(out, "</a>");
}

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>bluehelm: the API and its codebook</title>\n"
    "<style>\n"
    ":root{color-scheme:light dark;--line:#8886;--soft:#8882}\n"
    "body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1rem;"
    "background:Canvas;color:CanvasText}\n"
    "h1,h2,h3,h4{line-height:1.2;margin:2em 0 .5em}h1{margin-top:.5em}\n"
    "h2{border-bottom:2px solid var(--line)}\n"
    "code,pre{font:.875rem/1.5 ui-monospace,monospace}\n"
    "dd code,pre{display:block;background:var(--soft);padding:.3rem .6rem;overflow-x:auto;"
    "white-space:pre-wrap;overflow-wrap:anywhere}\n"
    "dd code{user-select:all;-webkit-user-select:all}\n"
    "dt{font-weight:600;margin-top:.4rem}dd{margin:0}\n"
    ".wide{overflow-x:auto}\n"
    "table{border-collapse:collapse;width:100%;font-size:.9rem}\n"
    "caption{text-align:left;font-weight:600;padding:.5rem 0}\n"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;"
    "border-bottom:1px solid var(--line)}\n"
    "nav ul{columns:12rem;padding-left:1.2rem}nav>ul{columns:auto}\n"
    "a:focus-visible,summary:focus-visible,.wide:focus-visible{outline:3px solid Highlight}\n"
    ".skip{position:absolute;left:-99rem}.skip:focus{position:static}\n"
    "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">To the text</a>\n";

static const struct {
    const char *anchor, *title;
} sections[] = {
    { "ask", "How to ask" },          { "forms", "Forms" }, { "replies", "Replies" },
    { "documents", "Documents" },     { "paths", "Paths" }, { "codes", "Code lists" },
    { "definitions", "Definitions" },
};

static void add_contents(const struct resource *const *catalogue, struct buffer *out)
{
    buffer_text(out,
                "<nav aria-labelledby=\"contents\">\n<h2 id=\"contents\">Contents</h2>\n<ul>\n");
    for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
        buffer_format(out, "<li><a href=\"#%s\">%s</a>", sections[i].anchor, sections[i].title);
        if (strcmp(sections[i].anchor, "paths") == 0) {
            buffer_text(out, "\n<ul>\n");
            for (const struct resource *const *at = catalogue; *at != NULL; at++) {
                buffer_text(out, "<li>");
                add_collection_link(out, (*at)->name);
                buffer_text(out, "</li>\n");
            }
            buffer_text(out, "</ul>\n");
        }
        buffer_text(out, "</li>\n");
    }
    buffer_text(out, "</ul>\n</nav>\n");
}

static void add_section(struct buffer *out, const char *anchor)
{
    for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
        if (strcmp(sections[i].anchor, anchor) == 0)
            buffer_format(out, "<h2 id=\"%s\">%s</h2>\n", anchor, sections[i].title);
    }
}

static const char ways[] =
    "<dl>\n"
    "<dt>Filter</dt><dd><code>field=value</code> or <code>field__operator=value</code>; the table "
    "of "
    "each collection lists the operators of each field. The same parameter again means or (for "
    "<code>not</code> and <code>notin</code>: none of them), different ones mean and. "
    "<code>__in=a,b</code> takes several values. Names match whole, without case and accents, on "
    "ids, acronyms, aliases and codes.</dd>\n"
    "<dt>When it was so</dt><dd>World time: <code>at=2021-06-30</code>, "
    "<code>during=2019..2023</code>, <code>from=</code>, <code>to=</code>. Dates may be a year, a "
    "month or a day.</dd>\n"
    "<dt>When it was known</dt><dd>Knowledge time: <code>as_of=2021-06-10</code> answers as was "
    "known on that day; a month or year means its last day. <code>changed_since=DAY</code> gives "
    "the "
    "rows that are newer, <code>history=true</code> on one item all its versions.</dd>\n"
    "<dt>How sure</dt><dd>Conditions on imprecise dates and bounded numbers mean possibly; "
    "<code>certainty=definite</code> means certainly.</dd>\n"
    "<dt>Words</dt><dd><code>q=</code> takes words that all have to be there, a phrase in quotes, "
    "the beginning of a word (<code>minus*</code>) and <code>-word</code> for what is not "
    "wanted.</dd>\n"
    "<dt>Sort, choose</dt><dd><code>sort=-date,id</code> with nulls last; "
    "<code>fields=id,name</code> "
    "leaves out the rest; <code>include=</code> sends the rows along that the data names.</dd>\n"
    "<dt>Page</dt><dd><code>limit</code> (100, at most 10,000), then <code>cursor</code>, which is "
    "<code>next</code> of the page before, or simply follow <code>next_url</code>; "
    "<code>offset</code> up to 100,000. <code>count=none</code> leaves out the total.</dd>\n"
    "<dt>What is not known</dt><dd>A path, parameter, field, operator or value that is not known "
    "is "
    "refused with a sentence that says what would be right, and never ignored; only "
    "<code>utm_*</code> and <code>_</code> are.</dd>\n"
    "</dl>\n";

static const char shapes[] =
    "<p>The path without an ending is the rich answer: things inside things, an envelope, pages. "
    "With an ending it is the same rows, flat, bare and all of them, as data tools want them. "
    "Where "
    "a tool cannot change the path, <code>format=csv</code> (<code>rows</code>, "
    "<code>ndjson</code>, "
    "<code>geojson</code>) says the same. A number is then several columns "
    "(<code>NAME_low</code>, <code>NAME_best</code>, <code>NAME_high</code>, "
    "<code>NAME_qualifier</code>), a reference its id and <code>NAME_name</code>; each column has "
    "one type in all rows, and a null is empty.</p>\n";

static const char answers[] =
    "<p>A list is <code>{\"data\": [...], \"next\", \"next_url\", \"truncated\", \"meta\"}</code>, "
    "one item <code>{\"data\": {...}, \"meta\"}</code>. <code>next</code> is null on the last "
    "page. "
    "<code>meta</code> has the total, the release, a citation, the licence and "
    "<code>permalink</code>, a path that gives the same bytes for ever.</p>\n"
    "<p>A number is <code>{low, best, high, qualifier, text, unit}</code>: null is not said, 0 is "
    "zero, and a <code>best</code> that no source gives is never made up. Numbers of different "
    "series are never to be added; <code>/stats</code> adds what may be added.</p>\n"
    "<p>Failures are <code>application/problem+json</code> (RFC 9457) in every form, with "
    "<code>code</code>, <code>param</code>, what is allowed and what was perhaps meant.</p>\n";

static const struct {
    const char *path, *text;
} service[] = {
    { "/", "The index: what there is, and where; also at /v1/." },
    { "/openapi.json", "Every path, parameter, reply and header, as OpenAPI 3.1." },
    { "/docs", "This page." },
    { "/llms.txt", "A short map of the API in Markdown, for language models." },
    { "/healthz", "Whether the server runs." },
    { "/v1/export", "What there is to take away: each collection as CSV and NDJSON." },
    { "/v1/export/bluehelm.db", "The dataset file itself; Range goes on with what broke off." },
    { "/v1/export/datapackage.json", "Columns, rows, bytes and SHA-256 of each export." },
    { "/odata/", "The collections as OData 4.0, for Excel, Power BI and Tableau." },
    { "/metrics", "What the process counts, for Prometheus." },
    { "/readyz", "Whether a dataset is open." },
};
enum { N_SERVICE = sizeof(service) / sizeof(*service) };

static void add_guide(struct buffer *out)
{
    add_section(out, "ask");
    buffer_text(out, ways);
    add_section(out, "forms");
    buffer_text(out, shapes);
    buffer_text(out, "<ul>\n");
    for (int at = FORMAT_JSON + 1; at < FORMAT__MAX; at++)
        buffer_format(out, "<li><code>%s</code>: <code>%s</code></li>\n",
                      format_suffix((enum format)at), format_type((enum format)at));
    buffer_text(out, "</ul>\n");
    add_section(out, "replies");
    buffer_text(out, answers);
    add_section(out, "documents");
    buffer_text(out, "<ul>\n");
    for (size_t i = 0; i < N_SERVICE; i++)
        buffer_format(out, "<li><a href=\"%s\"><code>%s</code></a>: %s</li>\n", service[i].path,
                      service[i].path, service[i].text);
    buffer_text(out, "</ul>\n");
}

/* ---- one operation ---- */

static void begin_line(struct buffer *out, const char *tool)
{
    buffer_format(out, "<dt>%s</dt><dd><code>", tool);
}

static void end_line(struct buffer *out)
{
    buffer_text(out, "</code></dd>\n");
}

/* "data.nodes" in the words of a language: each name between two texts. */
static void add_root(struct buffer *out, const char *root, const char *before, const char *behind)
{
    while (*root != '\0') {
        size_t len = strcspn(root, ".");

        buffer_markup(out, before);
        buffer_add(out, root, len);
        buffer_markup(out, behind);
        root += len + (root[len] == '.');
    }
}

static void add_flat_lines(struct buffer *out, const struct operation *operation)
{
    begin_line(out, "pandas");
    buffer_text(out, "pd.read_csv(&quot;" HOST);
    add_url(out, operation, FORMAT_CSV);
    buffer_text(out, "&quot;)");
    end_line(out);
    begin_line(out, "R");
    buffer_text(out, "readr::read_csv(&quot;" HOST);
    add_url(out, operation, FORMAT_CSV);
    buffer_text(out, "&quot;)");
    end_line(out);
    buffer_text(out, "<dt>Grafana (Infinity: type JSON, parser Backend, root selector empty)</dt>"
                     "<dd><code>" HOST);
    add_url(out, operation, FORMAT_ROWS);
    end_line(out);
    begin_line(out, "Power Query");
    buffer_text(out, "Table.PromoteHeaders(Csv.Document(Web.Contents(&quot;" HOST);
    add_url(out, operation, FORMAT_CSV);
    buffer_text(out, "&quot;), [Delimiter = &quot;,&quot;, Encoding = 65001]))");
    end_line(out);
}

static void add_rich_lines(struct buffer *out, const struct operation *operation)
{
    begin_line(out, "pandas");
    buffer_text(out, "pd.json_normalize(requests.get(&quot;" HOST);
    add_url(out, operation, FORMAT_JSON);
    buffer_text(out, "&quot;).json()");
    add_root(out, operation->root, "[\"", "\"]");
    buffer_text(out, ")");
    end_line(out);
    begin_line(out, "R");
    buffer_text(out, "jsonlite::fromJSON(&quot;" HOST);
    add_url(out, operation, FORMAT_JSON);
    buffer_text(out, "&quot;)");
    add_root(out, operation->root, "$", "");
    end_line(out);
    add_around(out, "<dt>Grafana (Infinity: type JSON, parser Backend, root selector <code>",
               operation->root, "</code>)</dt><dd><code>" HOST);
    add_url(out, operation, FORMAT_JSON);
    end_line(out);
    begin_line(out, "Power Query");
    buffer_text(out, "Json.Document(Web.Contents(&quot;" HOST);
    add_url(out, operation, FORMAT_JSON);
    buffer_text(out, "&quot;))");
    add_root(out, operation->root, "[", "]");
    end_line(out);
}

static void add_operation(struct buffer *out, const struct operation *operation)
{
    add_around(out, "<h4><code>GET ", operation->path, "</code></h4>\n");
    add_around(out, "<p>", operation->text, ".</p>\n");
    if (operation->example[0] == '\0') {
        buffer_text(out, "<p>No row of it is shipped, so there is none to show.</p>\n");
        return;
    }
    buffer_text(out, "<p>Try it: ");
    add_run(out, operation, FORMAT_JSON);
    for (int at = FORMAT_JSON + 1; at < FORMAT__MAX; at++) {
        enum format format = (enum format)at;

        if (!fits(operation, format))
            continue;
        buffer_text(out, ", <a href=\"");
        add_url(out, operation, format);
        buffer_format(out, "\">%s</a>", format_suffix(format));
    }
    add_around(out, "</p>\n<details><summary>Lines to copy for <code>", operation->path,
               "</code></summary>\n<dl>\n");
    begin_line(out, "curl");
    buffer_text(out, "curl -s &#39;" HOST);
    add_url(out, operation, FORMAT_JSON);
    buffer_text(out, "&#39;");
    end_line(out);
    if (fits(operation, FORMAT_CSV))
        add_flat_lines(out, operation);
    else
        add_rich_lines(out, operation);
    buffer_text(out, "</dl></details>\n");
}

/* ---- the codebook ---- */

static void add_operators(struct buffer *out, const struct field *field)
{
    const char *before = "";

    for (enum operator op = OPERATOR_EQUAL; op < OPERATOR__MAX; op++) {
        if (!type_takes(field, op))
            continue;
        buffer_format(out, "%s<code>%s</code>", before,
                      op == OPERATOR_EQUAL ? "=" : operator_name(op));
        before = " ";
    }
    if (field->flags & FIELD_SORT)
        buffer_format(out, "%s<i>sort</i>", before);
}

static void add_fields(struct buffer *out, const struct field *field, const char *within)
{
    for (; field->name != NULL; field++) {
        char name[MEMBER_DEPTH * 2];

        snprintf(name, sizeof(name), "%s%s", within, field->name);
        add_around(out, "<tr><th scope=\"row\"><code>", name, "</code></th><td>");
        buffer_markup(out, type_name(field));
        add_around(out, "</td><td>", field->unit != NULL ? field->unit : "", "</td><td>");
        buffer_text(out, field->flags & FIELD_NULLABLE ? "yes" : "no");
        buffer_text(out, "</td><td>");
        if (within[0] == '\0')
            add_operators(out, field);
        add_around(out, "</td><td>", field->text, "");
        if (field->flags & FIELD_HIDDEN)
            buffer_text(out, " A filter only: rows do not hold it.");
        if (field->param != NULL)
            add_around(out, " Only there where <code>", field->param, "=</code> asks for it.");
        if (field->codes != NULL) {
            add_around(out, " Codes: <a href=\"#codes-", field->codes, "\">");
            add_around(out, "", field->codes, "</a>.");
        }
        if (field->resource != NULL) {
            buffer_text(out, " Found in ");
            add_collection_link(out, field->resource);
            buffer_byte(out, '.');
        }
        buffer_text(out, "</td></tr>\n");
        if (field->members != NULL && strlen(name) + 2 < MEMBER_DEPTH) {
            snprintf(name + strlen(name), sizeof(name) - strlen(name), ".");
            add_fields(out, field->members, name);
        }
    }
}

static void begin_table(struct buffer *out, const char *before, const char *name)
{
    add_around(out, "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"", before, "");
    add_around(out, "", name, "\">\n<table>\n");
    add_around(out, "<caption>", before, "");
    add_around(out, "", name, "</caption>\n");
}

static void end_table(struct buffer *out)
{
    buffer_text(out, "</tbody>\n</table>\n</div>\n");
}

static void add_field_table(struct buffer *out, const char *before, const char *name,
                            const struct field *fields)
{
    begin_table(out, before, name);
    buffer_text(out, "<thead><tr><th scope=\"col\">Field</th><th scope=\"col\">Type</th>"
                     "<th scope=\"col\">Unit</th><th scope=\"col\">May be null</th>"
                     "<th scope=\"col\">Operators</th><th scope=\"col\">Meaning</th></tr></thead>\n"
                     "<tbody>\n");
    add_fields(out, fields, "");
    end_table(out);
}

/* What a declared parameter takes. */
static void add_values(struct buffer *out, const struct param *param)
{
    switch (param->type) {
    case PARAM_CHOICE:
        for (size_t i = 0; param->choices[i] != NULL; i++)
            buffer_format(out, "%s<code>%s</code>%s", i > 0 ? ", " : "", param->choices[i],
                          i == 0 ? " (default)" : "");
        if (param->id_choice != NULL)
            buffer_format(out, ", <code>%s:ID</code>", param->id_choice);
        break;
    case PARAM_COUNT:
        buffer_format(out, "%ld to %ld, default %ld", param->least, param->most, param->fallback);
        break;
    case PARAM_DATE:
        buffer_text(out, "a date");
        break;
    case PARAM_REF:
        add_around(out, "an exact name of one ", param->kind, "");
        break;
    default:
        buffer_text(out, "words");
    }
}

static void add_params(struct buffer *out, const struct resource *resource)
{
    if (resource->params == NULL)
        return;
    begin_table(out, "Parameters of its own: ", resource->name);
    buffer_text(out, "<thead><tr><th scope=\"col\">Parameter</th><th scope=\"col\">Takes</th>"
                     "<th scope=\"col\">Needed</th><th scope=\"col\">Meaning</th></tr></thead>\n"
                     "<tbody>\n");
    for (const struct param *param = resource->params; param->name != NULL; param++) {
        add_around(out, "<tr><th scope=\"row\"><code>", param->name, "</code></th><td>");
        add_values(out, param);
        buffer_text(out, "</td><td>");
        if (param->is_required && param->instead != NULL)
            buffer_format(out, "or <code>%s</code>", param->instead);
        else if (param->is_required || param->unless != NULL)
            buffer_text(out, param->unless != NULL ? "unless " : "yes");
        if (param->unless != NULL)
            buffer_format(out, "<code>%s</code>", param->unless);
        if (param->with != NULL)
            buffer_format(out, "only with <code>%s</code>", param->with);
        add_around(out, "</td><td>", param->text, "</td></tr>\n");
    }
    end_table(out);
}

/* The rows of a report: those of a collection, which tells them, or of its own. */
static void add_rows_of(const struct resource *const *catalogue, const struct resource *rows,
                        struct buffer *out)
{
    const struct resource *owner;

    if (rows == NULL)
        return;
    owner = owner_of(catalogue, rows->fields);
    if (owner == NULL) {
        add_field_table(out, "Rows: ", rows->item, rows->fields);
        return;
    }
    buffer_text(out, "<p>Its rows are those of ");
    add_collection_link(out, owner->name);
    buffer_text(out, ".</p>\n");
}

/* What the answers of a resource hold, and what narrows them. */
static void add_codebook(const struct resource *const *catalogue, const struct resource *resource,
                         struct buffer *out)
{
    const struct resource *filters = resource->lines != NULL ? resource->lines->of : NULL;

    if (resource->graph != NULL)
        filters = owner_of(catalogue, resource->fields);
    if (filters != NULL) {
        buffer_text(out, "<p>Takes every filter of ");
        add_collection_link(out, filters->name);
        buffer_text(out, ".</p>\n");
    }
    add_params(out, resource);
    if (resource->graph != NULL) {
        add_rows_of(catalogue, resource->graph->nodes, out);
        add_rows_of(catalogue, resource->graph->links, out);
        return;
    }
    add_field_table(out, "Fields: ", resource->name, resource->fields);
    if (resource->members != NULL)
        add_rows_of(catalogue, resource->members->resource, out);
}

static void add_traits(const struct resource *resource, struct buffer *out)
{
    const char *name;

    add_around(out, "<p>Source: ", resource->source, ". ");
    if (resource->graph == NULL && resource->order != NULL)
        add_around(out, "Order: <code>", resource->order, "</code>. ");
    buffer_text(out, resource->start != NULL ? "It has world time (<code>at during from to</code>)"
                                             : "It has no world time");
    buffer_text(out, resource->search != NULL ? " and words (<code>q</code>)." : ".");
    if (resource->changes_of != NULL)
        buffer_text(out, " It needs <code>since=</code>, a release or a date, and takes "
                         "<code>until=</code>.");
    for (size_t i = 0; (name = resource_include(resource, i)) != NULL; i++)
        buffer_format(out, "%s<code>%s</code>", i == 0 ? " <code>include=</code> takes " : ", ",
                      name);
    buffer_text(out, "</p>\n");
}

static void add_resource(const struct resource *const *catalogue, const struct resource *resource,
                         struct buffer *out)
{
    struct operations operations;

    buffer_text(out, "<section aria-labelledby=\"");
    add_anchor(out, resource->name);
    buffer_text(out, "\">\n<h3 id=\"");
    add_anchor(out, resource->name);
    add_around(out, "\">", resource->name, "</h3>\n");
    add_around(out, "<p>", resource->text, "</p>\n");
    add_traits(resource, out);
    operations_of(catalogue, resource, &operations);
    for (size_t i = 0; i < operations.n; i++)
        add_operation(out, &operations.list[i]);
    add_codebook(catalogue, resource, out);
    buffer_text(out, "</section>\n");
}

static void add_meanings_head(struct buffer *out, const char *what)
{
    buffer_format(out,
                  "<thead><tr><th scope=\"col\">%s</th><th scope=\"col\">Name</th>"
                  "<th scope=\"col\">Meaning</th></tr></thead>\n<tbody>\n",
                  what);
}

static void add_meaning(struct buffer *out, const char *id, const char *name, const char *text)
{
    add_around(out, "<tr><th scope=\"row\"><code>", id, "</code></th><td>");
    add_around(out, "", name, "</td><td>");
    add_around(out, "", text, "</td></tr>\n");
}

static void add_codes(const struct state *state, struct buffer *out)
{
    const char *list = "";

    add_section(out, "codes");
    for (size_t i = 0; i < state->n_codes; i++) {
        const struct code *code = &state->codes[i];

        if (strcmp(list, code->list) != 0) {
            if (i > 0)
                end_table(out);
            list = code->list;
            add_around(out, "<h3 id=\"codes-", list, "\">");
            add_around(out, "", list, "</h3>\n");
            begin_table(out, "Codes of ", list);
            add_meanings_head(out, "Code");
        }
        add_meaning(out, code->id, code->name, code->text);
    }
    if (state->n_codes > 0)
        end_table(out);
}

void docs_add_word(struct buffer *words, const char *id, const char *name, const char *text)
{
    add_meaning(words, id, name, text);
}

static void add_words(const struct buffer *words, struct buffer *out)
{
    add_section(out, "definitions");
    buffer_text(out, "<p>Who and what a number counts. Which may be added to which is told by "
                     "<a href=\"/v1/meta/definitions\">/v1/meta/definitions</a> and "
                     "<a href=\"/v1/meta/series\">/v1/meta/series</a>.</p>\n");
    if (words->broken)
        out->broken = true;
    if (words->len == 0)
        return;
    begin_table(out, "Definitions", "");
    add_meanings_head(out, "Id");
    buffer_add(out, words->data, words->len);
    end_table(out);
}

void docs_render(const struct resource *const *catalogue, const struct state *state,
                 const char *version, const struct buffer *words, struct buffer *out)
{
    buffer_text(out, head);
    buffer_text(out, "<header>\n<h1>bluehelm</h1>\n");
    add_around(out, "<p>", openapi_about, "</p>\n</header>\n");
    add_contents(catalogue, out);
    buffer_text(out, "<main id=\"main\">\n");
    add_guide(out);
    add_section(out, "paths");
    buffer_text(out, "<p>Each has a link that answers here, and lines to copy. A click on a line "
                     "marks all of it. The lines ask the default address of a server of your own, "
                     "<code>" HOST "</code>.</p>\n");
    for (const struct resource *const *at = catalogue; *at != NULL; at++)
        add_resource(catalogue, *at, out);
    add_codes(state, out);
    add_words(words, out);
    buffer_text(out, "</main>\n");
    add_around(out, "<footer><p>bluehelm ", version, ", dataset release ");
    add_around(out, "", state->release, ", digest <code>");
    add_around(out, "", state->digest, "</code>.</p></footer>\n</body>\n</html>");
}

/* ---- the map for language models ---- */

static const char rules[] =
    "\n## Rules\n\n"
    "- GET only, no key. Unknown paths, parameters, fields and values are refused with a 400 or "
    "404 "
    "(`application/problem+json`) that says what would be right; nothing is ignored.\n"
    "- Two clocks. World time (`at=2021-06-30`, `during=2019..2023`, `from=`, `to=`) asks when "
    "something was so. Knowledge time (`as_of=2021-06-10`) asks what was known on that day. "
    "Without "
    "`as_of` the answer is what is known now. They are independent: give both where both matter.\n"
    "- Numbers are claims: `{low, best, high, qualifier, text, unit}`. null is not said, 0 is "
    "zero. "
    "\"more than 300\" is low 301 and no best: never make up a best, never print a bound as the "
    "number, and say who says so (`sources`, `claims`).\n"
    "- Never add rows of different series or definitions yourself; ask `/stats`, which adds what "
    "may "
    "be added and says in `meta.excluded` what it left out.\n"
    "- Cite with `meta.citation`; `meta.permalink` gives the same bytes for ever.\n"
    "- Filter with `field=value` or `field__op=value` (not gt gte lt lte in notin contains "
    "startswith "
    "isnull); a parameter again means or, different ones mean and. `sort=-date`, `fields=id,name`, "
    "`limit` (100, at most 10000), then follow `next_url` until it is null.\n"
    "- The end of a path is its form: none is JSON with pages, `.csv`, `.json` and `.ndjson` are "
    "all "
    "rows with flat columns, `.geojson` where rows have a place.\n"
    "- Names work for ids in filters (an acronym, an alias, a code); ids come from "
    "`/v1/search?q=`.\n";

void llms_render(const struct resource *const *catalogue, const struct state *state,
                 const char *version, struct buffer *out)
{
    buffer_format(out, "# bluehelm %s\n\n> %s\n", version, openapi_about);
    buffer_format(out, "\nDataset release: %s.\n", state->release);
    buffer_text(out, rules);
    buffer_text(out, "\n## Documents\n\n");
    for (size_t i = 0; i < N_SERVICE; i++)
        buffer_format(out, "- [%s](%s): %s\n", service[i].path, service[i].path,
                      strcmp(service[i].path, "/docs") == 0
                          ? "The same for people, with every field, code and example."
                          : service[i].text);
    buffer_text(out, "\n## Paths\n\nThe link of each is an example that answers.\n\n");
    for (const struct resource *const *at = catalogue; *at != NULL; at++) {
        struct operations operations;

        operations_of(catalogue, *at, &operations);
        for (size_t i = 0; i < operations.n; i++) {
            const struct operation *operation = &operations.list[i];

            if (operation->example[0] != '\0')
                buffer_format(out, "- [%s](%s%s): %s.\n", operation->path, operation->example,
                              operation->query, operation->text);
            else
                buffer_format(out, "- %s: %s.\n", operation->path, operation->text);
        }
    }
    buffer_text(out, "\n## Code lists\n\n");
    for (size_t i = 0; i < state->n_codes; i++) {
        if (i > 0 && strcmp(state->codes[i].list, state->codes[i - 1].list) == 0)
            continue;
        buffer_format(out, "- [%s](/v1/meta/codes/%s)\n", state->codes[i].list,
                      state->codes[i].list);
    }
}
