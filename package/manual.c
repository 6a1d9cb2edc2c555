/* Fills the lists into the manual pages, the completions and the example of settings: they come
 * from the tables that the program itself reads (server/options.c, the kinds of imports, the
 * catalogue), so that none of them can go stale. Used by the build alone; nothing of it is
 * installed.
 *
 * bluehelm-manual TEMPLATE [NAME=VALUE]... copies a template to standard output. A line "@list@" is
 * replaced by the list of that name, one row each in lists[]. NAME=VALUE gives a setting of the
 * list "settings" a value that holds; all the others are comments. */

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/import/import.h"
#include "db/resource.h"
#include "handlers/catalogue.h"
#include "server/export.h"
#include "server/options.h"

enum {
    LINE_SIZE = 4096,   /* bytes of a line of a template, and its NUL */
    PROSE_SIZE = 1024,  /* bytes of a sentence of ours, and its NUL */
    MAN_WIDTH = 74,     /* bytes of a line of prose in a page, without what escapes add */
    COMMENT_WIDTH = 98, /* columns of a comment behind its "# " */
};

/* What the arguments said; the lists are made for one template and then the program ends. */
static char **given;
static int n_given;

static bool takes(const struct command *command, const struct option *option)
{
    return (option->commands & 1u << (command - commands)) != 0;
}

/* Whether the option may stand in the environment and in the file. */
static bool is_setting(const struct option *option)
{
    return !option->is_flag_only && strcmp(option->name, "config") != 0;
}

/* Writes a text with some of its bytes replaced: each byte of `what` by the text at its place. */
static void print_escaped(const char *text, const char *what, const char *const *by)
{
    for (; *text != '\0'; text++) {
        const char *at = strchr(what, *text);

        if (at == NULL)
            putchar(*text);
        else
            fputs(by[at - what], stdout);
    }
}

/* The words of what follows a command in its usage line: "KIND FILE..." is KIND, FILE. */

struct operand {
    char name[32];
    bool is_optional; /* stood in brackets */
    bool is_repeated; /* had three dots behind it */
};

/* Takes the next word off a usage line. False: there is none. */
static bool next_operand(const char **line, struct operand *ret)
{
    size_t len;

    *line += strspn(*line, " ");
    len = strcspn(*line, " ");
    if (len == 0)
        return false;
    *ret = (struct operand){ .is_optional = **line == '[', .is_repeated = memchr(*line, '.', len) };
    snprintf(ret->name, sizeof(ret->name), "%.*s",
             (int)strspn(*line + ret->is_optional, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"),
             *line + ret->is_optional);
    *line += len;
    return true;
}

/* The manual pages: mdoc. */

/* Writes a word of prose and gives its bytes; what stands between backticks is bold. */
static size_t man_word(const char *word, size_t len, bool is_first, bool *is_bold)
{
    size_t n = 0;

    if (is_first && (*word == '.' || *word == '\''))
        n += (size_t)printf("\\&");
    for (size_t i = 0; i < len; i++) {
        if (word[i] == '`') {
            *is_bold = !*is_bold;
            n += (size_t)printf(*is_bold ? "\\fB" : "\\fP");
        } else if (word[i] == '\\') {
            n += (size_t)printf("\\e");
        } else if (word[i] == '-' && (i == 0 || word[i - 1] == '-' || word[i - 1] == '`')) {
            n += (size_t)printf("\\-"); /* of an option, to be copied */
        } else {
            putchar(word[i]);
            n++;
        }
    }
    return n;
}

/* Writes prose as mdoc wants it: short lines, and a new one for each sentence. */
static void man_prose(const char *text)
{
    size_t column = 0;
    bool is_bold = false;

    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        bool is_end =
            text[len] == '\0' || (text[len - 1] == '.' && isupper((unsigned char)text[len + 1]));

        if (column + 1 + len > MAN_WIDTH) {
            putchar('\n');
            column = 0;
        } else if (column > 0) {
            putchar(' ');
            column++;
        }
        column += man_word(text, len, column == 0, &is_bold);
        if (is_end)
            putchar('\n');
        if (is_end)
            column = 0;
        text += len;
        text += strspn(text, " ");
    }
}

/* A sentence of ours in prose. */
__attribute__((format(printf, 1, 2))) static void man_say(const char *format, ...)
{
    char text[PROSE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    man_prose(text);
}

/* Default and limits, and the choices where there are some. */
static void man_facts(const struct option *option)
{
    if (option->initial != NULL)
        man_say("Default: %s.", option->initial);
    if (option->type == OPTION_INTEGER)
        man_say("From %" PRId64 " to %" PRId64 " %s.", option->low, option->high, option->unit);
    if (option->type == OPTION_CHOICE) {
        fputs("One of", stdout);
        for (size_t i = 0; option->choices[i] != NULL; i++)
            printf("%s %s", i == 0 ? "" : ",", option->choices[i]);
        puts(".");
    }
}

static bool has_options(const struct command *command)
{
    for (const struct option *option = options; option->name != NULL; option++)
        if (takes(command, option))
            return true;
    return false;
}

static void man_operands(const struct command *command)
{
    const char *line = command->operands;
    struct operand operand;

    while (next_operand(&line, &operand))
        printf("%s Ar %s%s%s", operand.is_optional ? " Oo" : "", operand.name,
               operand.is_repeated ? " ..." : "", operand.is_optional ? " Oc" : "");
}

/* The lines of SYNOPSIS. */
static void man_synopsis(void)
{
    for (size_t i = 0; i < COMMAND__MAX; i++) {
        printf(".Nm\n.Cm %s%s", commands[i].name,
               has_options(&commands[i]) ? " Oo Ar option ... Oc" : "");
        man_operands(&commands[i]);
        putchar('\n');
    }
}

/* Items of a list: each command, what it does, and the names of its options. */
static void man_commands(void)
{
    for (size_t i = 0; i < COMMAND__MAX; i++) {
        bool is_first = true;

        printf(".It Cm %s", commands[i].name);
        man_operands(&commands[i]);
        putchar('\n');
        man_prose(commands[i].text);
        for (const struct option *option = options; option->name != NULL; option++) {
            if (!takes(&commands[i], option))
                continue;
            printf("%s\n.Fl -%s", is_first ? "Its options:" : " ,", option->name);
            is_first = false;
        }
        fputs(is_first ? "" : " .\n", stdout);
    }
}

static void man_kinds(void)
{
    for (size_t i = 0; import_kind_name(i) != NULL; i++) {
        printf(".It Cm %s\n", import_kind_name(i));
        man_prose(import_kind_text(i));
    }
}

/* Items of a list: each option, as it is typed, and all there is to know of it. */
static void man_options(void)
{
    for (const struct option *option = options; option->name != NULL; option++) {
        char env[OPTION_ENV_SIZE];
        bool is_first = true;

        fputs(".It", stdout);
        if (option->letter != 0)
            printf(" Fl %c ,", option->letter);
        printf(" Fl -%s%s%s\n", option->name, option->type == OPTION_FLAG ? "" : " Ar ",
               option_value(option));
        man_prose(option->text);
        man_facts(option);
        if (!option->is_flag_only) {
            option_env(option, env);
            printf("Environment:\n.Ev %s .\n", env);
        }
        for (size_t i = 0; i < COMMAND__MAX; i++) {
            if (!takes(&commands[i], option))
                continue;
            printf("%s\n.Cm %s", is_first ? "Of" : " ,", commands[i].name);
            is_first = false;
        }
        puts(" .");
    }
}

/* Items of a list: each name that a file of settings may hold. */
static void man_settings(void)
{
    for (const struct option *option = options; option->name != NULL; option++) {
        if (!is_setting(option))
            continue;
        printf(".It Cm %s No = Ar %s\n", option->name,
               option->type == OPTION_FLAG ? "yes | no" : option_value(option));
        man_prose(option->text);
        man_facts(option);
    }
}

/* The example of settings. */

/* Writes a text as comments, broken at spaces. */
static void print_comment(const char *text)
{
    size_t column = COMMENT_WIDTH; /* full: the first word begins a line */
    bool is_first = true;

    while (*text != '\0') {
        size_t len = strcspn(text, " ");

        if (column + 1 + len > COMMENT_WIDTH) {
            fputs(is_first ? "# " : "\n# ", stdout);
            column = 0;
        } else {
            putchar(' ');
            column++;
        }
        is_first = false;
        printf("%.*s", (int)len, text);
        column += len;
        text += len;
        text += strspn(text, " ");
    }
    putchar('\n');
}

/* The value that the arguments give a setting; NULL: none. */
static const char *given_value(const struct option *option)
{
    size_t len = strlen(option->name);

    for (int i = 0; i < n_given; i++)
        if (strncmp(given[i], option->name, len) == 0 && given[i][len] == '=')
            return given[i] + len + 1;
    return NULL;
}

/* Each setting with its help and its default, as a comment; those that were given a value, with
 * that. */
static void conf_settings(void)
{
    for (const struct option *option = options; option->name != NULL; option++) {
        const char *value = given_value(option);
        const char *initial = option->initial != NULL       ? option->initial
                              : option->type == OPTION_FLAG ? "no"
                                                            : "";
        char text[PROSE_SIZE];

        if (!is_setting(option))
            continue;
        putchar('\n');
        print_comment(option->text);
        if (option->type == OPTION_INTEGER) {
            snprintf(text, sizeof(text), "From %" PRId64 " to %" PRId64 " %s.", option->low,
                     option->high, option->unit);
            print_comment(text);
        }
        if (option->type == OPTION_CHOICE) {
            fputs("# One of", stdout);
            for (size_t i = 0; option->choices[i] != NULL; i++)
                printf("%s %s", i == 0 ? "" : ",", option->choices[i]);
            puts(".");
        }
        if (value != NULL)
            printf("%s = %s\n", option->name, value);
        else
            printf("#%s =%s%s\n", option->name, initial[0] != '\0' ? " " : "", initial);
    }
}

/* The words that an operand may be. */

static void say_commands(void)
{
    for (size_t i = 0; i < COMMAND__MAX; i++)
        printf("%s%s", i == 0 ? "" : " ", commands[i].name);
}

static void say_kinds(void)
{
    for (size_t i = 0; import_kind_name(i) != NULL; i++)
        printf("%s%s", i == 0 ? "" : " ", import_kind_name(i));
}

static void say_exports(void)
{
    char name[EXPORT_NAME];

    for (size_t i = 0; export_file(catalogue, i, name); i++)
        printf("%s%s", i == 0 ? "" : " ", name);
}

static void say_paths(void)
{
    for (size_t i = 0; catalogue[i] != NULL; i++)
        printf("%s/v1/%s", i == 0 ? "" : " ", catalogue[i]->name);
}

/* How an operand is completed, by its name in the usage line. The last is how all others are. */
static const struct completion {
    const char *operand;
    void (*say)(void); /* writes the words; NULL: it is a file or directory */
    bool is_directory;
} completions[] = {
    { "COMMAND", say_commands, false }, { "KIND", say_kinds, false },
    { "NAME", say_exports, false },     { "PATH", say_paths, false },
    { "TEXT_DIR", NULL, true },         { NULL, NULL, false },
};

static const struct completion *completion_of(const struct operand *operand)
{
    const struct completion *completion = completions;

    while (completion->operand != NULL && strcmp(completion->operand, operand->name) != 0)
        completion++;
    return completion;
}

static void say_choices(const struct option *option)
{
    for (size_t i = 0; option->choices[i] != NULL; i++)
        printf("%s%s", i == 0 ? "" : " ", option->choices[i]);
}

/* The first sentence of a text, without its full stop, with some bytes replaced. */
static void print_first(const char *text, const char *what, const char *const *by)
{
    char first[PROSE_SIZE];
    const char *end = strstr(text, ". ");
    size_t len = end != NULL ? (size_t)(end - text) : strlen(text);

    if (len > 0 && text[len - 1] == '.')
        len--;
    snprintf(first, sizeof(first), "%.*s", (int)len, text);
    print_escaped(first, what, by);
}

/* bash: the branches of a `case` on "", "COMMAND -", "COMMAND --OPTION" and "COMMAND NUMBER". */

static void bash_option(const struct command *command, const struct option *option)
{
    if (option->type == OPTION_FLAG)
        return;
    printf("    '%s --%s'", command->name, option->name);
    if (option->letter != 0)
        printf(" | '%s -%c'", command->name, option->letter);
    putchar(')');
    if (option->type == OPTION_FILE) {
        fputs(" kind=file", stdout);
    } else if (option->type == OPTION_CHOICE) {
        fputs(" words='", stdout);
        say_choices(option);
        putchar('\'');
    }
    puts(" ;;");
}

static void bash_operands(const struct command *command)
{
    const char *line = command->operands;
    struct operand operand;

    for (int i = 1; next_operand(&line, &operand); i++) {
        const struct completion *completion = completion_of(&operand);

        if (operand.is_repeated)
            printf("    '%s '[0-9]*) ", command->name);
        else
            printf("    '%s %d') ", command->name, i);
        if (completion->say == NULL) {
            puts(completion->is_directory ? "kind=directory ;;" : "kind=file ;;");
        } else {
            fputs("words='", stdout);
            completion->say();
            puts("' ;;");
        }
    }
}

static void bash_branches(void)
{
    fputs("    '') words='", stdout);
    say_commands();
    puts(" --help --version' ;;");
    for (const struct command *command = commands; command < commands + COMMAND__MAX; command++) {
        printf("    '%s -') words='", command->name);
        for (const struct option *option = options; option->name != NULL; option++)
            if (takes(command, option))
                printf("--%s ", option->name);
        puts("--help' ;;");
        for (const struct option *option = options; option->name != NULL; option++)
            if (takes(command, option))
                bash_option(command, option);
        bash_operands(command);
    }
}

/* zsh: what _describe and _arguments take, in single quotes. */

static void zsh_text(const char *text)
{
    static const char *const by[] = { "'\\''", "\\\\", "\\:", "\\[", "\\]" };

    print_escaped(text, "'\\:[]", by);
}

static void zsh_first(const char *text)
{
    static const char *const by[] = { "'\\''", "\\\\", "\\:", "\\[", "\\]" };

    print_first(text, "'\\:[]", by);
}

static void zsh_commands(void)
{
    for (size_t i = 0; i < COMMAND__MAX; i++) {
        printf("        '%s:", commands[i].name);
        zsh_first(commands[i].text);
        puts("'");
    }
}

static void zsh_option(const struct option *option)
{
    const char *equals = option->type == OPTION_FLAG ? "" : "=";

    if (option->letter == 0)
        printf("            '--%s%s[", option->name, equals);
    else
        printf("            '(-%c --%s)'{-%c%s,--%s%s}'[", option->letter, option->name,
               option->letter, option->type == OPTION_FLAG ? "" : "+", option->name, equals);
    zsh_first(option->text);
    putchar(']');
    if (option->type != OPTION_FLAG) {
        putchar(':');
        zsh_text(option_value(option));
        putchar(':');
    }
    if (option->type == OPTION_FILE) {
        fputs("_files", stdout);
    } else if (option->type == OPTION_CHOICE) {
        putchar('(');
        say_choices(option);
        putchar(')');
    } else if (option->type != OPTION_FLAG) {
        putchar(' '); /* a value that nobody can guess */
    }
    puts("' \\");
}

static void zsh_operands(const struct command *command)
{
    const char *line = command->operands;
    struct operand operand;

    for (int i = 1; next_operand(&line, &operand); i++) {
        const struct completion *completion = completion_of(&operand);

        if (operand.is_repeated)
            printf("            '*:%s:", operand.name);
        else
            printf("            '%d:%s:", i, operand.name);
        if (completion->say == NULL) {
            puts(completion->is_directory ? "_files -/' \\" : "_files' \\");
        } else {
            putchar('(');
            completion->say();
            puts(")' \\");
        }
    }
}

static void zsh_branches(void)
{
    for (const struct command *command = commands; command < commands + COMMAND__MAX; command++) {
        printf("    %s)\n        _arguments -S \\\n", command->name);
        for (const struct option *option = options; option->name != NULL; option++)
            if (takes(command, option))
                zsh_option(option);
        zsh_operands(command);
        puts("            '(-h --help)'{-h,--help}'[Prints the help of the command]'\n        ;;");
    }
}

/* fish: a line of `complete` each. */

static void fish_first(const char *text)
{
    static const char *const by[] = { "\\'", "\\\\" };

    fputs(" -d '", stdout);
    print_first(text, "'\\", by);
    puts("'");
}

static void fish_option(const struct command *command, const struct option *option)
{
    printf("complete -c bluehelm -n '__bluehelm_is %s' -l %s", command->name, option->name);
    if (option->letter != 0)
        printf(" -s %c", option->letter);
    if (option->type == OPTION_FILE) {
        fputs(" -r -F", stdout);
    } else if (option->type == OPTION_CHOICE) {
        fputs(" -x -a '", stdout);
        say_choices(option);
        putchar('\'');
    } else if (option->type != OPTION_FLAG) {
        fputs(" -x", stdout);
    }
    fish_first(option->text);
}

static void fish_operands(const struct command *command)
{
    const char *line = command->operands;
    void (*before)(void) = NULL; /* the words of the operand in front, where it is one of words */
    struct operand operand;

    while (next_operand(&line, &operand)) {
        const struct completion *completion = completion_of(&operand);

        printf("complete -c bluehelm -n '__bluehelm_is %s", command->name);
        if (before != NULL) {
            fputs("; and __bluehelm_has ", stdout);
            before();
        } else if (completion->say != NULL && !operand.is_repeated) {
            fputs("; and not __bluehelm_has ", stdout);
            completion->say();
        }
        if (completion->say == NULL) {
            puts(completion->is_directory ? "' -a '(__fish_complete_directories)'" : "' -F");
        } else {
            fputs("' -a '", stdout);
            completion->say();
            puts("'");
        }
        before = completion->say;
    }
}

static void fish_lines(void)
{
    for (const struct command *command = commands; command < commands + COMMAND__MAX; command++) {
        printf("complete -c bluehelm -n __bluehelm_is_first -a %s", command->name);
        fish_first(command->text);
    }
    for (const struct command *command = commands; command < commands + COMMAND__MAX; command++) {
        for (const struct option *option = options; option->name != NULL; option++)
            if (takes(command, option))
                fish_option(command, option);
        fish_operands(command);
    }
}

/* Templates. */

static const struct list {
    const char *name; /* as between the two '@' */
    void (*print)(void);
} lists[] = {
    { "man-synopsis", man_synopsis }, { "man-commands", man_commands },
    { "man-kinds", man_kinds },       { "man-options", man_options },
    { "man-settings", man_settings }, { "settings", conf_settings },
    { "bash", bash_branches },        { "zsh-commands", zsh_commands },
    { "zsh", zsh_branches },          { "fish", fish_lines },
};

/* Writes a line of a template, or the list that it stands for. False: there is no such list. */
static bool fill_line(const char *line)
{
    size_t len = strlen(line);

    if (len < 4 || line[0] != '@' || strcmp(line + len - 2, "@\n") != 0) {
        fputs(line, stdout);
        return true;
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (strlen(lists[i].name) == len - 3 && memcmp(lists[i].name, line + 1, len - 3) == 0) {
            lists[i].print();
            return true;
        }
    }
    fprintf(stderr, "bluehelm-manual: There is no list %s", line);
    return false;
}

int main(int argc, char *argv[])
{
    char line[LINE_SIZE];
    bool is_good = true;
    FILE *file;

    if (argc < 2) {
        fputs("Usage: bluehelm-manual TEMPLATE [NAME=VALUE]...\n", stderr);
        return 2;
    }
    given = argv + 2;
    n_given = argc - 2;
    file = fopen(argv[1], "re");
    if (file == NULL) {
        fprintf(stderr, "bluehelm-manual: %s: %s.\n", argv[1], strerror(errno));
        return 1;
    }
    while (is_good && fgets(line, sizeof(line), file) != NULL)
        is_good = fill_line(line);
    if (ferror(file) || fclose(file) != 0 || fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "bluehelm-manual: %s was not copied.\n", argv[1]);
        is_good = false;
    }
    return is_good ? 0 : 1;
}
