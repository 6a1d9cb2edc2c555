-- What follows from the rows: run by `bluehelm build` after those of the text files are in, and by `bluehelm import` after
-- those of the imported files, in the same transaction. Running it twice leaves what running it once leaves.
-- Every statement has an ORDER BY where its order could reach the file, so that the same text gives the same bytes.
-- fold() is fold_name() of server/base/fold.h, search_tokens() is in db/search.h.

-- A mission is an actor with the same id, version for version: what was known of it on a day stays what it was.
DELETE FROM actor_sources WHERE actor IN (SELECT id FROM missions);
DELETE FROM actors WHERE id IN (SELECT id FROM missions);
DELETE FROM aliases WHERE kind = 'actor' AND id IN (SELECT id FROM missions);
INSERT INTO actors (id, version, name, type, known_from, known_to)
SELECT id, version, acronym, 'un_mission', known_from, known_to FROM missions ORDER BY id, version;
INSERT INTO actor_sources (actor, version, source, position)
SELECT mission, version, source, position FROM mission_sources ORDER BY mission, version, source;
INSERT INTO aliases (kind, id, alias, former, position)
SELECT 'actor', id, name, 0, 0 FROM missions m
WHERE name IS NOT NULL AND version = (SELECT max(version) FROM missions o WHERE o.id = m.id) ORDER BY id;
INSERT OR IGNORE INTO aliases (kind, id, alias, former, position)
SELECT 'actor', id, alias, former, position + 1 FROM aliases WHERE kind = 'mission' ORDER BY id, alias;

-- Each place with every place it lies in.
DELETE FROM place_closure;
WITH RECURSIVE closure (ancestor, place) AS (
    SELECT id, id FROM places
    UNION
    SELECT closure.ancestor, places.id FROM closure JOIN places ON places.part_of = closure.place
)
INSERT INTO place_closure SELECT ancestor, place FROM closure ORDER BY ancestor, place;

-- Independent sources: who repeats another is one with it, and so are the states of one data set.
WITH RECURSIVE chain (id, first) AS (
    SELECT id, id FROM sources WHERE derived_from IS NULL
    UNION ALL SELECT s.id, chain.first FROM sources s JOIN chain ON s.derived_from = chain.id
)
UPDATE sources SET origin = coalesce(
    (SELECT (SELECT o.source FROM series_states o WHERE o.series = l.series AND o.source IS NOT NULL ORDER BY o.known_on LIMIT 1)
     FROM series_states l JOIN series s ON s.id = l.series AND s.kind <> 'total'
     WHERE l.source = chain.first
     ORDER BY (SELECT min(known_on) FROM series_states o WHERE o.series = l.series), l.series LIMIT 1), chain.first)
FROM chain WHERE chain.id = sources.id;

-- How each two claims on one fact stand to each other.
DELETE FROM claim_pairs;
INSERT INTO claim_pairs (fact, claim, version, other, other_version, stands, reason, reasons_json, is_apart,
    claim_from, claim_to, other_from, other_to)
SELECT fact, claim, version, other, other_version, stands, reason, reasons_json, is_apart, claim_from, claim_to, other_from, other_to
FROM claim_comparisons ORDER BY fact, claim, version, other, other_version;

-- What to call things. Rows that name a thing are many: those alone are told anew whose thing is called otherwise now.
CREATE TEMP TABLE labels_before AS SELECT kind, id, name FROM labels;
DELETE FROM labels;
INSERT INTO labels (kind, id, name)
SELECT kind, id, name FROM (
    SELECT 'actor' AS kind, id, name FROM actors a WHERE version = (SELECT max(version) FROM actors o WHERE o.id = a.id)
    UNION ALL SELECT 'claim', c.id, f.name FROM claims c JOIN facts f ON f.id = c.fact
    WHERE version = (SELECT max(version) FROM claims o WHERE o.id = c.id)
    UNION ALL SELECT DISTINCT 'code_list', list, list FROM codes
    UNION ALL SELECT 'definition', id, name FROM definitions
    UNION ALL SELECT 'event', id, name FROM events
    UNION ALL SELECT 'fact', id, name FROM facts
    UNION ALL SELECT 'mission', id, acronym FROM missions m WHERE version = (SELECT max(version) FROM missions o WHERE o.id = m.id)
    UNION ALL SELECT 'place', id, name FROM places
    UNION ALL SELECT 'release', id, title FROM releases
    UNION ALL SELECT 'series', id, name FROM series
    UNION ALL SELECT 'source', id, title FROM sources
) ORDER BY kind, id;

-- Under which names things are found.
DELETE FROM names;
INSERT OR IGNORE INTO names (kind, name, id)
SELECT kind, folded, id FROM (
    SELECT kind, fold(id) AS folded, id FROM labels WHERE kind <> 'release'
    UNION SELECT kind, fold(name), id FROM labels WHERE kind IN ('actor', 'definition', 'event', 'mission', 'place', 'series', 'source')
    UNION SELECT kind, fold(alias), id FROM aliases
    UNION SELECT kind, fold(acronym), id FROM missions, (SELECT 'actor' AS kind UNION SELECT 'mission')
    UNION SELECT kind, fold(name), id FROM missions, (SELECT 'actor' AS kind UNION SELECT 'mission')
    UNION SELECT 'actor', fold(name), id FROM actors
    UNION SELECT 'place', fold(iso2), id FROM places WHERE iso2 IS NOT NULL
    UNION SELECT 'place', fold(iso3), id FROM places WHERE iso3 IS NOT NULL
    UNION SELECT 'place', CAST(m49 AS TEXT), id FROM places WHERE m49 IS NOT NULL
    UNION SELECT 'place', printf('%03d', m49), id FROM places WHERE m49 IS NOT NULL
    UNION SELECT 'actor', fold(iso3), id FROM actors WHERE iso3 IS NOT NULL AND type = 'state'
) WHERE folded IS NOT NULL AND folded <> '' ORDER BY kind, folded, id;

-- Lists, ready to send.
UPDATE releases SET sources_json = (
    SELECT json_group_array(json_object('id', id, 'name', name)) FROM (
        SELECT b.id, b.name FROM release_sources l JOIN labels b ON b.kind = 'source' AND b.id = l.source
        WHERE l.release = releases.id ORDER BY l.position));
UPDATE places SET sources_json = (
    SELECT json_group_array(json_object('id', id, 'name', name)) FROM (
        SELECT b.id, b.name FROM place_sources l JOIN labels b ON b.kind = 'source' AND b.id = l.source
        WHERE l.place = places.id ORDER BY l.position)),
    aliases_json = (
    SELECT json_group_array(alias) FROM (
        SELECT alias FROM aliases WHERE kind = 'place' AND id = places.id AND former = 0 ORDER BY position, alias));
UPDATE actors SET sources_json = (
    SELECT json_group_array(json_object('id', id, 'name', name)) FROM (
        SELECT b.id, b.name FROM actor_sources l JOIN labels b ON b.kind = 'source' AND b.id = l.source
        WHERE l.actor = actors.id AND l.version = actors.version ORDER BY l.position)),
    aliases_json = (
    SELECT json_group_array(alias) FROM (
        SELECT alias FROM aliases WHERE kind = 'actor' AND id = actors.id AND former = 0 ORDER BY position, alias));
UPDATE missions SET sources_json = (
    SELECT json_group_array(json_object('id', id, 'name', name)) FROM (
        SELECT b.id, b.name FROM mission_sources l JOIN labels b ON b.kind = 'source' AND b.id = l.source
        WHERE l.mission = missions.id AND l.version = missions.version ORDER BY l.position)),
    places_json = (
    SELECT json_group_array(CASE WHEN iso3 IS NULL THEN json_object('id', id, 'name', name)
                                 ELSE json_object('id', id, 'name', name, 'iso3', iso3) END) FROM (
        SELECT p.id, p.name, p.iso3 FROM mission_places l JOIN places p ON p.id = l.place
        WHERE l.mission = missions.id AND l.version = missions.version ORDER BY l.position)),
    components_json = (
    SELECT json_group_array(json_object('id', id, 'name', name)) FROM (
        SELECT b.id, b.name FROM mission_components l JOIN labels b ON b.kind = 'mission' AND b.id = l.component
        WHERE l.mission = missions.id AND l.version = missions.version ORDER BY l.position)),
    aliases_json = (
    SELECT json_group_array(alias) FROM (
        SELECT alias FROM aliases WHERE kind = 'mission' AND id = missions.id AND former = 0 ORDER BY position, alias));
UPDATE events SET sources_json = (
    SELECT json_group_array(json_object('id', id, 'name', name)) FROM (
        SELECT b.id, b.name FROM event_sources l JOIN labels b ON b.kind = 'source' AND b.id = l.source
        WHERE l.event = events.id ORDER BY l.position)),
    claims_json = (
    SELECT json_group_array(json_object('id', id, 'name', name)) FROM (
        SELECT b.id, b.name FROM event_claims l JOIN labels b ON b.kind = 'claim' AND b.id = l.claim
        WHERE l.event = events.id ORDER BY l.position)),
    actors_json = (
    SELECT json_group_array(json_object('id', id, 'name', name)) FROM (
        SELECT b.id, b.name FROM event_actors l JOIN labels b ON b.kind = 'actor' AND b.id = l.actor
        WHERE l.event = events.id ORDER BY l.position)),
    places_json = (
    SELECT json_group_array(CASE WHEN iso3 IS NULL THEN json_object('id', id, 'name', name)
                                 ELSE json_object('id', id, 'name', name, 'iso3', iso3) END) FROM (
        SELECT p.id, p.name, p.iso3 FROM event_places l JOIN places p ON p.id = l.place
        WHERE l.event = events.id ORDER BY l.position));
-- CROSS JOIN keeps the order: no index of a million rows has statistics while they are being loaded.
UPDATE casualties SET perpetrators_json = (
    SELECT json_group_array(json_object('id', id, 'name', name)) FROM (
        SELECT b.id, b.name FROM casualty_perpetrators l JOIN labels b ON b.kind = 'actor' AND b.id = l.actor
        WHERE l.casualty = casualties.id AND l.version = casualties.version ORDER BY l.position))
WHERE rowid IN (
    SELECT c.rowid FROM casualty_perpetrators l CROSS JOIN casualties c ON c.id = l.casualty AND c.version = l.version WHERE c.perpetrators_json = '[]'
    UNION SELECT c.rowid FROM labels_before o CROSS JOIN labels b ON b.kind = o.kind AND b.id = o.id AND b.name <> o.name
    CROSS JOIN casualty_perpetrators l ON l.actor = b.id CROSS JOIN casualties c ON c.id = l.casualty AND c.version = l.version WHERE o.kind = 'actor');
UPDATE casualties SET claims_json = (
    SELECT json_group_array(json_object('id', id, 'name', name)) FROM (
        SELECT b.id, b.name FROM casualty_claims l JOIN labels b ON b.kind = 'claim' AND b.id = l.claim
        WHERE l.casualty = casualties.id AND l.version = casualties.version ORDER BY l.position))
WHERE rowid IN (
    SELECT c.rowid FROM casualty_claims l CROSS JOIN casualties c ON c.id = l.casualty AND c.version = l.version WHERE c.claims_json = '[]'
    UNION SELECT c.rowid FROM labels_before o CROSS JOIN labels b ON b.kind = o.kind AND b.id = o.id AND b.name <> o.name
    CROSS JOIN casualty_claims l ON l.claim = b.id CROSS JOIN casualties c ON c.id = l.casualty AND c.version = l.version WHERE o.kind = 'claim');
UPDATE relationships SET sources_json = (
    SELECT json_group_array(json_object('id', id, 'name', name)) FROM (
        SELECT b.id, b.name FROM relationship_sources l JOIN labels b ON b.kind = 'source' AND b.id = l.source
        WHERE l.relationship = relationships.id AND l.version = relationships.version ORDER BY l.position)),
    claims_json = (
    SELECT json_group_array(json_object('id', id, 'name', name)) FROM (
        SELECT b.id, b.name FROM relationship_claims l JOIN labels b ON b.kind = 'claim' AND b.id = l.claim
        WHERE l.relationship = relationships.id AND l.version = relationships.version ORDER BY l.position))
WHERE (sources_json = '[]' AND claims_json = '[]') OR rowid IN (
    SELECT r.rowid FROM labels_before o CROSS JOIN labels b ON b.kind = o.kind AND b.id = o.id AND b.name <> o.name
    CROSS JOIN relationship_sources l ON l.source = b.id CROSS JOIN relationships r ON r.id = l.relationship AND r.version = l.version WHERE o.kind = 'source'
    UNION SELECT r.rowid FROM labels_before o CROSS JOIN labels b ON b.kind = o.kind AND b.id = o.id AND b.name <> o.name
    CROSS JOIN relationship_claims l ON l.claim = b.id CROSS JOIN relationships r ON r.id = l.relationship AND r.version = l.version WHERE o.kind = 'claim');

DROP TABLE temp.labels_before;

-- What full-text search finds. The index is one segment in the end, so that the same rows give the same bytes.
DELETE FROM documents;
INSERT INTO documents (document, kind, id, version, known_from, known_to, title, names, text)
SELECT row_number() OVER (ORDER BY place, id, version), kind, id, version, known_from, known_to, title, names, text
FROM document_texts ORDER BY 1;
INSERT INTO search (search) VALUES ('delete-all');
INSERT INTO search (rowid, title, names, text, ids)
SELECT document, search_tokens(title), search_tokens(names), search_tokens(text), search_tokens(id) FROM documents ORDER BY document;
INSERT INTO search (search) VALUES ('optimize');

-- What this file is; the digest comes last, from all the rest.
INSERT OR REPLACE INTO dataset (key, value) SELECT 'release', max(id) FROM releases;
