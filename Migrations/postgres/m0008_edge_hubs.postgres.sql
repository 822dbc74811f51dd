-- How often what the agent of a thing is to do has changed, so that who waits for a change need not read all of it.
-- changes: only ever compared for being another number than before. There is a row for each thing that has an edge configuration.
CREATE TABLE edge_hub (
    account TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    hub_device_arn TEXT COLLATE "C" NOT NULL,
    changes BIGINT NOT NULL,
    CONSTRAINT edge_hub_pkey PRIMARY KEY (account, region, hub_device_arn)
);

INSERT INTO edge_hub (account, region, hub_device_arn, changes)
SELECT DISTINCT account, region, hub_device_arn, now_ms() FROM edge_configuration;

-- A row that is made anew begins with the time, so that it has none of the numbers it had before.
CREATE FUNCTION count_edge_change() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        UPDATE edge_hub SET changes = changes + 1
        WHERE account = OLD.account AND region = OLD.region AND hub_device_arn = OLD.hub_device_arn;
        DELETE FROM edge_hub
        WHERE account = OLD.account AND region = OLD.region AND hub_device_arn = OLD.hub_device_arn AND NOT EXISTS (
            SELECT 1 FROM edge_configuration AS edge
            WHERE edge.account = OLD.account AND edge.region = OLD.region AND edge.hub_device_arn = OLD.hub_device_arn);
    ELSE
        INSERT INTO edge_hub (account, region, hub_device_arn, changes) VALUES (NEW.account, NEW.region, NEW.hub_device_arn, now_ms())
        ON CONFLICT (account, region, hub_device_arn) DO UPDATE SET changes = edge_hub.changes + 1;
    END IF;
    RETURN NULL;
END
$$;

-- No statement gives a configuration to another thing.
CREATE TRIGGER edge_configuration_changed AFTER INSERT OR DELETE OR UPDATE OF revision, sync_status ON edge_configuration
FOR EACH ROW EXECUTE FUNCTION count_edge_change();
