#define _GNU_SOURCE /* O_NOFOLLOW, sigaction, MAP_ANONYMOUS */
#include "db/pages.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "db/seal.h"

/**
 * What is added to SQLite's own object of an open file, behind it.
 *
 * The methods are SQLite's own but for three, so all others work on an object that they know.
 */
struct reading {
    const sqlite3_io_methods *own;
    sqlite3_io_methods methods; /* what the object points to */
    const struct seal *seal;    /* borrowed; NULL: pages are not verified */
    uint8_t *seen;          /* a bit for each page that was verified where it is mapped; owned */
    char *mapped;           /* where the file is mapped; NULL: nowhere yet */
    size_t n_lent;          /* bytes of it from there on that were lent to SQLite so far */
    enum pages_fault fault; /* the first */
    uint32_t page;          /* of the fault */
    int n_lost;             /* lost.n when the file was opened */
};

static sqlite3_vfs layer;
static const sqlite3_vfs *own_layer;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/*
 * Mapped memory of this thread, and how often a page of it could not be read. A thread maps one
 * file at a time: loans read without mapping.
 */
static _Thread_local struct {
    char *from; /* NULL: none */
    size_t len; /* bytes of it */
    volatile sig_atomic_t n;
} lost;

static size_t object_size(void)
{
    size_t align = _Alignof(struct reading);

    return ((size_t)own_layer->szOsFile + align - 1) / align * align;
}

static struct reading *reading_of(sqlite3_file *file)
{
    return (struct reading *)(void *)((char *)file + object_size());
}

/*
 * A page of a mapped file that the disk does not give, or that was cut off under us: the kernel has
 * no other way to tell but this signal. The page becomes one of zeros, and whoever reads it asks
 * pages_look() before anything that was made of it leaves.
 */
static void on_lost_page(int number, siginfo_t *info, void *context)
{
    char *at = info->si_addr;
    struct sigaction usual = { .sa_handler = SIG_DFL };

    (void)context;
    if (lost.from != NULL && at >= lost.from && at < lost.from + lost.len) {
        size_t size = (size_t)sysconf(_SC_PAGESIZE);
        char *page = lost.from + (size_t)(at - lost.from) / size * size;

        if (mmap(page, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page) {
            lost.n++;
            return;
        }
    }
    sigaction(number, &usual, NULL); /* none of ours: it comes again, and ends the process */
}

static int note(struct reading *reading, enum pages_fault fault, sqlite3_int64 offset)
{
    if (reading->fault == PAGES_GOOD) {
        reading->fault = fault;
        reading->page = reading->seal != NULL
                            ? (uint32_t)(offset / (sqlite3_int64)reading->seal->page_size + 1)
                            : 0;
    }
    return SQLITE_IOERR_DATA;
}

/* Whether these bytes of the file are a whole page; its number, from 1. 0: they are none. */
static uint32_t page_at(const struct reading *reading, int len, sqlite3_int64 offset)
{
    const struct seal *seal = reading->seal;

    if (seal == NULL || (uint32_t)len != seal->page_size || offset % seal->page_size != 0)
        return 0;
    return (uint32_t)(offset / seal->page_size) + 1;
}

static int read_page(sqlite3_file *file, void *to, int len, sqlite3_int64 offset)
{
    struct reading *reading = reading_of(file);
    int status = reading->own->xRead(file, to, len, offset);
    uint32_t page = page_at(reading, len, offset);

    if (status == SQLITE_IOERR_SHORT_READ && reading->seal == NULL)
        return status; /* what a file is that is none of ours is for SQLite to say */
    if (status != SQLITE_OK) {
        note(reading, PAGES_UNREADABLE, offset);
        return status;
    }
    return page == 0 || seal_holds(reading->seal, page, to) ? SQLITE_OK
                                                            : note(reading, PAGES_WRONG, offset);
}

/* Lends a page of mapped memory. What was verified there stays right: whoever changes the file is
 * noticed by conn_is_sound(). */
static int lend_page(sqlite3_file *file, sqlite3_int64 offset, int len, void **ret)
{
    struct reading *reading = reading_of(file);
    int status = reading->own->xFetch(file, offset, len, ret);
    uint32_t page = page_at(reading, len, offset);

    if (status != SQLITE_OK || *ret == NULL)
        return status;
    reading->mapped = (char *)*ret - offset;
    if (reading->n_lent < (size_t)(offset + len))
        reading->n_lent = (size_t)(offset + len);
    lost.from = reading->mapped;
    lost.len = reading->n_lent;
    if (page == 0
        || (page <= reading->seal->n_pages && (reading->seen[page / 8] & 1 << page % 8) != 0))
        return SQLITE_OK;
    if (!seal_holds(reading->seal, page, *ret)) {
        reading->own->xUnfetch(file, offset, *ret);
        *ret = NULL;
        return note(reading, PAGES_WRONG, offset);
    }
    reading->seen[page / 8] = (uint8_t)(reading->seen[page / 8] | 1 << page % 8);
    return SQLITE_OK;
}

static int close_file_of(sqlite3_file *file)
{
    struct reading *reading = reading_of(file);

    free(reading->seen);
    reading->seen = NULL;
    if (reading->mapped == lost.from)
        lost.from = NULL;
    return reading->own->xClose(file);
}

static int open_reading(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                        int *ret_flags)
{
    int status =
        own_layer->xOpen((sqlite3_vfs *)(uintptr_t)own_layer, name, file, flags, ret_flags);
    struct reading *reading = reading_of(file);

    (void)vfs;
    *reading = (struct reading){ .own = file->pMethods, .n_lost = lost.n };
    if (status != SQLITE_OK || file->pMethods == NULL || (flags & SQLITE_OPEN_MAIN_DB) == 0)
        return status;
    reading->methods = *file->pMethods;
    reading->methods.xRead = read_page;
    reading->methods.xFetch = lend_page;
    reading->methods.xClose = close_file_of;
    file->pMethods = &reading->methods;
    return SQLITE_OK;
}

/*
 * SQLite resolves links in a file's name before it opens it, and then refuses to follow any.
 * /proc/self/fd/N, under which a published file is opened, would so become the name that the file
 * once had, and by now another file may bear it, or none. Hence this layer over SQLite's own, which
 * leaves names as they are, and an open() that follows these links.
 */
static int keep_name(sqlite3_vfs *vfs, const char *name, int size, char *ret)
{
    (void)vfs;
    if (strlen(name) >= (size_t)size)
        return SQLITE_CANTOPEN;
    memcpy(ret, name, strlen(name) + 1);
    return SQLITE_OK;
}

static int open_exact(const char *name, int flags, int mode)
{
    if (strncmp(name, "/proc/self/fd/", 14) == 0)
        flags &= ~O_NOFOLLOW;
    return open(name, flags | O_CLOEXEC, (mode_t)mode);
}

static void register_layer(void)
{
    struct sigaction action = { .sa_sigaction = on_lost_page, .sa_flags = SA_SIGINFO };
    sqlite3_vfs *own;

    own = sqlite3_vfs_find(NULL);
    if (own == NULL
        || own->xSetSystemCall(own, "open", (sqlite3_syscall_ptr)open_exact) != SQLITE_OK
        || sigaction(SIGBUS, &action, NULL) != 0)
        return;
    own_layer = own;
    layer = *own;
    layer.zName = "bluehelm";
    layer.pNext = NULL;
    layer.szOsFile = (int)(object_size() + sizeof(struct reading));
    layer.xFullPathname = keep_name;
    layer.xOpen = open_reading;
    if (sqlite3_vfs_register(&layer, 0) != SQLITE_OK)
        own_layer = NULL;
}

const char *pages_layer(void)
{
    pthread_once(&once, register_layer);
    return own_layer != NULL ? layer.zName : NULL;
}

static struct reading *reading_in(sqlite3 *db)
{
    sqlite3_file *file = NULL;

    sqlite3_file_control(db, NULL, SQLITE_FCNTL_FILE_POINTER, &file);
    return file != NULL && file->pMethods != NULL && file->pMethods->xRead == read_page
               ? reading_of(file)
               : NULL;
}

bool pages_verify(sqlite3 *db, const struct seal *seal)
{
    struct reading *reading = reading_in(db);

    if (reading == NULL)
        return false;
    reading->seen = calloc(seal->n_pages / 8 + 1, 1);
    reading->seal = reading->seen != NULL ? seal : NULL;
    return reading->seal != NULL;
}

enum pages_fault pages_look(sqlite3 *db, uint32_t *ret_page)
{
    struct reading *reading = reading_in(db);

    *ret_page = 0;
    if (reading == NULL)
        return PAGES_GOOD;
    if (reading->fault == PAGES_GOOD && reading->n_lost != lost.n)
        reading->fault = PAGES_UNREADABLE;
    *ret_page = reading->page;
    return reading->fault;
}
