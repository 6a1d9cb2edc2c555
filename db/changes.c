#include "db/changes.h"

#include <string.h>

#include "db/resource.h"
#include "db/select.h"
#include "server/base/buffer.h"

/** One side of the comparison. Its alias is none that a declaration would use. */
struct side {
    const char *alias;
    const char *day; /* parameter that says as known when */
};

static const struct side before = { "then_row", ":since" };
static const struct side after = { "now_row", ":as_of" };

/* Declared SQL, as known on the day of a side. */
static void add_then(struct buffer *sql, const char *text, const struct side *side)
{
    static const char mark[] = ":as_of";
    const char *at;

    while ((at = strstr(text, mark)) != NULL) {
        buffer_add(sql, text, (size_t)(at - text));
        buffer_text(sql, side->day);
        text = at + sizeof(mark) - 1;
    }
    buffer_text(sql, text);
}

/* How many columns tell what a field holds: names of things are no part of it. */
static size_t parts_of(const struct field *field)
{
    if (field->type == FIELD_NUMBER)
        return select_width(field);
    return field->type == FIELD_REF && field->kind_sql != NULL ? 2 : 1;
}

static void add_part(struct buffer *sql, const struct field *field, size_t part,
                     const struct side *side)
{
    if (field->type == FIELD_NUMBER && field->only != NULL)
        buffer_format(sql, "CASE WHEN %s THEN ", field->only);
    add_then(sql, part == 1 && field->type == FIELD_REF ? field->kind_sql : field->sql, side);
    if (field->type == FIELD_NUMBER)
        buffer_text(sql, select_number_parts[part]);
    if (field->type == FIELD_NUMBER && field->only != NULL)
        buffer_text(sql, " END");
}

static bool is_content(const struct field *field)
{
    return !(field->flags & (FIELD_HIDDEN | FIELD_STAMP)) && field->type != FIELD_ID;
}

/* The rows of a resource as they were known on the day of a side: id, known_from, and the columns
 * c<field>_<part>. */
static void add_version(struct buffer *sql, const struct resource *resource,
                        const struct side *side)
{
    buffer_format(sql, " LEFT JOIN (SELECT %s AS id, %sknown_from AS known_from", resource->key,
                  resource->known);
    for (size_t i = 0; resource->fields[i].name != NULL; i++) {
        const struct field *field = &resource->fields[i];

        for (size_t part = 0; is_content(field) && part < parts_of(field); part++) {
            buffer_text(sql, ", ");
            add_part(sql, field, part, side);
            buffer_format(sql, " AS c%zu_%zu", i, part);
        }
    }
    buffer_format(sql, " FROM %s WHERE ", resource->from);
    if (resource->where != NULL) {
        add_then(sql, resource->where, side);
        buffer_text(sql, " AND ");
    }
    buffer_format(sql,
                  "%sknown_from <= %s AND (%sknown_to IS NULL OR %sknown_to > %s)) %s"
                  " ON %s.id = candidate.id",
                  resource->known, side->day, resource->known, resource->known, side->day,
                  side->alias, side->alias);
}

/* ',"name"' for each field that differs. */
static void add_changed(struct buffer *sql, const struct resource *resource)
{
    bool is_any = false;

    for (size_t i = 0; resource->fields[i].name != NULL; i++) {
        const struct field *field = &resource->fields[i];

        if (!is_content(field))
            continue;
        buffer_text(sql, is_any ? " || CASE WHEN " : "CASE WHEN ");
        is_any = true;
        for (size_t part = 0; part < parts_of(field); part++)
            buffer_format(sql, "%sthen_row.c%zu_%zu IS NOT now_row.c%zu_%zu",
                          part > 0 ? " OR " : "", i, part, i, part);
        buffer_format(sql, " THEN ',\"%s\"' ELSE '' END", field->name);
    }
    if (!is_any)
        buffer_text(sql, "''");
}

/* The ids of which some version began or ended in that time. They are few, and SQLite is to be told
 * so: it would read the whole table twice more for a filter of ids. */
static void add_candidates(struct buffer *sql, const struct resource *resource)
{
    static const char *const clocks[] = { "known_from", "known_to" };

    for (size_t i = 0; i < 2; i++)
        buffer_format(sql,
                      "%sSELECT %s AS id FROM %s WHERE likelihood(%s%s > :since, 0.001)"
                      " AND %s%s <= :as_of",
                      i > 0 ? " UNION " : "", resource->key, resource->from, resource->known,
                      clocks[i], resource->known, clocks[i]);
}

/* What a field of another resource's filter names in this one; NULL where it has no such field. */
static void add_named(struct buffer *sql, const struct resource *resource, const char *name,
                      const struct side *side, const char *when)
{
    const struct field *field = resource_field(resource, name);

    if (field != NULL && field->type == FIELD_REF && !(field->flags & FIELD_HIDDEN))
        buffer_format(sql, ", %s.c%zu_0 AS %s_%s", side->alias, (size_t)(field - resource->fields),
                      name, when);
    else
        buffer_format(sql, ", NULL AS %s_%s", name, when);
}

static void add_collection(struct buffer *sql, const struct resource *changes,
                           const struct resource *resource)
{
    buffer_format(
        sql,
        "SELECT '%s' AS collection, candidate.id AS row, '%s-' || candidate.id AS id,"
        " CASE WHEN now_row.id IS NULL THEN 'withdrawn' WHEN then_row.id IS NULL THEN 'added'"
        " ELSE 'revised' END AS change, coalesce(now_row.known_from, (SELECT max(%sknown_to)"
        " FROM %s WHERE %s = candidate.id AND %sknown_to <= :as_of)) AS day, then_row.id AS before,"
        " now_row.id AS after",
        resource->name, resource->name, resource->known, resource->from, resource->key,
        resource->known);
    for (const struct field *field = changes->fields; field->name != NULL; field++) {
        if (!(field->flags & FIELD_HIDDEN))
            continue;
        add_named(sql, resource, field->name, &before, "before");
        add_named(sql, resource, field->name, &after, "after");
    }
    buffer_text(
        sql, ", CASE WHEN now_row.id IS NULL OR then_row.id IS NULL THEN '[]' ELSE '[' || substr(");
    add_changed(sql, resource);
    buffer_text(sql, ", 2) || ']' END AS changed FROM (");
    add_candidates(sql, resource);
    buffer_text(sql, ") candidate");
    add_version(sql, resource, &before);
    add_version(sql, resource, &after);
    buffer_text(
        sql, " WHERE (now_row.id IS NULL) <> (then_row.id IS NULL) OR (now_row.id IS NOT NULL AND"
             " then_row.id IS NOT NULL AND changed <> '[]')");
}

void changes_from(const struct resource *resource, struct buffer *sql)
{
    bool is_any = false;

    buffer_byte(sql, '(');
    for (const struct resource *const *at = resource->changes_of; *at != NULL; at++) {
        if (!resource_has_versions(*at))
            continue;
        buffer_text(sql, is_any ? " UNION ALL " : "");
        is_any = true;
        add_collection(sql, resource, *at);
    }
    buffer_text(sql, ") x");
}
