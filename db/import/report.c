#define _GNU_SOURCE /* fopen "e" */
#include "db/import/report.h"

#include <errno.h>
#include <string.h>

#include <csv.h>

static bool fail(const struct report *report, struct error *err)
{
    return error_set(err, ERR_INPUT, NULL,
                     "%s: %s; a report file that can be written (--report) would be right.",
                     report->path, strerror(errno));
}

static void put(struct report *report, const char *text, char behind)
{
    csv_fwrite(report->out, text, strlen(text));
    fputc(behind, report->out);
}

bool report_row(struct report *report, const struct rejection *rejection, struct error *err)
{
    if (report->out == NULL) {
        report->out = fopen(report->path, "we");
        if (report->out == NULL)
            return fail(report, err);
        fputs("file,line,column,reason,hint\n", report->out);
    }
    put(report, rejection->file, ',');
    fprintf(report->out, "%zu,", rejection->line);
    put(report, rejection->column, ',');
    put(report, rejection->reason, ',');
    put(report, rejection->hint, '\n');
    return ferror(report->out) == 0 || fail(report, err);
}

bool report_close(struct report *report, struct error *err)
{
    FILE *out = report->out;

    report->out = NULL;
    return out == NULL || fclose(out) == 0 || fail(report, err);
}
