-- Pictures that are to be made of fragments and put where the stream's image generation configuration says.

-- A fragment that its producer tagged for image generation, until its pictures are where they belong, or are given up.
-- store_id: the media folder or store that it is in. number_low: the low 28 bits of its number. tags: its other tags, a JSON object.
-- first_ms: when the first picture is due, in milliseconds from the fragment's start; below zero where the picture of the start is a little late.
-- available_at: when it is due, or its lease ends. failure: why the last attempt failed, for operators.
CREATE TABLE image_work (
    stream_id BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    server_ms BIGINT NOT NULL,
    number_low BIGINT NOT NULL,
    store_id TEXT COLLATE "C" NOT NULL,
    first_ms BIGINT NOT NULL,
    interval_ms BIGINT NOT NULL,
    tags TEXT COLLATE "C" NOT NULL,
    key_id TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    available_at BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    lease_token TEXT COLLATE "C",
    failure TEXT COLLATE "C",
    CONSTRAINT image_work_pkey PRIMARY KEY (stream_id, sequence),
    CONSTRAINT image_work_stream FOREIGN KEY (stream_id) REFERENCES media_stream (id),
    CONSTRAINT image_work_interval CHECK (interval_ms > 0 AND first_ms > -interval_ms)
);
CREATE INDEX image_work_due ON image_work (store_id, available_at);
CREATE INDEX image_work_age ON image_work (created_at);

-- images_failed_at: when it was last told that pictures of the stream could not be made or stored.
ALTER TABLE media_stream ADD COLUMN images_failed_at BIGINT;

CREATE VIEW images_waiting AS
SELECT media_stream.account, media_stream.region, media_stream.name, image_work.sequence,
    utc_text(image_work.server_ms) COLLATE "C" AS fragment_at,
    utc_text(image_work.created_at) COLLATE "C" AS waiting_since_at,
    utc_text(image_work.available_at) COLLATE "C" AS due_at,
    image_work.attempt AS attempts, image_work.failure, image_work.store_id, media_stream.stream_arn, image_work.created_at AS waiting_since_at_ms
FROM image_work JOIN media_stream ON media_stream.id = image_work.stream_id;

-- Tables are not theirs to read.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'weir_admin') THEN
        GRANT SELECT ON images_waiting TO weir_admin;
    END IF;
END
$$;
