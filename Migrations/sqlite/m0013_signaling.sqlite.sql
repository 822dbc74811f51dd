-- Who is connected to the signaling of a channel, and what waits for those who are not.

-- Counts connections and messages of the channel that go through the database, in the order in which they were accepted.
ALTER TABLE channel ADD COLUMN signaling_sequence INTEGER NOT NULL DEFAULT 0;

-- The connection that a client has now; of several the newest. It counts while its instance lives.
-- client: the ClientId of a viewer, '' for the master. session: names the connection. sequence: as counted by the channel, greater for a newer one.
CREATE TABLE presence (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    channel TEXT NOT NULL,
    channel_creation_time INTEGER NOT NULL,
    client TEXT NOT NULL,
    instance TEXT NOT NULL,
    session TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    connected_at INTEGER NOT NULL,
    CONSTRAINT presence_pkey PRIMARY KEY (account, region, channel, client)
) STRICT, WITHOUT ROWID;
CREATE INDEX presence_instance ON presence (instance);

-- Messages to clients that were not connected where they were accepted.
-- sequence: as counted by the channel. instance: the one that the client was connected to meanwhile, NULL for none.
CREATE TABLE mailbox (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    channel TEXT NOT NULL,
    channel_creation_time INTEGER NOT NULL,
    client TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    sender TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    instance TEXT,
    CONSTRAINT mailbox_pkey PRIMARY KEY (account, region, channel, client, sequence),
    CONSTRAINT mailbox_kind CHECK (kind IN ('SDP_OFFER', 'SDP_ANSWER', 'ICE_CANDIDATE'))
) STRICT, WITHOUT ROWID;
CREATE INDEX mailbox_expiry ON mailbox (expires_at);
CREATE INDEX mailbox_instance ON mailbox (instance) WHERE instance IS NOT NULL;

-- Where the other instances reach this one, HOST:PORT; NULL where they do not.
ALTER TABLE instance ADD COLUMN link_address TEXT;
