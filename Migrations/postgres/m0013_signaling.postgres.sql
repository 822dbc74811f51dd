-- Who is connected to the signaling of a channel, and what waits for those who are not.

-- Counts connections and messages of the channel that go through the database, in the order in which they were accepted.
ALTER TABLE channel ADD COLUMN signaling_sequence BIGINT NOT NULL DEFAULT 0;

-- The connection that a client has now; of several the newest. It counts while its instance lives.
-- client: the ClientId of a viewer, '' for the master. session: names the connection. sequence: as counted by the channel, greater for a newer one.
CREATE TABLE presence (
    account TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    channel_creation_time BIGINT NOT NULL,
    client TEXT COLLATE "C" NOT NULL,
    instance TEXT COLLATE "C" NOT NULL,
    session TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    connected_at BIGINT NOT NULL,
    CONSTRAINT presence_pkey PRIMARY KEY (account, region, channel, client)
);
CREATE INDEX presence_instance ON presence (instance);

-- Messages to clients that were not connected where they were accepted.
-- sequence: as counted by the channel. instance: the one that the client was connected to meanwhile, NULL for none.
CREATE TABLE mailbox (
    account TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    channel_creation_time BIGINT NOT NULL,
    client TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    sender TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    payload TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL,
    instance TEXT COLLATE "C",
    CONSTRAINT mailbox_pkey PRIMARY KEY (account, region, channel, client, sequence),
    CONSTRAINT mailbox_kind CHECK (kind IN ('SDP_OFFER', 'SDP_ANSWER', 'ICE_CANDIDATE'))
);
CREATE INDEX mailbox_expiry ON mailbox (expires_at);
CREATE INDEX mailbox_instance ON mailbox (instance) WHERE instance IS NOT NULL;

-- Where the other instances reach this one, HOST:PORT; NULL where they do not.
ALTER TABLE instance ADD COLUMN link_address TEXT COLLATE "C";
