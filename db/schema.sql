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
PRAGMA user_version = 2;            -- the version of this schema

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
    kind TEXT NOT NULL,          -- actor, claim, definition, event, fact, mission, place, series, source
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
CREATE INDEX casualties_by_mission ON casualties (mission, series, date_min) WHERE mission IS NOT NULL;
CREATE INDEX casualties_by_series ON casualties (series, date_min);
CREATE INDEX casualties_by_place ON casualties (place, date_min);
CREATE INDEX casualties_by_nationality ON casualties (nationality, series) WHERE nationality IS NOT NULL;
CREATE INDEX casualties_by_date ON casualties (date_min, id);
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
CREATE INDEX relationships_by_from ON relationships (from_actor, start_min);
CREATE INDEX relationships_by_to ON relationships (to_actor, start_min);
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
