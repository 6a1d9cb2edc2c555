/*
 * Settings: any file and any command line is read or refused with a sentence; what is read lies
 * within the limits of its option. A line that begins with ! holds an address, which reads as
 * itself again; one with $ the command line; the others are the file.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/base/buffer.h"
#include "server/options.h"
#include "tests/fuzz/fuzz.h"

enum { ARGUMENTS = 24 };

static void check_address(const char *text)
{
    struct address address, again;
    char written[ADDRESS_TEXT_SIZE], rewritten[ADDRESS_TEXT_SIZE];

    memset(&address, 0, sizeof(address));
    if (!address_parse(text, &address))
        return;
    address_format(&address, written);
    must(address_parse(written, &again), "'%s' is '%s', which is no address", text, written);
    address_format(&again, rewritten);
    must(strcmp(written, rewritten) == 0 && address.len == again.len
             && memcmp(&address.socket, &again.socket, address.len) == 0,
         "'%s' is '%s', which is '%s'", text, written, rewritten);
}

static void check_settings(const struct settings *settings)
{
    for (const struct option *option = options; option->name != NULL; option++) {
        const void *member = (const char *)settings + option->offset;

        if ((option->commands & 1u << settings->command) == 0)
            continue;
        if (option->type == OPTION_INTEGER)
            must(*(const int64_t *)member >= option->low
                     && *(const int64_t *)member <= option->high,
                 "%s lies within its limits", option->name);
        if (option->type == OPTION_ADDRESS)
            must(((const struct address *)member)->len > 0, "%s is set", option->name);
    }
}

/* Cuts a line at its blanks. */
static int cut(char *line, char *arguments[ARGUMENTS])
{
    int n = 0;

    for (char *at = line; n < ARGUMENTS - 1;) {
        at += strspn(at, " ");
        if (*at == '\0')
            break;
        arguments[n++] = at;
        at += strcspn(at, " ");
        if (*at == '\0')
            break;
        *at++ = '\0';
    }
    return n;
}

static void one(const uint8_t *bytes, size_t len)
{
    struct buffer file = BUFFER_INIT(64 << 10);
    struct settings settings = { .command = COMMAND_HELP };
    struct error err = { 0 };
    char path[64], option[80], program[] = "bluehelm", command[] = "serve", *line = NULL;
    char *arguments[ARGUMENTS + 4] = { program, command, option };
    int n = 3, descriptor;
    bool is_read;

    for (const uint8_t *end; len > 0; len -= (size_t)(end - bytes), bytes = end) {
        const uint8_t *feed = memchr(bytes, '\n', len);

        end = feed != NULL ? feed + 1 : bytes + len;
        if (*bytes == '!' || *bytes == '$') {
            char *text = fuzz_text(bytes + 1, (size_t)(end - bytes) - 1 - (feed != NULL));

            if (*bytes == '!')
                check_address(text);
            if (*bytes == '$' && line == NULL)
                line = text;
            else
                free(text);
        } else {
            buffer_add(&file, (const char *)bytes, (size_t)(end - bytes));
        }
    }
    descriptor = fuzz_file(file.data != NULL ? file.data : "", file.len, path);
    snprintf(option, sizeof(option), "--config=%s", path);
    if (line != NULL) {
        bool names_file = strstr(line, "conf") != NULL; /* of this machine: better not */

        n = names_file ? 2 : cut(line, arguments + 1) + 1;
        if (n > 1)
            arguments[n++] = option;
    }
    arguments[n] = NULL;
    is_read = options_read(n, arguments, &settings, &err);
    must(is_read == (err.code == ERR_NONE), "a refusal has a reason");
    if (is_read && !settings.is_help)
        check_settings(&settings);
    else if (!is_read)
        must((err.code == ERR_INPUT || err.code == ERR_INTERNAL) && strlen(err.detail) > 5,
             "code %d: '%s'", (int)err.code, err.detail);
    settings_done(&settings);
    close(descriptor);
    free(line);
    buffer_done(&file);
}

const struct fuzz_target target_settings = {
    .name = "settings", .longest = 1500, .runs = 5000, .one = one
};
