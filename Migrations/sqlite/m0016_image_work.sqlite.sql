-- Pictures that are to be made of fragments and put where the stream's image generation configuration says.

-- A fragment that its producer tagged for image generation, until its pictures are where they belong, or are given up.
-- store_id: the media folder or store that it is in. number_low: the low 28 bits of its number. tags: its other tags, a JSON object.
-- first_ms: when the first picture is due, in milliseconds from the fragment's start; below zero where the picture of the start is a little late.
-- available_at: when it is due, or its lease ends. failure: why the last attempt failed, for operators.
CREATE TABLE image_work (
    stream_id INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    server_ms INTEGER NOT NULL,
    number_low INTEGER NOT NULL,
    store_id TEXT NOT NULL,
    first_ms INTEGER NOT NULL,
    interval_ms INTEGER NOT NULL,
    tags TEXT NOT NULL,
    key_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    available_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    lease_token TEXT,
    failure TEXT,
    CONSTRAINT image_work_pkey PRIMARY KEY (stream_id, sequence),
    CONSTRAINT image_work_stream FOREIGN KEY (stream_id) REFERENCES media_stream (id),
    CONSTRAINT image_work_interval CHECK (interval_ms > 0 AND first_ms > -interval_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_work_due ON image_work (store_id, available_at);
CREATE INDEX image_work_age ON image_work (created_at);

-- images_failed_at: when it was last told that pictures of the stream could not be made or stored.
ALTER TABLE media_stream ADD COLUMN images_failed_at INTEGER;

CREATE VIEW images_waiting AS
SELECT media_stream.account, media_stream.region, media_stream.name, image_work.sequence,
    strftime('%Y-%m-%dT%H:%M:%S', image_work.server_ms / 1000, 'unixepoch') || printf('.%03dZ', image_work.server_ms % 1000) AS fragment_at,
    strftime('%Y-%m-%dT%H:%M:%S', image_work.created_at / 1000, 'unixepoch') || printf('.%03dZ', image_work.created_at % 1000) AS waiting_since_at,
    strftime('%Y-%m-%dT%H:%M:%S', image_work.available_at / 1000, 'unixepoch') || printf('.%03dZ', image_work.available_at % 1000) AS due_at,
    image_work.attempt AS attempts, image_work.failure, image_work.store_id, media_stream.stream_arn, image_work.created_at AS waiting_since_at_ms
FROM image_work JOIN media_stream ON media_stream.id = image_work.stream_id;
