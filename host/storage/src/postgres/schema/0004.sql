-- Since when each host serves what it serves. A trigger keeps it, so that hosts of an earlier version,
-- whose heartbeats do not know the column, have it too.

ALTER TABLE task_host.replicas ADD COLUMN serving_since bigint;

CREATE FUNCTION task_host.note_serving() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$ BEGIN
        IF TG_OP = 'INSERT' OR (NEW.state, NEW.digest) IS DISTINCT FROM (OLD.state, OLD.digest) THEN
            NEW.serving_since := task_host.now_micros();
        END IF;
        RETURN NEW;
    END $$;
REVOKE ALL ON FUNCTION task_host.note_serving FROM PUBLIC;

CREATE TRIGGER note_serving BEFORE INSERT OR UPDATE ON task_host.replicas
    FOR EACH ROW EXECUTE FUNCTION task_host.note_serving();
