#pragma once

/* The part of db/dataset that the program carries, so that an import can begin an empty dataset. */

/** A text file of the dataset, or the part of it that is carried. */
struct base_text {
    const char *name; /* as in db/dataset; NULL: no more */
    const char *text; /* CSV, as db/dataset/README.md has it */
};

/** Made by scripts/embed-base when the program is built; the last has no name. */
extern const struct base_text base_texts[];
