#define _GNU_SOURCE /* strdup, strchrnul */
#include "server/options.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ini.h>

#include "server/base/cleanup.h"
#include "server/base/date.h"
#include "server/limiter.h"

const struct command commands[COMMAND__MAX] = {
    [COMMAND_SERVE] = { .name = "serve",
                        .operands = "",
                        .text = "Serves a dataset over HTTP until SIGTERM or SIGINT. SIGHUP opens "
                                "the dataset file "
                                "anew, and the certificate." },
    [COMMAND_GET] = { .name = "get",
                      .operands = "PATH",
                      .least = 1,
                      .most = 1,
                      .text = "Answers one path without a socket: prints the body that the server "
                              "would send. The exit "
                              "status is 0 for 2xx and 3xx, else 1." },
    [COMMAND_OPENAPI] = { .name = "openapi",
                          .operands = "",
                          .text = "Prints the OpenAPI document, byte for byte as the server sends "
                                  "it at /openapi.json." },
    [COMMAND_DOCS] = { .name = "docs",
                       .operands = "",
                       .text = "Prints the page of documentation, byte for byte as the server "
                               "sends it at /docs." },
    [COMMAND_BUILD] = { .name = "build",
                        .operands = "[TEXT_DIR]",
                        .most = 1,
                        .text = "Makes a dataset file from text files (default: db/dataset). "
                                "Faults go to standard "
                                "error, one a line." },
    [COMMAND_CHECK] = { .name = "check",
                        .operands = "FILE",
                        .least = 1,
                        .most = 1,
                        .text = "Checks a dataset file from end to end. Faults go to standard "
                                "error, one a line." },
    [COMMAND_IMPORT] = { .name = "import",
                         .operands = "KIND FILE...",
                         .least = 2,
                         .most = OPERANDS_MAX,
                         .text = "Takes published files, CSV or JSON, into a dataset as one state "
                                 "of their set: the old dataset is replaced whole or not at all, "
                                 "and every state stays answerable." },
    [COMMAND_EXPORT] = { .name = "export",
                         .operands = "[NAME...]",
                         .most = OPERANDS_MAX,
                         .text = "Writes what stands at /v1/export/ to files: all of it, or the "
                                 "ones that are named, as in `bluehelm export missions.csv "
                                 "datapackage.json`." },
    [COMMAND_VERSION] = { .name = "version",
                          .operands = "",
                          .text = "Prints the version of the program and of the libraries it runs "
                                  "with." },
    [COMMAND_HELP] = { .name = "help",
                       .operands = "[COMMAND]",
                       .most = 1,
                       .text = "Prints the help of the program or of one command." },
};

/* In the order of enum sandbox_mode. */
static const char *const sandbox_modes[] = { "off", "on", "required", NULL };

static const char *const verify_choices[] = { "quick", "full", "off", NULL };
static const char *const log_levels[] = { "debug", "info", "warning", "error", NULL };

enum {
    SERVE = 1u << COMMAND_SERVE,
    GET = 1u << COMMAND_GET,
    PRINT = 1u << COMMAND_OPENAPI | 1u << COMMAND_DOCS,
    BUILD = 1u << COMMAND_BUILD,
    IMPORT = 1u << COMMAND_IMPORT,
    EXPORT = 1u << COMMAND_EXPORT,
};

#define MEMBER(name) .offset = offsetof(struct settings, name)

const struct option options[] = {
    { .name = "listen",
      .type = OPTION_ADDRESS,
      .commands = SERVE,
      MEMBER(listen),
      .initial = "127.0.0.1:8080",
      .text =
          "Where to listen; IPv6 as [::1]:8080; port 0 takes a free one, which the log tells." },
    { .name = "dataset",
      .type = OPTION_FILE,
      .commands = SERVE | GET | PRINT | EXPORT,
      MEMBER(dataset),
      .initial = "build/bluehelm.db",
      .text = "Dataset file to answer from." },
    { .name = "verify",
      .type = OPTION_CHOICE,
      .commands = SERVE | GET | PRINT | EXPORT,
      MEMBER(verify),
      .initial = "quick",
      .choices = verify_choices,
      .text = "How the dataset file is proved to be what was written: quick, each page when it is "
              "read first, all of them after the start, and all before SIGHUP swaps; full, all "
              "before the first answer as well; off, its header and schema alone, for files that "
              "other programs wrote." },
    { .name = "public-url",
      .type = OPTION_URL,
      .commands = SERVE | GET,
      MEMBER(public_url),
      .text = "Where clients find the service, for the links of OData, which have to be absolute "
              "(default: the address of --listen). The Host of a request is never believed." },
    { .name = "config",
      .type = OPTION_FILE,
      .commands = SERVE | GET | PRINT | EXPORT,
      MEMBER(config),
      .text = "File of settings, `name = value` a line (default: " CONFIG_FILE " if it exists)." },
    { .name = "tls-certificate",
      .type = OPTION_FILE,
      .commands = SERVE,
      MEMBER(tls_certificate),
      .text =
          "Certificate as PEM text, the chain behind it: HTTPS alone is spoken then, by TLS 1.3 "
          "and 1.2 (default: none; plain HTTP). Needs --tls-key. SIGHUP reads both anew." },
    { .name = "tls-key",
      .type = OPTION_FILE,
      .commands = SERVE,
      MEMBER(tls_key),
      .text = "Private key of --tls-certificate as PEM text, without a passphrase." },
    { .name = "hsts",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(hsts),
      .initial = "0",
      .low = 0,
      .high = 126144000,
      .unit = "seconds",
      .text = "With TLS: browsers are to ask this host by HTTPS alone for so long "
              "(Strict-Transport-Security); 0: that is not said. It binds every port of the host, "
              "and cannot be taken back, so it is for the operator to ask for." },
    { .name = "workers",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(workers),
      .initial = "0",
      .low = 0,
      .high = 256,
      .unit = "threads",
      .text = "Threads that answer requests; 0: one for each core." },
    { .name = "connections",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(connections),
      .initial = "4096",
      .low = 1,
      .high = 1000000,
      .unit = "connections",
      .text = "Most connections at a time; further ones are answered 503 and closed, but for a few "
              "that may ask /healthz and /readyz." },
    { .name = "connections-per-address",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(connections_per_address),
      .initial = "1024",
      .low = 1,
      .high = 1000000,
      .unit = "connections",
      .text = "Most connections at a time of one IPv4 address or one IPv6 /64." },
    { .name = "request-rate",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(request_rate),
      .initial = "0",
      .low = 0,
      .high = LIMITER_RATE_MOST,
      .unit = "requests a second",
      .text =
          "Requests of one IPv4 address or one IPv6 /64; further ones are answered 429. 304 and "
          "errors do not count. 0: no limit, since behind a proxy that --trusted-proxies does "
          "not name all clients have one address." },
    { .name = "request-burst",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(request_burst),
      .initial = "100",
      .low = 1,
      .high = LIMITER_BURST_MOST,
      .unit = "requests",
      .text = "What --request-rate lets through at once after a time without requests: enough for "
              "a page of charts." },
    { .name = "trusted-proxies",
      .type = OPTION_NETWORKS,
      .commands = SERVE,
      MEMBER(trusted_proxies),
      .text = "Proxies whose Forwarded and X-Forwarded-For tell whose a request is, as in "
              "127.0.0.1, 10.0.0.0/8 (default: none is believed). They have no limit of "
              "connections of their own." },
    { .name = "streams",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(streams),
      .initial = "128",
      .low = 0,
      .high = 1000000,
      .unit = "replies",
      .text = "Most replies at a time that are sent piece by piece (lists and exports over 256 KB, "
              "the dataset file), half of them to one address; further ones are answered 503. "
              "Each takes up to 2 MB and keeps the dataset file that it began with. 0: no limit." },
    { .name = "connection-memory",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(connection_memory),
      .initial = "4096",
      .low = 4096,
      .high = 1048576,
      .unit = "bytes",
      .text = "Memory of a connection for the heads of request and reply. Of a request, it holds "
              "the target and the few headers that an answer depends on." },
    { .name = "target-limit",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(target_limit),
      .initial = "2048",
      .low = 256,
      .high = 65536,
      .unit = "bytes",
      .text = "Longest path and query of a request; at most half of --connection-memory." },
    { .name = "parameter-limit",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(parameter_limit),
      .initial = "256",
      .low = 1,
      .high = 10000,
      .unit = "parameters",
      .text = "Most parameters of a request: each may become a condition of the query." },
    { .name = "header-limit",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(header_limit),
      .initial = "64",
      .low = 8,
      .high = 10000,
      .unit = "headers",
      .text = "Most header fields of a request." },
    { .name = "head-limit",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(head_limit),
      .initial = "16384",
      .low = 1024,
      .high = 65536,
      .unit = "bytes",
      .text = "Largest head of a request: its line and all its headers, cookies too." },
    { .name = "idle-timeout",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(idle_timeout),
      .initial = "15",
      .low = 1,
      .high = 3600,
      .unit = "seconds",
      .text = "A connection on which nothing moves for so long is closed." },
    { .name = "head-timeout",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(head_timeout),
      .initial = "10",
      .low = 1,
      .high = 3600,
      .unit = "seconds",
      .text = "A request head must have come in whole within this time." },
    { .name = "send-timeout",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(send_timeout),
      .initial = "300",
      .low = 1,
      .high = 86400,
      .unit = "seconds",
      .text = "A client must have taken its whole reply within this time." },
    { .name = "drain-timeout",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(drain_timeout),
      .initial = "10",
      .low = 0,
      .high = 3600,
      .unit = "seconds",
      .text = "After SIGTERM requests under way have this long to finish." },
    { .name = "backlog",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(backlog),
      .initial = "1024",
      .low = 1,
      .high = 65535,
      .unit = "connections",
      .text = "Connections that the kernel holds until a worker takes them." },
    { .name = "query-deadline",
      .type = OPTION_INTEGER,
      .commands = SERVE | GET | PRINT,
      MEMBER(query_deadline),
      .initial = "2000",
      .low = 0,
      .high = 600000,
      .unit = "milliseconds",
      .text = "A query that runs longer is answered 503; 0: no limit." },
    { .name = "overload-delay",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(overload_delay),
      .initial = "1000",
      .low = 0,
      .high = 600000,
      .unit = "milliseconds",
      .text =
          "A request that has waited longer for those before it is answered 503 at once, unless "
          "its answer is at hand: whoever waited so long has mostly given up; 0: no limit." },
    { .name = "query-memory",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(query_memory),
      .initial = "67108864",
      .low = 0,
      .high = 1LL << 40,
      .unit = "bytes",
      .text = "A query that wants more memory than this, to sort or to group, is answered 503, so "
              "that a few of them do not take the machine's; 0: no limit." },
    { .name = "reply-limit",
      .type = OPTION_INTEGER,
      .commands = SERVE | GET | PRINT | EXPORT,
      MEMBER(reply_limit),
      .initial = "8388608",
      .low = 65536,
      .high = 1073741824,
      .unit = "bytes",
      .text = "Largest body of a reply." },
    { .name = "cache-size",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(cache_size),
      .initial = "67108864",
      .low = 0,
      .high = 68719476736,
      .unit = "bytes",
      .text = "Memory for ready replies, shared out among the workers; 0: none are kept." },
    { .name = "sandbox",
      .type = OPTION_CHOICE,
      .commands = SERVE,
      MEMBER(sandbox),
      .initial = "on",
      .choices = sandbox_modes,
      .text =
          "Whether the process gives up all that serving does not need, by Landlock and seccomp: "
          "`on` goes without what the kernel has not, `required` does not start then. Off is "
          "for debuggers and profilers." },
    { .name = "log-level",
      .type = OPTION_CHOICE,
      .commands = SERVE | GET | PRINT | EXPORT,
      MEMBER(log_level),
      .initial = "info",
      .choices = log_levels,
      .text = "Least level that is logged; requests are `info`, those that we failed `error`." },
    { .name = "log-rate",
      .type = OPTION_INTEGER,
      .commands = SERVE,
      MEMBER(log_rate),
      .initial = "1000",
      .low = 0,
      .high = 1000000,
      .unit = "lines a second",
      .text = "Lines about requests, and as many about those that we failed; ten times as many may "
              "come at once, and what is left out is counted, so that a flood of requests does not "
              "fill the disk; 0: no limit." },
    { .name = "quiet",
      .letter = 'q',
      .type = OPTION_FLAG,
      .commands = SERVE | GET | PRINT,
      MEMBER(is_quiet),
      .text = "Logs warnings and errors only." },
    { .name = "include",
      .letter = 'i',
      .type = OPTION_FLAG,
      .commands = GET,
      .is_flag_only = true,
      MEMBER(is_include),
      .text = "Prints status line and headers before the body." },
    { .name = "head",
      .letter = 'I',
      .type = OPTION_FLAG,
      .commands = GET,
      .is_flag_only = true,
      MEMBER(is_head),
      .text = "Asks by HEAD, and prints status line and headers alone." },
    { .name = "output",
      .letter = 'o',
      .type = OPTION_FILE,
      .commands = BUILD,
      .is_flag_only = true,
      MEMBER(output),
      .initial = "build/bluehelm.db",
      .text = "Dataset file to make; it is replaced whole or not at all." },
    { .name = "output",
      .letter = 'o',
      .type = OPTION_FILE,
      .commands = EXPORT,
      .is_flag_only = true,
      MEMBER(directory),
      .initial = ".",
      .text = "Directory for the files; it is made where there is none. Each file is replaced "
              "whole or not at all." },
    { .name = "into",
      .type = OPTION_FILE,
      .commands = IMPORT,
      .is_flag_only = true,
      MEMBER(into),
      .text = "Dataset file to import into; one that is not there begins empty. Needed." },
    { .name = "known-from",
      .type = OPTION_DAY,
      .commands = IMPORT,
      .is_flag_only = true,
      MEMBER(known_from),
      .text = "Day of the state that the files hold. Needed." },
    { .name = "report",
      .type = OPTION_FILE,
      .commands = IMPORT,
      .is_flag_only = true,
      MEMBER(report),
      .text = "File for the rows that are rejected, and why (default: DATASET-import-report.csv); "
              "without such a row it is not written." },
    { .name = "strict",
      .type = OPTION_FLAG,
      .commands = IMPORT,
      .is_flag_only = true,
      MEMBER(is_strict),
      .text = "Takes a rejected row for a failure: nothing is imported." },
    { .name = "dry-run",
      .letter = 'n',
      .type = OPTION_FLAG,
      .commands = IMPORT,
      .is_flag_only = true,
      MEMBER(is_dry_run),
      .text = "Does everything but the last step: the dataset stays as it is." },
    { 0 },
};

enum {
    OPTIONS_MAX = sizeof(options) / sizeof(options[0]),
    ORIGIN_SIZE =
        320, /* most bytes of "file:line: name" and its NUL; a longer path is cut in the message */
    HELP_COLUMN = 36, /* where the sentences of --help begin */
};

void option_env(const struct option *option, char ret[static OPTION_ENV_SIZE])
{
    size_t len = (size_t)snprintf(ret, OPTION_ENV_SIZE, "BLUEHELM_%s", option->name);

    for (size_t i = 0; i < len && ret[i] != '\0'; i++)
        ret[i] = ret[i] == '-' ? '_' : (char)toupper((unsigned char)ret[i]);
}

const char *option_value(const struct option *option)
{
    static const char *const values[] = {
        [OPTION_FLAG] = "",
        [OPTION_FILE] = "FILE",
        [OPTION_INTEGER] = "N",
        [OPTION_CHOICE] = "CHOICE",
        [OPTION_ADDRESS] = "ADDRESS:PORT",
        [OPTION_DAY] = "DAY",
        [OPTION_URL] = "URL",
        [OPTION_NETWORKS] = "LIST",
    };

    return values[option->type];
}

static bool takes(enum command_id command, const struct option *option)
{
    return (option->commands & 1u << command) != 0;
}

bool address_parse(const char *text, struct address *ret)
{
    const char *colon = strrchr(text, ':');
    struct address address = { .len = 0 };
    char host[INET6_ADDRSTRLEN + 2]; /* with its brackets */
    size_t len;
    unsigned long port = 0;

    if (colon == NULL || colon[1] == '\0' || strlen(colon + 1) > 5)
        return false;
    for (const char *digit = colon + 1; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9')
            return false;
        port = port * 10 + (unsigned long)(*digit - '0');
    }
    len = (size_t)(colon - text);
    if (port > UINT16_MAX || len >= sizeof(host))
        return false;
    memcpy(host, text, len);
    host[len] = '\0';

    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address.socket;

        host[len - 1] = '\0';
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        address.len = sizeof(*v6);
        if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) != 1)
            return false;
    } else {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&address.socket;

        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        address.len = sizeof(*v4);
        if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &v4->sin_addr)
            != 1)
            return false;
    }
    *ret = address;
    return true;
}

void address_format(const struct address *address, char ret[static ADDRESS_TEXT_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (address->socket.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->socket;

        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
        snprintf(ret, ADDRESS_TEXT_SIZE, "[%s]:%u", host, ntohs(v6->sin6_port));
    } else {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->socket;

        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
        snprintf(ret, ADDRESS_TEXT_SIZE, "%s:%u", host, ntohs(v4->sin_port));
    }
}

static bool read_flag(const char *value, bool *ret)
{
    static const char *const yes[] = { "yes", "true", "on", "1", NULL };
    static const char *const no[] = { "no", "false", "off", "0", NULL };

    for (size_t i = 0; yes[i] != NULL; i++) {
        if (strcasecmp(value, yes[i]) == 0 || strcasecmp(value, no[i]) == 0) {
            *ret = strcasecmp(value, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

static bool read_integer(const struct option *option, const char *value, int64_t *ret)
{
    char *end = NULL;
    long long number;

    if (value[0] != '-' && (value[0] < '0' || value[0] > '9'))
        return false; /* strtoll would take white space and a plus */
    errno = 0;
    number = strtoll(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || number < option->low || number > option->high)
        return false;
    *ret = number;
    return true;
}

static bool refuse_choice(const struct option *option, const char *value, const char *origin,
                          struct error *err)
{
    char right[128] = "";

    for (size_t i = 0; option->choices[i] != NULL; i++) {
        size_t len = strlen(right);

        snprintf(right + len, sizeof(right) - len, "%s%s", i == 0 ? "" : ", ", option->choices[i]);
    }
    error_set(err, ERR_INPUT, NULL, "%s takes one of %s, not '%.80s'.", origin, right, value);
    for (size_t i = 0; option->choices[i] != NULL; i++)
        error_allow(err, value, option->choices[i]);
    return false;
}

/* "https://figures.example:8443": a scheme and a host, nothing that could end a link early. */
static bool is_origin(const char *value)
{
    static const char safe[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:[]";
    const char *host = strncmp(value, "https://", 8) == 0  ? value + 8
                       : strncmp(value, "http://", 7) == 0 ? value + 7
                                                           : "";
    size_t len = strlen(host);

    return len > 0 && len < 200 && strspn(host, safe) == len;
}

static bool set_text(char **member, const char *value, const char *origin, struct error *err)
{
    char *copy = strdup(value);

    if (copy == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "No memory for %s.", origin);
    free(*member);
    *member = copy;
    return true;
}

static bool set_networks(struct networks *member, const char *value, const char *origin,
                         struct error *err)
{
    const char *culprit = "";
    size_t len = 0;

    if (networks_parse(value, member, &culprit, &len))
        return true;
    if (len == 0)
        return error_set(err, ERR_INPUT, NULL, "%s takes at most %d addresses.", origin,
                         NETWORKS_MOST);
    return error_set(err, ERR_INPUT, NULL,
                     "%s takes addresses and blocks of them, such as 127.0.0.1, 10.0.0.0/8, not "
                     "'%.*s'.",
                     origin, (int)(len < 80 ? len : 80), culprit);
}

/* Gives an option its value; origin says in messages where the value was found: "--workers",
 * "x.conf:3: workers". */
static bool option_set(const struct option *option, const char *value, const char *origin,
                       struct settings *settings, struct error *err)
{
    void *member = (char *)settings + option->offset;

    switch (option->type) {
    case OPTION_FLAG:
        if (read_flag(value, member))
            return true;
        return error_set(err, ERR_INPUT, NULL, "%s takes yes or no, not '%.80s'.", origin, value);
    case OPTION_INTEGER:
        if (read_integer(option, value, member))
            return true;
        return error_set(err, ERR_INPUT, NULL,
                         "%s takes a whole number of %s from %" PRId64 " to %" PRId64
                         ", not '%.80s'.",
                         origin, option->unit, option->low, option->high, value);
    case OPTION_CHOICE:
        for (size_t i = 0; option->choices[i] != NULL; i++) {
            if (strcmp(value, option->choices[i]) == 0) {
                *(int64_t *)member = (int64_t)i;
                return true;
            }
        }
        return refuse_choice(option, value, origin, err);
    case OPTION_ADDRESS:
        if (address_parse(value, member))
            return true;
        return error_set(
            err, ERR_INPUT, NULL,
            "%s takes ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080, not '%.80s'.", origin,
            value);
    case OPTION_FILE:
        if (value[0] == '\0')
            return error_set(err, ERR_INPUT, NULL,
                             "%s takes the name of a file, not an empty text.", origin);
        return set_text(member, value, origin, err);
    case OPTION_URL:
        if (!is_origin(value))
            return error_set(err, ERR_INPUT, NULL,
                             "%s takes a scheme and a host, such as https://figures.example, not "
                             "'%.80s'.",
                             origin, value);
        return set_text(member, value, origin, err);
    case OPTION_NETWORKS:
        return set_networks(member, value, origin, err);
    case OPTION_DAY:
        if (!date_is_day(value))
            return error_set(err, ERR_INPUT, NULL, "%s takes a day as 2025-04-04, not '%.80s'.",
                             origin, value);
        return set_text(member, value, origin, err);
    }
    return false;
}

bool settings_init(struct settings *ret, struct error *err)
{
    *ret = (struct settings){ .command = COMMAND_HELP };
    for (const struct option *option = options; option->name != NULL; option++)
        if (option->initial != NULL && !option_set(option, option->initial, option->name, ret, err))
            return false;
    return true;
}

void settings_done(struct settings *settings)
{
    if (settings == NULL)
        return;
    for (const struct option *option = options; option->name != NULL; option++) {
        if (option->type == OPTION_FILE || option->type == OPTION_DAY
            || option->type == OPTION_URL) {
            char **member = (char **)(void *)((char *)settings + option->offset);

            free(*member);
            *member = NULL;
        }
    }
}

/* The file. inih tells no line numbers to its handler, so we count what our reader hands over. */

struct config {
    const char *name; /* file, for messages */
    FILE *file;
    int line;       /* of what the handler sees; from 1 */
    bool is_broken; /* a line was too long: reading has stopped */
    struct settings *settings;
    struct error *err;
};

static char *config_line(char *str, int num, void *stream)
{
    struct config *config = stream;
    size_t len;
    size_t n_blank;

    if (config->is_broken || config->err->code != ERR_NONE || fgets(str, num, config->file) == NULL)
        return NULL;
    config->line++;
    len = strlen(str);
    if (len + 1 == (size_t)num && str[len - 1] != '\n') {
        config->is_broken = true;
        error_set(config->err, ERR_INPUT, NULL, "%.200s:%d: The line is longer than %d bytes.",
                  config->name, config->line, num - 2);
        return NULL;
    }
    /* inih takes an indented line for more of the value above it; nobody means that here. */
    n_blank = strspn(str, " \t");
    memmove(str, str + n_blank, len - n_blank + 1);
    return str;
}

static int config_value(void *user, const char *section, const char *name, const char *value)
{
    struct config *config = user;
    char origin[ORIGIN_SIZE];

    if (section[0] != '\0' && strcmp(section, "serve") != 0)
        return error_set(config->err, ERR_INPUT, NULL,
                         "%.200s:%d: Settings stand in no section or in [serve], not in "
                         "[%.80s].",
                         config->name, config->line, section);
    for (const struct option *option = options; option->name != NULL; option++) {
        if (strcmp(name, option->name) != 0 || option->is_flag_only)
            continue;
        if (option->offset == offsetof(struct settings, config))
            return error_set(config->err, ERR_INPUT, NULL,
                             "%.200s:%d: A file of settings cannot name another one.", config->name,
                             config->line);
        snprintf(origin, sizeof(origin), "%.200s:%d: %s", config->name, config->line, name);
        return option_set(option, value, origin, config->settings, config->err);
    }
    error_set(config->err, ERR_INPUT, NULL, "%.200s:%d: There is no setting '%.80s'.", config->name,
              config->line, name);
    for (const struct option *option = options; option->name != NULL; option++)
        if (!option->is_flag_only)
            error_allow(config->err, name, option->name);
    return 0;
}

static bool config_read(const char *name, bool is_optional, struct settings *settings,
                        struct error *err)
{
    struct config config = {
        .name = name, .file = fopen(name, "re"), .settings = settings, .err = err
    };
    int line;

    if (config.file == NULL) {
        if (is_optional && errno == ENOENT)
            return true;
        return error_set(err, ERR_INPUT, NULL, "%.300s: The settings cannot be read: %s.", name,
                         strerror(errno));
    }
    line = ini_parse_stream(config_line, &config, config_value, &config);
    if (line > 0)
        error_set(err, ERR_INPUT, NULL,
                  "%.300s:%d: This is neither `name = value` nor a section nor a comment.", name,
                  line);
    else if (line < 0 || ferror(config.file))
        error_set(err, ERR_INPUT, NULL, "%.300s: The settings cannot be read.", name);
    fclose(config.file);
    return err->code == ERR_NONE;
}

/* The command line itself: which value was given for which option. */

struct line {
    int argc;
    char *const *argv;
    int next; /* argument to look at */
    const char
        *given[OPTIONS_MAX]; /* value of each option, in the order of the table; NULL: not given */
    char origin[OPTIONS_MAX][32]; /* as it was typed, for messages */
};

static bool refuse_option(const char *typed, size_t len, enum command_id command, struct error *err)
{
    char name[80];

    snprintf(name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : sizeof(name) - 1), typed);
    for (const struct option *option = options; option->name != NULL; option++)
        if (name[0] == '-' && name[1] == '-' && strcmp(name + 2, option->name) == 0)
            for (size_t i = 0; i < COMMAND__MAX; i++)
                if (takes((enum command_id)i, option))
                    return error_set(err, ERR_INPUT, NULL,
                                     "'%s' is an option of `bluehelm %s`, not of `bluehelm %s`.",
                                     name, commands[i].name, commands[command].name);
    error_set(err, ERR_INPUT, NULL, "`bluehelm %s` has no option '%s'.", commands[command].name,
              name);
    for (const struct option *option = options; option->name != NULL; option++) {
        char right[48];

        snprintf(right, sizeof(right), "--%s", option->name);
        if (takes(command, option))
            error_allow(err, name, right);
    }
    error_allow(err, name, "--help");
    return false;
}

/* Finds --name or -x; *ret_len is the length of what names the option, without `=value`. */
static const struct option *find_option(const char *typed, enum command_id command, size_t *ret_len)
{
    bool is_long = typed[1] == '-';

    *ret_len = is_long ? (size_t)(strchrnul(typed, '=') - typed) : 2;
    for (const struct option *option = options; option->name != NULL; option++) {
        if (!takes(command, option))
            continue;
        if (is_long ? strlen(option->name) == *ret_len - 2
                          && memcmp(option->name, typed + 2, *ret_len - 2) == 0
                    : option->letter != 0 && option->letter == typed[1])
            return option;
    }
    return NULL;
}

/* Takes one option, and the argument after it where that is its value. */
static bool take_option(struct line *line, enum command_id command, struct error *err)
{
    const char *typed = line->argv[line->next++];
    size_t len;
    const struct option *option = find_option(typed, command, &len);
    const char *value = NULL;
    size_t index;

    if (option == NULL)
        return refuse_option(typed, len, command, err);
    index = (size_t)(option - options);
    snprintf(line->origin[index], sizeof(line->origin[index]), "%.*s", (int)len, typed);
    if (typed[len] == '=')
        value = typed + len + 1;
    else if (typed[len] != '\0' && option->type != OPTION_FLAG)
        value = typed + len; /* -oFILE */
    else if (typed[len] != '\0')
        return error_set(err, ERR_INPUT, NULL,
                         "Options of one letter stand alone: '-%c', not '%.80s'.", option->letter,
                         typed);

    if (option->type == OPTION_FLAG) {
        if (value != NULL)
            return error_set(err, ERR_INPUT, NULL, "%s takes no value.", line->origin[index]);
        value = "yes";
    } else if (value == NULL) {
        if (line->next >= line->argc)
            return error_set(err, ERR_INPUT, NULL, "%s needs a value: %s %s.", line->origin[index],
                             line->origin[index], option_value(option));
        value = line->argv[line->next++];
    }
    line->given[index] = value;
    return true;
}

static bool is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

static bool find_command(const char *typed, enum command_id *ret, struct error *err)
{
    if (is_help(typed)) {
        *ret = COMMAND_HELP;
        return true;
    }
    if (strcmp(typed, "--version") == 0) {
        *ret = COMMAND_VERSION;
        return true;
    }
    for (size_t i = 0; i < COMMAND__MAX; i++) {
        if (strcmp(typed, commands[i].name) == 0) {
            *ret = (enum command_id)i;
            return true;
        }
    }
    if (typed[0] == '-')
        error_set(err, ERR_INPUT, NULL, "The command comes first: `bluehelm serve %.80s`.", typed);
    else
        error_set(err, ERR_INPUT, NULL, "There is no command '%.80s'.", typed);
    for (size_t i = 0; i < COMMAND__MAX; i++)
        error_allow(err, typed, commands[i].name);
    return false;
}

static bool count_operands(const struct settings *settings, size_t n, struct error *err)
{
    const struct command *command = &commands[settings->command];

    if (settings->is_help || n >= command->least)
        return true;
    return error_set(err, ERR_INPUT, NULL, "`bluehelm %s` needs %s.", command->name,
                     command->operands);
}

static bool read_line(struct line *line, struct settings *settings, struct error *err)
{
    const struct command *command;
    bool is_operand_only = false; /* after "--" */
    size_t n_operands = 0;

    if (line->argc < 2)
        return error_set(err, ERR_INPUT, NULL,
                         "A command is missing: `bluehelm serve`, for example.");
    if (!find_command(line->argv[1], &settings->command, err))
        return false;
    command = &commands[settings->command];
    for (line->next = 2; line->next < line->argc;) {
        const char *argument = line->argv[line->next];

        if (!is_operand_only && strcmp(argument, "--") == 0) {
            is_operand_only = true;
            line->next++;
        } else if (!is_operand_only && is_help(argument)) {
            settings->is_help = true;
            line->next++;
        } else if (!is_operand_only && argument[0] == '-' && argument[1] != '\0') {
            if (!take_option(line, settings->command, err))
                return false;
        } else if (n_operands < command->most) {
            settings->operands[n_operands++] = argument;
            line->next++;
        } else {
            return error_set(err, ERR_INPUT, NULL, "`bluehelm %s` has no use for '%.80s'.",
                             command->name, argument);
        }
    }
    return count_operands(settings, n_operands, err);
}

static bool read_environment(struct settings *settings, struct error *err)
{
    for (const struct option *option = options; option->name != NULL; option++) {
        char name[OPTION_ENV_SIZE];
        const char *value;

        if (option->is_flag_only || !takes(settings->command, option))
            continue;
        option_env(option, name);
        value = getenv(name); /* NOLINT(concurrency-mt-unsafe): there are no threads yet */
        if (value != NULL && value[0] != '\0' && !option_set(option, value, name, settings, err))
            return false;
    }
    return true;
}

/* Reads the file that flag or environment name, else the usual one if it exists. */
static bool read_config(const struct line *line, struct settings *settings, struct error *err)
{
    for (const struct option *option = options; option->name != NULL; option++) {
        const char *name = line->given[option - options];
        char env[OPTION_ENV_SIZE];

        if (option->offset != offsetof(struct settings, config)
            || !takes(settings->command, option))
            continue;
        option_env(option, env);
        if (name == NULL)
            name = getenv(env); /* NOLINT(concurrency-mt-unsafe): there are no threads yet */
        if (name == NULL || name[0] == '\0')
            return config_read(CONFIG_FILE, true, settings, err);
        return config_read(name, false, settings, err);
    }
    return true;
}

/* Conditions on more than one option. */
static bool check_settings(const struct settings *settings, struct error *err)
{
    if (settings->command == COMMAND_IMPORT && settings->into == NULL)
        return error_set(err, ERR_INPUT, NULL, "`bluehelm import` needs the dataset: --into FILE.");
    if (settings->command == COMMAND_IMPORT && settings->known_from == NULL)
        return error_set(err, ERR_INPUT, NULL,
                         "`bluehelm import` needs the day of the state: --known-from 2025-04-04.");
    if (settings->command != COMMAND_SERVE)
        return true;
    if (settings->target_limit > settings->connection_memory / 2)
        return error_set(err, ERR_INPUT, NULL,
                         "--target-limit (%" PRId64
                         ") may be at most half of --connection-memory (%" PRId64 ").",
                         settings->target_limit, settings->connection_memory);
    if ((settings->tls_certificate == NULL) != (settings->tls_key == NULL))
        return error_set(err, ERR_INPUT, NULL,
                         "%s is missing: TLS needs a certificate and its key.",
                         settings->tls_key == NULL ? "--tls-key" : "--tls-certificate");
    if (settings->hsts > 0 && settings->tls_key == NULL)
        return error_set(err, ERR_INPUT, NULL,
                         "--hsts is for TLS of our own (--tls-certificate, --tls-key); behind a "
                         "proxy it is the proxy that says so.");
    return true;
}

bool options_read(int argc, char *const argv[], struct settings *ret, struct error *err)
{
    struct line line = { .argc = argc, .argv = argv };

    if (!settings_init(ret, err) || !read_line(&line, ret, err))
        return false;
    if (ret->is_help)
        return true;
    if (!read_config(&line, ret, err) || !read_environment(ret, err))
        return false;
    for (size_t i = 0; i < OPTIONS_MAX; i++)
        if (line.given[i] != NULL
            && !option_set(&options[i], line.given[i], line.origin[i], ret, err))
            return false;
    if (ret->is_quiet && ret->log_level < LOG_LEVEL_WARNING)
        ret->log_level = LOG_LEVEL_WARNING;
    return check_settings(ret, err);
}

/* Help. */

/* Prints text from where the cursor stands, broken at spaces, the further lines indented. */
static void print_wrapped(FILE *out, const char *text, size_t column, size_t indent)
{
    enum { WIDTH = 100 /* as our sources */ };

    while (*text != '\0') {
        size_t len = strcspn(text, " ");

        if (column > indent && column + 1 + len > WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", (int)len, text);
        column += len;
        text += len;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

/* The bracket behind the sentence: default, limits, choices, environment. */
static void print_facts(const struct option *option, FILE *out)
{
    char text[256];
    char env[OPTION_ENV_SIZE];
    size_t len = 0;

    if (option->initial == NULL && option->is_flag_only)
        return;
    text[len] = '\0';
    if (option->initial != NULL)
        len += (size_t)snprintf(text, sizeof(text), "; default %s", option->initial);
    if (option->type == OPTION_INTEGER)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "; %" PRId64 " to %" PRId64 " %s",
                                option->low, option->high, option->unit);
    for (size_t i = 0; option->type == OPTION_CHOICE && option->choices[i] != NULL; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s", i == 0 ? ";" : ",",
                                option->choices[i]);
    if (!option->is_flag_only) {
        option_env(option, env);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "; %s", env);
    }
    snprintf(text + len, sizeof(text) - len, "]");
    text[1] = '['; /* in place of the first separator */
    fprintf(out, "%*s", HELP_COLUMN, "");
    print_wrapped(out, text + 1, HELP_COLUMN, HELP_COLUMN);
}

static void print_option(const struct option *option, FILE *out)
{
    int len;

    if (option->letter != 0)
        len = fprintf(out, "  -%c, --%s %s", option->letter, option->name, option_value(option));
    else
        len = fprintf(out, "      --%s %s", option->name, option_value(option));
    fprintf(out, "%*s", len < HELP_COLUMN ? HELP_COLUMN - len : 1, "");
    print_wrapped(out, option->text, HELP_COLUMN, HELP_COLUMN);
    print_facts(option, out);
}

static void print_program(FILE *out)
{
    fputs("Usage: bluehelm COMMAND [OPTION]... [OPERAND]\n\n"
          "Serves datasets of checked facts over HTTP.\n\n"
          "Commands:\n",
          out);
    for (size_t i = 0; i < COMMAND__MAX; i++) {
        fprintf(out, "  %-10s", commands[i].name);
        print_wrapped(out, commands[i].text, 12, 12);
    }
    fputs("\n`bluehelm COMMAND --help` tells the options of a command.\n", out);
}

void options_help(enum command_id command, FILE *out)
{
    bool has_options = false;

    if (command == COMMAND_HELP) {
        print_program(out);
        return;
    }
    for (const struct option *option = options; option->name != NULL; option++)
        has_options = has_options || takes(command, option);
    fprintf(out, "Usage: bluehelm %s%s%s%s\n\n", commands[command].name,
            has_options ? " [OPTION]..." : "", commands[command].operands[0] != '\0' ? " " : "",
            commands[command].operands);
    print_wrapped(out, commands[command].text, 0, 0);
    fputs("\nOptions:\n", out);
    for (const struct option *option = options; option->name != NULL; option++)
        if (takes(command, option))
            print_option(option, out);
    fprintf(out, "  -h, --help%*sPrints this.\n", HELP_COLUMN - 12, "");
    if (takes(command, &options[0]))
        print_wrapped(out,
                      "\nA setting comes from the command line, else from the environment, else "
                      "from the file of "
                      "--config (by the same name, without the dashes), else from the default.",
                      0, 0);
}
