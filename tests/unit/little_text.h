#pragma once

/* A dataset of a few lines in every table, and directories to write it into: for the tests of build
   and check. Define _GNU_SOURCE first. */

#include <dirent.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** A text file. */
struct little_file {
    const char *name;
    const char *text;
};

static const struct little_file little_files[] = {
    { "codes.csv", "list,id,name,text,inverse\n"
                   "actor_type,state,State,A state.,\n"
                   "actor_type,un_mission,UN mission,A mission.,\n"
                   "actor_type,armed_group,Armed group,A group.,\n"
                   "claim_status,normal,Normal,Beside others.,\n"
                   "claim_status,superseded,Superseded,Replaced.,\n"
                   "event_kind,attack,Attack,An attack.,\n"
                   "flag,bounds_inconsistent,Bounds,Kept as published.,\n"
                   "flag,rounded,Rounded,A round one.,\n"
                   "harm,killed,Killed,Died.,\n"
                   "locator_unit,page,Page,Pages.,\n"
                   "mission_category,pko,Operation,An operation.,\n"
                   "mission_status,active,Active,At work.,\n"
                   "mission_status,ended,Ended,Over.,\n"
                   "mission_status,unknown,Not known,Nobody says.,\n"
                   "modality,stated,Stated,Said.,\n"
                   "place_kind,country,Country,A country.,\n"
                   "place_kind,locality,Locality,A town.,\n"
                   "predicate,deaths,Deaths,People who died.,\n"
                   "qualifier,exactly,Exactly,One number.,\n"
                   "qualifier,at_least,At least,Or more.,\n"
                   "qualifier,more_than,More than,More.,\n"
                   "qualifier,about,About,Near.,\n"
                   "qualifier,up_to,Up to,Or less.,\n"
                   "qualifier,fewer_than,Fewer than,Less.,\n"
                   "qualifier,estimated,Estimated,An estimate.,\n"
                   "qualifier,between,Between,From to.,\n"
                   "relationship_status,asserted,Asserted,Said.,\n"
                   "relationship_type,fights,Fights,Fights.,is fought by\n"
                   "frequency,year,Year,Years.,\n"
                   "frequency,period,Period,Periods.,\n"
                   "dimension,mission,Mission,Missions.,\n"
                   "series_kind,cell,Cells,Cells.,\n"
                   "series_kind,total,Totals,Sums.,\n"
                   "sign,+,support,For.,\n"
                   "sign,-,opposition,Against.,\n"
                   "source_kind,report,Report,A report.,\n"
                   "subject_kind,actor,Actor,An actor.,\n"
                   "subject_kind,event,Event,An event.,\n"
                   "subject_kind,place,Place,A place.,\n"
                   "unit,person,People,People.,\n"
                   "unit,usd,Dollars,Dollars.,\n"
                   "victim_group,people,People,People.,\n" },
    { "sources.csv",
      "id,title,publisher,kind,published,url,licence,language,derived_from,citation,note,known_"
      "from,known_to\n"
      "paper,The Paper,Press,report,2019-06,https://paper.example/,,en,,,,2019-06-30,\n"
      "wire,The Wire,Press,report,,,,,paper,,,2020-01-01,\n" },
    { "releases.csv", "id,date,title,changes,sources\n"
                      "2020-01-01,2020-01-01,First,The first.,paper\n"
                      "2021-01-01,2021-01-01,Second,The second.,paper; wire\n" },
    { "definitions.csv", "id,name,text,unit,adds_with\n"
                         "dead,The dead,Everybody who died.,person,lost\n"
                         "lost,The lost,Everybody who was lost.,person,dead\n"
                         "money,Money,What was paid.,usd,\n" },
    { "series.csv", "id,name,kind,definition,official,overlaps,rank,frequency,dimensions,text\n"
                    "cells,Cells,cell,dead,1,sums,1,year,mission,Cells of a table.\n"
                    "sums,Sums,total,dead,0,cells,2,period,mission,Stated sums.\n" },
    { "places.csv", "id,name,kind,iso2,iso3,m49,latitude,longitude,part_of,aliases,note,sources\n"
                    "mli,Mali,country,ML,MLI,466,17.5,-4,,République du Mali; Malí,,paper\n"
                    "moura,Moura,locality,,,,14.3,-4.6,mli,,,paper\n"
                    "nam,Namibia,country,NA,NAM,516,,,,,,paper\n"
                    "za,Za,country,,,8,,,,,,\n" },
    { "actors.csv",
      "id,name,type,iso3,ucdp_id,part_of,aliases,former_ids,note,sources,known_from,known_to\n"
      "army,Army,armed_group,MLI,,mali,,old-army,,paper,2019-06-30,\n"
      "band,Bänd,armed_group,,1001,,The Band,,,paper; wire,2020-01-01,\n"
      "mali,Mali,state,MLI,72,,,,,paper,2019-06-30,\n" },
    { "missions.csv",
      "id,version,acronym,name,category,places,region,start,end,status,resolutions,components,"
      "aliases,note,sources,known_from,known_to\n"
      "unfix,1,UNFIX,Fixture Mission,pko,mli; nam,,2013-04-25,,active,S/RES/1 (2013); S/RES/2 "
      "(2014),,MINUFIX,,paper,2019-06-30,2021-01-01\n"
      "unfix,2,UNFIX,Fixture Mission,pko,mli,,2013-04-25,2020-12,ended,,,MINUFIX,,wire; "
      "paper,2021-01-01,\n"
      "unknowns,1,UNKNOWNS,,pko,,,,,unknown,,unfix,,,paper,2019-06-30,\n" },
    { "facts.csv",
      "id,subject_kind,subject,predicate,name,start,end,place,definition,note\n"
      "raid-deaths,event,raid,deaths,People killed in the raid,2019-06,2019-06,moura,dead,\n"
      "unfix-deaths,actor,unfix,deaths,People who died in UNFIX,,,,dead,\n" },
    { "claims.csv",
      "id,fact,object_kind,object,object_text,low,best,high,qualifier,text,unit,start,end,place,"
      "definition,modality,asserted_by,reported_by,quote,locator_unit,locator_start,locator_end,"
      "status,superseded_by,verdict,note,flags,known_from,known_to\n"
      "raid-paper,raid-deaths,,,,301,,,more_than,more than "
      "300,person,2019-06,2019-06,moura,dead,stated,band,paper,more than 300 "
      "people,page,1,2,superseded,raid-wire,,,rounded,2019-06-30,\n"
      "raid-wire,raid-deaths,actor,army,,290,300,310,estimated,some "
      "300,person,,2019-06,moura,dead,stated,,wire,,,,,normal,,,,,2020-01-01,\n"
      "unfix-paper,unfix-deaths,,,nobody "
      "knows,,,,,,,,,,,stated,,paper,,,,,normal,,,,,2019-06-30,\n" },
    { "events.csv",
      "id,name,kind,date,end,text,places,actors,claims,sources,note,known_from,known_to\n"
      "raid,Raid on Moura,attack,2019-06,,A raid.,moura,band; unfix,raid-wire; "
      "raid-paper,paper,,2019-06-30,\n"
      "siege,Siege,attack,2019-06-01,2019-06-20,,,,,wire,,2020-01-01,\n" },
    { "casualties.csv",
      "id,version,series,mission,place,date,end,victim_group,personnel_type,cause,nationality,"
      "nationality_text,perpetrators,harm,low,best,high,qualifier,text,unit,definition,claims,"
      "source,flags,note,known_from,known_to\n"
      "unfix-2018,1,cells,unfix,,2018,,people,,,nam,,,killed,1,1,1,exactly,1,person,dead,,paper,,,"
      "2019-06-30,2020-01-01\n"
      "unfix-2018,2,cells,unfix,,2018,,people,,,nam,,,killed,2,2,2,exactly,2,person,dead,,wire,,,"
      "2020-01-01,\n"
      "unfix-2019,1,sums,unfix,moura,2019,2020-03,people,,,,Elsewhere,band,killed,20,45,40,"
      "estimated,45 (20 to 40),person,dead,raid-paper; "
      "raid-wire,paper,bounds_inconsistent,,2019-06-30,\n" },
    { "relationships.csv", "id,version,from,type,to,sign,start,end,status,low,best,high,qualifier,"
                           "text,unit,claims,sources,note,known_from,known_to\n"
                           "band-fights-unfix,1,band,fights,unfix,-,2017~,,asserted,,,5000,up_to,"
                           "up to 5000 dollars,usd,raid-paper,,,2019-06-30,\n" },
};

enum {
    LITTLE_FILES = sizeof(little_files) / sizeof(little_files[0]),
    LITTLE_PATH = 4096,
};

/** A directory of a test: its text in `text`, what is built in `out`. */
struct little {
    char dir[LITTLE_PATH / 4];
    char text[LITTLE_PATH / 2];
    char out[LITTLE_PATH / 2];
    char file[LITTLE_PATH];   /* where the dataset goes */
    char faults[LITTLE_PATH]; /* where the faults go */
};

static inline void little_write_bytes(const struct little *little, const char *name,
                                      const char *bytes, size_t len)
{
    char path[LITTLE_PATH];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", little->text, name);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, len, file) != len || fclose(file) != 0)
        abort();
}

static inline void little_write(const struct little *little, const char *name, const char *text)
{
    little_write_bytes(little, name, text, strlen(text));
}

static inline void little_remove(const struct little *little, const char *name)
{
    char path[LITTLE_PATH];

    snprintf(path, sizeof(path), "%s/%s", little->text, name);
    if (unlink(path) != 0)
        abort();
}

static inline const char *little_text(const char *name)
{
    for (size_t i = 0; i < LITTLE_FILES; i++) {
        if (strcmp(little_files[i].name, name) == 0)
            return little_files[i].text;
    }
    abort();
}

/* Writes a file of the little text with the first `from` replaced by `to`. */
static inline void little_replace(const struct little *little, const char *name, const char *from,
                                  const char *to)
{
    const char *text = little_text(name);
    const char *at = strstr(text, from);
    size_t size = strlen(text) + strlen(to) + 1;
    char *changed = malloc(size);

    if (at == NULL || changed == NULL) {
        fprintf(stderr, "%s holds no '%s'\n", name, from);
        abort();
    }
    snprintf(changed, size, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    little_write(little, name, changed);
    free(changed);
}

static inline void little_make(struct little *little)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(little->dir, sizeof(little->dir), "%s/bluehelm-test-XXXXXX",
             tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(little->dir) == NULL)
        abort();
    snprintf(little->text, sizeof(little->text), "%s/text", little->dir);
    snprintf(little->out, sizeof(little->out), "%s/out", little->dir);
    snprintf(little->file, sizeof(little->file), "%s/little.db", little->out);
    snprintf(little->faults, sizeof(little->faults), "%s/faults", little->dir);
    if (mkdir(little->text, 0700) != 0 || mkdir(little->out, 0700) != 0)
        abort();
    for (size_t i = 0; i < LITTLE_FILES; i++)
        little_write(little, little_files[i].name, little_files[i].text);
}

static inline int little_remove_one(const char *path, const struct stat *status, int type,
                                    struct FTW *at)
{
    (void)status;
    (void)type;
    (void)at;
    return remove(path);
}

static inline void little_free(struct little *little)
{
    nftw(little->dir, little_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The whole content of a file, which the caller frees; an empty text where there is none. */
static inline char *little_read(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "rb");
    size_t len = 0, size = 1 << 20;
    char *bytes = malloc(size + 1);

    if (bytes == NULL)
        abort();
    for (size_t n; file != NULL && (n = fread(bytes + len, 1, size - len, file)) > 0;) {
        len += n;
        if (len == size && (bytes = realloc(bytes, (size *= 2) + 1)) == NULL)
            abort();
    }
    if (file != NULL)
        fclose(file);
    bytes[len] = '\0';
    if (ret_len != NULL)
        *ret_len = len;
    return bytes;
}

/* How many files the directory `out` holds. */
static inline size_t little_count(const struct little *little)
{
    DIR *open = opendir(little->out);
    struct dirent *entry;
    size_t n = 0;

    while (open != NULL && (entry = readdir(open)) != NULL)
        n += entry->d_name[0] != '.';
    if (open != NULL)
        closedir(open);
    return n;
}
