/* The command line, the environment and the file of settings. */

#define _GNU_SOURCE /* mkstemp, open_memstream, setenv */

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/options.h"

enum { ARGUMENTS_MAX = 12 };

/* One reading of a command line, and what came of it. */
struct reading {
    struct settings settings;
    struct error err;
    bool is_good;
    char file[32]; /* settings file; "": none */
};

static int set_up(void **state)
{
    struct reading *reading = calloc(1, sizeof(*reading));

    assert_non_null(reading);
    for (const struct option *option = options; option->name != NULL; option++) {
        char name[64];

        snprintf(name, sizeof(name), "BLUEHELM_%s", option->name);
        for (char *c = name; *c != '\0'; c++)
            *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        unsetenv(name);
    }
    *state = reading;
    return 0;
}

static int tear_down(void **state)
{
    struct reading *reading = *state;

    settings_done(&reading->settings);
    if (reading->file[0] != '\0')
        unlink(reading->file);
    free(reading);
    return 0;
}

/* Reads "bluehelm" and the arguments up to NULL. */
static const struct settings *read_arguments(struct reading *reading, const char *first, ...)
{
    char *argv[ARGUMENTS_MAX] = { (char *)(uintptr_t) "bluehelm" };
    int argc = 1;
    va_list args;

    va_start(args, first);
    for (const char *argument = first; argument != NULL; argument = va_arg(args, const char *)) {
        assert_true(argc < ARGUMENTS_MAX);
        argv[argc++] = (char *)(uintptr_t)argument;
    }
    va_end(args);
    settings_done(&reading->settings);
    reading->err = (struct error){ .code = ERR_NONE };
    reading->is_good = options_read(argc, argv, &reading->settings, &reading->err);
    return &reading->settings;
}

#define READ(...) read_arguments(*state, __VA_ARGS__, NULL)

static const struct settings *good(void **state)
{
    struct reading *reading = *state;

    if (!reading->is_good)
        fail_msg("%s", reading->err.detail);
    return &reading->settings;
}

/* The sentence of a refusal holds each of the parts. */
static void assert_refused(void **state, const char *part, const char *other)
{
    struct reading *reading = *state;

    assert_false(reading->is_good);
    assert_int_equal(reading->err.code, ERR_INPUT);
    if (strstr(reading->err.detail, part) == NULL || strstr(reading->err.detail, other) == NULL)
        fail_msg("'%s' lacks '%s' or '%s'", reading->err.detail, part, other);
}

static void assert_meant(void **state, const char *right)
{
    assert_string_equal(((struct reading *)*state)->err.did_you_mean, right);
}

/* Writes a file of settings and names it. */
static const char *config(void **state, const char *text)
{
    struct reading *reading = *state;
    FILE *file;
    int fd;

    if (reading->file[0] != '\0')
        unlink(reading->file);
    snprintf(reading->file, sizeof(reading->file), "/tmp/options-XXXXXX");
    fd = mkstemp(reading->file);
    assert_true(fd >= 0);
    file = fdopen(fd, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return reading->file;
}

/* The table. */

static void every_option_is_described_and_its_default_is_good(void **state)
{
    struct settings settings;
    struct error err = { .code = ERR_NONE };

    (void)state;
    assert_true(settings_init(&settings, &err));
    settings_done(&settings);
    for (const struct option *option = options; option->name != NULL; option++) {
        assert_true(strspn(option->name, "abcdefghijklmnopqrstuvwxyz-") == strlen(option->name));
        assert_true(strlen(option->name) < 28); /* "--" and it fit into messages whole */
        assert_non_null(option->text);
        assert_int_equal(option->text[strlen(option->text) - 1], '.');
        assert_true(option->commands != 0);
        if (option->type == OPTION_INTEGER) {
            assert_non_null(option->unit);
            assert_non_null(option->initial);
            assert_true(option->low < option->high);
        }
        assert_true((option->type == OPTION_CHOICE) == (option->choices != NULL));
        for (const struct option *other = option + 1; other->name != NULL; other++) {
            /* Two commands may mean different things by one name; one command may not. */
            if ((option->commands & other->commands) != 0) {
                assert_string_not_equal(option->name, other->name);
                assert_true(option->letter == 0 || option->letter != other->letter);
            }
            assert_true(option->offset != other->offset);
        }
    }
}

static void listen_and_dataset_come_first(void **state)
{
    (void)state;
    assert_string_equal(options[0].name, "listen");
    assert_string_equal(options[1].name, "dataset");
}

static void help_tells_name_unit_default_and_environment_of_every_option(void **state)
{
    (void)state;
    for (size_t i = 0; i < COMMAND__MAX; i++) {
        char *text = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&text, &len);

        options_help((enum command_id)i, out);
        fclose(out);
        for (const struct option *option = options; i != COMMAND_HELP && option->name != NULL;
             option++) {
            char part[64];
            unsigned commands_of = 0; /* that take an option of the name */

            for (const struct option *other = options; other->name != NULL; other++)
                commands_of |= strcmp(other->name, option->name) == 0 ? other->commands : 0;
            snprintf(part, sizeof(part), "--%s ", option->name);
            assert_int_equal(strstr(text, part) != NULL, (commands_of & 1u << i) != 0);
        }
        for (const char *line = text; line != NULL && *line != '\0';) {
            size_t width = strcspn(line, "\n");

            assert_true(width <= 100);
            assert_true(width == 0 || line[width - 1] != ' ');
            line += width + (line[width] == '\n');
        }
        if (i == COMMAND_SERVE) {
            assert_non_null(strstr(text, "[default 15; 1 to 3600 seconds; BLUEHELM_IDLE_TIMEOUT]"));
            assert_non_null(
                strstr(text, "[default info; debug, info, warning, error; BLUEHELM_LOG_LEVEL]"));
        }
        if (i == COMMAND_HELP)
            for (size_t j = 0; j < COMMAND__MAX; j++)
                assert_non_null(strstr(text, commands[j].name));
        free(text);
    }
}

/* Arguments. */

static void defaults_stand_where_nobody_speaks(void **state)
{
    const struct settings *settings;
    char text[ADDRESS_TEXT_SIZE];

    READ("serve");
    settings = good(state);
    address_format(&settings->listen, text);
    assert_string_equal(text, "127.0.0.1:8080");
    assert_string_equal(settings->dataset, "build/bluehelm.db");
    assert_int_equal(settings->workers, 0);
    assert_int_equal(settings->connections, 4096);
    assert_int_equal(settings->connections_per_address, 1024);
    assert_int_equal(settings->idle_timeout, 15);
    assert_int_equal(settings->head_timeout, 10);
    assert_int_equal(settings->query_deadline, 2000);
    assert_int_equal(settings->reply_limit, 8 << 20);
    assert_int_equal(settings->log_level, LOG_LEVEL_INFO);
}

static void a_value_stands_behind_an_equals_sign_or_as_the_next_argument(void **state)
{
    const struct settings *settings;

    READ("serve", "--workers=3", "--dataset", "a.db", "--listen=[::1]:0");
    settings = good(state);
    assert_int_equal(settings->workers, 3);
    assert_string_equal(settings->dataset, "a.db");
    assert_int_equal(settings->listen.socket.ss_family, AF_INET6);
    READ("build", "-oout.db", "text");
    settings = good(state);
    assert_string_equal(settings->output, "out.db");
    assert_string_equal(settings->operands[0], "text");
    READ("build", "-o", "out2.db");
    assert_string_equal(good(state)->output, "out2.db");
}

static void a_value_may_begin_with_a_dash_and_be_last_of_two(void **state)
{
    READ("serve", "--dataset", "-x.db", "--dataset=--y.db");
    assert_string_equal(good(state)->dataset, "--y.db");
}

static void get_takes_a_path_and_its_flags(void **state)
{
    READ("get", "/v1/", "-i");
    assert_true(good(state)->is_include);
    assert_string_equal(good(state)->operands[0], "/v1/");
    READ("get", "--head", "--", "/v1/");
    assert_true(good(state)->is_head);
    assert_false(good(state)->is_include);
}

static void help_is_asked_for_in_every_way(void **state)
{
    READ("--help");
    assert_int_equal(good(state)->command, COMMAND_HELP);
    READ("-h");
    assert_int_equal(good(state)->command, COMMAND_HELP);
    READ("serve", "--help");
    assert_true(good(state)->is_help);
    READ("check", "-h"); /* without its operand */
    assert_true(good(state)->is_help);
    READ("--version");
    assert_int_equal(good(state)->command, COMMAND_VERSION);
    READ("help", "serve");
    assert_string_equal(good(state)->operands[0], "serve");
}

static void quiet_silences_requests_but_not_failures(void **state)
{
    READ("serve", "--quiet");
    assert_int_equal(good(state)->log_level, LOG_LEVEL_WARNING);
    READ("serve", "-q", "--log-level=error");
    assert_int_equal(good(state)->log_level, LOG_LEVEL_ERROR);
}

/* Refusals. */

static void a_missing_or_unknown_command_is_refused(void **state)
{
    read_arguments(*state, NULL);
    assert_refused(state, "command", "missing");
    READ("srve");
    assert_refused(state, "'srve'", "no command");
    assert_meant(state, "serve");
    READ("--listen=:1");
    assert_refused(state, "command comes first", "serve");
}

static void an_unknown_option_is_refused_with_the_nearest(void **state)
{
    READ("serve", "--worker", "3");
    assert_refused(state, "'--worker'", "serve");
    assert_meant(state, "--workers");
    READ("serve", "--datset=x");
    assert_refused(state, "'--datset'", "no option");
    assert_meant(state, "--dataset");
    READ("serve", "-z");
    assert_refused(state, "'-z'", "no option");
}

static void an_option_of_another_command_is_told(void **state)
{
    READ("get", "/", "--workers=2");
    assert_refused(state, "`bluehelm serve`", "not of `bluehelm get`");
}

static void operands_are_counted(void **state)
{
    READ("serve", "now");
    assert_refused(state, "serve", "'now'");
    READ("check");
    assert_refused(state, "check", "FILE");
    READ("get", "/a", "/b");
    assert_refused(state, "get", "'/b'");
}

static void a_missing_value_is_told(void **state)
{
    READ("serve", "--listen");
    assert_refused(state, "--listen", "ADDRESS:PORT");
    READ("serve", "--dataset=");
    assert_refused(state, "--dataset", "file");
    READ("serve", "--quiet=yes");
    assert_refused(state, "--quiet", "no value");
    READ("get", "/", "-ix");
    assert_refused(state, "'-i'", "'-ix'");
}

static void numbers_are_whole_and_within_limits(void **state)
{
    static const char *const bad[] = { "",   "x",    "1x", "1.5",  " 1",
                                       "+1", "0x10", "-1", "3601", "99999999999999999999" };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        READ("serve", "--idle-timeout", bad[i]);
        assert_refused(state, "--idle-timeout takes a whole number of seconds from 1 to 3600",
                       bad[i]);
    }
    READ("serve", "--idle-timeout", "3600");
    assert_int_equal(good(state)->idle_timeout, 3600);
}

static void a_wrong_choice_is_told_the_right_ones(void **state)
{
    READ("serve", "--log-level=warn");
    assert_refused(state, "debug, info, warning, error", "'warn'");
    READ("serve", "--log-level=eror");
    assert_meant(state, "error");
}

static void limits_that_contradict_each_other_are_refused(void **state)
{
    READ("serve", "--connection-memory=4096", "--target-limit=4096");
    assert_refused(state, "--target-limit (4096)", "--connection-memory (4096)");
}

static void tls_takes_both_files_or_none(void **state)
{
    READ("serve");
    assert_null(good(state)->tls_certificate);
    READ("serve", "--tls-certificate", "a.pem");
    assert_refused(state, "--tls-key is missing", "a certificate and its key");
    READ("serve", "--tls-key", "a.key");
    assert_refused(state, "--tls-certificate is missing", "a certificate and its key");
    READ("serve", "--tls-certificate", "a.pem", "--tls-key", "a.key", "--hsts", "600");
    assert_string_equal(good(state)->tls_certificate, "a.pem");
    assert_string_equal(good(state)->tls_key, "a.key");
    assert_int_equal(good(state)->hsts, 600);
    READ("serve", "--hsts", "600");
    assert_refused(state, "--hsts is for TLS", "--tls-certificate");
}

/* Addresses. */

static void addresses_are_read_and_written(void **state)
{
    static const char *const same[] = { "127.0.0.1:8080", "0.0.0.0:0", "[::1]:65535",
                                        "[2001:db8::1]:80" };
    static const char *const bad[] = {
        "",
        "8080",
        ":8080",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:65536",
        "127.1:8080",
        "::1:8080",
        "[::1]",
        "[::1]8080",
        "[]:80",
        "[127.0.0.1]:80",
        "127.0.0.1:-1",
        "x:80",
        "1.2.3.4:+80",
        "[::1:80",
        "::1]:80",
        "127.0.0.1: 80",
        "1.2.3.4:000080",
    };
    struct address address;
    char text[ADDRESS_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        assert_true(address_parse(same[i], &address));
        address_format(&address, text);
        assert_string_equal(text, same[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (address_parse(bad[i], &address))
            fail_msg("'%s' was taken", bad[i]);
    assert_true(address_parse("localhost:80", &address));
    address_format(&address, text);
    assert_string_equal(text, "127.0.0.1:80");
}

/* Environment and file. */

static void flags_win_over_environment_over_file_over_default(void **state)
{
    const char *file = config(state, "workers = 2\nconnections = 20\nbacklog = 200\n");

    setenv("BLUEHELM_WORKERS", "3", 1);
    setenv("BLUEHELM_CONNECTIONS", "30", 1);
    READ("serve", "--config", file, "--workers=4");
    assert_int_equal(good(state)->workers, 4);
    assert_int_equal(good(state)->connections, 30);
    assert_int_equal(good(state)->backlog, 200);
    assert_int_equal(good(state)->idle_timeout, 15);
}

static void the_environment_names_the_file(void **state)
{
    setenv("BLUEHELM_CONFIG",
           config(state, "[serve]\nidle-timeout = 7 ; short\n# comment\nquiet = on\n"), 1);
    READ("serve");
    assert_int_equal(good(state)->idle_timeout, 7);
    assert_int_equal(good(state)->log_level, LOG_LEVEL_WARNING);
}

static void an_empty_environment_says_nothing(void **state)
{
    setenv("BLUEHELM_WORKERS", "", 1);
    READ("serve");
    assert_int_equal(good(state)->workers, 0);
}

static void a_bad_environment_is_named(void **state)
{
    setenv("BLUEHELM_HEAD_TIMEOUT", "soon", 1);
    READ("serve");
    assert_refused(state, "BLUEHELM_HEAD_TIMEOUT takes a whole number of seconds", "'soon'");
}

static void an_unknown_setting_is_named_with_file_and_line(void **state)
{
    READ("serve", "--config", config(state, "# ours\n\nworker = 2\n"));
    assert_refused(state, ((struct reading *)*state)->file, ":3: There is no setting 'worker'");
    assert_meant(state, "workers");
}

static void a_bad_setting_is_named_with_file_and_line_even_where_a_flag_wins(void **state)
{
    READ("serve", "--workers=1", "--config", config(state, "[serve]\nworkers = many\n"));
    assert_refused(state, ":2: workers takes a whole number of threads", "'many'");
}

static void files_are_read_strictly(void **state)
{
    char longer[400];

    READ("serve", "--config", config(state, "[server]\nworkers = 2\n"));
    assert_refused(state, ":2:", "[server]");
    READ("serve", "--config", config(state, "workers = 2\nnonsense\n"));
    assert_refused(state, ":2:", "neither");
    READ("serve", "--config", config(state, "config = x\n"));
    assert_refused(state, ":1:", "another");
    READ("serve", "--config", config(state, "output = x\n"));
    assert_refused(state, ":1:", "'output'");
    memset(longer, 'x', sizeof(longer));
    memcpy(longer, "dataset = ", 10);
    longer[sizeof(longer) - 1] = '\0';
    READ("serve", "--config", config(state, longer));
    assert_refused(state, ":1:", "longer than");
}

static void an_indented_setting_is_a_setting(void **state)
{
    READ("serve", "--config", config(state, "listen = 127.0.0.1:0\n  workers = 5\n"));
    assert_int_equal(good(state)->workers, 5);
}

static void a_named_file_must_exist(void **state)
{
    READ("serve", "--config", "/nonexistent/x.conf");
    assert_refused(state, "/nonexistent/x.conf", "No such file");
}

static void build_looks_at_no_settings(void **state)
{
    setenv("BLUEHELM_CONFIG", "/nonexistent/x.conf", 1);
    READ("build");
    assert_string_equal(good(state)->output, "build/bluehelm.db");
}

static void import_takes_a_kind_files_a_dataset_and_a_day(void **state)
{
    const struct settings *settings;

    READ("import", "un-fatalities", "a.csv", "b.csv", "--into", "x.db", "--known-from=2025-04-04",
         "--strict", "-n");
    settings = good(state);
    assert_string_equal(settings->operands[0], "un-fatalities");
    assert_string_equal(settings->operands[2], "b.csv");
    assert_null(settings->operands[3]);
    assert_string_equal(settings->into, "x.db");
    assert_string_equal(settings->known_from, "2025-04-04");
    assert_null(settings->report);
    assert_true(settings->is_strict && settings->is_dry_run);
}

static void import_needs_its_dataset_and_its_day(void **state)
{
    READ("import", "un-fatalities", "a.csv", "--known-from", "2025-04-04");
    assert_refused(state, "import", "--into FILE");
    READ("import", "un-fatalities", "a.csv", "--into", "x.db");
    assert_refused(state, "import", "--known-from 2025-04-04");
    READ("import", "un-fatalities", "--into", "x.db", "--known-from", "2025-04-04");
    assert_refused(state, "import", "needs KIND FILE...");
}

static void a_day_is_one_of_the_calendar(void **state)
{
    READ("import", "un-fatalities", "a.csv", "--into", "x.db", "--known-from", "2025-02-30");
    assert_refused(state, "--known-from takes a day as 2025-04-04", "'2025-02-30'");
    READ("import", "un-fatalities", "a.csv", "--into", "x.db", "--known-from", "2025-02");
    assert_refused(state, "takes a day", "'2025-02'");
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        FACT(every_option_is_described_and_its_default_is_good),
        FACT(listen_and_dataset_come_first),
        FACT(help_tells_name_unit_default_and_environment_of_every_option),
        FACT(defaults_stand_where_nobody_speaks),
        FACT(a_value_stands_behind_an_equals_sign_or_as_the_next_argument),
        FACT(a_value_may_begin_with_a_dash_and_be_last_of_two),
        FACT(get_takes_a_path_and_its_flags),
        FACT(help_is_asked_for_in_every_way),
        FACT(quiet_silences_requests_but_not_failures),
        FACT(a_missing_or_unknown_command_is_refused),
        FACT(an_unknown_option_is_refused_with_the_nearest),
        FACT(an_option_of_another_command_is_told),
        FACT(operands_are_counted),
        FACT(a_missing_value_is_told),
        FACT(numbers_are_whole_and_within_limits),
        FACT(a_wrong_choice_is_told_the_right_ones),
        FACT(limits_that_contradict_each_other_are_refused),
        FACT(tls_takes_both_files_or_none),
        FACT(addresses_are_read_and_written),
        FACT(flags_win_over_environment_over_file_over_default),
        FACT(the_environment_names_the_file),
        FACT(an_empty_environment_says_nothing),
        FACT(a_bad_environment_is_named),
        FACT(an_unknown_setting_is_named_with_file_and_line),
        FACT(a_bad_setting_is_named_with_file_and_line_even_where_a_flag_wins),
        FACT(files_are_read_strictly),
        FACT(an_indented_setting_is_a_setting),
        FACT(a_named_file_must_exist),
        FACT(build_looks_at_no_settings),
        FACT(import_takes_a_kind_files_a_dataset_and_a_day),
        FACT(import_needs_its_dataset_and_its_day),
        FACT(a_day_is_one_of_the_calendar),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
