-- Events of media, and notifications of fragments that producers tagged.

-- What the event says beyond its status, in JSON: of a fragment, its notification.
ALTER TABLE event ADD COLUMN detail TEXT;

-- The destination that the stream's notification configuration names while it is ENABLED: fragments are told there. It is notification_destination
-- too where what happens to the stream is told there as well. Topics that were configured before are known from the next configuration on.
ALTER TABLE stream ADD COLUMN fragment_destination TEXT;
UPDATE stream SET fragment_destination = notification_destination;
CREATE INDEX stream_fragment_destination ON stream (fragment_destination);

-- change_token, event_sequence and changed_at: as in stream, of the events of the stream's media. first_fragment_at: when the first fragment that
-- was kept began, by the server's clock.
ALTER TABLE media_stream ADD COLUMN change_token TEXT NOT NULL DEFAULT '';
ALTER TABLE media_stream ADD COLUMN event_sequence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE media_stream ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE media_stream ADD COLUMN first_fragment_at INTEGER;
UPDATE media_stream SET first_fragment_at = owner_since WHERE reserved_sequence > 0;

DROP VIEW events;
CREATE VIEW events AS
SELECT strftime('%Y-%m-%dT%H:%M:%S', occurred_at / 1000, 'unixepoch') || printf('.%03dZ', occurred_at % 1000) AS occurred_at, account, region,
    substr(after_account, 1, instr(after_account, '/') - 1) AS resource_type,
    substr(after_type, 1, instr(after_type, '/') - 1) AS name,
    sequence, type, status, version, key_id, request_id, resource_arn, occurred_at AS occurred_at_ms, detail
FROM (
    SELECT substr(resource_arn, instr(resource_arn, ':kinesisvideo:') + 16 + length(region) + length(account)) AS after_account,
        substr(resource_arn, instr(resource_arn, '/') + 1) || '/' AS after_type,
        account, region, sequence, type, status, version, key_id, request_id, resource_arn, occurred_at, detail
    FROM event
);
