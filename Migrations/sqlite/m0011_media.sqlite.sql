-- Media: what of it is kept, and where. The bytes are in packs, which are files; what these tables do not know is not there.
-- Times are milliseconds since the epoch: server_ms by the server, when a fragment began; producer_ms by the producer.

-- A stream that media was ever sent to; of a stream that was deleted and made anew each has a row of its own. id: random.
-- epoch: counts the sessions that were opened; instance_id, opened_at and closed_at are the newest one's.
-- owner_epoch: the session whose fragments are taken, the newest that has begun one, at owner_since. Of older sessions those are that began before.
-- reserved_sequence: sequences up to it were given to sessions. sealed_: the sums of the stream's extents.
CREATE TABLE media_stream (
    id INTEGER NOT NULL,
    stream_arn TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    creation_time INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    instance_id TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    owner_epoch INTEGER NOT NULL,
    owner_since INTEGER NOT NULL,
    reserved_sequence INTEGER NOT NULL,
    sealed_fragments INTEGER NOT NULL,
    sealed_bytes INTEGER NOT NULL,
    CONSTRAINT media_stream_pkey PRIMARY KEY (id),
    CONSTRAINT media_stream_owner CHECK (owner_epoch <= epoch),
    CONSTRAINT media_stream_sealed CHECK (sealed_fragments >= 0 AND sealed_bytes >= 0)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX media_stream_arn ON media_stream (stream_arn);
CREATE INDEX media_stream_account ON media_stream (account, region, name);
CREATE INDEX media_stream_open ON media_stream (instance_id) WHERE closed_at IS NULL;

-- A file of records, of many streams. store_id: the media folder that it is in. id: rises with time, and names the file.
-- OPEN: its fragments are rows of fragment; committed_bytes: how far they reach, and what the file is cut to after a crash.
-- SEALED: its fragments are in its footer, and in extent; committed_bytes is the size of the file. DELETING: about to be removed.
-- check_at: when it is looked whether all in it has expired. freed: how often streams left it since the space was given back.
CREATE TABLE pack (
    id INTEGER NOT NULL,
    store_id TEXT NOT NULL,
    tier TEXT NOT NULL,
    retention_hours INTEGER NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    committed_bytes INTEGER NOT NULL,
    first_server_ms INTEGER,
    last_server_ms INTEGER,
    check_at INTEGER NOT NULL,
    freed INTEGER NOT NULL,
    CONSTRAINT pack_pkey PRIMARY KEY (id),
    CONSTRAINT pack_tier CHECK (tier IN ('HOT', 'WARM')),
    CONSTRAINT pack_state CHECK (state IN ('OPEN', 'SEALED', 'DELETING'))
) STRICT, WITHOUT ROWID;
CREATE INDEX pack_store ON pack (store_id, state, id);
CREATE INDEX pack_check ON pack (store_id, check_at) WHERE state = 'SEALED';
CREATE INDEX pack_freed ON pack (store_id, id) WHERE freed > 0;

-- A fragment in an OPEN pack; in a SEALED one the rows are about to go. number_low: the low 28 bits of its number.
-- parts: offset+length of the payload of each of its records in the pack, separated by commas. track_set: the SHA-256 of its header, and
-- track_set_at its place as in parts.
CREATE TABLE fragment (
    stream_id INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    server_ms INTEGER NOT NULL,
    number_low INTEGER NOT NULL,
    producer_ms INTEGER NOT NULL,
    length_ms INTEGER NOT NULL,
    size INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    pack_id INTEGER NOT NULL,
    parts TEXT NOT NULL,
    track_set TEXT NOT NULL,
    track_set_at TEXT NOT NULL,
    CONSTRAINT fragment_pkey PRIMARY KEY (stream_id, sequence),
    CONSTRAINT fragment_stream FOREIGN KEY (stream_id) REFERENCES media_stream (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX fragment_pack ON fragment (pack_id, stream_id, sequence);

-- A run of fragments of one stream in a SEALED pack, whose index is footer_bytes at footer_at in the file. Runs of a stream have no sequences in
-- common. producer_end_ms: where the last of its media ends. gaps: times of more than two seconds without media between its fragments,
-- gap_ms in all.
CREATE TABLE extent (
    stream_id INTEGER NOT NULL,
    first_sequence INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL,
    first_server_ms INTEGER NOT NULL,
    last_server_ms INTEGER NOT NULL,
    min_producer_ms INTEGER NOT NULL,
    max_producer_ms INTEGER NOT NULL,
    producer_end_ms INTEGER NOT NULL,
    fragments INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    gaps INTEGER NOT NULL,
    gap_ms INTEGER NOT NULL,
    pack_id INTEGER NOT NULL,
    footer_at INTEGER NOT NULL,
    footer_bytes INTEGER NOT NULL,
    CONSTRAINT extent_pkey PRIMARY KEY (stream_id, first_sequence),
    CONSTRAINT extent_order CHECK (first_sequence <= last_sequence AND first_server_ms <= last_server_ms AND min_producer_ms <= max_producer_ms),
    CONSTRAINT extent_stream FOREIGN KEY (stream_id) REFERENCES media_stream (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX extent_server ON extent (stream_id, first_server_ms);
CREATE INDEX extent_producer ON extent (stream_id, min_producer_ms, first_sequence);
CREATE INDEX extent_pack ON extent (pack_id);

-- Those of OPEN packs: of the last minutes. Older ones are in extents. is_: what the producer asked for by tags.
CREATE VIEW fragments AS
SELECT media_stream.account, media_stream.region, media_stream.name, fragment.sequence,
    strftime('%Y-%m-%dT%H:%M:%S', fragment.server_ms / 1000, 'unixepoch') || printf('.%03dZ', fragment.server_ms % 1000) AS server_at,
    strftime('%Y-%m-%dT%H:%M:%S', fragment.producer_ms / 1000, 'unixepoch') || printf('.%03dZ', fragment.producer_ms % 1000) AS producer_at,
    fragment.length_ms, fragment.size AS bytes,
    CASE WHEN fragment.flags % 2 = 1 THEN 1 ELSE 0 END AS is_notification,
    CASE WHEN fragment.flags / 2 % 2 = 1 THEN 1 ELSE 0 END AS is_image_generation,
    fragment.track_set, fragment.pack_id, media_stream.stream_arn, fragment.server_ms, fragment.producer_ms
FROM fragment JOIN media_stream ON media_stream.id = fragment.stream_id JOIN pack ON pack.id = fragment.pack_id AND pack.state = 'OPEN';

-- Runs of fragments in SEALED packs. expires_at: when the last of them is gone for readers, as the stream's retention is now. gaps: as in extent.
CREATE VIEW extents AS
SELECT media_stream.account, media_stream.region, media_stream.name, extent.first_sequence, extent.last_sequence, extent.fragments, extent.bytes,
    strftime('%Y-%m-%dT%H:%M:%S', extent.first_server_ms / 1000, 'unixepoch') || printf('.%03dZ', extent.first_server_ms % 1000) AS first_server_at,
    strftime('%Y-%m-%dT%H:%M:%S', extent.last_server_ms / 1000, 'unixepoch') || printf('.%03dZ', extent.last_server_ms % 1000) AS last_server_at,
    strftime('%Y-%m-%dT%H:%M:%S', extent.min_producer_ms / 1000, 'unixepoch') || printf('.%03dZ', extent.min_producer_ms % 1000) AS producer_start_at,
    strftime('%Y-%m-%dT%H:%M:%S', extent.producer_end_ms / 1000, 'unixepoch') || printf('.%03dZ', extent.producer_end_ms % 1000) AS producer_end_at,
    strftime('%Y-%m-%dT%H:%M:%S', (extent.last_server_ms + stream.data_retention_in_hours * 3600000) / 1000, 'unixepoch') || printf('.%03dZ', (extent.last_server_ms + stream.data_retention_in_hours * 3600000) % 1000) AS expires_at,
    extent.gaps, extent.gap_ms, extent.pack_id, media_stream.stream_arn, extent.first_server_ms, extent.last_server_ms,
    extent.last_server_ms + stream.data_retention_in_hours * 3600000 AS expires_ms
FROM extent JOIN media_stream ON media_stream.id = extent.stream_id
    LEFT JOIN stream ON stream.account = media_stream.account AND stream.region = media_stream.region AND stream.name = media_stream.name
        AND stream.creation_time = media_stream.creation_time;

-- bytes: of the file, as far as it is indexed. streams: that have something in it, once it is SEALED.
CREATE VIEW packs AS
SELECT id, store_id, tier, retention_hours, state,
    strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000, 'unixepoch') || printf('.%03dZ', created_at % 1000) AS created_at,
    committed_bytes AS bytes,
    strftime('%Y-%m-%dT%H:%M:%S', first_server_ms / 1000, 'unixepoch') || printf('.%03dZ', first_server_ms % 1000) AS first_server_at,
    strftime('%Y-%m-%dT%H:%M:%S', last_server_ms / 1000, 'unixepoch') || printf('.%03dZ', last_server_ms % 1000) AS last_server_at,
    (SELECT count(DISTINCT extent.stream_id) FROM extent WHERE extent.pack_id = pack.id) AS streams,
    strftime('%Y-%m-%dT%H:%M:%S', check_at / 1000, 'unixepoch') || printf('.%03dZ', check_at % 1000) AS check_at
FROM pack;

-- The newest session of each stream that media was ever sent to. is_open: as far as its instance knows, if that is alive.
CREATE VIEW media_sessions AS
SELECT media_stream.account, media_stream.region, media_stream.name, media_stream.epoch AS sessions,
    CASE WHEN media_stream.closed_at IS NULL AND coalesce(instances.is_alive, 0) = 1 THEN 1 ELSE 0 END AS is_open,
    strftime('%Y-%m-%dT%H:%M:%S', media_stream.opened_at / 1000, 'unixepoch') || printf('.%03dZ', media_stream.opened_at % 1000) AS opened_at,
    strftime('%Y-%m-%dT%H:%M:%S', media_stream.closed_at / 1000, 'unixepoch') || printf('.%03dZ', media_stream.closed_at % 1000) AS closed_at,
    (SELECT strftime('%Y-%m-%dT%H:%M:%S', max(fragment.server_ms) / 1000, 'unixepoch') || printf('.%03dZ', max(fragment.server_ms) % 1000) FROM fragment WHERE fragment.stream_id = media_stream.id) AS last_fragment_at,
    media_stream.instance_id, instances.host AS instance_host, media_stream.stream_arn
FROM media_stream LEFT JOIN instances ON instances.id = media_stream.instance_id;

-- What is kept of each stream that media was ever sent to, what has expired but is not removed included. gaps: times of more than two seconds
-- without media, by the producer's clock, as far as packs are SEALED.
CREATE VIEW stream_storage AS
SELECT account, region, name, retention_hours, storage_tier, fragments, bytes,
    strftime('%Y-%m-%dT%H:%M:%S', first_server_ms / 1000, 'unixepoch') || printf('.%03dZ', first_server_ms % 1000) AS first_server_at,
    strftime('%Y-%m-%dT%H:%M:%S', last_server_ms / 1000, 'unixepoch') || printf('.%03dZ', last_server_ms % 1000) AS last_server_at,
    (last_server_ms - first_server_ms) / 1000 AS span_seconds, gaps, gap_ms / 1000 AS gap_seconds, stream_arn
FROM (
    SELECT media_stream.account, media_stream.region, media_stream.name, media_stream.stream_arn,
        stream.data_retention_in_hours AS retention_hours, stream.default_storage_tier AS storage_tier,
        media_stream.sealed_fragments + (SELECT count(*) FROM fragment JOIN pack ON pack.id = fragment.pack_id AND pack.state = 'OPEN'
            WHERE fragment.stream_id = media_stream.id) AS fragments,
        media_stream.sealed_bytes + (SELECT coalesce(sum(fragment.size), 0) FROM fragment
            JOIN pack ON pack.id = fragment.pack_id AND pack.state = 'OPEN' WHERE fragment.stream_id = media_stream.id) AS bytes,
        coalesce((SELECT min(extent.first_server_ms) FROM extent WHERE extent.stream_id = media_stream.id),
            (SELECT min(fragment.server_ms) FROM fragment WHERE fragment.stream_id = media_stream.id)) AS first_server_ms,
        coalesce((SELECT max(fragment.server_ms) FROM fragment WHERE fragment.stream_id = media_stream.id),
            (SELECT max(extent.last_server_ms) FROM extent WHERE extent.stream_id = media_stream.id)) AS last_server_ms,
        (SELECT coalesce(sum(gaps + CASE WHEN pause > 2000 THEN 1 ELSE 0 END), 0) FROM (SELECT extent.gaps,
            extent.min_producer_ms - lag(extent.producer_end_ms) OVER (ORDER BY extent.first_sequence) AS pause
            FROM extent WHERE extent.stream_id = media_stream.id) AS run) AS gaps,
        (SELECT coalesce(sum(gap_ms + CASE WHEN pause > 2000 THEN pause ELSE 0 END), 0) FROM (SELECT extent.gap_ms,
            extent.min_producer_ms - lag(extent.producer_end_ms) OVER (ORDER BY extent.first_sequence) AS pause
            FROM extent WHERE extent.stream_id = media_stream.id) AS run) AS gap_ms
    FROM media_stream LEFT JOIN stream ON stream.account = media_stream.account AND stream.region = media_stream.region
        AND stream.name = media_stream.name AND stream.creation_time = media_stream.creation_time
) AS kept;
