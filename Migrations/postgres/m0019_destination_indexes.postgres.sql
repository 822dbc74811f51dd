-- On Postgres these indexes stay as they are: one that holds only the few streams that name a destination looks so cheap to its planner that it would
-- read all of it to find one stream, and go on doing so when it has grown.

SELECT 1;
