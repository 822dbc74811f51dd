-- How often what the agent of a thing is to do has changed, so that who waits for a change need not read all of it.
-- changes: only ever compared for being another number than before. There is a row for each thing that has an edge configuration.
CREATE TABLE edge_hub (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    hub_device_arn TEXT NOT NULL,
    changes INTEGER NOT NULL,
    CONSTRAINT edge_hub_pkey PRIMARY KEY (account, region, hub_device_arn)
) STRICT, WITHOUT ROWID;

INSERT INTO edge_hub (account, region, hub_device_arn, changes)
SELECT DISTINCT account, region, hub_device_arn, CAST(strftime('%s') AS INTEGER) * 1000 FROM edge_configuration;

-- A row that is made anew begins with the time, so that it has none of the numbers it had before. The time is SQLite's own, so that other
-- programs than this one may change the table too.
CREATE TRIGGER edge_configuration_made AFTER INSERT ON edge_configuration BEGIN
    INSERT INTO edge_hub (account, region, hub_device_arn, changes)
    VALUES (NEW.account, NEW.region, NEW.hub_device_arn, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
    ON CONFLICT (account, region, hub_device_arn) DO UPDATE SET changes = edge_hub.changes + 1;
END;

-- No statement gives a configuration to another thing.
CREATE TRIGGER edge_configuration_changed AFTER UPDATE OF revision, sync_status ON edge_configuration BEGIN
    UPDATE edge_hub SET changes = changes + 1
    WHERE account = NEW.account AND region = NEW.region AND hub_device_arn = NEW.hub_device_arn;
END;

CREATE TRIGGER edge_configuration_removed AFTER DELETE ON edge_configuration BEGIN
    UPDATE edge_hub SET changes = changes + 1
    WHERE account = OLD.account AND region = OLD.region AND hub_device_arn = OLD.hub_device_arn;
    DELETE FROM edge_hub
    WHERE account = OLD.account AND region = OLD.region AND hub_device_arn = OLD.hub_device_arn AND NOT EXISTS (
        SELECT 1 FROM edge_configuration AS edge
        WHERE edge.account = OLD.account AND edge.region = OLD.region AND edge.hub_device_arn = OLD.hub_device_arn);
END;
