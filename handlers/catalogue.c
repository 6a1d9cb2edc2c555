#include "handlers/catalogue.h"

#define CATALOGUE_ADDRESS(name) &name,

const struct resource *const catalogue[] = { CATALOGUE(CATALOGUE_ADDRESS) NULL };
