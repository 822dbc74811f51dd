-- Events of media, and notifications of fragments that producers tagged.

-- What the event says beyond its status, in JSON: of a fragment, its notification.
ALTER TABLE event ADD COLUMN detail TEXT COLLATE "C";

-- The destination that the stream's notification configuration names while it is ENABLED: fragments are told there. It is notification_destination
-- too where what happens to the stream is told there as well. Topics that were configured before are known from the next configuration on.
ALTER TABLE stream ADD COLUMN fragment_destination TEXT COLLATE "C";
UPDATE stream SET fragment_destination = notification_destination;
CREATE INDEX stream_fragment_destination ON stream (fragment_destination);

-- change_token, event_sequence and changed_at: as in stream, of the events of the stream's media. first_fragment_at: when the first fragment that
-- was kept began, by the server's clock.
ALTER TABLE media_stream ADD COLUMN change_token TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE media_stream ADD COLUMN event_sequence BIGINT NOT NULL DEFAULT 0;
ALTER TABLE media_stream ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE media_stream ADD COLUMN first_fragment_at BIGINT;
UPDATE media_stream SET first_fragment_at = owner_since WHERE reserved_sequence > 0;

CREATE OR REPLACE VIEW events AS
SELECT utc_text(occurred_at) COLLATE "C" AS occurred_at, account, region,
    split_part(split_part(resource_arn, ':', 6), '/', 1) AS resource_type,
    split_part(resource_arn, '/', 2) AS name,
    sequence, type, status, version, key_id, request_id, resource_arn, occurred_at AS occurred_at_ms, detail
FROM event;
