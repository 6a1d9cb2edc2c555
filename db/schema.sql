-- The dataset: what bluehelm knows, as one SQLite file that never changes once it is published.
--
-- Written by `bluehelm build` from the text in db/dataset/ (its README.md describes every text column; the
-- names are the same here). Rules that hold in every table:
--
--   * `<name>` is a date as precisely as it is known (EDTF level 0: 2013, 2013-04, 2013-04-25, with `~` or `?`);
--     `<name>_min` and `<name>_max` are the first and the last day it can mean. Filters and indexes use the two days.
--     A start that is not known has start_min 0001-01-01; an end that is open or not known has end_max 9999-12-31,
--     and end_min tells the two apart: 9999-12-31 for open, the start for not known. So "true at day D" is
--     start_min <= D and end_max >= D (possibly), start_max <= D and end_min >= D (definitely).
--   * known_from, known_to are days of the other clock: the source said so from known_from on, and until the day
--     before known_to; known_to NULL: it still does. A revised row is closed and a new `version` opened beside it.
--   * low, best, high are whole numbers in `unit`; NULL: not said. qualifier and text keep the source's words.
--   * `<list>_json` columns are derived by db/derive.sql from the link tables, ready to send: [{"id","name"},...].
--   * Actors and claims are named by their id alone, whatever the version: SQLite has no foreign key to a part of a key,
--     so db/check.c proves those references (as the builder does for every row of text).
--   * Closed lists (kinds, causes, types, ...) are rows of `codes`; the build refuses a code that is not there.

PRAGMA application_id = 1651272805; -- 'blhe'
PRAGMA user_version = 4;            -- the version of this schema

-- What this file is. Keys: digest (SHA-256 of the content, hex), release (id of the newest release), schema (its version).
CREATE TABLE dataset (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- One published state of the dataset. Source: this project.
CREATE TABLE releases (
    id TEXT PRIMARY KEY,         -- the day of the state, ISO
    date TEXT NOT NULL CHECK (date IS strftime('%Y-%m-%d', date)), -- day
    title TEXT NOT NULL,
    changes TEXT NOT NULL,       -- what changed since the release before, in sentences
    digest TEXT,                 -- SHA-256 of the file's content; NULL: a state that stands only inside later files
    sources_json TEXT NOT NULL DEFAULT '[]'
);
CREATE TABLE release_sources (
    release TEXT NOT NULL REFERENCES releases (id),
    source TEXT NOT NULL REFERENCES sources (id),
    position INTEGER NOT NULL,   -- order in the text, from 0
    PRIMARY KEY (release, source)
) WITHOUT ROWID;

-- The closed lists, a sentence for each code. Source: this project, after the publishers' own code books.
CREATE TABLE codes (
    list TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    text TEXT NOT NULL,          -- one sentence: what falls under the code
    inverse TEXT,                -- relation types: how the same edge reads from the other end
    position INTEGER NOT NULL,   -- order inside the list, from 0
    PRIMARY KEY (list, id)
) WITHOUT ROWID;

-- Who and what is counted. Source: the publishers' notes, said in each text.
CREATE TABLE definitions (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    unit TEXT NOT NULL           -- code list unit
);
-- Pairs of definitions whose numbers may be added (each also with itself, by rule and not as a row).
CREATE TABLE definition_sums (
    definition TEXT NOT NULL REFERENCES definitions (id),
    other TEXT NOT NULL REFERENCES definitions (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (definition, other)
) WITHOUT ROWID;

-- A document or data set.
CREATE TABLE sources (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    publisher TEXT NOT NULL,
    kind TEXT NOT NULL,          -- code list source_kind
    published TEXT,              -- date; NULL: the document does not say
    published_min TEXT, published_max TEXT,
    url TEXT,
    licence TEXT,                -- NULL: none stated
    language TEXT,               -- ISO 639-1; NULL: several
    derived_from TEXT REFERENCES sources (id), -- the source it repeats: both together are one independent source
    citation TEXT,               -- ready to paste; NULL: title, publisher and date serve
    note TEXT,
    origin TEXT,                 -- derived: sources of one origin are one independent source
    known_from TEXT NOT NULL CHECK (known_from IS strftime('%Y-%m-%d', known_from)),
    known_to TEXT CHECK (known_to > known_from)
);

-- Countries, regions and localities. Source: `sources` of each row.
CREATE TABLE places (
    id TEXT PRIMARY KEY,         -- the ISO alpha-3 code in lower case for countries, a slug for others
    name TEXT NOT NULL,
    kind TEXT NOT NULL,          -- code list place_kind
    iso2 TEXT CHECK (iso2 GLOB '[A-Z][A-Z]'),
    iso3 TEXT CHECK (iso3 GLOB '[A-Z][A-Z][A-Z]'),
    m49 INTEGER CHECK (m49 BETWEEN 1 AND 999), -- UN M49 code
    latitude REAL CHECK (latitude BETWEEN -90 AND 90),      -- degrees north, WGS 84
    longitude REAL CHECK (longitude BETWEEN -180 AND 180),  -- degrees east, WGS 84
    part_of TEXT REFERENCES places (id),
    note TEXT,
    aliases_json TEXT NOT NULL DEFAULT '[]',
    sources_json TEXT NOT NULL DEFAULT '[]'
);
CREATE TABLE place_sources (
    place TEXT NOT NULL REFERENCES places (id),
    source TEXT NOT NULL REFERENCES sources (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (place, source)
) WITHOUT ROWID;
-- Derived: every place with each place it lies in, itself included, so that ?place=mali finds Moura.
CREATE TABLE place_closure (
    ancestor TEXT NOT NULL REFERENCES places (id),
    place TEXT NOT NULL REFERENCES places (id),
    PRIMARY KEY (ancestor, place)
) WITHOUT ROWID;

-- Whoever can act: states, armed forces, missions, groups, persons. A mission is an actor with the same id (derived).
CREATE TABLE actors (
    id TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1),
    name TEXT NOT NULL,
    type TEXT NOT NULL,          -- code list actor_type
    iso3 TEXT CHECK (iso3 GLOB '[A-Z][A-Z][A-Z]'),
    ucdp_id INTEGER,             -- ActorId of the UCDP Actor Dataset 22.1; NULL: no such actor there, or several
    part_of TEXT,                -- actor
    note TEXT,
    known_from TEXT NOT NULL CHECK (known_from IS strftime('%Y-%m-%d', known_from)),
    known_to TEXT CHECK (known_to > known_from),
    aliases_json TEXT NOT NULL DEFAULT '[]',
    sources_json TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (id, version)
);
CREATE TABLE actor_sources (
    actor TEXT NOT NULL, version INTEGER NOT NULL DEFAULT 1,
    source TEXT NOT NULL REFERENCES sources (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (actor, version, source),
    FOREIGN KEY (actor, version) REFERENCES actors (id, version)
) WITHOUT ROWID;

-- Other names of a thing, and ids that were merged into it (former = 1: such an id answers 308).
CREATE TABLE aliases (
    kind TEXT NOT NULL,          -- place, actor, mission
    id TEXT NOT NULL,
    alias TEXT NOT NULL,
    former INTEGER NOT NULL CHECK (former IN (0, 1)),
    position INTEGER NOT NULL,
    PRIMARY KEY (kind, id, alias)
) WITHOUT ROWID;
-- Derived: every name under which a thing is found, folded (no case, no accents). Exact matches only:
-- "mali" is not in "somalia".
CREATE TABLE names (
    kind TEXT NOT NULL,          -- actor, claim, code_list, definition, event, fact, mission, place, series, source
    name TEXT NOT NULL,          -- folded by fold_name() of server/base/fold.h
    id TEXT NOT NULL,
    PRIMARY KEY (kind, name, id)
) WITHOUT ROWID;
CREATE INDEX names_by_name ON names (name, kind, id);
-- Derived: what to call a thing of any kind.
CREATE TABLE labels (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;

-- Peacekeeping operations and political missions. Source: `sources` of each row (missions.csv of the reference).
CREATE TABLE missions (
    id TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    acronym TEXT NOT NULL,
    name TEXT,                   -- NULL: the expansion of the acronym is not confirmed
    category TEXT NOT NULL,      -- code list mission_category
    region TEXT,                 -- code list region
    start TEXT, start_min TEXT NOT NULL, start_max TEXT NOT NULL,
    end TEXT, end_min TEXT NOT NULL, end_max TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'ended', 'unknown')), -- unknown: a blank end that does not mean active
    resolutions_json TEXT NOT NULL DEFAULT '[]', -- document symbols, as text
    note TEXT,
    known_from TEXT NOT NULL CHECK (known_from IS strftime('%Y-%m-%d', known_from)),
    known_to TEXT CHECK (known_to > known_from),
    places_json TEXT NOT NULL DEFAULT '[]',
    components_json TEXT NOT NULL DEFAULT '[]',
    aliases_json TEXT NOT NULL DEFAULT '[]',
    sources_json TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (id, version),
    CHECK (start_min <= start_max AND end_min <= end_max AND start_min <= end_max)
);
CREATE TABLE mission_places (
    mission TEXT NOT NULL, version INTEGER NOT NULL,
    place TEXT NOT NULL REFERENCES places (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (mission, version, place),
    FOREIGN KEY (mission, version) REFERENCES missions (id, version)
) WITHOUT ROWID;
CREATE INDEX mission_places_by_place ON mission_places (place, mission, version);
-- An aggregate (UNEF) and the missions it stands for, a mission (UNMIBH) and its part (IPTF).
CREATE TABLE mission_components (
    mission TEXT NOT NULL, version INTEGER NOT NULL,
    component TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (mission, version, component),
    FOREIGN KEY (mission, version) REFERENCES missions (id, version)
) WITHOUT ROWID;
CREATE TABLE mission_sources (
    mission TEXT NOT NULL, version INTEGER NOT NULL,
    source TEXT NOT NULL REFERENCES sources (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (mission, version, source),
    FOREIGN KEY (mission, version) REFERENCES missions (id, version)
) WITHOUT ROWID;

-- One subject, predicate and period on which one or more claims are made.
CREATE TABLE facts (
    id TEXT PRIMARY KEY,
    subject_kind TEXT NOT NULL CHECK (subject_kind IN ('actor', 'place', 'event')),
    subject TEXT NOT NULL,
    predicate TEXT NOT NULL,     -- code list predicate
    name TEXT NOT NULL,          -- the question in words: "UN personnel who died in MINUSMA"
    start TEXT, start_min TEXT NOT NULL, start_max TEXT NOT NULL,
    end TEXT, end_min TEXT NOT NULL, end_max TEXT NOT NULL,
    place TEXT REFERENCES places (id),
    definition TEXT REFERENCES definitions (id), -- NULL: not a count
    note TEXT
);
CREATE INDEX facts_by_subject ON facts (subject, subject_kind, predicate);
CREATE INDEX facts_by_place ON facts (place);

-- One assertion by one party in one source (rule 1 of DATA.md).
CREATE TABLE claims (
    id TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1),
    fact TEXT NOT NULL REFERENCES facts (id),
    subject_kind TEXT NOT NULL CHECK (subject_kind IN ('actor', 'place', 'event')), -- as in the fact
    subject TEXT NOT NULL,
    predicate TEXT NOT NULL,
    object_kind TEXT CHECK (object_kind IN ('actor', 'place', 'event')),
    object TEXT,                 -- id; NULL: the object is a number, a date or words
    object_text TEXT,            -- the object in words, where it is neither a thing nor a number
    low INTEGER, best INTEGER, high INTEGER,
    qualifier TEXT,              -- code list qualifier
    text TEXT,                   -- the number in the source's words
    unit TEXT,                   -- code list unit
    start TEXT, start_min TEXT NOT NULL, start_max TEXT NOT NULL, -- when it was so
    end TEXT, end_min TEXT NOT NULL, end_max TEXT NOT NULL,
    place TEXT REFERENCES places (id),
    definition TEXT REFERENCES definitions (id),
    modality TEXT NOT NULL,      -- code list modality
    asserted_by TEXT,           -- NULL: the source speaks in its own voice
    reported_by TEXT NOT NULL REFERENCES sources (id), -- the document in which it stands
    quote TEXT,                  -- the decisive words, ten at most; NULL: not kept
    locator_unit TEXT,           -- code list locator_unit; NULL: not located
    locator_start INTEGER, locator_end INTEGER, -- first and last, in that unit
    status TEXT NOT NULL,        -- code list claim_status
    superseded_by TEXT,
    verdict TEXT,                -- code list verdict: what other sources make of it; NULL: not checked
    note TEXT,
    flags_json TEXT NOT NULL DEFAULT '[]', -- code list flag, as text
    known_from TEXT NOT NULL CHECK (known_from IS strftime('%Y-%m-%d', known_from)),
    known_to TEXT CHECK (known_to > known_from),
    PRIMARY KEY (id, version),
    CHECK ((object IS NULL) = (object_kind IS NULL)),
    CHECK ((locator_unit IS NULL) = (locator_start IS NULL) AND locator_start <= locator_end),
    CHECK (low <= high),
    CHECK (coalesce(low, best, high) IS NULL OR (qualifier IS NOT NULL AND unit IS NOT NULL AND text IS NOT NULL))
);
CREATE INDEX claims_by_fact ON claims (fact);
CREATE INDEX claims_by_subject ON claims (subject, subject_kind, predicate);
CREATE INDEX claims_by_source ON claims (reported_by);
CREATE INDEX claims_by_asserter ON claims (asserted_by);
CREATE INDEX claims_by_object ON claims (object, object_kind) WHERE object IS NOT NULL;

-- Something that happened on a date.
CREATE TABLE events (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,          -- code list event_kind
    date TEXT NOT NULL, date_min TEXT NOT NULL, date_max TEXT NOT NULL, -- the day, or the first of several
    end TEXT, end_min TEXT NOT NULL, end_max TEXT NOT NULL, -- the last day; NULL: one day, and then as `date`
    text TEXT,                   -- one or two sentences
    note TEXT,
    known_from TEXT NOT NULL CHECK (known_from IS strftime('%Y-%m-%d', known_from)),
    known_to TEXT CHECK (known_to > known_from),
    places_json TEXT NOT NULL DEFAULT '[]',
    actors_json TEXT NOT NULL DEFAULT '[]',
    claims_json TEXT NOT NULL DEFAULT '[]',
    sources_json TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX events_by_date ON events (date_min, id);
CREATE TABLE event_places (
    event TEXT NOT NULL REFERENCES events (id), place TEXT NOT NULL REFERENCES places (id), position INTEGER NOT NULL,
    PRIMARY KEY (event, place)
) WITHOUT ROWID;
CREATE INDEX event_places_by_place ON event_places (place, event);
CREATE TABLE event_actors (
    event TEXT NOT NULL REFERENCES events (id), actor TEXT NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (event, actor)
) WITHOUT ROWID;
CREATE INDEX event_actors_by_actor ON event_actors (actor, event);
CREATE TABLE event_claims (
    event TEXT NOT NULL REFERENCES events (id), claim TEXT NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (event, claim)
) WITHOUT ROWID;
CREATE TABLE event_sources (
    event TEXT NOT NULL REFERENCES events (id), source TEXT NOT NULL REFERENCES sources (id), position INTEGER NOT NULL,
    PRIMARY KEY (event, source)
) WITHOUT ROWID;

-- A set of casualty rows that can be added among themselves, and never with a series it overlaps.
CREATE TABLE series (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('record', 'cell', 'total')),
    definition TEXT NOT NULL REFERENCES definitions (id),
    official INTEGER NOT NULL CHECK (official IN (0, 1)), -- 1: published by the body that it is about
    rank INTEGER NOT NULL,       -- of series that overlap, the one of the lowest rank answers where none is named
    frequency TEXT NOT NULL,     -- code list frequency: how finely the dates of its rows tell time
    dimensions_json TEXT NOT NULL DEFAULT '[]', -- code list dimension: what its rows are broken down by
    text TEXT NOT NULL
);
-- Each state of a data set that was read into a series. Derived for the text (the days on which its rows begin and end
-- to be known); an import writes its own.
CREATE TABLE series_states (
    series TEXT NOT NULL REFERENCES series (id),
    known_on TEXT NOT NULL CHECK (known_on IS strftime('%Y-%m-%d', known_on)), -- day of the state
    source TEXT REFERENCES sources (id), -- the data set in that state; NULL: a state in which rows only ended
    PRIMARY KEY (series, known_on)
) WITHOUT ROWID;
-- Each state of a data set that was imported, so that the next import knows how far a state reaches. Written by imports.
CREATE TABLE import_states (
    data_set TEXT NOT NULL,      -- 'un-fatalities'; 'claims/ID' where each row is a set of its own
    known_on TEXT NOT NULL CHECK (known_on IS strftime('%Y-%m-%d', known_on)), -- day of the state
    source TEXT REFERENCES sources (id), -- the data set in that state; NULL: each row names its own
    PRIMARY KEY (data_set, known_on)
) WITHOUT ROWID;
CREATE TABLE series_overlaps (
    series TEXT NOT NULL REFERENCES series (id), other TEXT NOT NULL REFERENCES series (id), position INTEGER NOT NULL,
    PRIMARY KEY (series, other)
) WITHOUT ROWID;

-- A count of people harmed: one death (record), one cell of a published table (cell) or a stated sum (total).
CREATE TABLE casualties (
    id TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    series TEXT NOT NULL REFERENCES series (id),
    kind TEXT NOT NULL CHECK (kind IN ('record', 'cell', 'total')), -- as in the series
    mission TEXT,      -- the mission the victims served in; NULL: none
    place TEXT REFERENCES places (id),        -- where; NULL: not said
    latitude REAL CHECK (latitude BETWEEN -90 AND 90),     -- degrees north, WGS 84, of one event; NULL: not said
    longitude REAL CHECK (longitude BETWEEN -180 AND 180), -- degrees east, WGS 84
    location TEXT,                            -- where, in the words of the source; NULL: place says it
    date TEXT NOT NULL, date_min TEXT NOT NULL, date_max TEXT NOT NULL, -- the period counted over, or the day of one death
    end TEXT, end_min TEXT NOT NULL, end_max TEXT NOT NULL, -- the end of a period that no single date says; NULL: as `date`
    victim_group TEXT NOT NULL,               -- code list victim_group
    personnel_type TEXT,                      -- code list personnel_type; NULL: not broken down
    cause TEXT,                               -- code list cause; NULL: not broken down
    nationality TEXT REFERENCES places (id),  -- NULL: not broken down
    nationality_text TEXT,                    -- as published, where it names no place of ours; NULL otherwise
    harm TEXT NOT NULL,                       -- code list harm
    low INTEGER, best INTEGER, high INTEGER,
    qualifier TEXT, text TEXT, unit TEXT NOT NULL, -- unit: person
    definition TEXT NOT NULL REFERENCES definitions (id),
    source TEXT NOT NULL REFERENCES sources (id),
    flags_json TEXT NOT NULL DEFAULT '[]',
    note TEXT,
    known_from TEXT NOT NULL CHECK (known_from IS strftime('%Y-%m-%d', known_from)),
    known_to TEXT CHECK (known_to > known_from),
    perpetrators_json TEXT NOT NULL DEFAULT '[]',
    claims_json TEXT NOT NULL DEFAULT '[]'
);
-- The key is an index with a name, which an import of a million rows can drop and build anew by one sort.
CREATE UNIQUE INDEX casualties_by_id ON casualties (id, version);
-- Partial where a series of a million rows has no such value: an index of NULLs costs and finds nothing.
CREATE INDEX casualties_by_mission ON casualties (mission, series, date_min) WHERE mission IS NOT NULL;
CREATE INDEX casualties_by_series ON casualties (series, id);
CREATE INDEX casualties_by_place ON casualties (place, date_min);
-- In the order of ids: a page of one mission or nationality is read from where it begins.
CREATE INDEX casualties_of_mission ON casualties (mission, id) WHERE mission IS NOT NULL;
CREATE INDEX casualties_by_nationality ON casualties (nationality, id) WHERE nationality IS NOT NULL;
CREATE INDEX casualties_by_date ON casualties (date_min, id);
CREATE INDEX casualties_by_end ON casualties (end_min, id) WHERE end IS NOT NULL;
-- As sort=deaths orders them, and as deaths__gte= finds them: the most that a number may be.
CREATE INDEX casualties_by_deaths ON casualties (coalesce(CASE WHEN harm = 'killed' THEN best END,
    CASE WHEN harm = 'killed' THEN low END, CASE WHEN harm = 'killed' THEN high END), id);
CREATE INDEX casualties_by_most_deaths ON casualties (coalesce(max(CASE WHEN harm = 'killed' THEN high END,
    coalesce(CASE WHEN harm = 'killed' THEN best END, CASE WHEN harm = 'killed' THEN high END)),
    CASE WHEN CASE WHEN harm = 'killed' THEN low END IS NULL THEN CASE WHEN harm = 'killed' THEN best END END,
    9223372036854775807));
-- Rows of longer periods, which may reach into any time behind their beginning. Most rows are of one day: that is asked
-- first, as it costs the least.
CREATE INDEX casualties_by_long ON casualties (date_min)
    WHERE end_max <> date_min AND 12 * substr(end_max, 1, 4) + substr(end_max, 6, 2) - 12 * substr(date_min, 1, 4) - substr(date_min, 6, 2) > 1;
CREATE INDEX casualties_by_other_harm ON casualties (harm, id) WHERE harm <> 'killed';
-- What came to be known when, for changes: of a million rows few begin or end in a given time.
CREATE INDEX casualties_by_known_from ON casualties (known_from);
CREATE INDEX casualties_by_known_to ON casualties (known_to) WHERE known_to IS NOT NULL;
CREATE TABLE casualty_perpetrators (
    casualty TEXT NOT NULL, version INTEGER NOT NULL,
    actor TEXT NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (casualty, version, actor),
    FOREIGN KEY (casualty, version) REFERENCES casualties (id, version)
) WITHOUT ROWID;
CREATE INDEX casualty_perpetrators_by_actor ON casualty_perpetrators (actor, casualty, version);
CREATE TABLE casualty_claims (
    casualty TEXT NOT NULL, version INTEGER NOT NULL,
    claim TEXT NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (casualty, version, claim),
    FOREIGN KEY (casualty, version) REFERENCES casualties (id, version)
) WITHOUT ROWID;

-- Derived: every combination of values that rows have in the columns of few values, so that a filter by one of them goes to
-- the series that have it, by an index. An index for each of these columns would be a quarter of the file.
CREATE TABLE casualty_groups (
    series TEXT NOT NULL, kind TEXT NOT NULL, victim_group TEXT NOT NULL, personnel_type TEXT, cause TEXT, harm TEXT NOT NULL,
    definition TEXT NOT NULL, source TEXT NOT NULL, known_from TEXT NOT NULL
);
-- Derived: the casualties that are known now, added up where they are alike: what most sums are made of, and counts. Each
-- row of a series is in one cell. The columns are named as in casualties, and hold what all rows of the cell share; where
-- their dates differ, it is the first and the last day of the year in which all of them lie. So whatever asks for no more
-- than the columns, and of dates for no more than years, is told by the cells as by the rows. Rows that say a number are never in one
-- cell with rows that do not say it: a sum is NULL where no row says the number, and else every row does.
CREATE TABLE casualty_cells (
    id TEXT, known_from TEXT,    -- of a stated sum, which is a cell by itself; NULL: of other rows
    series TEXT NOT NULL, kind TEXT NOT NULL, definition TEXT NOT NULL, harm TEXT NOT NULL, victim_group TEXT NOT NULL,
    mission TEXT, place TEXT, cause TEXT, personnel_type TEXT, nationality TEXT,
    source TEXT NOT NULL, flags_json TEXT NOT NULL,
    date_min TEXT NOT NULL, date_max TEXT NOT NULL, end_min TEXT NOT NULL, end_max TEXT NOT NULL, -- of a stated sum its own days
    low INTEGER, best INTEGER, high INTEGER, -- sums
    records INTEGER NOT NULL,    -- rows
    may_be_part INTEGER NOT NULL -- 1: another row of the series may count its people as well: it is a stated sum, or of a
                                 -- mission for which an acronym stands that has rows there
);
CREATE INDEX casualty_cells_by_series ON casualty_cells (series);
CREATE INDEX casualty_cells_by_mission ON casualty_cells (mission) WHERE mission IS NOT NULL;
CREATE INDEX casualty_cells_by_place ON casualty_cells (place) WHERE place IS NOT NULL;
CREATE INDEX casualty_cells_by_nationality ON casualty_cells (nationality) WHERE nationality IS NOT NULL;
-- Derived: cells of fewer columns, added up again.
CREATE TABLE casualty_years (
    series TEXT NOT NULL, kind TEXT NOT NULL, definition TEXT NOT NULL, harm TEXT NOT NULL, victim_group TEXT NOT NULL,
    mission TEXT, place TEXT, source TEXT NOT NULL, flags_json TEXT NOT NULL,
    date_min TEXT NOT NULL, date_max TEXT NOT NULL, end_min TEXT NOT NULL, end_max TEXT NOT NULL,
    low INTEGER, best INTEGER, high INTEGER, records INTEGER NOT NULL, may_be_part INTEGER NOT NULL
);
CREATE INDEX casualty_years_by_series ON casualty_years (series);
CREATE INDEX casualty_years_by_mission ON casualty_years (mission) WHERE mission IS NOT NULL;
CREATE INDEX casualty_years_by_place ON casualty_years (place) WHERE place IS NOT NULL;
-- Derived: and of still fewer.
CREATE TABLE casualty_series (
    series TEXT NOT NULL, kind TEXT NOT NULL, definition TEXT NOT NULL, harm TEXT NOT NULL,
    low INTEGER, best INTEGER, high INTEGER, records INTEGER NOT NULL, may_be_part INTEGER NOT NULL
);
-- Derived: the groups that are asked for most, each as an answer tells it: of one series and definition, by mission and
-- year. Stated sums are not among them.
CREATE TABLE casualty_mission_years (
    series TEXT NOT NULL, definition TEXT NOT NULL, harm TEXT NOT NULL,
    mission TEXT, year INTEGER,  -- NULL: not said; no one year holds all days of the rows
    low INTEGER, best INTEGER, high INTEGER, records INTEGER NOT NULL, unknown INTEGER NOT NULL,
    status TEXT NOT NULL,        -- code list sum_status
    sources TEXT NOT NULL,       -- ready to send, as flags
    independent INTEGER NOT NULL, -- sources that do not repeat one another
    flags TEXT NOT NULL
);
-- In the order in which groups are told.
CREATE INDEX casualty_mission_years_by_series ON casualty_mission_years
    (series, definition, harm, mission IS NULL, mission, year IS NULL, year);

-- A dated, typed, signed edge between two actors.
CREATE TABLE relationships (
    id TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    from_actor TEXT NOT NULL,
    type TEXT NOT NULL,          -- code list relationship_type
    to_actor TEXT NOT NULL,
    sign TEXT NOT NULL CHECK (sign IN ('+', '-', '0')), -- support, opposition, neutral
    start TEXT, start_min TEXT NOT NULL, start_max TEXT NOT NULL,
    end TEXT, end_min TEXT NOT NULL, end_max TEXT NOT NULL,
    status TEXT NOT NULL,        -- code list relationship_status
    low INTEGER, best INTEGER, high INTEGER, -- strength or amount; all NULL: none said
    qualifier TEXT, text TEXT, unit TEXT,
    note TEXT,
    known_from TEXT NOT NULL CHECK (known_from IS strftime('%Y-%m-%d', known_from)),
    known_to TEXT CHECK (known_to > known_from),
    claims_json TEXT NOT NULL DEFAULT '[]',
    sources_json TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (id, version),
    CHECK (low <= high)
);
-- Everything that a walk from actor to actor asks of an edge, so that it never goes to the rows.
CREATE INDEX relationships_by_from ON relationships (from_actor, start_min, end_max, known_from, known_to, sign, type, status, to_actor);
-- Edges from one to another are sought here as well, whichever of them has the more.
CREATE INDEX relationships_by_to ON relationships (to_actor, from_actor, start_min, end_max, known_from, known_to, sign, type, status);
CREATE INDEX relationships_by_start ON relationships (start_min, id);
CREATE TABLE relationship_claims (
    relationship TEXT NOT NULL, version INTEGER NOT NULL,
    claim TEXT NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (relationship, version, claim),
    FOREIGN KEY (relationship, version) REFERENCES relationships (id, version)
) WITHOUT ROWID;
CREATE TABLE relationship_sources (
    relationship TEXT NOT NULL, version INTEGER NOT NULL,
    source TEXT NOT NULL REFERENCES sources (id), position INTEGER NOT NULL,
    PRIMARY KEY (relationship, version, source),
    FOREIGN KEY (relationship, version) REFERENCES relationships (id, version)
) WITHOUT ROWID;

-- Personnel of a mission on a day. Filled by imports alone: no such set may be shipped with the program.
CREATE TABLE strengths (
    id TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    mission TEXT NOT NULL,       -- actor
    date TEXT NOT NULL, date_min TEXT NOT NULL, date_max TEXT NOT NULL, -- the day that is counted on
    category TEXT NOT NULL,      -- code list strength_category
    low INTEGER, best INTEGER, high INTEGER,
    qualifier TEXT, text TEXT, unit TEXT NOT NULL, -- unit: person
    definition TEXT NOT NULL REFERENCES definitions (id),
    source TEXT NOT NULL REFERENCES sources (id),
    flags_json TEXT NOT NULL DEFAULT '[]',
    note TEXT,
    known_from TEXT NOT NULL CHECK (known_from IS strftime('%Y-%m-%d', known_from)),
    known_to TEXT CHECK (known_to > known_from),
    PRIMARY KEY (id, version)
);
CREATE INDEX strengths_by_mission ON strengths (mission, category, date_min);
CREATE INDEX strengths_by_date ON strengths (date_min, id);

-- Derived: each two claims on one fact, both ways round, as claim_comparisons compares them, which is too slow to do for
-- every question. Both clocks of both stand beside them, so that an answer as of a day takes pairs that were known then.
CREATE TABLE claim_pairs (
    fact TEXT NOT NULL REFERENCES facts (id),
    claim TEXT NOT NULL, version INTEGER NOT NULL,
    other TEXT NOT NULL, other_version INTEGER NOT NULL,
    stands TEXT NOT NULL,        -- code list stands: how the claim stands to the other
    reason TEXT NOT NULL,        -- code list pair_reason, or 'scope' for all that reasons_json lists
    reasons_json TEXT NOT NULL,  -- code list pair_reason
    is_apart INTEGER NOT NULL,   -- 1: no number is within the bounds of both
    claim_from TEXT NOT NULL, claim_to TEXT, -- known_from, known_to of the claim
    other_from TEXT NOT NULL, other_to TEXT,
    PRIMARY KEY (fact, claim, version, other, other_version),
    FOREIGN KEY (claim, version) REFERENCES claims (id, version),
    FOREIGN KEY (other, other_version) REFERENCES claims (id, version)
) WITHOUT ROWID;

-- Derived: what full-text search finds, each version of a row by itself, with its words: the rows of document_texts, which
-- is too slow to ask for every hit.
CREATE TABLE documents (
    document INTEGER PRIMARY KEY, -- from 1 in the order of kinds, ids and versions; rowid in search
    kind TEXT NOT NULL,          -- code list search_kind
    id TEXT NOT NULL,
    version INTEGER NOT NULL,    -- 1 where rows have no versions
    known_from TEXT NOT NULL,    -- both clocks of the row; 0001-01-01 where it has none
    known_to TEXT,
    title TEXT NOT NULL,
    names TEXT,                  -- other names, with a middle dot between them
    text TEXT                    -- all other words, with a middle dot between parts
);
-- Derived: the index of their words, as search_tokens() of db/search.h makes them: no case, no accents. It holds no text;
-- SELECT kind, id FROM search JOIN documents ON document = search.rowid WHERE search MATCH 'goita' asks it anywhere.
CREATE VIRTUAL TABLE search USING fts5 (title, names, text, ids, content = '', tokenize = 'unicode61 remove_diacritics 2');

-- ---- Views: what is compared with what, said once. They hold nothing of their own. ----

-- Claims as they can be compared. What a claim does not say of its period, place or definition it has from its fact; where
-- that does not say it either, it may be any. `least` and `most` are the bounds of the number, NULL where open; a bare
-- best ("about 1,000") stands for itself, as in filters.
CREATE VIEW comparable_claims AS
SELECT c.id, c.version, c.fact, c.known_from, c.known_to,
    coalesce(c.low, c.best, c.high) IS NOT NULL AS is_number, c.low, c.best, c.high, c.unit,
    CASE WHEN c.low IS NOT NULL THEN min(c.low, coalesce(c.best, c.low)) WHEN c.high IS NULL THEN c.best END AS least,
    CASE WHEN c.high IS NOT NULL THEN max(c.high, coalesce(c.best, c.high)) WHEN c.low IS NULL THEN c.best END AS most,
    coalesce(c.definition, f.definition) AS definition, coalesce(c.place, f.place) AS place,
    CASE WHEN c.start IS NOT NULL THEN c.start_min WHEN f.start IS NOT NULL THEN f.start_min ELSE '0001-01-01' END AS start_min,
    CASE WHEN c.start IS NOT NULL THEN c.start_max WHEN f.start IS NOT NULL THEN f.start_max ELSE '9999-12-31' END AS start_max,
    CASE WHEN c.end IS NOT NULL THEN c.end_min WHEN f.end IS NOT NULL THEN f.end_min ELSE '0001-01-01' END AS end_min,
    CASE WHEN c.end IS NOT NULL THEN c.end_max WHEN f.end IS NOT NULL THEN f.end_max ELSE '9999-12-31' END AS end_max,
    c.start, c.end, c.object_kind || '/' || c.object AS thing, c.object_text AS words,
    c.modality IN ('denied', 'retracted') AS is_denial,
    c.flags_json LIKE '%translation_damage%' AS is_damaged,
    -- Checked against other sources and found to differ: a person settled that it contradicts them.
    c.status = 'disputed' AND c.verdict IS 'differs' AS is_refuted,
    EXISTS (SELECT 1 FROM codes WHERE list = 'single_valued' AND codes.id = f.predicate) AS is_single,
    EXISTS (SELECT 1 FROM codes WHERE list = 'cumulative' AND codes.id = f.predicate) AS is_cumulative
FROM claims c JOIN facts f ON f.id = c.fact;

-- Each two claims on one fact, both ways round: how `claim` stands to `other` (code list stands) and why (JSON list of
-- codes of the list pair_reason). Numbers are compared only where both count the same thing, over what can be the same
-- period and place, in one unit; they conflict only where no number is within the bounds of both. Where only the periods
-- differ and what is counted only grows (code list cumulative), the count of a part cannot be more than that of the whole.
CREATE VIEW claim_comparisons AS
SELECT fact, claim, version, other, other_version, claim_from, claim_to, other_from, other_to, is_apart,
    CASE reason
        WHEN 'same' THEN 'agrees'
        WHEN 'bounds' THEN 'compatible' WHEN 'part' THEN 'compatible' WHEN 'precision' THEN 'compatible' WHEN 'several' THEN 'compatible'
        WHEN 'number' THEN 'conflicts' WHEN 'date' THEN 'conflicts' WHEN 'object' THEN 'conflicts'
        WHEN 'denial' THEN 'conflicts' WHEN 'disputed' THEN 'conflicts'
        ELSE 'not_comparable' END AS stands,
    reason,
    CASE WHEN reason <> 'scope' THEN '["' || reason || '"]'
        ELSE '[' || substr(CASE WHEN other_unit THEN ',"unit"' ELSE '' END
            || CASE WHEN other_definition THEN ',"definition"' ELSE '' END
            || CASE WHEN other_period THEN ',"period"' ELSE '' END
            || CASE WHEN other_place THEN ',"place"' ELSE '' END, 2) || ']' END AS reasons_json
FROM (
    SELECT fact, claim, version, other, other_version, claim_from, claim_to, other_from, other_to,
        other_unit, other_definition, other_period, other_place, is_apart,
        CASE
            WHEN is_damaged THEN 'translation_damage'
            WHEN is_denial <> other_is_denial THEN 'denial'
            WHEN is_denial THEN 'same'
            WHEN is_number AND other_is_number THEN CASE
                WHEN NOT (other_unit OR other_definition OR other_period OR other_place) THEN CASE
                    WHEN is_apart THEN 'number' WHEN is_same_number THEN 'same' ELSE 'bounds' END
                WHEN is_cumulative AND NOT (other_unit OR other_definition OR other_place) AND is_part_more THEN 'number'
                WHEN is_refuted THEN 'disputed'
                WHEN is_cumulative AND NOT (other_unit OR other_definition OR other_place) AND is_part_less THEN 'part'
                ELSE 'scope' END
            WHEN is_number OR other_is_number THEN CASE WHEN is_refuted THEN 'disputed' ELSE 'words' END
            WHEN is_other_thing THEN CASE
                WHEN is_single THEN 'object' WHEN is_refuted THEN 'disputed' ELSE 'several' END
            WHEN is_single AND (is_other_start OR is_other_end) THEN 'date'
            WHEN is_single AND is_dated THEN CASE WHEN is_same_date THEN 'same' ELSE 'precision' END
            WHEN is_same_words THEN 'same'
            WHEN is_refuted THEN 'disputed'
            WHEN is_same_thing THEN 'same'
            ELSE 'words' END AS reason
    FROM (
        SELECT a.fact, a.id AS claim, a.version, b.id AS other, b.version AS other_version, a.is_cumulative,
            a.known_from AS claim_from, a.known_to AS claim_to, b.known_from AS other_from, b.known_to AS other_to,
            a.is_damaged OR b.is_damaged AS is_damaged, a.is_refuted OR b.is_refuted AS is_refuted,
            a.is_denial, b.is_denial AS other_is_denial, a.is_number, b.is_number AS other_is_number, a.is_single,
            coalesce(a.unit <> b.unit, 0) AS other_unit,
            coalesce(a.definition <> b.definition, 0) AS other_definition,
            coalesce(a.place <> b.place, 0) AS other_place,
            a.start_max < b.start_min OR b.start_max < a.start_min
                OR a.end_max < b.end_min OR b.end_max < a.end_min AS other_period,
            coalesce(a.most < b.least, 0) OR coalesce(b.most < a.least, 0) AS is_apart,
            -- One period certainly within the other, and more counted in it; or possibly within it, and no more.
            (a.start_min >= b.start_max OR (a.start_min = b.start_min AND a.start_max = b.start_max))
                AND a.end_max <= b.end_min AND coalesce(a.least > b.most, 0)
            OR (b.start_min >= a.start_max OR (a.start_min = b.start_min AND a.start_max = b.start_max))
                AND b.end_max <= a.end_min AND coalesce(b.least > a.most, 0) AS is_part_more,
            a.start_max >= b.start_min AND a.end_min <= b.end_max AND coalesce(a.least <= b.most, 1)
                OR b.start_max >= a.start_min AND b.end_min <= a.end_max AND coalesce(b.least <= a.most, 1) AS is_part_less,
            a.low IS b.low AND a.best IS b.best AND a.high IS b.high AS is_same_number,
            coalesce(a.thing <> b.thing, 0) AS is_other_thing, coalesce(a.thing = b.thing, 0) AS is_same_thing,
            a.thing IS b.thing AND a.words IS b.words AS is_same_words,
            a.start IS NOT NULL AND b.start IS NOT NULL AND (a.start_max < b.start_min OR b.start_max < a.start_min) AS is_other_start,
            a.end IS NOT NULL AND b.end IS NOT NULL AND (a.end_max < b.end_min OR b.end_max < a.end_min) AS is_other_end,
            (a.start IS NOT NULL AND b.start IS NOT NULL) OR (a.end IS NOT NULL AND b.end IS NOT NULL) AS is_dated,
            a.start IS b.start AND a.end IS b.end AS is_same_date
        FROM comparable_claims a JOIN comparable_claims b ON b.fact = a.fact AND (b.id, b.version) <> (a.id, a.version)
    )
);

-- What each table of sums over casualties must hold. The cells are made by alike() of db/sql_alike.h, which is five times as
-- fast; `bluehelm check` compares.
CREATE VIEW casualty_cell_sums AS
SELECT id, known_from, series, kind, definition, harm, victim_group, mission, place, cause, personnel_type, nationality, source,
    flags_json, date_min, date_max, end_min, end_max, sum(low) AS low, sum(best) AS best, sum(high) AS high, count(*) AS records,
    kind = 'total' OR coalesce((series, mission) IN (SELECT o.series, c.component FROM missions m
        JOIN mission_components c ON c.mission = m.id JOIN casualties o ON o.mission = m.id
        WHERE m.category = 'aggregate' AND o.known_to IS NULL), 0) AS may_be_part
FROM (
    SELECT CASE WHEN kind = 'total' THEN id END AS id, CASE WHEN kind = 'total' THEN known_from END AS known_from,
        series, kind, definition, harm, victim_group, mission, place, cause, personnel_type, nationality, source, flags_json,
        CASE WHEN kind = 'total' THEN date_min ELSE substr(date_min, 1, 4) || '-01-01' END AS date_min,
        CASE WHEN kind = 'total' THEN date_max ELSE substr(date_max, 1, 4) || '-12-31' END AS date_max,
        CASE WHEN kind = 'total' THEN end_min ELSE substr(end_min, 1, 4) || '-01-01' END AS end_min,
        CASE WHEN kind = 'total' THEN end_max ELSE substr(end_max, 1, 4) || '-12-31' END AS end_max,
        low, best, high
    FROM casualties WHERE known_to IS NULL
) GROUP BY id, series, kind, definition, harm, victim_group, mission, place, cause, personnel_type, nationality, source, flags_json,
    date_min, date_max, end_min, end_max, low IS NULL, best IS NULL, high IS NULL;
CREATE VIEW casualty_year_sums AS
SELECT series, kind, definition, harm, victim_group, mission, place, source, flags_json, date_min, date_max, end_min, end_max,
    sum(low) AS low, sum(best) AS best, sum(high) AS high, sum(records) AS records, max(may_be_part) AS may_be_part
FROM casualty_cells
GROUP BY series, kind, definition, harm, victim_group, mission, place, source, flags_json, date_min, date_max, end_min, end_max,
    low IS NULL, best IS NULL, high IS NULL;
CREATE VIEW casualty_series_sums AS
SELECT series, kind, definition, harm,
    sum(low) AS low, sum(best) AS best, sum(high) AS high, sum(records) AS records, max(may_be_part) AS may_be_part
FROM casualty_years GROUP BY series, kind, definition, harm, low IS NULL, best IS NULL, high IS NULL;
-- Where a fact belongs: its own place, those of its claims, and where its subject is. Known as those are.
CREATE VIEW fact_places AS
SELECT id AS fact, place, '0001-01-01' AS known_from, NULL AS known_to FROM facts WHERE place IS NOT NULL
UNION ALL SELECT id, subject, '0001-01-01', NULL FROM facts WHERE subject_kind = 'place'
UNION ALL SELECT fact, place, known_from, known_to FROM claims WHERE place IS NOT NULL
UNION ALL SELECT f.id, l.place, e.known_from, e.known_to FROM facts f JOIN events e ON e.id = f.subject
    JOIN event_places l ON l.event = e.id WHERE f.subject_kind = 'event'
UNION ALL SELECT f.id, l.place, m.known_from, m.known_to FROM facts f JOIN missions m ON m.id = f.subject
    JOIN mission_places l ON l.mission = m.id AND l.version = m.version WHERE f.subject_kind = 'actor';

-- What is dated, by itself: events, and where a mission or a relationship began or ended. The name of an actor is not told:
-- it changes with the day of knowledge.
CREATE VIEW moments AS
SELECT 'event-' || id AS id, 'event' AS kind, 'event' AS thing_kind, id AS thing, NULL AS version, name, text AS words,
    kind AS type, NULL AS status,
    NULL AS first, NULL AS second, -- the mission; the two ends of the relationship
    date, date_min, date_max, end, end_min, end_max, known_from, known_to
FROM events
UNION ALL SELECT 'mission-' || id || '-began', 'mission_began', 'mission', id, version, NULL, name, category, NULL, id, NULL,
    start, start_min, start_max, NULL, start_min, start_max, known_from, known_to
FROM missions WHERE start IS NOT NULL
UNION ALL SELECT 'mission-' || id || '-ended', 'mission_ended', 'mission', id, version, NULL, name, category, NULL, id, NULL,
    end, end_min, end_max, NULL, end_min, end_max, known_from, known_to
FROM missions WHERE end IS NOT NULL
UNION ALL SELECT 'relationship-' || id || '-began', 'began', 'relationship', id, version, NULL, note, type, status, from_actor, to_actor,
    start, start_min, start_max, NULL, start_min, start_max, known_from, known_to
FROM relationships WHERE start IS NOT NULL
UNION ALL SELECT 'relationship-' || id || '-ended', 'ended', 'relationship', id, version, NULL, note, type, status, from_actor, to_actor,
    end, end_min, end_max, NULL, end_min, end_max, known_from, known_to
FROM relationships WHERE end IS NOT NULL;

-- Each claim that is about an actor, names it or is asserted by it, by the first of these that holds.
CREATE VIEW actor_claims AS
SELECT subject AS actor, 'subject' AS role, rowid AS claim FROM claims WHERE subject_kind = 'actor'
UNION ALL SELECT object, 'object', rowid FROM claims
WHERE object_kind = 'actor' AND NOT (subject_kind = 'actor' AND subject = object)
UNION ALL SELECT asserted_by, 'asserter', rowid FROM claims
WHERE asserted_by IS NOT NULL AND NOT (subject_kind = 'actor' AND subject = asserted_by)
    AND NOT (object_kind IS 'actor' AND object IS asserted_by);

-- Each relationship from both of its ends.
CREATE VIEW actor_relationships AS
SELECT from_actor AS actor, 'from' AS role, rowid AS relationship FROM relationships
UNION ALL SELECT to_actor, 'to', rowid FROM relationships WHERE to_actor <> from_actor;

-- The period of each claim: its own, or where it says none, that of its fact.
CREATE VIEW claim_periods AS
SELECT c.rowid AS claim, f.name,
    CASE WHEN c.start IS NULL AND c.end IS NULL THEN f.start ELSE c.start END AS start,
    CASE WHEN c.start IS NULL AND c.end IS NULL THEN f.start_min ELSE c.start_min END AS start_min,
    CASE WHEN c.start IS NULL AND c.end IS NULL THEN f.start_max ELSE c.start_max END AS start_max,
    CASE WHEN c.start IS NULL AND c.end IS NULL THEN f.end ELSE c.end END AS end,
    CASE WHEN c.start IS NULL AND c.end IS NULL THEN f.end_min ELSE c.end_min END AS end_min,
    CASE WHEN c.start IS NULL AND c.end IS NULL THEN f.end_max ELSE c.end_max END AS end_max
FROM claims c JOIN facts f ON f.id = c.fact;

-- What is dated about each actor. A claim of which only the last day is known lies on that day; one that is only known to
-- have begun lies on the day when it began, and is not found for ever after.
CREATE VIEW timelines AS
SELECT l.actor, 'participant' AS role, 'event-' || e.id AS id, 'event' AS kind, 'event' AS thing_kind, e.id AS thing,
    e.name, e.text AS words, e.date, e.date_min, e.date_max, e.end, e.end_min, e.end_max,
    e.kind AS event_kind, NULL AS predicate, NULL AS type, NULL AS status, NULL AS modality,
    NULL AS n_low, NULL AS n_best, NULL AS n_high, NULL AS n_qualifier, NULL AS n_text, NULL AS n_unit,
    NULL AS first, NULL AS second, NULL AS third, -- actors that it names, where actors_json does not
    e.actors_json, e.sources_json, e.claims_json, NULL AS source, e.known_from, e.known_to
FROM event_actors l JOIN events e ON e.id = l.event
UNION ALL SELECT l.actor, l.role, 'claim-' || c.id, 'claim', 'claim', c.id, p.name, coalesce(c.quote, c.object_text),
    coalesce(p.start, p.end),
    CASE WHEN p.start IS NULL AND p.end IS NOT NULL THEN p.end_min ELSE p.start_min END,
    CASE WHEN p.start IS NULL AND p.end IS NOT NULL THEN p.end_max ELSE p.start_max END,
    CASE WHEN p.start IS NOT NULL THEN p.end END,
    CASE WHEN p.end IS NOT NULL THEN p.end_min ELSE p.start_min END,
    CASE WHEN p.end IS NOT NULL THEN p.end_max ELSE p.start_max END,
    NULL, c.predicate, NULL, c.status, c.modality, c.low, c.best, c.high, c.qualifier, c.text, c.unit,
    CASE c.subject_kind WHEN 'actor' THEN c.subject END, CASE c.object_kind WHEN 'actor' THEN c.object END, c.asserted_by,
    NULL, NULL, NULL, c.reported_by, c.known_from, c.known_to
FROM actor_claims l JOIN claims c ON c.rowid = l.claim JOIN claim_periods p ON p.claim = l.claim
UNION ALL SELECT l.actor, l.role, 'relationship-' || r.id || '-began', 'began', 'relationship', r.id, NULL, r.note,
    r.start, r.start_min, r.start_max, NULL, r.start_min, r.start_max, NULL, NULL, r.type, r.status, NULL,
    r.low, r.best, r.high, r.qualifier, r.text, r.unit, r.from_actor, r.to_actor, NULL,
    NULL, r.sources_json, r.claims_json, NULL, r.known_from, r.known_to
FROM actor_relationships l JOIN relationships r ON r.rowid = l.relationship WHERE r.start IS NOT NULL
UNION ALL SELECT l.actor, l.role, 'relationship-' || r.id || '-ended', 'ended', 'relationship', r.id, NULL, r.note,
    r.end, r.end_min, r.end_max, NULL, r.end_min, r.end_max, NULL, NULL, r.type, r.status, NULL,
    r.low, r.best, r.high, r.qualifier, r.text, r.unit, r.from_actor, r.to_actor, NULL,
    NULL, r.sources_json, r.claims_json, NULL, r.known_from, r.known_to
FROM actor_relationships l JOIN relationships r ON r.rowid = l.relationship WHERE r.end IS NOT NULL
UNION ALL SELECT id, 'self', 'mission-' || id || '-began', 'mission_began', 'mission', id, NULL, note,
    start, start_min, start_max, NULL, start_min, start_max, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, sources_json, '[]', NULL, known_from, known_to
FROM missions WHERE start IS NOT NULL
UNION ALL SELECT id, 'self', 'mission-' || id || '-ended', 'mission_ended', 'mission', id, NULL, note,
    end, end_min, end_max, NULL, end_min, end_max, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, sources_json, '[]', NULL, known_from, known_to
FROM missions WHERE end IS NOT NULL;

-- Which rows of a series a definition, or a predicate without one, counts: those of a personnel type in `personnel`
-- (comma list) and of `cause`, NULL meaning any, out of a series whose own definition is `part_of`.
CREATE VIEW narrowings AS
SELECT column1 AS name, column2 AS part_of, column3 AS personnel, column4 AS cause FROM (VALUES
    ('uniformed-all-causes', 'un-personnel-all-causes', 'military,military_observer,police', NULL),
    ('un-personnel-malicious-acts', 'un-personnel-all-causes', NULL, 'malicious_act'),
    ('uniformed-malicious-acts', 'un-personnel-all-causes', 'military,military_observer,police', 'malicious_act'),
    ('deaths_uniformed', 'un-personnel-all-causes', 'military,military_observer,police', NULL),
    ('deaths_malicious_acts', 'un-personnel-all-causes', NULL, 'malicious_act'),
    ('deaths_illness', 'un-personnel-all-causes', NULL, 'illness'),
    ('deaths_accident', 'un-personnel-all-causes', NULL, 'accident'),
    ('deaths_to_be_determined', 'un-personnel-all-causes', NULL, 'to_be_determined'),
    ('deaths_unknown_cause', 'un-personnel-all-causes', NULL, 'unknown'));

-- Sums that somebody states of a mission's dead or injured: rows of series of totals, and claims on such facts. The period
-- is from start_min on, until some day from end_min to end_max; a claim that names none has its fact's, and where that
-- has none either, ends on the day on which it was known.
CREATE VIEW stated_totals AS
SELECT 'total-' || k.id AS id, k.id AS casualty,
    (SELECT l.claim FROM casualty_claims l WHERE l.casualty = k.id AND l.version = k.version ORDER BY l.position LIMIT 1) AS claim,
    k.mission, k.harm, k.definition, k.definition AS counted,
    k.low, k.best, k.high, k.qualifier, k.text, k.unit, k.date AS start, k.date_min AS start_min, k.date_max AS start_max,
    coalesce(k.end, k.date) AS end, k.end_min, k.end_max, k.source, k.known_from, k.known_to
FROM series s CROSS JOIN casualties k ON k.series = s.id -- by the index, past millions of records
WHERE s.kind = 'total' AND k.mission IS NOT NULL
UNION ALL
SELECT 'claim-' || c.id, NULL, c.id, c.subject, CASE WHEN f.predicate = 'injured' THEN 'injured' ELSE 'killed' END,
    coalesce(c.definition, f.definition), coalesce(c.definition, f.definition, f.predicate),
    c.low, c.best, c.high, c.qualifier, c.text, c.unit,
    coalesce(c.start, f.start),
    CASE WHEN c.start IS NOT NULL THEN c.start_min ELSE f.start_min END,
    CASE WHEN c.start IS NOT NULL THEN c.start_max ELSE f.start_max END,
    coalesce(c.end, f.end),
    CASE WHEN c.end IS NOT NULL THEN c.end_min WHEN f.end IS NOT NULL THEN f.end_min ELSE c.known_from END,
    CASE WHEN c.end IS NOT NULL THEN c.end_max WHEN f.end IS NOT NULL THEN f.end_max ELSE c.known_from END,
    c.reported_by, c.known_from, c.known_to
FROM claims c JOIN facts f ON f.id = c.fact
WHERE c.subject_kind = 'actor' AND c.subject IN (SELECT id FROM missions)
    AND (c.predicate = 'injured' OR c.predicate = 'deaths' OR c.predicate GLOB 'deaths_*')
    AND coalesce(c.low, c.best, c.high) IS NOT NULL AND c.modality NOT IN ('denied', 'retracted', 'forecast')
    AND c.flags_json NOT LIKE '%translation_damage%';

-- What search finds, with its words, by the place of its kind. Among the names are those of versions before, but never a
-- later one: it was not known yet. Casualties are not in it: they are millions, and have hardly words of their own.
CREATE VIEW document_texts AS
SELECT 1 AS place, 'mission' AS kind, m.id, m.version, m.known_from, m.known_to, m.acronym AS title,
    (SELECT group_concat(name, ' · ') FROM (SELECT name FROM (
        SELECT m.name, 0 AS place
        UNION ALL SELECT o.name, 1 FROM missions o WHERE o.id = m.id AND o.version < m.version
        UNION ALL SELECT o.acronym, 2 FROM missions o WHERE o.id = m.id AND o.version < m.version
        UNION ALL SELECT alias, 3 FROM aliases WHERE kind = 'mission' AND id = m.id)
        WHERE name IS NOT NULL AND name <> m.acronym GROUP BY name ORDER BY min(place), name)) AS names,
    (SELECT group_concat(part, ' · ') FROM (
        SELECT m.note AS part WHERE m.note IS NOT NULL
        UNION ALL SELECT value FROM json_each(m.resolutions_json)
        UNION ALL SELECT p.name FROM mission_places l JOIN places p ON p.id = l.place WHERE l.mission = m.id AND l.version = m.version)) AS text
FROM missions m
UNION ALL
SELECT 2, 'actor', a.id, a.version, a.known_from, a.known_to, a.name,
    (SELECT group_concat(name, ' · ') FROM (SELECT name FROM (
        SELECT o.name, 1 AS place FROM actors o WHERE o.id = a.id AND o.version < a.version
        UNION ALL SELECT o.name, 0 FROM missions o WHERE o.id = a.id AND o.version <= a.version
        UNION ALL SELECT alias, 2 FROM aliases WHERE id = a.id
            AND kind = CASE WHEN EXISTS (SELECT 1 FROM missions o WHERE o.id = a.id) THEN 'mission' ELSE 'actor' END
        UNION ALL SELECT a.iso3, 3 WHERE a.type = 'state')
        WHERE name IS NOT NULL AND name <> a.name GROUP BY name ORDER BY min(place), name)),
    a.note
FROM actors a
UNION ALL
SELECT 3, 'place', p.id, 1, '0001-01-01', NULL, p.name,
    (SELECT group_concat(name, ' · ') FROM (SELECT name FROM (
        SELECT alias AS name, 0 AS place FROM aliases WHERE kind = 'place' AND id = p.id
        UNION ALL SELECT p.iso2, 1 UNION ALL SELECT p.iso3, 2 UNION ALL SELECT printf('%03d', p.m49), 3 WHERE p.m49 IS NOT NULL)
        WHERE name IS NOT NULL ORDER BY place, name)),
    p.note
FROM places p
UNION ALL
SELECT 4, 'event', e.id, 1, e.known_from, e.known_to, e.name, NULL,
    (SELECT group_concat(part, ' · ') FROM (
        SELECT e.text AS part WHERE e.text IS NOT NULL UNION ALL SELECT e.note WHERE e.note IS NOT NULL
        UNION ALL SELECT p.name FROM event_places l JOIN places p ON p.id = l.place WHERE l.event = e.id))
FROM events e
UNION ALL
SELECT 5, 'source', id, 1, known_from, known_to, title, NULL,
    (SELECT group_concat(part, ' · ') FROM (
        SELECT publisher AS part UNION ALL SELECT citation WHERE citation IS NOT NULL UNION ALL SELECT note WHERE note IS NOT NULL))
FROM sources
UNION ALL
SELECT 6, 'claim', c.id, c.version, c.known_from, c.known_to, f.name, NULL,
    (SELECT group_concat(part, ' · ') FROM (
        SELECT c.quote AS part WHERE c.quote IS NOT NULL UNION ALL SELECT c.text WHERE c.text IS NOT NULL
        UNION ALL SELECT c.object_text WHERE c.object_text IS NOT NULL UNION ALL SELECT c.note WHERE c.note IS NOT NULL))
FROM claims c JOIN facts f ON f.id = c.fact;
