#include "db/query_memory.h"

#include <stddef.h>

#include <sqlite3.h>

/* What SQLite takes its memory from; ours are these with a count around them. */
static sqlite3_mem_methods own;

/* Set once, before there are threads; only read afterwards. 0: no limit. */
static int64_t limit;

/* Connections are their thread's alone, so what a thread took it also gives back. */
static _Thread_local struct {
    int64_t used; /* bytes */
    int64_t most; /* bytes that may be in use; 0: any number */
    bool was_short;
} memory;

static bool is_granted(int64_t more)
{
    if (memory.most == 0 || memory.used + more <= memory.most)
        return true;
    memory.was_short = true;
    return false;
}

static void *take(int size)
{
    void *piece = is_granted(size) ? own.xMalloc(size) : NULL;

    if (piece != NULL)
        memory.used += own.xSize(piece);
    return piece;
}

static void *take_again(void *old, int size)
{
    int before = own.xSize(old);
    void *piece = is_granted((int64_t)size - before) ? own.xRealloc(old, size) : NULL;

    if (piece != NULL)
        memory.used += own.xSize(piece) - before;
    return piece;
}

static void give(void *piece)
{
    memory.used -= own.xSize(piece);
    own.xFree(piece);
}

void query_memory_install(void)
{
    sqlite3_mem_methods counted;

    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &own) != SQLITE_OK)
        return;
    counted = own;
    counted.xMalloc = take;
    counted.xRealloc = take_again;
    counted.xFree = give;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &counted);
}

void query_memory_limit(int64_t bytes)
{
    limit = bytes;
}

void query_memory_lift(void)
{
    memory.most = 0;
}

void query_memory_begin(void)
{
    memory.most = limit > 0 ? memory.used + limit : 0;
    memory.was_short = false;
}

bool query_memory_was_short(void)
{
    return memory.was_short;
}
