#include "server/openapi.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/dataset.h"
#include "db/query.h"
#include "db/resource.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/export.h"
#include "server/flat.h"
#include "server/format.h"
#include "server/graph.h"
#include "server/metrics.h"
#include "server/route.h"
#include "server/stats.h"
#include "server/type.h"

enum {
    NAME_SIZE = 128,
    LITERAL_SIZE = 4096,
    /* how many of the headers in add_response() an answer has */
    HEADERS_CHECK = 2,
    HEADERS_DATA = 4,
    HEADERS_LIST = 7,
    HEADERS_FLAT = 8,
};

/* Members by which a report says what state of the data it tells, and how to cite it. */
#define REPORT_STATE                                                                               \
    "'release': {'type': ['string', 'null'], 'description': 'Release that was in force on that "   \
    "day; null: none was yet.'},"                                                                  \
    "'as_of': {'type': 'string', 'description': 'Day of knowledge that the answer shows.'},"       \
    "'permalink': {'type': 'string', 'description': 'Path that gives this answer for good.'},"     \
    "'citation': {'type': 'string', 'description': 'Ready to paste.'},"                            \
    "'licence': {'type': 'string', 'description': 'Under which the data may be used.'}"

/** The document under way. */
struct draft {
    const struct resource *const *catalogue;
    const struct state *state; /* NULL: codes are left open */
    json_t *paths;             /* borrowed of the document, as are the four below */
    json_t *schemas;
    json_t *parameters;
    json_t *responses;
    json_t *headers;
    json_t *refs; /* owned: references to parameters, which many lists share */
    bool broken;  /* something found no memory: the document is not whole */
};

/* Parts that no declaration says. JSON with ' for ", so that they can be read here; none holds an
 * apostrophe. */
static const struct {
    const char *section;
    const char *name;
    const char *json;
} shared[] = {
    { "parameters", "at",
      "{'name': 'at', 'in': 'query', 'schema': {'type': 'string'},"
      " 'description': 'World time: rows that hold on a date such as 2013, 2013-04 or "
      "2013-04-25.'}" },
    { "parameters", "during",
      "{'name': 'during', 'in': 'query', 'schema': {'type': 'string'},"
      " 'description': 'World time: rows that hold in some part of a date or a span such as "
      "2019..2023.'}" },
    { "parameters", "from",
      "{'name': 'from', 'in': 'query', 'schema': {'type': 'string'},"
      " 'description': 'World time: rows that hold on a date or after it.'}" },
    { "parameters", "to",
      "{'name': 'to', 'in': 'query', 'schema': {'type': 'string'},"
      " 'description': 'World time: rows that hold on a date or before it.'}" },
    { "parameters", "q",
      "{'name': 'q', 'in': 'query', 'schema': {'type': 'string'},"
      " 'description': 'Words to search for: rows that have all of them, or that name what has "
      "them. \"a phrase\", the beginning of a word (minus*) and -word for what is not wanted, as "
      "in /v1/search.'}" },
    { "parameters", "certainty",
      "{'name': 'certainty', 'in': 'query',"
      " 'schema': {'type': 'string', 'enum': ['possible', 'definite'], 'default': 'possible'},"
      " 'description': 'Whether a condition on an imprecise date or number has to hold possibly or "
      "certainly.'}" },
    { "parameters", "as_of",
      "{'name': 'as_of', 'in': 'query', 'schema': {'type': 'string'},"
      " 'description': 'Knowledge time: the answer as it was known on that day; default: as known "
      "now.'}" },
    { "parameters", "since",
      "{'name': 'since', 'in': 'query', 'required': true, 'schema': {'type': 'string'},"
      " 'example': '2021-06-10', 'description': 'Changes that came to be known after that day: a "
      "release, or a date; a "
      "month "
      "or year means its last day.'}" },
    { "parameters", "until",
      "{'name': 'until', 'in': 'query', 'schema': {'type': 'string'},"
      " 'description': 'Changes that came to be known by that day: a release, or a date; default: "
      "as_of, or else now.'}" },
    { "parameters", "changed_since",
      "{'name': 'changed_since', 'in': 'query', 'schema': {'type': 'string'},"
      " 'description': 'Rows that were added or revised after that day, so that who has the rows "
      "of "
      "then gets the rest. Rows that were withdrawn since are no rows any more: "
      "/v1/changes?since=DAY&change=withdrawn names them.'}" },
    { "parameters", "history",
      "{'name': 'history', 'in': 'query', 'schema': {'type': 'boolean', 'default': false},"
      " 'description': 'Whether every version of the row that was known comes along in history; "
      "then "
      "a withdrawn row is no failure, but null in data.'}" },
    { "parameters", "cursor",
      "{'name': 'cursor', 'in': 'query', 'schema': {'type': 'string'},"
      " 'description': 'Where the page begins: next of the page before. Bound to its query and to "
      "what was known when it was given: as in next_url, with as_of, it is good for ever. Not with "
      "offset.'}" },
    { "parameters", "count",
      "{'name': 'count', 'in': 'query',"
      " 'schema': {'type': 'string', 'enum': ['exact', 'none'], 'default': 'exact'},"
      " 'description': 'Whether meta.total and X-Total-Count say how many rows there are.'}" },
    { "parameters", "pretty",
      "{'name': 'pretty', 'in': 'query', 'schema': {'type': 'integer', 'enum': [0, 1], 'default': "
      "0},"
      " 'description': 'Whether the answer is indented.'}" },
    { "parameters", "format",
      "{'name': 'format', 'in': 'query', 'schema': {'type': 'string', 'enum': ['json', 'rows', "
      "'csv', 'ndjson'], 'default': 'json'},"
      " 'description': 'The form of the answer, for who cannot change the path: rows is .json, the "
      "others as the path would end. The reply is that of the path which ends so.'}" },
    { "parameters", "format_geo",
      "{'name': 'format', 'in': 'query', 'schema': {'type': 'string', 'enum': ['json', 'rows', "
      "'csv', 'ndjson', 'geojson'], 'default': 'json'},"
      " 'description': 'The form of the answer, for who cannot change the path: rows is .json, the "
      "others as the path would end. The reply is that of the path which ends so.'}" },
    { "parameters", "shape",
      "{'name': 'shape', 'in': 'query', 'schema': {'type': 'string', 'enum': ['envelope', "
      "'array'], 'default': 'envelope'},"
      " 'description': 'Whether data stands in its envelope, or is the whole answer; then Link has "
      "the next page.'}" },
    { "parameters", "bom",
      "{'name': 'bom', 'in': 'query', 'schema': {'type': 'integer', 'enum': [0, 1], 'default': 0},"
      " 'description': 'Whether a byte order mark comes first.'}" },
    { "parameters", "excel",
      "{'name': 'excel', 'in': 'query', 'schema': {'type': 'integer', 'enum': [0, 1], 'default': "
      "0},"
      " 'description': 'For spreadsheets: with a byte order mark, and with an apostrophe before "
      "texts that would be run as formulas.'}" },
    { "parameters", "dl",
      "{'name': 'dl', 'in': 'query', 'schema': {'type': 'integer', 'enum': [0, 1], 'default': 0},"
      " 'description': 'Whether a browser saves the answer as a file.'}" },

    { "parameters", "resolve_series",
      "{'name': 'resolve', 'in': 'query', 'schema': {'type': 'string', 'default': 'preferred',"
      " 'anyOf': [{'enum': ['preferred', 'official', 'latest', 'min', 'max', 'all']},"
      " {'pattern': '^source:.+$'}]},"
      " 'description': 'Rule by which one of the series that overlap answers; all: each by itself, "
      "never to be added to another; source:ID: as that source says.'}" },
    { "parameters", "fill",
      "{'name': 'fill', 'in': 'query', 'schema': {'type': 'string', 'enum': ['none', 'null', "
      "'zero'], 'default': 'none'},"
      " 'description': 'Groups for the buckets of time in which nothing was reported, with null or "
      "0 for their numbers; their status is not_reported either way.'}" },
    { "parameters", "explain_sums",
      "{'name': 'explain', 'in': 'query', 'schema': {'type': 'integer', 'enum': [0, 1], 'default': "
      "0},"
      " 'description': 'Whether each group tells the rows that were added up, and the answer the "
      "rules.'}" },

    { "headers", "ETag",
      "{'schema': {'type': 'string'}, 'description': 'Strong; for If-None-Match.'}" },
    { "headers", "Cache-Control",
      "{'schema': {'type': 'string'}, 'description': 'How long the answer may be kept.'}" },
    { "headers", "Last-Modified",
      "{'schema': {'type': 'string'}, 'description': 'Day of the release.'}" },
    { "headers", "Content-Digest",
      "{'schema': {'type': 'string'}, 'description': 'SHA-256 of the body as it is sent, after RFC "
      "9530; failures have it as well.'}" },
    { "headers", "Link",
      "{'schema': {'type': 'string'}, 'description': 'The next page as rel=next; missing on the "
      "last page.'}" },
    { "headers", "X-Total-Count",
      "{'schema': {'type': 'integer'}, 'description': 'As meta.total; missing with count=none, and "
      "where rows are told as they are read.'}" },
    { "headers", "Content-Disposition",
      "{'schema': {'type': 'string'}, 'description': 'With dl=1: the name of a file to save.'}" },
    { "headers", "X-Truncated-By",
      "{'schema': {'type': 'string', 'enum': ['nodes', 'edges', 'looks']}, 'description': 'The "
      "bound at which the rows were cut, as truncated_by; missing where they are whole.'}" },
    { "headers", "Retry-After", "{'schema': {'type': 'integer'}, 'description': 'Seconds.'}" },
    { "headers", "RateLimit",
      "{'schema': {'type': 'string'}, 'description': 'Where requests are limited, on every answer: "
      "how many are left (r) and the seconds until all are (t).'}" },
    { "headers", "RateLimit-Policy",
      "{'schema': {'type': 'string'}, 'description': 'The same: how many may come at once (q), and "
      "the seconds in which so many come back (w).'}" },
    { "headers", "Location", "{'schema': {'type': 'string'}, 'description': 'The path to use.'}" },

    { "schemas", "Meta",
      "{'type': 'object', 'description': 'What the answer rests on.', 'properties': {"
      "'total': {'type': 'integer', 'description': 'Rows on all pages together; only on lists, not "
      "with count=none.'},"
      "'release': {'type': ['string', 'null'], 'description': 'Release that was in force on that "
      "day; null: none was yet.'},"
      "'as_of': {'type': 'string', 'description': 'Day of knowledge that the answer shows.'},"
      "'permalink': {'type': 'string', 'description': 'Path that gives this answer for good, byte "
      "for byte.'},"
      "'citation': {'type': 'string', 'description': 'Ready to paste.'},"
      "'licence': {'type': 'string', 'description': 'Under which the data may be used.'}},"
      "'required': ['release', 'as_of', 'permalink', 'citation', 'licence'], "
      "'additionalProperties': false}" },
    { "schemas", "SeriesState",
      "{'type': 'object', 'description': 'A series with the rows of one definition that meet the "
      "request.', 'properties': {"
      "'series': {'$ref': '#/components/schemas/Ref', 'description': 'The series.'},"
      "'definition': {'$ref': '#/components/schemas/Ref', 'description': 'What it counts.'},"
      "'records': {'type': 'integer', 'description': 'Its rows that meet the request.'},"
      "'state': {'type': ['string', 'null'], 'description': 'Day of the newest state of it that "
      "was "
      "known; null: not told.'}},"
      "'required': ['series', 'definition', 'records', 'state'], 'additionalProperties': false}" },
    { "schemas", "Excluded",
      "{'type': 'object', 'description': 'What was not added, and why.', 'properties': {"
      "'series': {'oneOf': [{'$ref': '#/components/schemas/Ref'}, {'type': 'null'}],"
      " 'description': 'A whole series; null: it is about id.'},"
      "'definition': {'oneOf': [{'$ref': '#/components/schemas/Ref'}, {'type': 'null'}], "
      "'description': 'What it counts.'},"
      "'records': {'type': ['integer', 'null'], 'description': 'Its rows that meet the request.'},"
      "'state': {'type': ['string', 'null'], 'description': 'Day of its newest state.'},"
      "'id': {'type': ['string', 'null'], 'description': 'One row, or one thing; null: it is about "
      "series.'},"
      "'reason': {'type': 'string', 'enum': ['not_broken_down', 'tells_no_time', 'older_state', "
      "'overlaps', 'definition_differs', 'not_official', 'rule', 'part_of_another', "
      "'counted_together'], 'description': 'Why it was not added.'},"
      "'other': {'oneOf': [{'$ref': '#/components/schemas/Ref'}, {'type': 'null'}],"
      " 'description': 'The series that answers in its place.'},"
      "'text': {'type': 'string', 'description': 'The reason in a sentence.'}},"
      "'required': ['series', 'definition', 'records', 'state', 'id', 'reason', 'other', 'text'],"
      " 'additionalProperties': false}" },
    { "schemas", "StatsMeta",
      "{'type': 'object', 'description': 'What the sums rest on.', 'properties': {"
      "'total': {'type': 'integer', 'description': 'Groups on all pages together.'},"
      "'measure': {'type': 'string', 'description': 'The field that was added up.'},"
      "'unit': {'type': 'string', 'description': 'What it counts.'},"
      "'rule': {'type': 'string', 'description': 'Rule by which the series was chosen, as in "
      "resolve=.'},"
      "'series': {'type': 'array', 'items': {'$ref': '#/components/schemas/SeriesState'},"
      " 'description': 'The series that answer.'},"
      "'excluded': {'type': 'array', 'items': {'$ref': '#/components/schemas/Excluded'},"
      " 'description': 'What would count somebody twice, or something else.'}," REPORT_STATE "},"
      "'required': ['total', 'measure', 'unit', 'rule', 'series', 'excluded', 'release', 'as_of', "
      "'permalink', 'citation', 'licence'], 'additionalProperties': false}" },
    { "schemas", "StatsExplain",
      "{'type': 'object', 'description': 'How the sums came about; only with explain=1.', "
      "'properties': {"
      "'rules': {'type': 'array', 'items': {'type': 'string'}, 'description': 'The rules, in "
      "sentences.'},"
      "'series': {'type': 'array', 'description': 'Every series that was considered, in that "
      "order.', 'items': {'type': 'object', 'properties': {"
      "'series': {'$ref': '#/components/schemas/Ref', 'description': 'The series.'},"
      "'definition': {'$ref': '#/components/schemas/Ref', 'description': 'What it counts.'},"
      "'records': {'type': 'integer', 'description': 'Its rows that meet the request.'}, 'state': "
      "{'type': ['string', 'null'], 'description': 'Day of its newest state.'},"
      "'rank': {'type': 'integer', 'description': 'Of series that overlap, the lowest answers.'}, "
      "'frequency': {'type': 'string', 'description': 'How finely its dates tell time.'},"
      "'dimensions': {'type': 'array', 'items': {'type': 'string'}, 'description': 'What it is "
      "broken down by.'},"
      "'verdict': {'type': 'string', 'description': 'answers, or the reason why not.'}},"
      "'required': ['series', 'definition', 'records', 'state', 'rank', 'frequency', 'dimensions', "
      "'verdict'], 'additionalProperties': false}}},"
      "'required': ['rules', 'series'], 'additionalProperties': false}" },
    { "schemas", "StatsRow",
      "{'type': 'object', 'description': 'One row that was added up.', 'properties': {"
      "'id': {'type': 'string', 'description': 'Id of the row in its collection.'},"
      "'low': {'type': ['integer', 'null'], 'description': 'Its low.'}, 'best': {'type': "
      "['integer', 'null'], 'description': 'Its best figure.'},"
      "'high': {'type': ['integer', 'null'], 'description': 'Its high.'},"
      "'certain': {'type': 'boolean', 'description': 'Whether it certainly meets the conditions on "
      "time.'},"
      "'series': {'type': 'string', 'description': 'Id of its series.'}, 'source': {'$ref': "
      "'#/components/schemas/Ref', 'description': 'Where it stands.'},"
      "'claims': {'type': 'array', 'items': {'$ref': '#/components/schemas/Ref'}, 'description': "
      "'Claims that say so.'}},"
      "'required': ['id', 'low', 'best', 'high', 'certain', 'series', 'source', 'claims'],"
      " 'additionalProperties': false}" },
    { "schemas", "GraphMeta",
      "{'type': 'object', 'description': 'What the answer rests on.', 'properties': {"
      "'nodes': {'type': 'integer', 'description': 'Nodes of the answer.'},"
      "'edges': {'type': 'integer', 'description': 'Edges of the answer.'},"
      "'chains': {'type': 'integer', 'description': 'Chains of the answer.'},"
      "'hops': {'type': ['integer', 'null'], 'description': 'Edges in each chain; null: there is "
      "no chain.'}," REPORT_STATE "},"
      "'required': ['release', 'as_of', 'permalink', 'citation', 'licence'], "
      "'additionalProperties': false}" },
    { "schemas", "GraphInterval",
      "{'type': 'object', 'description': 'First and last day on which all edges hold.', "
      "'properties': {"
      "'start': {'type': ['string', 'null'], 'description': 'First day; null: the start of all is "
      "not known.'},"
      "'end': {'type': ['string', 'null'], 'description': 'Last day; null: none of them has "
      "ended.'}},"
      "'required': ['start', 'end'], 'additionalProperties': false}" },
    { "schemas", "Problem",
      "{'type': 'object', 'description': 'A failure, after RFC 9457.', 'properties': {"
      "'type': {'type': 'string', 'description': 'URI reference that names the kind of problem.'},"
      "'title': {'type': 'string', 'description': 'The kind of problem in words.'},"
      "'status': {'type': 'integer', 'description': 'The HTTP status.'},"
      "'detail': {'type': 'string', 'description': 'What was wrong with this request, and what "
      "would be right.'},"
      "'code': {'type': 'string', 'description': 'The kind of problem as a slug.'},"
      "'param': {'type': 'string', 'description': 'Query parameter at fault.'},"
      "'allowed': {'type': 'array', 'items': {'type': 'string'}, 'description': 'What would be "
      "right.'},"
      "'did_you_mean': {'type': 'string', 'description': 'The nearest right one.'},"
      "'location': {'type': 'string', 'description': 'The path to use.'},"
      "'request_id': {'type': 'string', 'description': 'Also in the X-Request-Id header and in the "
      "log.'}},"
      "'required': ['type', 'title', 'status', 'detail', 'code', 'request_id'], "
      "'additionalProperties': false}" },
    { "schemas", "Index",
      "{'type': 'object', 'description': 'What there is, and where.', 'properties': {"
      "'name': {'type': 'string', 'description': 'Name of the program.'},"
      "'version': {'type': 'string', 'description': 'Version of the program.'},"
      "'dataset': {'type': 'object', 'description': 'The dataset that answers.', 'properties': {"
      "'release': {'type': 'string', 'description': 'Its newest release.'},"
      "'digest': {'type': 'string', 'description': 'SHA-256 of its content.'}},"
      "'required': ['release', 'digest'], 'additionalProperties': false},"
      "'resources': {'type': 'array', 'items': {'type': 'object', 'properties': {"
      "'name': {'type': 'string', 'description': 'Name of the collection.'},"
      "'text': {'type': 'string', 'description': 'What one row is.'},"
      "'href': {'type': 'string', 'description': 'Path of the collection.'}},"
      "'required': ['name', 'text', 'href'], 'additionalProperties': false}},"
      "'reports': {'type': 'array', 'description': 'Answers without pages, worked out from several "
      "rows.', 'items': {'type': 'object', 'properties': {"
      "'name': {'type': 'string', 'description': 'Name of the report.'},"
      "'text': {'type': 'string', 'description': 'What it tells.'},"
      "'href': {'type': 'string', 'description': 'Path of the report.'}},"
      "'required': ['name', 'text', 'href'], 'additionalProperties': false}},"
      "'links': {'type': 'object', 'description': 'Other documents by what they are.',"
      " 'additionalProperties': {'type': 'string'}}},"
      "'required': ['name', 'version', 'dataset', 'resources', 'reports', 'links'], "
      "'additionalProperties': "
      "false}" },
    { "schemas", "Health",
      "{'type': 'object', 'description': 'That the server is well.', 'properties': {"
      "'status': {'type': 'string', 'enum': ['ok']},"
      "'release': {'type': 'string', 'description': 'Newest release of the dataset that answers.'},"
      "'digest': {'type': 'string', 'description': 'SHA-256 of its content.'}},"
      "'required': ['status'], 'additionalProperties': false}" },

    { "responses", "NotModified",
      "{'description': 'The answer is the one that If-None-Match names.',"
      " 'headers': {'ETag': {'$ref': '#/components/headers/ETag'}}}" },
    { "responses", "Redirect",
      "{'description': 'The item has another id now.',"
      " 'headers': {'Location': {'$ref': '#/components/headers/Location'}},"
      " 'content': {'application/problem+json': {'schema': {'$ref': "
      "'#/components/schemas/Problem'}}}}" },
    { "responses", "BadRequest",
      "{'description': 'A parameter is unknown, stands twice, or has a value that it does not "
      "take.',"
      " 'content': {'application/problem+json': {'schema': {'$ref': "
      "'#/components/schemas/Problem'}}}}" },
    { "responses", "NotFound",
      "{'description': 'There is no such path or item.',"
      " 'content': {'application/problem+json': {'schema': {'$ref': "
      "'#/components/schemas/Problem'}}}}" },
    { "responses", "Gone",
      "{'description': 'The item was withdrawn, or the cursor is of another dataset.',"
      " 'content': {'application/problem+json': {'schema': {'$ref': "
      "'#/components/schemas/Problem'}}}}" },
    { "responses", "TooMany",
      "{'description': 'The address has made as many requests as it may for now. What was not "
      "modified and errors do not count.',"
      " 'headers': {'Retry-After': {'$ref': '#/components/headers/Retry-After'},"
      " 'RateLimit': {'$ref': '#/components/headers/RateLimit'},"
      " 'RateLimit-Policy': {'$ref': '#/components/headers/RateLimit-Policy'}},"
      " 'content': {'application/problem+json': {'schema': {'$ref': "
      "'#/components/schemas/Problem'}}}}" },
    { "responses", "Unavailable",
      "{'description': 'No dataset is open, the server is busy, or the query took too long.',"
      " 'headers': {'Retry-After': {'$ref': '#/components/headers/Retry-After'}},"
      " 'content': {'application/problem+json': {'schema': {'$ref': "
      "'#/components/schemas/Problem'}}}}" },
    { "responses", "Failure",
      "{'description': 'Any other failure.',"
      " 'content': {'application/problem+json': {'schema': {'$ref': "
      "'#/components/schemas/Problem'}}}}" },
};

const char openapi_about[] =
    "Facts about peacekeeping missions, each with who says so, in which "
    "source, and since when that was known. "
    "No key, read only. Every path takes GET, HEAD (the same headers, no "
    "body) and OPTIONS; what is not described "
    "here is refused and never ignored, but for utm_* and _. Filters: the "
    "same one repeated means or, different ones "
    "mean and. A list has a page of rows with all that belongs to them; "
    "with .json, .csv, .ndjson or (where rows have places) .geojson behind "
    "its path it is all rows, in plain columns of one type. World time "
    "(at, during, from, to) asks when it was so, "
    "knowledge time (as_of) since when it was said. The permalink of an "
    "answer gives the same bytes for ever; places, codes, definitions, "
    "series and what facts are called have no knowledge time and may be "
    "corrected.";

static void add(struct draft *draft, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        draft->broken = true;
}

static void append(struct draft *draft, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0)
        draft->broken = true;
}

static json_t *ref_new(const char *section, const char *name)
{
    return json_pack("{s:s++}", "$ref", section, "/", name);
}

static json_t *schema_ref(const char *name)
{
    return ref_new("#/components/schemas", name);
}

static json_t *response_ref(const char *name)
{
    return ref_new("#/components/responses", name);
}

static void skip_blanks(const char **at)
{
    *at += strspn(*at, " ");
}

static json_t *read_value(const char **at);

/* Fills an object, or an array, from what stands between its brackets. False without memory. */
static bool read_members(const char **at, json_t *into)
{
    char close = json_is_object(into) ? '}' : ']';

    for (skip_blanks(at); **at != close; skip_blanks(at)) {
        char key[NAME_SIZE] = "";
        json_t *value;

        *at += **at == ',' ? 1 : 0;
        skip_blanks(at);
        if (json_is_object(into)) {
            size_t len = strcspn(++*at, "'");

            snprintf(key, sizeof(key), "%.*s", (int)len, *at);
            *at += len + 1;
            skip_blanks(at);
            ++*at; /* the colon */
        }
        value = read_value(at);
        if ((json_is_object(into) ? json_object_set_new(into, key, value)
                                  : json_array_append_new(into, value))
            != 0)
            return false;
    }
    ++*at;
    return true;
}

/* Reads one value of the literals above. NULL without memory. */
static json_t *read_value(const char **at)
{
    static const struct {
        const char *word;
        json_t *(*make)(void);
    } words[] = { { "true", json_true }, { "false", json_false }, { "null", json_null } };
    json_t *value;
    char *end;
    size_t len;

    skip_blanks(at);
    switch (**at) {
    case '{':
    case '[':
        value = **at == '{' ? json_object() : json_array();
        ++*at;
        if (value == NULL || read_members(at, value))
            return value;
        json_decref(value);
        return NULL;
    case '\'':
        len = strcspn(++*at, "'");
        value = json_stringn(*at, len);
        *at += len + 1;
        return value;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strncmp(*at, words[i].word, strlen(words[i].word)) == 0) {
            *at += strlen(words[i].word);
            return words[i].make();
        }
    }
    value = json_integer(strtoll(*at, &end, 10));
    *at = end;
    return value;
}

/*
 * Not by json_loads(): where its memory runs out, jansson 2.14 leaves characters out and says
 * nothing, and without a string's last quote it writes behind its buffer.
 */
static json_t *literal_new(const char *text)
{
    return read_value(&text);
}

static void add_shared(struct draft *draft, json_t *components)
{
    for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
        add(draft, json_object_get(components, shared[i].section), shared[i].name,
            literal_new(shared[i].json));
    add(draft, draft->parameters, "limit",
        json_pack("{s:s, s:s, s:s, s:{s:s, s:i, s:i, s:i}}", "name", "limit", "in", "query",
                  "description", "Most rows of one page.", "schema", "type", "integer", "minimum",
                  1, "maximum", QUERY_LIMIT_MAX, "default", QUERY_LIMIT));
    add(draft, draft->parameters, "limit_flat",
        json_pack("{s:s, s:s, s:s, s:{s:s, s:i, s:i}}", "name", "limit", "in", "query",
                  "description", "Most rows; without it, and cursor and offset, all are told.",
                  "schema", "type", "integer", "minimum", 1, "maximum", QUERY_LIMIT_MAX));
    add(draft, draft->parameters, "offset",
        json_pack("{s:s, s:s, s:s, s:{s:s, s:i, s:i, s:i}}", "name", "offset", "in", "query",
                  "description", "Rows to leave out first; a cursor is faster and misses nothing.",
                  "schema", "type", "integer", "minimum", 0, "maximum", QUERY_OFFSET_MAX, "default",
                  0));
}

/* Names a component in a list of parameters. Most stand in some hundred lists: each is one object
 * in memory. */
static void add_shared_param(struct draft *draft, json_t *list, const char *name)
{
    json_t *ref = json_object_get(draft->refs, name);

    if (ref == NULL) {
        add(draft, draft->refs, name, ref_new("#/components/parameters", name));
        ref = json_object_get(draft->refs, name);
    }
    if (json_array_append(list, ref) != 0)
        draft->broken = true;
}

/* The id in the path of an item of a resource, with one that is there. */
static void add_id(struct draft *draft, json_t *list, const struct resource *resource)
{
    append(draft, list,
           json_pack("{s:s, s:s, s:b, s:{s:s}, s:s, s:s*}", "name", "id", "in", "path", "required",
                     1, "schema", "type", "string", "description",
                     "Id of the item; a former id is redirected to the present one.", "example",
                     resource->example));
}

/*
 * Names a parameter in a list. Equal parameters of several resources are one component under the
 * parameter's own name; one that differs from it stands under the resource's name and its own.
 */
static void add_param(struct draft *draft, json_t *list, const struct resource *resource,
                      json_t *param)
{
    const char *name = json_string_value(json_object_get(param, "name"));
    char key[NAME_SIZE];
    const json_t *known;

    if (name == NULL) {
        draft->broken = true;
        return;
    }
    snprintf(key, sizeof(key), "%s", name);
    known = json_object_get(draft->parameters, key);
    if (known != NULL && !json_equal(known, param)) {
        snprintf(key, sizeof(key), "%s.%s", resource->name, name);
        for (char *at = key; *at != '\0'; at++) { /* what a component may not be called */
            if (*at == '/')
                *at = '.';
        }
        known = json_object_get(draft->parameters, key);
    }
    if (known == NULL)
        add(draft, draft->parameters, key, param);
    else
        json_decref(param);
    add_shared_param(draft, list, key);
}

/* A list of words with commas between them, of which each is one of `items`. */
static json_t *list_param_new(const char *name, const char *text, json_t *items)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:{s:s, s:o}}", "name", name, "in", "query",
                     "description", text, "style", "form", "explode", 0, "schema", "type", "array",
                     "items", items);
}

/* How a condition reads behind "Rows whose <field> "; dates have words of their own. */
static const struct {
    const char *text;
    const char *of_dates; /* NULL: as text */
} conditions[] = {
    [OPERATOR_NOT] = { "is something else.", NULL },
    [OPERATOR_GT] = { "is more than that.", "is after that." },
    [OPERATOR_GTE] = { "is that or more.", "is that or later." },
    [OPERATOR_LT] = { "is less than that.", "is before that." },
    [OPERATOR_LTE] = { "is that or less.", "is that or earlier." },
    [OPERATOR_IN] = { "is one of several, with commas between them.", NULL },
    [OPERATOR_NOTIN] = { "is none of several, with commas between them.", NULL },
    [OPERATOR_CONTAINS] = { "contains the words.", NULL },
    [OPERATOR_STARTSWITH] = { "starts with the words.", NULL },
    [OPERATOR_ISNULL] = { "is null or empty (true), or is not (false).", NULL },
};

static json_t *filter_text(const struct field *field, enum operator op)
{
    bool is_date = field->type == FIELD_DATE || field->type == FIELD_DAY;

    if (op != OPERATOR_EQUAL)
        return json_sprintf("Rows whose %s %s", field->name,
                            is_date && conditions[op].of_dates != NULL ? conditions[op].of_dates
                                                                       : conditions[op].text);
    /* The unit belongs to the value, so it stands where the value is described. */
    if (field->unit != NULL && field->type != FIELD_REF)
        return json_sprintf("%s Unit: %s.", field->text, field->unit);
    return json_string(field->text);
}

/* Whether the same filter may stand several times to mean any of several values; __in and __notin
 * have commas. */
static bool is_repeatable(enum operator op)
{
    return op == OPERATOR_EQUAL || op == OPERATOR_NOT || op == OPERATOR_CONTAINS
           || op == OPERATOR_STARTSWITH;
}

static json_t *filter_new(const struct draft *draft, const struct field *field, enum operator op)
{
    const char *suffix = operator_name(op);
    json_t *param = json_pack("{s:s++, s:s, s:o}", "name", field->name, *suffix ? "__" : "", suffix,
                              "in", "query", "description", filter_text(field, op));
    json_t *schema = type_param_schema(field, op, draft->state);
    bool is_list = op == OPERATOR_IN || op == OPERATOR_NOTIN;

    if (is_list || is_repeatable(op))
        schema = json_pack("{s:s, s:o}", "type", "array", "items", schema);
    if (json_object_set_new(param, "schema", schema) != 0)
        return (json_decref(param), NULL);
    if ((is_list || is_repeatable(op))
        && (json_object_set_new(param, "style", json_string("form")) != 0
            || json_object_set_new(param, "explode", json_boolean(!is_list)) != 0))
        return (json_decref(param), NULL);
    return param;
}

static void add_filters(struct draft *draft, json_t *list, const struct resource *resource,
                        const char *fixed)
{
    for (const struct field *field = resource->fields; field->name != NULL; field++) {
        if (fixed != NULL && strcmp(field->name, fixed) == 0)
            continue;
        for (enum operator op = OPERATOR_EQUAL; op < OPERATOR__MAX; op++) {
            if (type_takes(field, op))
                add_param(draft, list, resource, filter_new(draft, field, op));
        }
    }
}

static void add_sort(struct draft *draft, json_t *list, const struct resource *resource)
{
    defer(buffer_done) struct buffer keys = BUFFER_INIT(LITERAL_SIZE);

    for (const struct field *field = resource->fields; field->name != NULL; field++) {
        if (field->flags & FIELD_SORT)
            buffer_format(&keys, "%s%s", keys.len ? "|" : "", field->name);
    }
    if (keys.broken) {
        draft->broken = true;
        return;
    }
    if (keys.len == 0)
        return;
    add_param(draft, list, resource,
              json_pack("{s:s, s:s, s:s, s:{s:s, s:o, s:s}}", "name", "sort", "in", "query",
                        "description",
                        "Sort keys with commas between them, - before one for descending; nulls "
                        "last, ties by id.",
                        "schema", "type", "string", "pattern",
                        json_sprintf("^-?(%s)(,-?(%s))*$", keys.data, keys.data), "default",
                        resource->order));
}

static void add_fields(struct draft *draft, json_t *list, const struct resource *resource)
{
    json_t *names = json_array();

    for (const struct field *field = resource->fields; field->name != NULL; field++) {
        if (!(field->flags & FIELD_HIDDEN))
            append(draft, names, json_string(field->name));
    }
    add_param(draft, list, resource,
              list_param_new("fields", "Fields to send; id is always among them.",
                             json_pack("{s:s, s:o}", "type", "string", "enum", names)));
}

static void add_include(struct draft *draft, json_t *list, const struct resource *resource)
{
    json_t *names;
    const char *name;

    if (resource_include(resource, 0) == NULL)
        return;
    names = json_array();
    for (size_t i = 0; (name = resource_include(resource, i)) != NULL; i++)
        append(draft, names, json_string(name));
    add_param(
        draft, list, resource,
        list_param_new("include",
                       "Collections whose rows that these rows name are sent along in included.",
                       json_pack("{s:s, s:o}", "type", "string", "enum", names)));
}

static json_t *choices_new(const struct param *param)
{
    json_t *choices = json_array();

    for (size_t i = 0; param->choices[i] != NULL; i++) {
        if (json_array_append_new(choices, json_string(param->choices[i])) != 0) {
            json_decref(choices);
            return NULL;
        }
    }
    if (param->id_choice == NULL)
        return json_pack("{s:s, s:o, s:s}", "type", "string", "enum", choices, "default",
                         param->choices[0]);
    return json_pack("{s:s, s:[{s:o}, {s:o}], s:s}", "type", "string", "anyOf", "enum", choices,
                     "pattern", json_sprintf("^%s:.+$", param->id_choice), "default",
                     param->choices[0]);
}

static json_t *declared_new(const struct param *param)
{
    const char *other = param->unless != NULL ? param->unless : param->instead;
    bool is_required = param->is_required && other == NULL;
    json_t *schema, *declared;

    if (param->type == PARAM_CHOICE)
        schema = choices_new(param);
    else if (param->type == PARAM_COUNT)
        schema = json_pack("{s:s, s:I, s:I, s:I}", "type", "integer", "minimum",
                           (json_int_t)param->least, "maximum", (json_int_t)param->most, "default",
                           (json_int_t)param->fallback);
    else
        schema = json_pack("{s:s}", "type", "string");
    declared = json_pack("{s:s, s:s, s:s, s:o}", "name", param->name, "in", "query", "description",
                         param->text, "schema", schema);
    if (declared == NULL
        || (is_required && json_object_set_new(declared, "required", json_true()) != 0)
        /* OpenAPI has no word for these. */
        || (param->is_required && other != NULL
            && json_object_set_new(declared, "x-required-unless", json_string(other)) != 0)
        || (param->with != NULL
            && json_object_set_new(declared, "x-goes-with", json_string(param->with)) != 0)
        || (param->example != NULL
            && json_object_set_new(declared, "example", json_string(param->example)) != 0)) {
        json_decref(declared);
        return NULL;
    }
    return declared;
}

/* What both a list and one item take. */
static void add_common(struct draft *draft, json_t *list, const struct resource *resource)
{
    if (resource->changes_of != NULL) {
        add_shared_param(draft, list, "since");
        add_shared_param(draft, list, "until");
    }
    for (const struct param *param = resource->params; param != NULL && param->name != NULL;
         param++)
        add_param(draft, list, resource, declared_new(param));
    add_shared_param(draft, list, "as_of");
    add_fields(draft, list, resource);
    add_include(draft, list, resource);
    add_shared_param(draft, list, "pretty");
}

/* owner: whose id the path has, which sets the filter `fixed`; both NULL: none. */
static json_t *list_params_new(struct draft *draft, const struct resource *resource,
                               const struct resource *owner, const char *fixed)
{
    json_t *list = json_array();

    if (owner != NULL)
        add_id(draft, list, owner);
    add_filters(draft, list, resource, fixed);
    if (resource->start != NULL) {
        add_shared_param(draft, list, "at");
        add_shared_param(draft, list, "during");
        add_shared_param(draft, list, "from");
        add_shared_param(draft, list, "to");
    }
    if (resource->search != NULL)
        add_shared_param(draft, list, "q");
    if (resource_has_versions(resource))
        add_shared_param(draft, list, "changed_since");
    add_shared_param(draft, list, "certainty");
    add_sort(draft, list, resource);
    add_shared_param(draft, list, "limit");
    add_shared_param(draft, list, "cursor");
    add_shared_param(draft, list, "offset");
    add_shared_param(draft, list, "count");
    add_common(draft, list, resource);
    return list;
}

static json_t *item_params_new(struct draft *draft, const struct resource *resource)
{
    json_t *list = json_array();

    add_id(draft, list, resource);
    if (resource_has_versions(resource))
        add_shared_param(draft, list, "history");
    add_common(draft, list, resource);
    return list;
}

/* A row. Only id is required, because fields= may leave out any other. */
static json_t *row_new(struct draft *draft, const struct resource *resource)
{
    json_t *properties = json_object();

    for (const struct field *field = resource->fields; field->name != NULL; field++) {
        if (!(field->flags & FIELD_HIDDEN))
            add(draft, properties, field->name, type_schema(field, draft->state));
    }
    return json_pack("{s:s, s:s, s:o, s:[s], s:b}", "type", "object", "description", resource->text,
                     "properties", properties, "required", "id", "additionalProperties", 0);
}

/* Rows sent along, by collection, where include= has a choice. */
static void add_included(struct draft *draft, json_t *envelope, const struct resource *resource)
{
    json_t *properties;
    const char *name;

    if (resource_include(resource, 0) == NULL)
        return;
    properties = json_object();
    for (size_t i = 0; (name = resource_include(resource, i)) != NULL; i++) {
        const struct resource *other = resource_find(draft->catalogue, name);

        /* A collection that is declared and not served would be a broken promise. */
        if (other != NULL)
            add(draft, properties, name,
                json_pack("{s:s, s:o}", "type", "array", "items", schema_ref(other->item)));
    }
    add(draft, envelope, "included",
        json_pack("{s:s, s:s, s:o, s:b}", "type", "object", "description",
                  "Rows that the data names, by collection, each once; only with include=.",
                  "properties", properties, "additionalProperties", 0));
}

/* The row of an item: with history=, a withdrawn one is null. */
static json_t *item_row_new(const struct resource *resource)
{
    if (!resource_has_versions(resource))
        return schema_ref(resource->item);
    return json_pack("{s:[o, {s:s, s:s}]}", "oneOf", schema_ref(resource->item), "type", "null",
                     "description", "Withdrawn; only with history=.");
}

/* What history= adds to an item. */
static void add_history(struct draft *draft, json_t *item, const struct resource *resource)
{
    add(draft, item, "history",
        json_pack("{s:s, s:o, s:s}", "type", "array", "items", schema_ref(resource->item),
                  "description",
                  "Every version that was known, oldest first; only with history=."));
    add(draft, item, "withdrawn",
        json_pack("{s:[s, s], s:s}", "type", "string", "null", "description",
                  "Day on which it was withdrawn; null: it was not. Only with history=."));
}

static void add_list_envelope(struct draft *draft, const struct resource *resource)
{
    json_t *list = json_pack(
        "{s:{s:s, s:o}, s:{s:[s, s], s:s}, s:{s:[s, s], s:s}, s:{s:s, s:s}, s:o}", "data", "type",
        "array", "items", schema_ref(resource->item), "next", "type", "string", "null",
        "description", "Cursor of the next page; null: this is the last.", "next_url", "type",
        "string", "null", "description", "Path of the next page; null: this is the last.",
        "truncated", "type", "boolean", "description",
        "Whether the page ended before its limit, because it grew too large.", "meta",
        schema_ref("Meta"));
    char name[NAME_SIZE];

    add_included(draft, list, resource);
    snprintf(name, sizeof(name), "%sList", resource->item);
    add(draft, draft->schemas, name,
        json_pack("{s:s, s:o, s:[s, s, s, s, s], s:b}", "type", "object", "properties", list,
                  "required", "data", "next", "next_url", "truncated", "meta",
                  "additionalProperties", 0));
}

static void add_item_envelope(struct draft *draft, const struct resource *resource)
{
    json_t *item =
        json_pack("{s:o, s:o}", "data", item_row_new(resource), "meta", schema_ref("Meta"));
    char name[NAME_SIZE];

    add_included(draft, item, resource);
    if (resource_has_versions(resource))
        add_history(draft, item, resource);
    snprintf(name, sizeof(name), "%sItem", resource->item);
    add(draft, draft->schemas, name,
        json_pack("{s:s, s:o, s:[s, s], s:b}", "type", "object", "properties", item, "required",
                  "data", "meta", "additionalProperties", 0));
}

/* The 200 of a path, with the first n_headers of those that answers from the dataset have. */
static void add_typed_response(struct draft *draft, const char *name, const char *text,
                               size_t n_headers, const char *type, json_t *schema)
{
    static const char *const names[] = { "Cache-Control", "Content-Digest",      "ETag",
                                         "Last-Modified", "Content-Disposition", "Link",
                                         "X-Total-Count", "X-Truncated-By" };
    json_t *headers = json_object();

    for (size_t i = 0; i < n_headers; i++)
        add(draft, headers, names[i], ref_new("#/components/headers", names[i]));
    add(draft, draft->responses, name,
        json_pack("{s:s, s:o, s:{s:{s:o}}}", "description", text, "headers", headers, "content",
                  type, "schema", schema));
}

static void add_response(struct draft *draft, const char *name, const char *text, size_t n_headers,
                         json_t *schema)
{
    add_typed_response(draft, name, text, n_headers, "application/json", schema);
}

/** Which failures a path has beside those of every path. */
enum failure {
    FAILS_BY_QUERY = 1 << 0,  /* its answer comes from the dataset: 304, 503 */
    FAILS_BY_CURSOR = 1 << 1, /* the cursor may be of another dataset: 410 */
    FAILS_BY_ID = 1 << 2,     /* the id may be another, unknown or withdrawn: 308, 404, 410 */
};

static json_t *responses_new(struct draft *draft, const char *response, unsigned failures)
{
    json_t *responses = json_pack("{s:o}", "200", response_ref(response));

    if (failures & FAILS_BY_QUERY)
        add(draft, responses, "304", response_ref("NotModified"));
    if (failures & FAILS_BY_ID)
        add(draft, responses, "308", response_ref("Redirect"));
    add(draft, responses, "400", response_ref("BadRequest"));
    if (failures & FAILS_BY_ID)
        add(draft, responses, "404", response_ref("NotFound"));
    if (failures & (FAILS_BY_ID | FAILS_BY_CURSOR))
        add(draft, responses, "410", response_ref("Gone"));
    if (strcmp(response, "Health") != 0) /* those who watch may always ask */
        add(draft, responses, "429", response_ref("TooMany"));
    if (failures & FAILS_BY_QUERY)
        add(draft, responses, "503", response_ref("Unavailable"));
    add(draft, responses, "default", response_ref("Failure"));
    return responses;
}

/* id, params and responses are stolen. */
static void add_operation(struct draft *draft, const char *path, const char *tag, json_t *id,
                          const char *summary, json_t *params, json_t *responses)
{
    add(draft, draft->paths, path,
        json_pack("{s:{s:[s], s:o, s:s, s:o, s:o}}", "get", "tags", tag, "operationId", id,
                  "summary", summary, "parameters", params, "responses", responses));
}

static json_t *list_id_new(const char *owner, const char *name)
{
    const char *slash = strchr(name, '/'); /* "meta/codes": listMetaCodes */

    if (slash != NULL)
        return json_sprintf("list%s%c%.*s%c%s", owner, toupper((unsigned char)name[0]),
                            (int)(slash - name) - 1, name + 1, toupper((unsigned char)slash[1]),
                            slash + 2);
    return json_sprintf("list%s%c%s", owner, toupper((unsigned char)name[0]), name + 1);
}

/* ---- flat forms ---- */

/* What a column says that is one of several of its field. */
static json_t *part_text_new(const struct flat_column *column, const char *part)
{
    static const struct {
        const char *part;
        const char *before, *behind;
    } parts[] = {
        { "low", "Lower bound of ", "." },
        { "best", "Best figure of ", "." },
        { "high", "Upper bound of ", "." },
        { "qualifier", "How the figure of ", " is meant." },
        { "text", "The figure of ", " in the words of the source." },
        { "unit", "What ", " counts." },
        { "name", "What ", " is called." },
        { "iso3", "ISO 3166-1 alpha-3 code of ", "." },
        { "kind", "Kind of thing that ", " is." },
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        if (strcmp(parts[i].part, part) == 0)
            return json_sprintf("%s%s%s", parts[i].before, column->field->name, parts[i].behind);
    }
    return json_string(column->field->text);
}

static json_t *column_text_new(const struct flat_column *column)
{
    const char *part = column->name + strlen(column->field->name);

    if (*part != '\0')
        return part_text_new(column, part + 1);
    switch (column->type) {
    case FLAT_LIST:
        return json_sprintf("%s %s, with ; and a blank between them.", column->field->text,
                            column->field->type == FIELD_REFS ? "Ids" : "Texts");
    case FLAT_JSON:
    case FLAT_ROW:
        return json_sprintf("%s As JSON text.", column->field->text);
    default:
        return json_string(column->field->text);
    }
}

static json_t *column_new(const struct draft *draft, const struct flat_column *column)
{
    static const char *const types[] = {
        [FLAT_TEXT] = "string",     [FLAT_INTEGER] = "integer", [FLAT_REAL] = "number",
        [FLAT_BOOLEAN] = "boolean", [FLAT_LIST] = "string",     [FLAT_JSON] = "string",
        [FLAT_ROW] = "string",
    };
    const char *type = types[column->type];

    /* One column for the whole field says what the field says. */
    if (column->field->type != FIELD_NUMBER && column->field->type != FIELD_REF
        && column->type < FLAT_LIST) {
        struct field field = *column->field;

        field.flags = (field.flags & ~(unsigned)FIELD_NULLABLE)
                      | (column->is_nullable ? (unsigned)FIELD_NULLABLE : 0U);
        return type_schema(&field, draft->state);
    }
    return json_pack("{s:o, s:o}", "type",
                     column->is_nullable ? json_pack("[s, s]", type, "null") : json_string(type),
                     "description", column_text_new(column));
}

static json_t *features_new(const char *row)
{
    static const char geometry[] =
        "{'oneOf': [{'type': 'object', 'properties': {'type': {'enum': ['Point', 'MultiPoint']},"
        " 'coordinates': {'type': 'array'}}, 'required': ['type', 'coordinates'],"
        " 'additionalProperties': false}, {'type': 'null'}],"
        " 'description': 'Longitude, then latitude, WGS 84; null: not known.'}";
    json_t *feature =
        json_pack("{s:s, s:{s:{s:s}, s:{s:s}, s:o, s:o}, s:[s, s, s, s], s:b}", "type", "object",
                  "properties", "type", "const", "Feature", "id", "type", "string", "geometry",
                  literal_new(geometry), "properties", schema_ref(row), "required", "type", "id",
                  "geometry", "properties", "additionalProperties", 0);

    return json_pack("{s:s, s:{s:{s:s}, s:{s:s, s:o}}, s:[s, s], s:b}", "type", "object",
                     "properties", "type", "const", "FeatureCollection", "features", "type",
                     "array", "items", feature, "required", "type", "features",
                     "additionalProperties", 0);
}

/* The body of a form whose rows are of a schema. OpenAPI 3.1 has no word for the rows of a text. */
static json_t *body_new(enum format format, const char *row)
{
    if (format == FORMAT_ROWS)
        return json_pack("{s:s, s:o}", "type", "array", "items", schema_ref(row));
    if (format == FORMAT_GEOJSON)
        return features_new(row);
    return json_pack("{s:s, s:o}", "type", "string", "x-row", schema_ref(row));
}

/* Declares a flat row, "{item}Row", and the answers in each form of it, "{item}Row.csv". */
static void add_flat_row(struct draft *draft, const char *item, const struct flat *flat,
                         const char *text, const struct resource *resource, bool is_sums)
{
    json_t *properties = json_object();
    bool is_id = strcmp(flat->columns[0].name, "id") == 0;
    char row[NAME_SIZE], response[NAME_SIZE + 16];

    for (size_t i = 0; i < flat->n; i++)
        add(draft, properties, flat->columns[i].name, column_new(draft, &flat->columns[i]));
    snprintf(row, sizeof(row), "%sRow", item);
    add(draft, draft->schemas, row,
        json_pack("{s:s, s:s, s:o, s:o, s:b}", "type", "object", "description", text, "properties",
                  properties, "required", is_id ? json_pack("[s]", "id") : json_array(),
                  "additionalProperties", 0));
    for (int at = 0; at < FORMAT__MAX; at++) {
        enum format format = (enum format)at;

        if (!format_is_flat(format) || !format_fits(resource, format, is_sums))
            continue;
        snprintf(response, sizeof(response), "%s%s", row, format_suffix(format));
        add_typed_response(draft, response, "Rows of plain columns.",
                           resource->graph != NULL ? HEADERS_FLAT : HEADERS_LIST,
                           format_type(format), body_new(format, row));
    }
}

static void add_resource_row(struct draft *draft, const struct resource *resource)
{
    struct flat flat;

    flat_of_resource(resource, &flat);
    add_flat_row(draft, resource->item, &flat, resource->text, resource, false);
    flat_done(&flat);
}

/* A name in a list of parameters, which are references or stand there themselves. */
static const char *param_name(const struct draft *draft, const json_t *param)
{
    const char *ref = json_string_value(json_object_get(param, "$ref"));

    if (ref != NULL)
        param = json_object_get(draft->parameters, strrchr(ref, '/') + 1);
    return json_string_value(json_object_get(param, "name"));
}

/* The parameters of a list's flat forms: those of the list that say something there. */
static json_t *flat_params_new(struct draft *draft, const json_t *rich, enum format format,
                               bool is_sums)
{
    static const char *const without[] = { "pretty", "include", "shape", "format", "dl" };
    json_t *list = json_array(), *param;
    size_t index;

    json_array_foreach(rich, index, param)
    {
        const char *name = param_name(draft, param);
        bool is_wanted = name != NULL && !(is_sums && strcmp(name, "explain") == 0);

        for (size_t i = 0; i < sizeof(without) / sizeof(*without) && is_wanted; i++)
            is_wanted = strcmp(name, without[i]) != 0;
        if (is_wanted && strcmp(name, "limit") == 0)
            add_shared_param(draft, list, "limit_flat");
        else if (is_wanted && json_array_append(list, param) != 0)
            draft->broken = true;
    }
    if (format == FORMAT_CSV) {
        add_shared_param(draft, list, "bom");
        add_shared_param(draft, list, "excel");
    }
    add_shared_param(draft, list, "dl");
    return list;
}

/** A path that leads to a list. */
struct list_path {
    const char *path, *tag, *summary;
    const char *response;            /* of the rich form */
    const char *item;                /* the flat rows are of "{item}Row" */
    const struct resource *resource; /* whose rows they are */
    bool is_sums;
    bool has_shape; /* shape=array */
    unsigned failures;
};

/* A list in all its forms, each at a path of its own. id and params are stolen. */
static void add_list(struct draft *draft, const struct list_path *list, json_t *id, json_t *params)
{
    const char *base = json_string_value(id);

    add_shared_param(draft, params,
                     format_fits(list->resource, FORMAT_GEOJSON, list->is_sums) ? "format_geo"
                                                                                : "format");
    if (list->has_shape)
        add_shared_param(draft, params, "shape");
    add_shared_param(draft, params, "dl");
    for (int at = 0; at < FORMAT__MAX && base != NULL; at++) {
        enum format format = (enum format)at;
        const char *suffix = format_suffix(format);
        char path[NAME_SIZE], response[NAME_SIZE + 16];

        if (!format_is_flat(format) || !format_fits(list->resource, format, list->is_sums))
            continue;
        snprintf(path, sizeof(path), "%s%s", list->path, suffix);
        snprintf(response, sizeof(response), "%sRow%s", list->item, suffix);
        add_operation(draft, path, list->tag,
                      json_sprintf("%s%c%s", base, toupper((unsigned char)suffix[1]), suffix + 2),
                      list->summary, flat_params_new(draft, params, format, list->is_sums),
                      responses_new(draft, response, list->failures));
    }
    add_operation(draft, list->path, list->tag, id, list->summary, params,
                  responses_new(draft, list->response, list->failures));
}

/* ---- sums ---- */

/* A group: any of the keys that can be asked for, and the sums. */
static json_t *group_new(struct draft *draft, const struct resource *resource)
{
    static const char *const numbers[][2] = {
        { "low", "Sum of the lows; null where no row has one." },
        { "best", "Sum of the best figures; null where some row has none." },
        { "high", "Sum of the highs; null where some row has none." },
    };
    static const char *const counts[][2] = {
        { "records", "Rows that were added up." },
        { "unknown", "Rows among them without any number, apart from zero." },
        { "independent_sources", "Sources that do not repeat one another." },
    };
    json_t *properties = json_object();

    for (const struct field *field = resource->fields; field->name != NULL; field++) {
        bool is_date;

        if (stats_groups_by(field, &is_date) && !is_date && strcmp(field->name, "series") != 0
            && strcmp(field->name, "definition") != 0)
            add(draft, properties, field->name, type_schema(field, draft->state));
    }
    for (int bucket = STATS_YEAR; bucket < STATS_BUCKET__MAX; bucket++) {
        const char *name = stats_bucket_name((enum stats_bucket)bucket);

        add(draft, properties, name,
            json_pack("{s:[s, s], s:o}", "type", "string", "null", "description",
                      json_sprintf("The %s, with group_by=%s(...); null: the row's date does not "
                                   "say which.",
                                   name, name)));
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        add(draft, properties, numbers[i][0],
            json_pack("{s:[s, s], s:s}", "type", "integer", "null", "description", numbers[i][1]));
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
        add(draft, properties, counts[i][0],
            json_pack("{s:s, s:s}", "type", "integer", "description", counts[i][1]));
    add(draft, properties, "status",
        json_pack("{s:s, s:[s, s, s], s:s}", "type", "string", "enum", "reported", "zero",
                  "not_reported", "description",
                  "Whether anything was reported, and whether it was none."));
    add(draft, properties, "series",
        json_pack("{s:s, s:o, s:s}", "type", "array", "items", schema_ref("Ref"), "description",
                  "Series of the rows."));
    add(draft, properties, "definition",
        json_pack("{s:[o, {s:s}], s:s}", "oneOf", schema_ref("Ref"), "type", "null", "description",
                  "Who and what is counted; null: several definitions that may be added."));
    add(draft, properties, "sources",
        json_pack("{s:s, s:o, s:s}", "type", "array", "items", schema_ref("Ref"), "description",
                  "Sources of the rows."));
    add(draft, properties, "flags",
        json_pack("{s:s, s:{s:s}, s:s}", "type", "array", "items", "type", "string", "description",
                  "What must not be overlooked about some row."));
    add(draft, properties, "rows",
        json_pack("{s:s, s:o, s:s}", "type", "array", "items", schema_ref("StatsRow"),
                  "description", "The rows that were added up; only with explain=1."));
    return json_pack("{s:s, s:s, s:o, s:[s, s, s, s, s, s, s, s, s, s, s], s:b}", "type", "object",
                     "description", "The sum of one group of rows, with its bounds.", "properties",
                     properties, "required", "low", "best", "high", "records", "unknown", "status",
                     "series", "definition", "sources", "independent_sources", "flags",
                     "additionalProperties", 0);
}

static void add_stats_envelope(struct draft *draft, const char *name, const char *row,
                               bool is_explained)
{
    json_t *list = json_pack(
        "{s:{s:s, s:o}, s:{s:[s, s], s:s}, s:{s:[s, s], s:s}, s:{s:s, s:s}, s:o}", "data", "type",
        "array", "items", schema_ref(row), "next", "type", "string", "null", "description",
        "Cursor of the next page; null: this is the last.", "next_url", "type", "string", "null",
        "description", "Path of the next page; null: this is the last.", "truncated", "type",
        "boolean", "description",
        "Whether the page ended before its limit, because it grew too large.", "meta",
        schema_ref("StatsMeta"));

    if (is_explained)
        add(draft, list, "explain", schema_ref("StatsExplain"));
    add(draft, draft->schemas, name,
        json_pack("{s:s, s:o, s:[s, s, s, s, s], s:b}", "type", "object", "properties", list,
                  "required", "data", "next", "next_url", "truncated", "meta",
                  "additionalProperties", 0));
}

/* group_by and sort: the keys that the fields give. */
static void add_group_params(struct draft *draft, json_t *list, const struct resource *resource)
{
    defer(buffer_done) struct buffer keys = BUFFER_INIT(LITERAL_SIZE);
    defer(buffer_done) struct buffer sorts = BUFFER_INIT(LITERAL_SIZE);
    json_t *measures = json_array();
    const char *first = NULL;

    for (const struct field *field = resource->fields; field->name != NULL; field++) {
        bool is_date;

        if (field->flags & FIELD_SUM) {
            first = first != NULL ? first : field->name;
            append(draft, measures, json_string(field->name));
        }
        if (!stats_groups_by(field, &is_date))
            continue;
        buffer_text(&keys, keys.len ? "|" : "");
        buffer_format(&keys, is_date ? "(year|quarter|month)\\(%s\\)" : "%s", field->name);
        if (!is_date)
            buffer_format(&sorts, "%s|", field->name);
    }
    if (keys.broken || sorts.broken || first == NULL) {
        draft->broken = true;
        json_decref(measures);
        return;
    }
    add_param(draft, list, resource,
              json_pack("{s:s, s:s, s:s, s:{s:s, s:o}}", "name", "group_by", "in", "query",
                        "description",
                        "Keys with commas between them: codes, references, and year(), quarter() "
                        "or month() of a date. Without it, one sum.",
                        "schema", "type", "string", "pattern",
                        json_sprintf("^(%s)(,(%s))*$", keys.data, keys.data)));
    add_param(draft, list, resource,
              json_pack("{s:s, s:s, s:s, s:{s:s, s:o, s:s}}", "name", "measure", "in", "query",
                        "description", "The number that is added up.", "schema", "type", "string",
                        "enum", measures, "default", first));
    append(draft, list,
           json_pack("{s:s, s:s, s:s, s:{s:s, s:o}}", "name", "sort", "in", "query", "description",
                     "Keys of group_by, or sums, with commas between them, - before one for "
                     "descending; nulls last, ties by the keys.",
                     "schema", "type", "string", "pattern",
                     json_sprintf("^-?(%syear|quarter|month|low|best|high|records|unknown)(,-?(%s"
                                  "year|quarter|month|low|best|high|records|unknown))*$",
                                  sorts.data, sorts.data)));
}

/* Conditions on sums: best__gte and the like. */
static void add_condition_params(struct draft *draft, json_t *list, const struct resource *resource)
{
    static const enum operator ops[] = { OPERATOR_EQUAL, OPERATOR_NOT, OPERATOR_GT,    OPERATOR_GTE,
                                         OPERATOR_LT,    OPERATOR_LTE, OPERATOR_ISNULL };

    for (int i = 0; i < STATS_COLUMN__MAX; i++) {
        const char *column = stats_column_name((enum stats_column)i);

        for (size_t j = 0; j < sizeof(ops) / sizeof(*ops); j++) {
            const char *suffix = operator_name(ops[j]);

            add_param(
                draft, list, resource,
                json_pack("{s:s++, s:s, s:o, s:{s:s}}", "name", column, *suffix ? "__" : "", suffix,
                          "in", "query", "description",
                          ops[j] == OPERATOR_EQUAL
                              ? json_sprintf("Groups whose %s is that.", column)
                              : json_sprintf("Groups whose %s %s", column, conditions[ops[j]].text),
                          "schema", "type", ops[j] == OPERATOR_ISNULL ? "boolean" : "integer"));
        }
    }
}

static void add_groups_limit(struct draft *draft, json_t *list)
{
    append(draft, list,
           json_pack("{s:s, s:s, s:s, s:{s:s, s:i, s:i, s:i}}", "name", "limit", "in", "query",
                     "description", "Most groups of one page.", "schema", "type", "integer",
                     "minimum", 1, "maximum", QUERY_LIMIT_MAX, "default", QUERY_LIMIT_MAX));
}

/* measure, bucket and by, out of what the fields of the collection give. */
static void add_line_params(struct draft *draft, json_t *list, const struct resource *resource)
{
    const struct resource *of = resource->lines->of;
    json_t *measures = json_array(), *buckets = json_array(), *keys = json_array();
    const char *first = NULL;

    append(draft, keys, json_string("none"));
    for (const struct field *field = of->fields; field->name != NULL; field++) {
        bool is_date;

        if (field->flags & FIELD_SUM) {
            first = first != NULL ? first : field->name;
            append(draft, measures, json_string(field->name));
        }
        if (stats_groups_by(field, &is_date) && !is_date)
            append(draft, keys, json_string(field->name));
    }
    for (int bucket = STATS_YEAR; bucket < STATS_BUCKET__MAX; bucket++)
        append(draft, buckets, json_string(stats_bucket_name((enum stats_bucket)bucket)));
    add_param(draft, list, resource,
              json_pack("{s:s, s:s, s:b, s:s?, s:s, s:{s:s, s:o}}", "name", "measure", "in",
                        "query", "required", 1, "example", first, "description",
                        "The number that is added up.", "schema", "type", "string", "enum",
                        measures));
    add_param(draft, list, resource,
              json_pack("{s:s, s:s, s:s, s:{s:s, s:o, s:s}}", "name", "bucket", "in", "query",
                        "description", "The stretch of time of one point.", "schema", "type",
                        "string", "enum", buckets, "default", stats_bucket_name(STATS_YEAR)));
    add_param(draft, list, resource,
              json_pack("{s:s, s:s, s:s, s:{s:s, s:o, s:s}}", "name", "by", "in", "query",
                        "description",
                        "What tells lines apart: a line for each of its values. none: one line.",
                        "schema", "type", "string", "enum", keys, "default", "none"));
}

/* Sums as rows for charts, at a path of their own. */
static void add_lines(struct draft *draft, const struct resource *resource)
{
    static const char *const shared_params[] = { "at",     "during",    "from",  "to",
                                                 "as_of",  "certainty", "fill",  "resolve_series",
                                                 "cursor", "offset",    "pretty" };
    json_t *list = json_array();
    char path[NAME_SIZE], response[NAME_SIZE];
    struct flat flat;

    snprintf(response, sizeof(response), "%sList", resource->item);
    snprintf(path, sizeof(path), "/v1/%s", resource->name);
    add(draft, draft->schemas, resource->item, row_new(draft, resource));
    add_stats_envelope(draft, response, resource->item, false);
    add_response(draft, response, "Points of lines, by time.", HEADERS_LIST, schema_ref(response));
    add_line_params(draft, list, resource);
    add_filters(draft, list, resource->lines->of, NULL);
    add_condition_params(draft, list, resource->lines->of);
    for (size_t i = 0; i < sizeof(shared_params) / sizeof(*shared_params); i++)
        add_shared_param(draft, list, shared_params[i]);
    add_groups_limit(draft, list);
    stats_flat_of(resource->lines->of, resource, &flat);
    add_flat_row(draft, resource->item, &flat, resource->text, resource, true);
    flat_done(&flat);
    add_list(draft,
             &(const struct list_path){ .path = path,
                                        .tag = resource->name,
                                        .summary = resource->text,
                                        .response = response,
                                        .item = resource->item,
                                        .resource = resource,
                                        .is_sums = true,
                                        .failures = FAILS_BY_QUERY | FAILS_BY_CURSOR },
             list_id_new("", resource->name), list);
}

static void add_stats(struct draft *draft, const struct resource *resource)
{
    static const char *const shared_params[] = {
        "at",   "during",       "from",   "to",     "as_of", "certainty", "resolve_series",
        "fill", "explain_sums", "cursor", "offset", "pretty"
    };
    json_t *list = json_array();
    char path[NAME_SIZE], row[NAME_SIZE], response[NAME_SIZE];
    struct flat flat;

    snprintf(row, sizeof(row), "%sStats", resource->item);
    snprintf(response, sizeof(response), "%sStatsList", resource->item);
    snprintf(path, sizeof(path), "/v1/%s/stats", resource->name);
    add(draft, draft->schemas, row, group_new(draft, resource));
    add_stats_envelope(draft, response, row, true);
    add_response(draft, response, "Sums of groups of rows.", HEADERS_LIST, schema_ref(response));
    add_filters(draft, list, resource, NULL);
    add_group_params(draft, list, resource);
    add_condition_params(draft, list, resource);
    for (size_t i = 0; i < sizeof(shared_params) / sizeof(*shared_params); i++)
        add_shared_param(draft, list, shared_params[i]);
    add_groups_limit(draft, list);
    stats_flat_of(resource, NULL, &flat);
    add_flat_row(draft, row, &flat, "The sum of one group of rows, with its bounds.", resource,
                 true);
    flat_done(&flat);
    add_list(draft,
             &(const struct list_path){ .path = path,
                                        .tag = resource->name,
                                        .summary =
                                            "Sums of rows with their bounds, nobody counted twice",
                                        .response = response,
                                        .item = row,
                                        .resource = resource,
                                        .is_sums = true,
                                        .failures = FAILS_BY_QUERY | FAILS_BY_CURSOR },
             json_sprintf("sum%s", resource->item), list);
}

/* ---- graphs ---- */

static json_t *rows_of_new(const struct resource *part)
{
    return json_pack("{s:s, s:s, s:o}", "type", "array", "description", part->text, "items",
                     schema_ref(part->item));
}

/* Declares the rows of a part, unless another report has. */
static void add_part(struct draft *draft, const struct resource *part)
{
    if (part != NULL && json_object_get(draft->schemas, part->item) == NULL)
        add(draft, draft->schemas, part->item, row_new(draft, part));
}

static json_t *chains_new(const struct graph *graph)
{
    json_t *hop = json_pack(
        "{s:s, s:{s:o, s:o, s:o}, s:[s, s, s], s:b}", "type", "object", "properties", "from",
        json_pack("{s:s, s:s}", "type", "string", "description", "Where the step begins."), "to",
        json_pack("{s:s, s:s}", "type", "string", "description", "Where it leads."), "edges",
        rows_of_new(graph->links), "required", "from", "to", "edges", "additionalProperties", 0);
    json_t *chain = json_pack(
        "{s:s, s:{s:{s:s, s:s, s:{s:s}}, s:{s:[o, {s:s}]}, s:{s:s, s:o}}, s:[s, s, s], s:b}",
        "type", "object", "properties", "nodes", "type", "array", "description",
        "Ids from the first to the last.", "items", "type", "string", "interval", "oneOf",
        schema_ref("GraphInterval"), "type", "null", "hops", "type", "array", "items", hop,
        "required", "nodes", "interval", "hops", "additionalProperties", 0);

    return json_pack("{s:s, s:o}", "type", "array", "items", chain);
}

/* What "data" of a report is. */
static json_t *graph_data_new(const struct graph *graph)
{
    switch (graph->report) {
    case GRAPH_NODES_ALONE:
        return rows_of_new(graph->nodes);
    case GRAPH_EDGES_ALONE:
        return rows_of_new(graph->links);
    case GRAPH_PATHS:
        return chains_new(graph);
    case GRAPH_NETWORK:
        return json_pack("{s:s, s:{s:o, s:o}, s:[s, s], s:b}", "type", "object", "properties",
                         "nodes", rows_of_new(graph->nodes), "edges", rows_of_new(graph->links),
                         "required", "nodes", "edges", "additionalProperties", 0);
    case GRAPH_LINKS:
        break;
    }
    return json_pack("{s:s, s:{s:{s:b}, s:{s:b}, s:{s:s, s:s}, s:o, s:o}, s:[s, s, s, s, s], s:b}",
                     "type", "object", "properties", "directed", "const", 1, "multigraph", "const",
                     1, "graph", "type", "object", "description",
                     "Attributes of the whole: there are none.", "nodes", rows_of_new(graph->nodes),
                     "links", rows_of_new(graph->links), "required", "directed", "multigraph",
                     "graph", "nodes", "links", "additionalProperties", 0);
}

static void add_graph_envelope(struct draft *draft, const struct resource *resource)
{
    static const char cut[] =
        "{'type': ['string', 'null'], 'enum': ['nodes', 'edges', 'looks', 'chains', null],"
        " 'description': 'The bound at which it was cut: the nodes, edges or chains that were "
        "asked for at most, or looks, the edges that one answer may look at; null: it is whole.'}";
    bool is_list = graph_is_list(resource->graph->report);
    json_t *required = json_pack("[s, s, s, s]", "data", "truncated", "truncated_by", "meta");
    json_t *properties = json_pack(
        "{s:o, s:{s:s, s:s}, s:o, s:o}", "data", graph_data_new(resource->graph), "truncated",
        "type", "boolean", "description", "Whether there is more than the answer may hold.",
        "truncated_by", literal_new(cut), "meta", schema_ref("GraphMeta"));

    add(draft, json_object_get(properties, "data"), "description", json_string(resource->text));
    add(draft, json_object_get(properties, "meta"), "description",
        json_string("What the answer rests on, and how much there is of it."));

    for (size_t i = 0; is_list && i < 2; i++) {
        static const char *const names[] = { "next", "next_url" };

        add(draft, properties, names[i],
            json_pack("{s:s, s:s}", "type", "null", "description",
                      "Always null: what is bounded has no pages."));
        append(draft, required, json_string(names[i]));
    }
    add(draft, draft->schemas, resource->item,
        json_pack("{s:s, s:s, s:o, s:o, s:b}", "type", "object", "description", resource->text,
                  "properties", properties, "required", required, "additionalProperties", 0));
}

static json_t *graph_params_new(struct draft *draft, const struct resource *resource,
                                const struct resource *owner, const struct child *child,
                                enum format format)
{
    static const char *const world[] = { "at", "during", "from", "to" };
    json_t *list = json_array();

    if (child != NULL)
        add_id(draft, list, owner);
    add_filters(draft, list, resource, NULL);
    for (size_t i = 0; i < sizeof(world) / sizeof(*world); i++) {
        if (resource_param(resource, world[i]) == NULL)
            add_shared_param(draft, list, world[i]);
    }
    if (resource->search != NULL)
        add_shared_param(draft, list, "q");
    add_shared_param(draft, list, "certainty");
    for (const struct param *param = resource->params; param->name != NULL; param++) {
        if (child == NULL || strcmp(param->name, child->filter) != 0)
            add_param(draft, list, resource, declared_new(param));
    }
    add_shared_param(draft, list, "as_of");
    if (format == FORMAT_JSON)
        add_shared_param(draft, list, "pretty");
    return list;
}

/* A report that is a list of rows, in each of its forms. */
static void add_graph_rows(struct draft *draft, const struct resource *resource)
{
    const struct graph *graph = resource->graph;
    char path[NAME_SIZE];
    struct flat flat;

    snprintf(path, sizeof(path), "/v1/%s", resource->name);
    flat_of_resource(graph->nodes != NULL ? graph->nodes : graph->links, &flat);
    add_flat_row(draft, resource->item, &flat, resource->text, resource, false);
    flat_done(&flat);
    add_response(draft, resource->item, "What was found.", HEADERS_DATA,
                 schema_ref(resource->item));
    add_list(draft,
             &(const struct list_path){ .path = path,
                                        .tag = resource->name,
                                        .summary = resource->text,
                                        .response = resource->item,
                                        .item = resource->item,
                                        .resource = resource,
                                        .failures = FAILS_BY_QUERY },
             json_sprintf("get%s", resource->item),
             graph_params_new(draft, resource, NULL, NULL, FORMAT_JSON));
}

/* A report, in each of its formats. owner: at whose items it stands; NULL: it has a path of its
 * own. */
static void add_graph(struct draft *draft, const struct resource *resource,
                      const struct resource *owner, const struct child *child)
{
    add_part(draft, resource->graph->nodes);
    add_part(draft, resource->graph->links);
    add_graph_envelope(draft, resource);
    if (format_fits(resource, FORMAT_CSV, false)) {
        add_graph_rows(draft, resource);
        return;
    }
    for (int at = FORMAT_JSON; at < FORMAT__MAX; at++) {
        enum format format = (enum format)at;
        const char *suffix = format_suffix(format);
        char path[NAME_SIZE];
        char response[NAME_SIZE];

        if (!format_fits(resource, format, false))
            continue;
        if (owner != NULL)
            snprintf(path, sizeof(path), "/v1/%s/{id}/%s", owner->name, resource->name);
        else
            snprintf(path, sizeof(path), "/v1/%s%s", resource->name, suffix);
        snprintf(response, sizeof(response), "%s%s", resource->item, suffix);
        if (format == FORMAT_JSON)
            add_response(draft, response, "What was found.", HEADERS_DATA,
                         schema_ref(resource->item));
        else
            add_typed_response(draft, response, "The whole drawing.", HEADERS_DATA,
                               format_type(format), json_pack("{s:s}", "type", "string"));
        add_operation(
            draft, path, owner != NULL ? owner->name : resource->name,
            json_sprintf("get%s%s", resource->item, *suffix != '\0' ? suffix + 1 : ""),
            resource->text, graph_params_new(draft, resource, owner, child, format),
            responses_new(draft, response, FAILS_BY_QUERY | (owner != NULL ? FAILS_BY_ID : 0)));
    }
}

/* ---- collections ---- */

/* A list of a collection's rows. id and params are stolen. */
static void add_rows(struct draft *draft, const struct resource *resource, const char *path,
                     const char *tag, const char *summary, unsigned failures, json_t *id,
                     json_t *params)
{
    char response[NAME_SIZE];

    snprintf(response, sizeof(response), "%sList", resource->item);
    add_list(draft,
             &(const struct list_path){ .path = path,
                                        .tag = tag,
                                        .summary = summary,
                                        .response = response,
                                        .item = resource->item,
                                        .resource = resource,
                                        .has_shape = true,
                                        .failures = failures },
             id, params);
}

static void add_children(struct draft *draft, const struct resource *resource)
{
    for (const struct child *child = resource->children; child != NULL && child->name != NULL;
         child++) {
        const struct resource *other = resource_find(draft->catalogue, child->name);
        char path[NAME_SIZE];
        char summary[NAME_SIZE];

        if (child->report != NULL)
            add_graph(draft, child->report, resource, child);
        if (other == NULL)
            continue;
        snprintf(path, sizeof(path), "/v1/%s/{id}/%s", resource->name, child->name);
        snprintf(summary, sizeof(summary), "The %s whose %s is the one of the path", child->name,
                 child->filter);
        add_rows(draft, other, path, resource->name, summary,
                 FAILS_BY_QUERY | FAILS_BY_CURSOR | FAILS_BY_ID,
                 list_id_new(resource->item, child->name),
                 list_params_new(draft, other, resource, child->filter));
    }
}

/* The path of an item that is a list of other rows. */
static void add_members(struct draft *draft, const struct resource *resource)
{
    const struct resource *members = resource->members->resource;
    char path[NAME_SIZE];
    char response[NAME_SIZE];

    add(draft, draft->schemas, members->item, row_new(draft, members));
    add_list_envelope(draft, members);
    snprintf(path, sizeof(path), "/v1/%s/{id}", resource->name);
    snprintf(response, sizeof(response), "%sList", members->item);
    add_response(draft, response, "One page of rows.", HEADERS_LIST, schema_ref(response));
    add_resource_row(draft, members);
    add_rows(draft, members, path, resource->name, members->text,
             FAILS_BY_QUERY | FAILS_BY_CURSOR | FAILS_BY_ID,
             json_sprintf("list%sMembers", resource->item),
             list_params_new(draft, members, resource, resource->members->filter));
}

static void add_resource(struct draft *draft, const struct resource *resource)
{
    char path[NAME_SIZE];
    char response[NAME_SIZE];

    if (resource->graph != NULL) {
        add_graph(draft, resource, NULL, NULL);
        return;
    }
    if (resource->lines != NULL) {
        add_lines(draft, resource);
        return;
    }
    add(draft, draft->schemas, resource->item, row_new(draft, resource));
    add_list_envelope(draft, resource);
    if (resource->members == NULL && !resource->is_list)
        add_item_envelope(draft, resource);

    snprintf(path, sizeof(path), "/v1/%s", resource->name);
    snprintf(response, sizeof(response), "%sList", resource->item);
    add_response(draft, response, "One page of rows.", HEADERS_LIST, schema_ref(response));
    add_resource_row(draft, resource);
    add_rows(draft, resource, path, resource->name, resource->text,
             FAILS_BY_QUERY | FAILS_BY_CURSOR, list_id_new("", resource->name),
             list_params_new(draft, resource, NULL, NULL));
    if (resource->sums != NULL) /* before {id}, which would match it as well */
        add_stats(draft, resource);

    if (resource->is_list)
        return;
    if (resource->members != NULL) {
        add_members(draft, resource);
        return;
    }
    snprintf(path, sizeof(path), "/v1/%s/{id}", resource->name);
    snprintf(response, sizeof(response), "%sItem", resource->item);
    add_response(draft, response, "One row.", HEADERS_DATA, schema_ref(response));
    add_operation(draft, path, resource->name, json_sprintf("get%s", resource->item),
                  resource->text, item_params_new(draft, resource),
                  responses_new(draft, response, FAILS_BY_QUERY | FAILS_BY_ID));
    add_children(draft, resource);
}

/* Paths that belong to no resource. */
static void add_service(struct draft *draft)
{
    static const struct {
        const char *path;
        const char *id;
        const char *summary;
        const char *response;
        unsigned failures;
        bool is_json;
    } documents[] = {
        /* The index is at /v1/ as well; a path that ends in a slash is no path to linters. */
        { "/", "getIndex", "What there is, and where; also at /v1/", "Index", FAILS_BY_QUERY,
          true },
        { "/openapi.json", "getOpenapi", "This document", "Document", FAILS_BY_QUERY, true },
        { "/docs", "getDocs", "How to ask, every path and the codebook, as a page for people",
          "Docs", FAILS_BY_QUERY, false },
        { "/llms.txt", "getLlms", "A short map of the API in Markdown, for language models", "Llms",
          FAILS_BY_QUERY, false },
        { "/healthz", "getHealth", "Whether the server runs", "Health", 0, true },
        { "/readyz", "getReady", "Whether a dataset is open", "Health", FAILS_BY_QUERY, true },
        { "/metrics", "getMetrics", "Figures of the process, for Prometheus", "Metrics", 0, false },
    };

    add_response(draft, "Index", "What there is, and where.", HEADERS_DATA, schema_ref("Index"));
    add_response(draft, "Document", "This document.", HEADERS_DATA,
                 json_pack("{s:s}", "type", "object"));
    add_typed_response(draft, "Metrics", "What the process counts, as Prometheus reads it.",
                       HEADERS_CHECK, metrics_type, json_pack("{s:s}", "type", "string"));
    add_typed_response(draft, "Docs", "A page without scripts that needs no other host.",
                       HEADERS_DATA, "text/html; charset=utf-8",
                       json_pack("{s:s}", "type", "string"));
    add_typed_response(draft, "Llms", "The map.", HEADERS_DATA, "text/plain; charset=utf-8",
                       json_pack("{s:s}", "type", "string"));
    add_response(draft, "Health", "The server is well.", HEADERS_CHECK, schema_ref("Health"));
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        json_t *params = json_array();

        if (documents[i].is_json)
            add_shared_param(draft, params, "pretty");
        add_operation(draft, documents[i].path, "service", json_string(documents[i].id),
                      documents[i].summary, params,
                      responses_new(draft, documents[i].response, documents[i].failures));
    }
}

static json_t *tags_new(struct draft *draft)
{
    json_t *tags = json_array();

    for (const struct resource *const *resource = draft->catalogue; *resource != NULL; resource++)
        append(draft, tags,
               json_pack("{s:s, s:o}", "name", (*resource)->name, "description",
                         json_sprintf("%s Source: %s.", (*resource)->text, (*resource)->source)));
    append(draft, tags,
           json_pack("{s:s, s:s}", "name", "export", "description",
                     "All there is, to take away. What has a length can be had in parts, by Range "
                     "and If-Range."));
    append(
        draft, tags,
        json_pack(
            "{s:s, s:s}", "name", "service", "description",
            "The index, the documents about the API, health checks and figures of the process."));
    return tags;
}

static json_t *shell_new(struct draft *draft, const char *version)
{
    return json_pack(
        "{s:s, s:s, s:{s:s, s:s, s:s, s:{s:s, s:s}}, s:[{s:s}], s:[], s:o, s:{}, s:{s:o, "
        "s:{}, s:{}, s:{}}}",
        "openapi", "3.1.0", "jsonSchemaDialect", "https://json-schema.org/draft/2020-12/schema",
        "info", "title", "bluehelm", "version", version, "description", openapi_about, "license",
        "name", "CC0-1.0 for the compilation; the licence of each source stands in /v1/sources",
        "url", "/v1/sources", "servers", "url", "/", "security", "tags", tags_new(draft), "paths",
        "components", "schemas", type_schemas(draft->state), "parameters", "responses", "headers");
}

/* ---- exports ---- */

/* One export of every collection, by the name of its file. */
static json_t *export_param_new(struct draft *draft)
{
    json_t *names = json_array();
    char name[EXPORT_NAME];

    for (const struct resource *const *at = draft->catalogue; *at != NULL; at++) {
        export_name(*at, name);
        if (export_has(*at))
            append(draft, names, json_string(name));
    }
    return json_pack("{s:s, s:s, s:b, s:s, s:s, s:{s:s, s:o}}", "name", "collection", "in", "path",
                     "required", 1, "description", "Collection, with a hyphen for a slash.",
                     "example", "missions", "schema", "type", "string", "enum", names);
}

static void add_exported(struct draft *draft, const char *path, const char *id, const char *summary,
                         json_t *params, const char *response)
{
    json_t *responses = responses_new(draft, response, FAILS_BY_QUERY);

    if (strcmp(response, "ExportIndex") != 0) {
        add(draft, responses, "206", response_ref("Part"));
        add(draft, responses, "416", response_ref("BeyondRange"));
    }
    if (strstr(path, "{collection}") != NULL)
        add(draft, responses, "404", response_ref("NotFound"));
    add_operation(draft, path, "export", json_string(id), summary, params, responses);
}

static const char export_index[] =
    "{'type': 'object', 'additionalProperties': false, 'required': ['release', 'digest', 'files'],"
    " 'properties': {"
    "'release': {'type': 'string', 'description': 'Newest release of the dataset.'},"
    "'digest': {'type': 'string', 'description': 'SHA-256 of the content of the dataset.'},"
    "'files': {'type': 'array', 'description': 'What there is to take away.', 'items': "
    "{'type': 'object', 'additionalProperties': false,"
    " 'required': ['name', 'href', 'type', 'text'], 'properties': {"
    "'name': {'type': 'string', 'description': 'Name of the file.'},"
    "'href': {'type': 'string', 'description': 'Its path.'},"
    "'type': {'type': 'string', 'description': 'Its media type.'},"
    "'text': {'type': 'string', 'description': 'What it holds.'}}}}}}";

/* What stands below /v1/export/. */
static void add_exports(struct draft *draft)
{
    static const struct {
        enum format format;
        const char *path, *id, *summary, *response;
    } forms[] = {
        { FORMAT_CSV, "/v1/export/{collection}.csv", "exportCsv",
          "All of a collection as CSV, to take away", "Export.csv" },
        { FORMAT_NDJSON, "/v1/export/{collection}.ndjson", "exportNdjson",
          "All of a collection as one JSON object a line, to take away", "Export.ndjson" },
    };
    json_t *params = json_array();

    add(draft, draft->schemas, "ExportIndex", literal_new(export_index));
    add_response(draft, "ExportIndex", "What there is to take away.", HEADERS_DATA,
                 schema_ref("ExportIndex"));
    add_response(draft, "Package",
                 "A data package (Frictionless, version 1): each file with its columns, rows, "
                 "bytes and SHA-256; licence and sources.",
                 HEADERS_DATA, json_pack("{s:s}", "type", "object"));
    add_typed_response(draft, "Database", "The dataset file, as SQLite.", HEADERS_DATA,
                       EXPORT_FILE_TYPE, json_object());
    add(draft, draft->responses, "Part",
        json_pack("{s:s, s:{s:{s:s, s:{s:s}}}}", "description",
                  "The part of the body that Range asks for.", "headers", "Content-Range",
                  "description", "Which bytes these are, of how many.", "schema", "type",
                  "string"));
    add(draft, draft->responses, "BeyondRange",
        json_pack("{s:s, s:{s:{s:o}}}", "description",
                  "The body ends before what Range asks for; Content-Range says where.", "content",
                  "application/problem+json", "schema", schema_ref("Problem")));
    add_shared_param(draft, params, "pretty");
    add_exported(draft, "/v1/export", "getExports", "What there is to take away", params,
                 "ExportIndex");
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        params = json_array();
        append(draft, params, export_param_new(draft));
        add_shared_param(draft, params, "as_of");
        add_typed_response(draft, forms[i].response, "All rows of the collection.", HEADERS_DATA,
                           format_type(forms[i].format), json_pack("{s:s}", "type", "string"));
        add_exported(draft, forms[i].path, forms[i].id, forms[i].summary, params,
                     forms[i].response);
    }
    add_exported(draft, "/v1/export/" EXPORT_FILE_NAME, "exportDatabase", "The dataset file itself",
                 json_array(), "Database");
    add_exported(draft, "/v1/export/" EXPORT_PACKAGE_NAME, "exportPackage",
                 "What the exports hold: columns, rows, bytes and SHA-256", json_array(),
                 "Package");
}

json_t *openapi_new(const struct resource *const *catalogue, const struct state *state,
                    const char *version)
{
    struct draft draft = { .catalogue = catalogue, .state = state };
    json_t *document = shell_new(&draft, version);
    json_t *components = json_object_get(document, "components");

    draft.paths = json_object_get(document, "paths");
    draft.schemas = json_object_get(components, "schemas");
    draft.parameters = json_object_get(components, "parameters");
    draft.responses = json_object_get(components, "responses");
    draft.headers = json_object_get(components, "headers");
    draft.refs = json_object();
    add_shared(&draft, components);
    add_service(&draft);
    add_exports(&draft);
    for (; *catalogue != NULL; catalogue++)
        add_resource(&draft, *catalogue);
    json_decref(draft.refs);
    if (draft.broken) {
        json_decref(document);
        return NULL;
    }
    return document;
}
