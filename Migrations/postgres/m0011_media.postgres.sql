-- Media: what of it is kept, and where. The bytes are in packs, which are files; what these tables do not know is not there.
-- Times are milliseconds since the epoch: server_ms by the server, when a fragment began; producer_ms by the producer.

-- A stream that media was ever sent to; of a stream that was deleted and made anew each has a row of its own. id: random.
-- epoch: counts the sessions that were opened; instance_id, opened_at and closed_at are the newest one's.
-- owner_epoch: the session whose fragments are taken, the newest that has begun one, at owner_since. Of older sessions those are that began before.
-- reserved_sequence: sequences up to it were given to sessions. sealed_: the sums of the stream's extents.
CREATE TABLE media_stream (
    id BIGINT NOT NULL,
    stream_arn TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    creation_time BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    instance_id TEXT COLLATE "C" NOT NULL,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    owner_epoch BIGINT NOT NULL,
    owner_since BIGINT NOT NULL,
    reserved_sequence BIGINT NOT NULL,
    sealed_fragments BIGINT NOT NULL,
    sealed_bytes BIGINT NOT NULL,
    CONSTRAINT media_stream_pkey PRIMARY KEY (id),
    CONSTRAINT media_stream_owner CHECK (owner_epoch <= epoch),
    CONSTRAINT media_stream_sealed CHECK (sealed_fragments >= 0 AND sealed_bytes >= 0)
);
CREATE UNIQUE INDEX media_stream_arn ON media_stream (stream_arn);
CREATE INDEX media_stream_account ON media_stream (account, region, name);
CREATE INDEX media_stream_open ON media_stream (instance_id) WHERE closed_at IS NULL;

-- A file of records, of many streams. store_id: the media folder that it is in. id: rises with time, and names the file.
-- OPEN: its fragments are rows of fragment; committed_bytes: how far they reach, and what the file is cut to after a crash.
-- SEALED: its fragments are in its footer, and in extent; committed_bytes is the size of the file. DELETING: about to be removed.
-- check_at: when it is looked whether all in it has expired. freed: how often streams left it since the space was given back.
CREATE TABLE pack (
    id BIGINT NOT NULL,
    store_id TEXT COLLATE "C" NOT NULL,
    tier TEXT COLLATE "C" NOT NULL,
    retention_hours BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    committed_bytes BIGINT NOT NULL,
    first_server_ms BIGINT,
    last_server_ms BIGINT,
    check_at BIGINT NOT NULL,
    freed BIGINT NOT NULL,
    CONSTRAINT pack_pkey PRIMARY KEY (id),
    CONSTRAINT pack_tier CHECK (tier IN ('HOT', 'WARM')),
    CONSTRAINT pack_state CHECK (state IN ('OPEN', 'SEALED', 'DELETING'))
);
CREATE INDEX pack_store ON pack (store_id, state, id);
CREATE INDEX pack_check ON pack (store_id, check_at) WHERE state = 'SEALED';
CREATE INDEX pack_freed ON pack (store_id, id) WHERE freed > 0;

-- A fragment in an OPEN pack; in a SEALED one the rows are about to go. number_low: the low 28 bits of its number.
-- parts: offset+length of the payload of each of its records in the pack, separated by commas. track_set: the SHA-256 of its header, and
-- track_set_at its place as in parts.
CREATE TABLE fragment (
    stream_id BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    server_ms BIGINT NOT NULL,
    number_low BIGINT NOT NULL,
    producer_ms BIGINT NOT NULL,
    length_ms BIGINT NOT NULL,
    size BIGINT NOT NULL,
    flags BIGINT NOT NULL,
    pack_id BIGINT NOT NULL,
    parts TEXT COLLATE "C" NOT NULL,
    track_set TEXT COLLATE "C" NOT NULL,
    track_set_at TEXT COLLATE "C" NOT NULL,
    CONSTRAINT fragment_pkey PRIMARY KEY (stream_id, sequence),
    CONSTRAINT fragment_stream FOREIGN KEY (stream_id) REFERENCES media_stream (id)
);
CREATE INDEX fragment_pack ON fragment (pack_id, stream_id, sequence);

-- A run of fragments of one stream in a SEALED pack, whose index is footer_bytes at footer_at in the file. Runs of a stream have no sequences in
-- common. producer_end_ms: where the last of its media ends. gaps: times of more than two seconds without media between its fragments,
-- gap_ms in all.
CREATE TABLE extent (
    stream_id BIGINT NOT NULL,
    first_sequence BIGINT NOT NULL,
    last_sequence BIGINT NOT NULL,
    first_server_ms BIGINT NOT NULL,
    last_server_ms BIGINT NOT NULL,
    min_producer_ms BIGINT NOT NULL,
    max_producer_ms BIGINT NOT NULL,
    producer_end_ms BIGINT NOT NULL,
    fragments BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    gaps BIGINT NOT NULL,
    gap_ms BIGINT NOT NULL,
    pack_id BIGINT NOT NULL,
    footer_at BIGINT NOT NULL,
    footer_bytes BIGINT NOT NULL,
    CONSTRAINT extent_pkey PRIMARY KEY (stream_id, first_sequence),
    CONSTRAINT extent_order CHECK (first_sequence <= last_sequence AND first_server_ms <= last_server_ms AND min_producer_ms <= max_producer_ms),
    CONSTRAINT extent_stream FOREIGN KEY (stream_id) REFERENCES media_stream (id)
);
CREATE INDEX extent_server ON extent (stream_id, first_server_ms);
CREATE INDEX extent_producer ON extent (stream_id, min_producer_ms, first_sequence);
CREATE INDEX extent_pack ON extent (pack_id);

-- Those of OPEN packs: of the last minutes. Older ones are in extents. is_: what the producer asked for by tags.
CREATE VIEW fragments AS
SELECT media_stream.account, media_stream.region, media_stream.name, fragment.sequence,
    utc_text(fragment.server_ms) COLLATE "C" AS server_at,
    utc_text(fragment.producer_ms) COLLATE "C" AS producer_at,
    fragment.length_ms, fragment.size AS bytes,
    CASE WHEN fragment.flags % 2 = 1 THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END AS is_notification,
    CASE WHEN fragment.flags / 2 % 2 = 1 THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END AS is_image_generation,
    fragment.track_set, fragment.pack_id, media_stream.stream_arn, fragment.server_ms, fragment.producer_ms
FROM fragment JOIN media_stream ON media_stream.id = fragment.stream_id JOIN pack ON pack.id = fragment.pack_id AND pack.state = 'OPEN';

-- Runs of fragments in SEALED packs. expires_at: when the last of them is gone for readers, as the stream's retention is now. gaps: as in extent.
CREATE VIEW extents AS
SELECT media_stream.account, media_stream.region, media_stream.name, extent.first_sequence, extent.last_sequence, extent.fragments, extent.bytes,
    utc_text(extent.first_server_ms) COLLATE "C" AS first_server_at,
    utc_text(extent.last_server_ms) COLLATE "C" AS last_server_at,
    utc_text(extent.min_producer_ms) COLLATE "C" AS producer_start_at,
    utc_text(extent.producer_end_ms) COLLATE "C" AS producer_end_at,
    utc_text((extent.last_server_ms + stream.data_retention_in_hours * 3600000)) COLLATE "C" AS expires_at,
    extent.gaps, extent.gap_ms, extent.pack_id, media_stream.stream_arn, extent.first_server_ms, extent.last_server_ms,
    extent.last_server_ms + stream.data_retention_in_hours * 3600000 AS expires_ms
FROM extent JOIN media_stream ON media_stream.id = extent.stream_id
    LEFT JOIN stream ON stream.account = media_stream.account AND stream.region = media_stream.region AND stream.name = media_stream.name
        AND stream.creation_time = media_stream.creation_time;

-- bytes: of the file, as far as it is indexed. streams: that have something in it, once it is SEALED.
CREATE VIEW packs AS
SELECT id, store_id, tier, retention_hours, state,
    utc_text(created_at) COLLATE "C" AS created_at,
    committed_bytes AS bytes,
    utc_text(first_server_ms) COLLATE "C" AS first_server_at,
    utc_text(last_server_ms) COLLATE "C" AS last_server_at,
    (SELECT count(DISTINCT extent.stream_id) FROM extent WHERE extent.pack_id = pack.id) AS streams,
    utc_text(check_at) COLLATE "C" AS check_at
FROM pack;

-- The newest session of each stream that media was ever sent to. is_open: as far as its instance knows, if that is alive.
CREATE VIEW media_sessions AS
SELECT media_stream.account, media_stream.region, media_stream.name, media_stream.epoch AS sessions,
    CASE WHEN media_stream.closed_at IS NULL AND coalesce(instances.is_alive, 0) = 1 THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END AS is_open,
    utc_text(media_stream.opened_at) COLLATE "C" AS opened_at,
    utc_text(media_stream.closed_at) COLLATE "C" AS closed_at,
    (SELECT utc_text(max(fragment.server_ms)) COLLATE "C" FROM fragment WHERE fragment.stream_id = media_stream.id) AS last_fragment_at,
    media_stream.instance_id, instances.host AS instance_host, media_stream.stream_arn
FROM media_stream LEFT JOIN instances ON instances.id = media_stream.instance_id;

-- What is kept of each stream that media was ever sent to, what has expired but is not removed included. gaps: times of more than two seconds
-- without media, by the producer's clock, as far as packs are SEALED.
CREATE VIEW stream_storage AS
SELECT account, region, name, retention_hours, storage_tier, fragments, bytes,
    utc_text(first_server_ms) COLLATE "C" AS first_server_at,
    utc_text(last_server_ms) COLLATE "C" AS last_server_at,
    (last_server_ms - first_server_ms) / 1000 AS span_seconds, gaps, gap_ms / 1000 AS gap_seconds, stream_arn
FROM (
    SELECT media_stream.account, media_stream.region, media_stream.name, media_stream.stream_arn,
        stream.data_retention_in_hours AS retention_hours, stream.default_storage_tier AS storage_tier,
        media_stream.sealed_fragments + (SELECT count(*) FROM fragment JOIN pack ON pack.id = fragment.pack_id AND pack.state = 'OPEN'
            WHERE fragment.stream_id = media_stream.id) AS fragments,
        media_stream.sealed_bytes + (SELECT CAST(coalesce(sum(fragment.size), 0) AS BIGINT) FROM fragment
            JOIN pack ON pack.id = fragment.pack_id AND pack.state = 'OPEN' WHERE fragment.stream_id = media_stream.id) AS bytes,
        coalesce((SELECT min(extent.first_server_ms) FROM extent WHERE extent.stream_id = media_stream.id),
            (SELECT min(fragment.server_ms) FROM fragment WHERE fragment.stream_id = media_stream.id)) AS first_server_ms,
        coalesce((SELECT max(fragment.server_ms) FROM fragment WHERE fragment.stream_id = media_stream.id),
            (SELECT max(extent.last_server_ms) FROM extent WHERE extent.stream_id = media_stream.id)) AS last_server_ms,
        (SELECT CAST(coalesce(sum(gaps + CASE WHEN pause > 2000 THEN 1 ELSE 0 END), 0) AS BIGINT) FROM (SELECT extent.gaps,
            extent.min_producer_ms - lag(extent.producer_end_ms) OVER (ORDER BY extent.first_sequence) AS pause
            FROM extent WHERE extent.stream_id = media_stream.id) AS run) AS gaps,
        (SELECT CAST(coalesce(sum(gap_ms + CASE WHEN pause > 2000 THEN pause ELSE 0 END), 0) AS BIGINT) FROM (SELECT extent.gap_ms,
            extent.min_producer_ms - lag(extent.producer_end_ms) OVER (ORDER BY extent.first_sequence) AS pause
            FROM extent WHERE extent.stream_id = media_stream.id) AS run) AS gap_ms
    FROM media_stream LEFT JOIN stream ON stream.account = media_stream.account AND stream.region = media_stream.region
        AND stream.name = media_stream.name AND stream.creation_time = media_stream.creation_time
) AS kept;

-- Tables are not theirs to read.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'weir_admin') THEN
        GRANT SELECT ON fragments, extents, packs, media_sessions, stream_storage TO weir_admin;
    END IF;
END
$$;
