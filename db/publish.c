#define _GNU_SOURCE /* asprintf, strndup, O_CLOEXEC, kill */
#include "db/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/seal.h"
#include "server/base/cleanup.h"

#define TEMPORARY_INFIX ".tmp-"

static void close_directory(DIR **dir)
{
    if (*dir != NULL)
        closedir(*dir);
}

static void free_text(char **text)
{
    free(*text);
}

/* What SQLite makes beside a file while it writes into it, and leaves when it cannot go on. */
static const char *const beside[] = { "-journal", "-wal", "-shm" };

static void remove_beside(const char *path)
{
    for (size_t i = 0; i < sizeof(beside) / sizeof(*beside); i++) {
        char name[PATH_MAX];

        if (snprintf(name, sizeof(name), "%s%s", path, beside[i]) < PATH_MAX)
            unlink(name);
    }
}

void temporary_done(struct temporary *temporary)
{
    if (temporary->path != NULL) {
        unlink(temporary->path);
        remove_beside(temporary->path);
    }
    free(temporary->path);
    temporary->path = NULL;
}

bool temporary_make(const char *file, struct temporary *ret, struct error *err)
{
    defer(close_file) int fd = -1;
    char *path = NULL;

    if (asprintf(&path, "%s" TEMPORARY_INFIX "%ld", file, (long)getpid()) < 0)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a path");
    unlink(path); /* left by a process of the same number that was killed */
    fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
    if (fd < 0) {
        error_set(err, ERR_INPUT, NULL,
                  "%s cannot be written: %s; a place where files can be made would be right.", file,
                  strerror(errno));
        free(path);
        return false;
    }
    ret->path = path;
    return true;
}

static bool sync_path(const char *path, int flags, long long *ret_size)
{
    defer(close_file) int fd = open(path, flags | O_CLOEXEC);
    struct stat status;

    if (fd < 0 || fsync(fd) != 0 || fstat(fd, &status) != 0)
        return false;
    *ret_size = status.st_size;
    return true;
}

/* The directory that a file stands in; NULL without memory. */
static char *directory_of(const char *file)
{
    const char *slash = strrchr(file, '/');

    return slash == NULL   ? strdup(".")
           : slash == file ? strdup("/")
                           : strndup(file, (size_t)(slash - file));
}

bool temporary_publish(struct temporary *temporary, const char *file, long long *ret_size,
                       struct error *err)
{
    defer(free_text) char *dir = directory_of(file);
    long long unused;

    if (dir == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a path");
    if (!seal_write(temporary->path, file, err))
        return false;
    if (!sync_path(temporary->path, O_RDWR, ret_size) || rename(temporary->path, file) != 0)
        return error_set(err, ERR_INPUT, NULL, "%s cannot be written: %s.", file, strerror(errno));
    remove_beside(temporary->path);
    free(temporary->path);
    temporary->path = NULL;
    if (!sync_path(dir, O_RDONLY | O_DIRECTORY, &unused))
        return error_set(err, ERR_INPUT, NULL,
                         "%s is written, but its directory cannot be synced: %s.", file,
                         strerror(errno));
    return true;
}

/* The process that a name of a temporary file of `name` names; 0: it is none. */
static pid_t process_of(const char *entry, const char *name)
{
    size_t len = strlen(name), infix = strlen(TEMPORARY_INFIX);
    char *end;
    long pid;

    if (strncmp(entry, name, len) != 0 || strncmp(entry + len, TEMPORARY_INFIX, infix) != 0)
        return 0;
    entry += len + infix;
    if (*entry < '1' || *entry > '9')
        return 0;
    pid = strtol(entry, &end, 10);
    for (size_t i = 0; i < sizeof(beside) / sizeof(*beside); i++) {
        if (strcmp(end, beside[i]) == 0)
            return (pid_t)pid;
    }
    /* A builder has a temporary file of the temporary file. */
    return *end == '\0' || strncmp(end, TEMPORARY_INFIX, infix) == 0 ? (pid_t)pid : 0;
}

void temporary_sweep(const char *file)
{
    defer(free_text) char *path = directory_of(file);
    defer(close_directory) DIR *dir = path != NULL ? opendir(path) : NULL;
    const char *slash = strrchr(file, '/');
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        pid_t pid = process_of(entry->d_name, slash != NULL ? slash + 1 : file);

        if (pid > 0 && kill(pid, 0) != 0 && errno == ESRCH)
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
}
