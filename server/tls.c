#define _GNU_SOURCE /* RTLD_NEXT, explicit_bzero */
#include "server/tls.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/x509.h>

#include "server/base/cleanup.h"
#include "server/log.h"

enum {
    PEM_MOST = 1 << 20,   /* bytes of a file: a chain has some thousands */
    HELLO_MOST = 1 << 14, /* bytes of one message of a handshake; GnuTLS would keep 128 KiB */
    NOISE_MOST = 64,      /* steps of the protocol at once that bring no text */
    SUBJECT_LOGGED = 256, /* bytes of a certificate's name in the log */
};

/*
 * TLS 1.3 and 1.2, with forward secrecy and authenticated encryption alone. That is what every
 * client of the last ten years has; an operator who needs more puts a proxy before us, one who
 * wants less has GnuTLS's file of settings for the whole system. No finite fields: a handshake in
 * them costs us many times what it costs the client. The client's order of ciphers counts: it knows
 * whether it has AES in hardware. No tickets: a stolen key of theirs opens what was recorded.
 */
#define PRIORITIES                                                                                 \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:"      \
    "+AES-128-GCM:+CHACHA20-POLY1305:+AES-256-GCM:-MAC-ALL:+AEAD:-GROUP-ALL:+GROUP-X25519:"        \
    "+GROUP-SECP256R1:+GROUP-SECP384R1:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1"

struct tls_pair {
    gnutls_certificate_credentials_t credentials;
    unsigned n_users; /* connections that show it, and struct tls while it is the newest */
};

struct tls {
    const char *certificate, *key; /* names of files; borrowed */
    gnutls_priority_t priorities;
    pthread_mutex_t lock;  /* of what follows, and of n_users of all pairs */
    struct tls_pair *pair; /* the newest; never NULL once tls_new() is done */
};

/* GnuTLS's own; see gnutls_handshake() below. Set before there are workers. */
static int (*shake)(gnutls_session_t);

/* Files. */

/* Forgets what was read: a key is not to stay in memory that is used for something else. */
static void wipe(gnutls_datum_t *pem)
{
    if (pem->data == NULL)
        return;
    explicit_bzero(pem->data, pem->size);
    free(pem->data);
    pem->data = NULL;
}

static bool read_open(int fd, gnutls_datum_t *ret)
{
    struct stat state;
    ssize_t len = 0;

    if (fd < 0 || fstat(fd, &state) < 0)
        return false;
    if (!S_ISREG(state.st_mode) || state.st_size > PEM_MOST) {
        errno = S_ISREG(state.st_mode) ? EFBIG : EISDIR;
        return false;
    }
    ret->data = malloc((size_t)state.st_size + 1);
    if (ret->data == NULL)
        return false;
    ret->size = (unsigned)state.st_size + 1; /* all of it is wiped, whatever comes */
    for (size_t got = 0; got < (size_t)state.st_size; got += (size_t)len) {
        len = read(fd, ret->data + got, (size_t)state.st_size - got);
        if (len < 0 && errno == EINTR)
            len = 0;
        else if (len <= 0) {
            errno = len == 0 ? EIO : errno; /* it shrank */
            return false;
        }
    }
    ret->size--;
    ret->data[ret->size] = '\0';
    return true;
}

/* Reads a whole file; links are followed, since certbot's names are links. */
static bool read_file(const char *name, const char *what, gnutls_datum_t *ret, struct error *err)
{
    defer(close_file) int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (read_open(fd, ret))
        return true;
    return error_set(err, ERR_INPUT, NULL, "%.300s: The %s cannot be read: %s.", name, what,
                     errno == EISDIR ? "it is no file" : strerror(errno));
}

/* Pairs. */

static void write_day(time_t time, char ret[static 32])
{
    struct tm parts;

    ret[0] = '\0';
    if (gmtime_r(&time, &parts) != NULL)
        strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

struct chain {
    gnutls_x509_crt_t *certificates; /* NULL: none */
    unsigned n;
};

static void chain_done(struct chain *chain)
{
    for (unsigned i = 0; i < chain->n; i++)
        gnutls_x509_crt_deinit(chain->certificates[i]);
    gnutls_free(chain->certificates);
}

/* Looks at the certificates by themselves, so that it can be said which file is at fault. */
static bool chain_read(const char *name, const gnutls_datum_t *pem, struct chain *ret,
                       struct error *err)
{
    int code = gnutls_x509_crt_list_import2(&ret->certificates, &ret->n, pem, GNUTLS_X509_FMT_PEM,
                                            GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);

    if (code >= 0 && ret->n > 0)
        return true;
    *ret = (struct chain){ .n = 0 };
    if (code == GNUTLS_E_CERTIFICATE_LIST_UNSORTED)
        return error_set(err, ERR_INPUT, NULL,
                         "%.300s: The chain is not in order: first the server's certificate, then "
                         "the one that signed it, and so on.",
                         name);
    return error_set(err, code == GNUTLS_E_MEMORY_ERROR ? ERR_INTERNAL : ERR_INPUT, NULL,
                     "%.300s: This is no certificate as PEM text (-----BEGIN CERTIFICATE-----): %s",
                     name, gnutls_strerror(code));
}

static void refuse_key(const struct tls *tls, int code, struct error *err)
{
    if (code == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
        error_set(err, ERR_INPUT, NULL,
                  "%.200s: The key does not belong to the certificate of %.200s.", tls->key,
                  tls->certificate);
    else if (code == GNUTLS_E_DECRYPTION_FAILED)
        error_set(err, ERR_INPUT, NULL,
                  "%.300s: The key has a passphrase, and nobody is there to type it.", tls->key);
    else
        error_set(err, code == GNUTLS_E_MEMORY_ERROR ? ERR_INTERNAL : ERR_INPUT, NULL,
                  "%.300s: This is no private key as PEM text (-----BEGIN PRIVATE KEY-----): %s",
                  tls->key, gnutls_strerror(code));
}

static void pair_free(struct tls_pair *pair)
{
    if (pair == NULL)
        return;
    gnutls_certificate_free_credentials(pair->credentials); /* overwrites the key's numbers */
    free(pair);
}

/* NULL: it is no good. */
static struct tls_pair *pair_read(const struct tls *tls, struct error *err)
{
    defer(wipe) gnutls_datum_t certificate = { .data = NULL };
    defer(wipe) gnutls_datum_t key = { .data = NULL };
    defer(chain_done) struct chain chain = { .n = 0 };
    struct tls_pair *pair;
    int code;

    if (!read_file(tls->certificate, "certificate", &certificate, err)
        || !read_file(tls->key, "key", &key, err)
        || !chain_read(tls->certificate, &certificate, &chain, err))
        return NULL;
    pair = calloc(1, sizeof(*pair));
    if (pair == NULL || gnutls_certificate_allocate_credentials(&pair->credentials) < 0) {
        free(pair);
        error_set(err, ERR_INTERNAL, NULL, "No memory for a certificate.");
        return NULL;
    }
    code = gnutls_certificate_set_x509_key_mem2(pair->credentials, &certificate, &key,
                                                GNUTLS_X509_FMT_PEM, NULL, 0);
    if (code < 0) {
        pair_free(pair);
        refuse_key(tls, code, err);
        return NULL;
    }
    pair->n_users = 1;
    return pair;
}

/* One user less. */
static void pair_drop(struct tls *tls, struct tls_pair *pair)
{
    bool is_last;

    pthread_mutex_lock(&tls->lock);
    is_last = --pair->n_users == 0;
    pthread_mutex_unlock(&tls->lock);
    if (is_last)
        pair_free(pair);
}

/* The whole. */

/* Says what is shown from now on. One that is not valid is shown all the same: clients that look
 * will refuse it, and those that do not are better off than with nothing. */
static void tell(const struct tls *tls)
{
    defer(chain_done) struct chain chain = { .n = 0 };
    char subject[SUBJECT_LOGGED] = "", begins[32], ends[32];
    size_t len = sizeof(subject);
    time_t now = time(NULL);
    struct log_line line;

    if (gnutls_certificate_get_x509_crt(tls->pair->credentials, 0, &chain.certificates, &chain.n)
        < 0)
        return;
    if (gnutls_x509_crt_get_dn(chain.certificates[0], subject, &len) < 0)
        subject[0] = '\0';
    write_day(gnutls_x509_crt_get_activation_time(chain.certificates[0]), begins);
    write_day(gnutls_x509_crt_get_expiration_time(chain.certificates[0]), ends);
    log_begin(&line, LOG_LEVEL_INFO, "certificate");
    log_text(&line, "file", tls->certificate, SUBJECT_LOGGED);
    log_text(&line, "subject", subject, SUBJECT_LOGGED);
    log_text(&line, "until", ends, sizeof(ends));
    log_end(&line);
    if (gnutls_x509_crt_get_expiration_time(chain.certificates[0]) < now)
        log_event(LOG_LEVEL_WARNING, "certificate expired", "%.300s: It ended %s.",
                  tls->certificate, ends);
    if (gnutls_x509_crt_get_activation_time(chain.certificates[0]) > now)
        log_event(LOG_LEVEL_WARNING, "certificate not yet valid", "%.300s: It begins %s.",
                  tls->certificate, begins);
}

bool tls_new(const char *certificate, const char *key, struct tls **ret, struct error *err)
{
    struct tls *tls = calloc(1, sizeof(*tls));
    void *symbol = dlsym(RTLD_NEXT, "gnutls_handshake");

    if (tls == NULL || symbol == NULL
        || gnutls_priority_init(&tls->priorities, PRIORITIES, NULL) < 0) {
        free(tls);
        return error_set(err, ERR_INTERNAL, NULL, "GnuTLS %s does not do what TLS needs here.",
                         gnutls_check_version(NULL));
    }
    memcpy(&shake, &symbol, sizeof(shake));
    pthread_mutex_init(&tls->lock, NULL);
    tls->certificate = certificate;
    tls->key = key;
    tls->pair = pair_read(tls, err);
    if (tls->pair == NULL) {
        tls_free(tls);
        return false;
    }
    tell(tls);
    *ret = tls;
    return true;
}

bool tls_renew(struct tls *tls, struct error *err)
{
    struct tls_pair *old = tls->pair; /* nobody else sets it */
    struct tls_pair *pair = pair_read(tls, err);

    if (pair == NULL)
        return false;
    pthread_mutex_lock(&tls->lock);
    tls->pair = pair;
    pthread_mutex_unlock(&tls->lock);
    pair_drop(tls, old);
    tell(tls);
    return true;
}

void tls_free(struct tls *tls)
{
    if (tls == NULL)
        return;
    pair_free(tls->pair);
    gnutls_priority_deinit(tls->priorities);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}

/* Connections. */

/* Reads the socket for GnuTLS, which does not tell all that it sees there: of an end in the midst
 * of a record it says that more is needed, as it does when it has taken something for itself and
 * there may be more. No event would come to tell of either. */
static ssize_t pull(gnutls_transport_ptr_t context, void *to, size_t size)
{
    struct tls_link *link = context;
    ssize_t n = recvfrom(link->fd, to, size, 0, NULL, NULL);

    if (n > 0)
        link->has_begun = true;
    else if (n == 0)
        link->is_at_end = true;
    else if (errno == EAGAIN)
        link->is_dry = true;
    return n;
}

bool tls_join(struct tls *tls, gnutls_session_t session, int fd, struct tls_link *ret)
{
    struct tls_pair *pair;

    pthread_mutex_lock(&tls->lock);
    pair = tls->pair;
    pair->n_users++;
    pthread_mutex_unlock(&tls->lock);
    *ret = (struct tls_link){ .session = session, .fd = fd, .pair = pair };
    gnutls_transport_set_ptr2(session, ret, (gnutls_transport_ptr_t)(intptr_t)fd);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_handshake_set_max_packet_length(session, HELLO_MOST);
    return gnutls_priority_set(session, tls->priorities) >= 0
           && gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, pair->credentials) >= 0;
}

void tls_leave(struct tls *tls, struct tls_link *link)
{
    if (link->pair != NULL)
        pair_drop(tls, link->pair);
    *link = (struct tls_link){ .session = NULL };
}

bool tls_is_telling(int fault)
{
    return fault != 0 && fault != GNUTLS_E_PREMATURE_TERMINATION && fault != GNUTLS_E_PULL_ERROR
           && fault != GNUTLS_E_PUSH_ERROR;
}

/*
 * What libmicrohttpd calls in place of GnuTLS's own, since the dynamic linker asks the program
 * first. It is told that all is well, and so comes to read, where tls_read() goes on with the
 * handshake. The one answer that makes it wait for more bytes (its epoll is edge-triggered) is that
 * of a read; after a handshake that is not done it would come back at once, again and again.
 */
int gnutls_handshake(gnutls_session_t session)
{
    (void)session;
    return GNUTLS_E_SUCCESS;
}

/* Notes that nothing more will come of it, and tells the client. */
static void give_up(struct tls_link *link, int code)
{
    link->fault = code;
    if (tls_is_telling(code))
        gnutls_alert_send_appropriate(link->session, code);
}

ssize_t tls_read(struct tls_link *link, void *to, size_t size)
{
    unsigned char number[8]; /* of the record; not looked at */

    for (int i = 0; i < NOISE_MOST && link->fault == 0; i++) {
        ssize_t n;

        link->is_dry = false;
        /* As gnutls_record_recv(), which is ours. */
        n = link->is_open ? gnutls_record_recv_seq(link->session, to, size, number)
                          : shake(link->session);
        if (n >= 0 && link->is_open)
            return n;
        if (n >= 0) {
            link->is_open = true;
        } else if (link->is_at_end) {
            give_up(link, GNUTLS_E_PREMATURE_TERMINATION);
        } else if (n == GNUTLS_E_AGAIN
                   && (link->is_dry || gnutls_record_get_direction(link->session) == 1)) {
            /* That it waits for room to send is not provided for: what it has to send fits into any
             * send buffer, but of clients that do not read. Their time will be up. */
            errno = EAGAIN;
            return -1;
        } else if (n != GNUTLS_E_AGAIN && n != GNUTLS_E_INTERRUPTED) {
            give_up(link, (int)n);
        }
    }
    if (link->fault == 0)
        give_up(link, GNUTLS_E_TOO_MANY_HANDSHAKE_PACKETS);
    errno = EPROTO;
    return -1;
}

void tls_say_last(struct tls_link *link, const char *text, size_t len)
{
    if (!link->is_open || gnutls_record_send(link->session, text, len) < 0)
        return;
    gnutls_bye(link->session, GNUTLS_SHUT_WR);
}

int tls_no_certificate(gnutls_session_t session, const gnutls_datum_t *issuers, int n_issuers,
                       const gnutls_pk_algorithm_t *algorithms, int n_algorithms,
                       gnutls_pcert_st **ret, unsigned *ret_len, gnutls_privkey_t *ret_key)
{
    (void)session;
    (void)issuers;
    (void)n_issuers;
    (void)algorithms;
    (void)n_algorithms;
    (void)ret;
    (void)ret_len;
    (void)ret_key;
    return -1;
}
