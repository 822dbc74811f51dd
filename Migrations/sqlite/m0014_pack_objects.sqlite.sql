-- Packs that are objects of a store that all instances share: each instance makes one for each round, and small ones are put together later.
-- claim: who is about to put an OPEN pack and others together, until claimed_until. Of a pack that is DELETING check_at is when its bytes may go.
ALTER TABLE pack ADD COLUMN claim TEXT;
ALTER TABLE pack ADD COLUMN claimed_until INTEGER NOT NULL DEFAULT 0;
CREATE INDEX pack_claim ON pack (claim) WHERE claim IS NOT NULL;
