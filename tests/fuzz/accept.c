/*
 * Accept: never anything but a form that a first type names; what follows the first type does not
 * count, nor does case.
 */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/format.h"
#include "tests/fuzz/fuzz.h"

static void one(const uint8_t *bytes, size_t len)
{
    char *accept = fuzz_text(bytes, len), *other = fuzz_text(bytes, len);
    enum format format = format_accepted(accept), found;
    size_t first = strspn(accept, " \t");

    must(format == FORMAT_JSON || format == FORMAT_CSV || format == FORMAT_NDJSON
             || format == FORMAT_GEOJSON,
         "%d is a form that Accept asks for", (int)format);
    for (char *at = other; *at != '\0'; at++)
        *at = (char)toupper((unsigned char)*at);
    must(format_accepted(other) == format, "case does not matter in '%s'", accept);
    if (format != FORMAT_JSON) {
        size_t type = strcspn(format_type(format), ";");

        must(strncasecmp(accept + first, format_type(format), type) == 0, "'%s' names %s", accept,
             format_type(format));
        other[first + type] = '\0';
        must(format_accepted(other) == format, "'%s' is all that counts", other);
    }
    found = format_of_suffix(accept);
    must(found == FORMAT_JSON
             || (strlen(accept) > strlen(format_suffix(found))
                 && strcmp(accept + strlen(accept) - strlen(format_suffix(found)),
                           format_suffix(found))
                        == 0),
         "'%s' ends in %s", accept, format_suffix(found));
    if (format_find(accept, &found))
        must(strcmp(format_name(found), accept) == 0, "'%s' is %s", accept, format_name(found));
    free(accept);
    free(other);
}

const struct fuzz_target target_accept = {
    .name = "accept", .longest = 256, .runs = 20000, .one = one
};
