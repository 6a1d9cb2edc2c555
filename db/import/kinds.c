#include "db/import/kinds.h"

#include "db/import/engine.h"

const struct import_kind *const import_kinds[] = {
    &kind_un_fatalities,
    &kind_un_missions,
    &kind_ucdp_country_year,
    &kind_ucdp_ged,
    &kind_ucdp_actors,
    &kind_strength,
    &kind_claims,
    NULL,
};
