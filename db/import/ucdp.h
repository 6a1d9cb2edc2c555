#pragma once

/* What the files of the Uppsala Conflict Data Program have in common. */

#include "db/import/engine.h"

#define UCDP_PUBLISHER "Uppsala Conflict Data Program"
#define UCDP_LICENCE "CC BY 4.0 (widely said, not confirmed on a page of UCDP)"

/** Cells with the three estimates of one count: places among the fields of the kind. */
struct ucdp_cells {
    int low, best, high;
};

/** The three estimates. */
struct ucdp_estimate {
    int64_t low, best, high;
};

/**
 * Reads three estimates, whole numbers of people from 0 (`5.0` is 5: tables that were saved anew
 * have it).
 *
 * Shape: *ret is zeros where the row is rejected. Errors: those of import_reject().
 */
bool ucdp_read(struct import *import, const struct import_row *row, struct ucdp_cells cells,
               struct ucdp_estimate *ret, struct error *err);

/**
 * Puts three estimates into a record of casualties, as the publisher has them: where the best one
 * lies outside its bounds all three are kept, and flagged.
 *
 * Shape: text is the number in words; note is what is said besides, NULL: nothing.
 */
void ucdp_put(struct record *record, const struct ucdp_estimate *estimate, const char *text,
              const char *note);

/**
 * Finds the country by UCDP's name for it ("Russia (Soviet Union)"), else by a code.
 *
 * Shape: *ret is the id of the place; NULL when the row was rejected. code: cell with an ISO code,
 * -1: there is none. Errors: those of import_reject().
 */
bool ucdp_place(struct import *import, const struct import_row *row, int name, int code,
                const char **ret, struct error *err);
