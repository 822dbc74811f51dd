-- What a destination is sent besides, what it is signed with, and when streams need it no more.

-- used_at: when a stream last named it. One that no stream names, and that nothing waits for, is removed a while later.
-- content_type: of what is posted; NULL for that of CloudEvents. headers_sealed: further headers, encrypted under the master key.
ALTER TABLE destination ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE destination ADD COLUMN content_type TEXT;
ALTER TABLE destination ADD COLUMN headers_sealed TEXT;

-- The destinations of an account, which are counted, and the streams that name one.
CREATE INDEX destination_account ON destination (account) WHERE origin = 'STREAM';
CREATE INDEX stream_notification_destination ON stream (notification_destination);
