#pragma once

/* Every kind of file that can be imported, each declared in a file of its own. */

#include "db/import/engine.h"

extern const struct import_kind kind_un_fatalities;     /* un_fatalities.c */
extern const struct import_kind kind_ucdp_country_year; /* ucdp_country_year.c */
extern const struct import_kind kind_ucdp_actors;       /* ucdp_actors.c */
extern const struct import_kind kind_ucdp_ged;          /* ucdp_ged.c */
extern const struct import_kind kind_strength;          /* strength.c */
extern const struct import_kind kind_un_missions;       /* un_missions.c */
extern const struct import_kind kind_claims;            /* claims.c */
