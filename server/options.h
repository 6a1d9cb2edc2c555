#pragma once

/* The command line: one table of commands, one of options. Flags, environment, file and --help all
 * follow from them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include "server/base/error.h"
#include "server/log.h"
#include "server/peer.h"

/** What the program can be told to do. Each has one row in commands[]. */
enum command_id {
    COMMAND_SERVE,
    COMMAND_GET,
    COMMAND_OPENAPI,
    COMMAND_DOCS,
    COMMAND_BUILD,
    COMMAND_CHECK,
    COMMAND_IMPORT,
    COMMAND_EXPORT,
    COMMAND_VERSION,
    COMMAND_HELP,
    COMMAND__MAX,
};

/** One command. */
struct command {
    const char *name;     /* as typed */
    const char *operands; /* what follows the options in the usage line; "": nothing */
    size_t least;         /* fewest operands */
    size_t most;          /* most operands: at most OPERANDS_MAX */
    const char *text;     /* what it does, in sentences */
};

extern const struct command commands[COMMAND__MAX];

/** What values an option takes. */
enum option_type {
    OPTION_FLAG,    /* given or not; in environment and file: yes, no, true, false, on, off, 1, 0 */
    OPTION_FILE,    /* a path */
    OPTION_INTEGER, /* a whole number of .unit from .low to .high */
    OPTION_CHOICE,  /* one of .choices; the value is its index */
    OPTION_ADDRESS, /* ADDRESS:PORT */
    OPTION_DAY,     /* one exact day, YYYY-MM-DD */
    OPTION_URL,     /* scheme and host, and no path: https://figures.example */
    OPTION_NETWORKS, /* addresses and blocks of them, with commas between: 127.0.0.1, 10.0.0.0/8 */
};

/** One option: the master copy of its names, limits and prose. Its place in settings is .offset. */
struct option {
    const char *name;      /* "--name" on the command line, "name" in the file, BLUEHELM_NAME in the
                              environment */
    char letter;           /* "-x" as well; 0: none */
    enum option_type type; /* decides the type of the member at .offset */
    unsigned commands;     /* which commands take it: bits 1 << COMMAND_... */
    bool is_flag_only;   /* not in environment and file: it asks for one answer, it is no setting */
    size_t offset;       /* of its member in struct settings */
    const char *initial; /* default, as one would type it; NULL: none */
    int64_t low;         /* OPTION_INTEGER: least value */
    int64_t high;        /* OPTION_INTEGER: greatest value */
    const char *unit;    /* OPTION_INTEGER: what is counted, "seconds" */
    const char *const *choices; /* OPTION_CHOICE: the right values, NULL-terminated */
    const char *text;           /* one sentence of help */
};

/** All options, in the order of --help; the last has no name. */
extern const struct option options[];

enum { OPTION_ENV_SIZE = 64 /* most bytes of an environment name and its NUL */ };

/** Writes the environment name of an option: BLUEHELM_IDLE_TIMEOUT. */
void option_env(const struct option *option, char ret[static OPTION_ENV_SIZE]);

/** What stands for the value of an option in help: ADDRESS:PORT, FILE, N; "": it takes none. */
const char *option_value(const struct option *option);

/** Where to listen. */
struct address {
    struct sockaddr_storage socket;
    socklen_t len; /* bytes of socket in use; 0: not set */
};

enum { OPERANDS_MAX = 65 /* most operands that a command takes: a kind and 64 files */ };

/** What the program was told. Owns its texts: settings_done(). */
struct settings {
    enum command_id command;
    bool is_help;                       /* --help was asked for: print it and do nothing else */
    const char *operands[OPERANDS_MAX]; /* borrowed from argv; NULL: not given */

    struct address listen;
    char *public_url;                /* where clients find the service; NULL: as .listen */
    char *dataset;                   /* dataset file */
    int64_t verify;                  /* enum dataset_verify */
    char *config;                    /* settings file; NULL: none */
    char *tls_certificate;           /* PEM file; NULL: no TLS */
    char *tls_key;                   /* PEM file; NULL: no TLS */
    int64_t hsts;                    /* seconds; 0: the header is not sent */
    int64_t workers;                 /* threads; 0: one for each core */
    int64_t connections;             /* most at a time */
    int64_t connections_per_address; /* most at a time, of one IPv4 address or one IPv6 /64 */
    int64_t request_rate;            /* requests a second, of the same; 0: no limit */
    int64_t request_burst;           /* requests at once */
    struct networks trusted_proxies; /* whose Forwarded and X-Forwarded-For are believed */
    int64_t streams;           /* most replies at a time that hold a dataset open; 0: no limit */
    int64_t connection_memory; /* bytes for the request head and reply head of one connection */
    int64_t target_limit;      /* most bytes of a request target */
    int64_t parameter_limit;   /* most parameters of a request */
    int64_t header_limit;      /* most header fields of a request */
    int64_t head_limit;        /* most bytes of a request head */
    int64_t idle_timeout;      /* seconds */
    int64_t head_timeout;      /* seconds */
    int64_t send_timeout;      /* seconds */
    int64_t drain_timeout;     /* seconds */
    int64_t backlog;           /* connections */
    int64_t query_deadline;    /* milliseconds; 0: no limit */
    int64_t overload_delay;    /* milliseconds; 0: no limit */
    int64_t query_memory;      /* bytes; 0: no limit */
    int64_t reply_limit;       /* bytes */
    int64_t cache_size;        /* bytes for ready replies of all workers; 0: none are kept */
    int64_t log_level;         /* enum log_level */
    int64_t log_rate;          /* lines about requests a second; 0: no limit */
    int64_t sandbox;           /* enum sandbox_mode */
    bool is_quiet;             /* warnings and errors only */
    bool is_include;           /* get: status line and headers before the body */
    bool is_head;              /* get: status line and headers alone, by HEAD */
    char *output;              /* build: file to make */
    char *directory;           /* export: where files go */
    char *into;                /* import: dataset file; NULL: not given */
    char *known_from;          /* import: day of the state; NULL: not given */
    char *report;              /* import: file for rejected rows; NULL: beside the dataset */
    bool is_strict;            /* import: a rejected row is a failure */
    bool is_dry_run;           /* import: everything but the last step */
};

/** Fills in the defaults of the table. False without memory. */
bool settings_init(struct settings *ret, struct error *err);

/** Frees what settings own. Takes zeroed ones. */
void settings_done(struct settings *settings);

/**
 * Reads the command line, and what environment and file say; the first that speaks wins, in this
 * order.
 *
 * Shape: argv as main() got it. The file is that of --config or BLUEHELM_CONFIG, else CONFIG_FILE
 * if it exists. Errors: ERR_INPUT with a sentence that names the culprit and what would be right; a
 * suggestion in err->did_you_mean. Lifetime: *ret borrows argv and is to be freed either way. Reads
 * the environment: call it before there are threads.
 */
bool options_read(int argc, char *const argv[], struct settings *ret, struct error *err);

#define CONFIG_FILE "/etc/bluehelm/bluehelm.conf"

/** Prints the help of a command; COMMAND_HELP: of the program. */
void options_help(enum command_id command, FILE *out);

/**
 * Reads ADDRESS:PORT: 127.0.0.1:8080, [::1]:8080, localhost:8080. Port 0 means any free one.
 *
 * Errors: false for anything else; *ret is untouched then.
 */
bool address_parse(const char *text, struct address *ret);

enum { ADDRESS_TEXT_SIZE = 64 /* "[" IPv6 "]:" port, and its NUL */ };

/** Writes an address in the form that address_parse() reads. */
void address_format(const struct address *address, char ret[static ADDRESS_TEXT_SIZE]);
