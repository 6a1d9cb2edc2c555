#include "db/sql_fold.h"

#include "server/base/fold.h"

enum { FOLD_SIZE = 4096 /* bytes of a folded text; longer ones equal nothing */ };

static void sql_fold(sqlite3_context *context, int n_args, sqlite3_value **args)
{
    const char *text = (const char *)sqlite3_value_text(args[0]);
    char folded[FOLD_SIZE];
    size_t len = text != NULL ? fold_name(text, folded, sizeof(folded)) : 0;

    (void)n_args;
    if (text == NULL && sqlite3_value_type(args[0]) != SQLITE_NULL)
        sqlite3_result_error_nomem(context);
    if (len > 0)
        sqlite3_result_text(context, folded, (int)len, SQLITE_TRANSIENT);
}

bool sql_fold_register(sqlite3 *db)
{
    return sqlite3_create_function(db, "fold", 1,
                                   SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, NULL,
                                   sql_fold, NULL, NULL)
           == SQLITE_OK;
}
