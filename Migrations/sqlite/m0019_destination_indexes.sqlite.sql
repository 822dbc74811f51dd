-- The streams that name a destination, and no others: an entry for each that names none was written with every creation, on a page of its own.

DROP INDEX stream_notification_destination;
CREATE INDEX stream_notification_destination ON stream (notification_destination) WHERE notification_destination IS NOT NULL;
DROP INDEX stream_fragment_destination;
CREATE INDEX stream_fragment_destination ON stream (fragment_destination) WHERE fragment_destination IS NOT NULL;
