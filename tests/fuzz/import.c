/*
 * Importers, one target each: a file of any bytes becomes rows of the dataset or is refused whole.
 * Every row that was read is counted once; what was imported holds together (`bluehelm check` finds
 * no fault); the same file once more changes nothing; a refused file has changed nothing.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/build.h"
#include "db/check.h"
#include "db/import/import.h"
#include "db/seal.h"
#include "tests/fuzz/fuzz.h"

enum { PATH = 400 };

static char dataset[PATH], file[PATH], report[PATH];
static char digest[DIGEST_SIZE]; /* of the dataset as it was */

/* What a program carries, since the fixture does not know the series that are imported. */
static uint8_t *base;
static size_t base_len;

enum { BASE = 8 << 20 /* bytes that it fits */ };

static void write_file(const char *path, const void *bytes, size_t len)
{
    FILE *out = fopen(path, "wb");

    must(out != NULL && fwrite(bytes, 1, len, out) == len && fclose(out) == 0, "%s is written",
         path);
}

static void begin(void)
{
    struct check_summary summary;
    struct error err = { 0 };
    FILE *in;

    snprintf(dataset, sizeof(dataset), "%s/import.db", fuzz_directory());
    snprintf(file, sizeof(file), "%s/import.csv", fuzz_directory());
    snprintf(report, sizeof(report), "%s/report.csv", fuzz_directory());
    unlink(dataset);
    write_file(dataset, "", 0);
    must(build_base(dataset, &err) && seal_write(dataset, dataset, &err), "%s", err.detail);
    if (base == NULL)
        base = malloc(BASE);
    in = fopen(dataset, "rb");
    must(base != NULL && in != NULL, "memory");
    base_len = fread(base, 1, BASE, in);
    must(base_len < BASE, "%zu bytes", base_len);
    fclose(in);
    must(check_dataset(dataset, stderr, &summary, &err), "%s", err.detail);
    memcpy(digest, summary.digest, sizeof(digest));
}

static bool run(const char *kind, struct import_summary *ret, struct error *err)
{
    const char *files[] = { file };
    const struct import_options options = {
        .kind = kind,
        .files = files,
        .n_files = 1,
        .dataset = dataset,
        .known_from = "2021-06-10",
        .report = report,
    };

    return import_run(&options, ret, err);
}

static void check_counts(const struct import_summary *summary)
{
    must(summary->n_read
             == summary->n_inserted + summary->n_unchanged + summary->n_revised
                    + summary->n_rejected,
         "%zu read = %zu inserted + %zu unchanged + %zu revised + %zu rejected", summary->n_read,
         summary->n_inserted, summary->n_unchanged, summary->n_revised, summary->n_rejected);
    must((summary->n_rejected > 0) == (access(report, F_OK) == 0),
         "%zu rows were rejected, and there is a report or not", summary->n_rejected);
}

static void import(const char *kind, const uint8_t *bytes, size_t len)
{
    struct import_summary first, second;
    struct check_summary checked;
    struct error err = { 0 }, none = { 0 };

    write_file(file, bytes, len);
    unlink(report);
    if (!run(kind, &first, &err)) {
        must(err.code == ERR_INPUT, "code %d: %s", (int)err.code, err.detail);
        must(fuzz_is_utf8(err.detail, strlen(err.detail)), "'%s' is text", err.detail);
        return;
    }
    check_counts(&first);
    must(check_dataset(dataset, stderr, &checked, &none), "%s", none.detail);
    must((strcmp(checked.digest, digest) != 0) == first.is_changed, "it says whether it changed");
    unlink(report);
    must(run(kind, &second, &none), "once more: %s", none.detail);
    check_counts(&second);
    must(!second.is_changed && second.n_read == first.n_read
             && second.n_rejected == first.n_rejected && second.n_withdrawn == 0,
         "once more it changes something: %zu inserted, %zu revised, %zu withdrawn, %zu rejected",
         second.n_inserted, second.n_revised, second.n_withdrawn, second.n_rejected);
    if (first.is_changed)
        write_file(dataset, base, base_len);
}

static void end(void)
{
    free(base);
    base = NULL;
}

#define IMPORTER(target, kind)                                                                     \
    static void one_##target(const uint8_t *bytes, size_t len)                                     \
    {                                                                                              \
        import(kind, bytes, len);                                                                  \
    }                                                                                              \
    const struct fuzz_target target_import_##target = { .name = "import_" #target,                 \
                                                        .longest = 6000,                           \
                                                        .runs = 6,                                 \
                                                        .begin = begin,                            \
                                                        .one = one_##target,                       \
                                                        .end = end };

IMPORTER(ged, "ucdp-ged")
IMPORTER(actors, "ucdp-actors")
IMPORTER(country_year, "ucdp-country-year")
IMPORTER(fatalities, "un-fatalities")
IMPORTER(missions, "un-missions")
IMPORTER(strength, "strength")
IMPORTER(claims, "claims")
