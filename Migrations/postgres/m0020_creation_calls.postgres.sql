-- What call created a resource, in the event that tells of it: the answer to a client that makes the call again is found by the resource, and
-- answered_mutation has the answers of creations only once what was created has gone.

ALTER TABLE event ADD COLUMN invocation_id TEXT COLLATE "C";
ALTER TABLE event ADD COLUMN body_hash TEXT COLLATE "C";
