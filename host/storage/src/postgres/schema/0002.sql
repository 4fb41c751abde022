-- The events that transactions published, ordered by the transactions' numbers. A transaction gets
-- its number before it commits. So only events of transactions before the oldest running one are
-- read, because no event can be added before them any more.
CREATE TABLE task_host.events (
    transaction bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    number bigint GENERATED ALWAYS AS IDENTITY,
    kind text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    attributes text COLLATE "C" NOT NULL,
    published_at bigint NOT NULL DEFAULT task_host.now_micros(),
    PRIMARY KEY (transaction, number)
);

-- The last event that was deleted, if any. After an earlier place, events are missing.
CREATE TABLE task_host.events_forgotten (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    transaction bigint NOT NULL,
    number bigint NOT NULL
);

-- Returns the oldest running transaction.
CREATE FUNCTION task_host.horizon() RETURNS bigint LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint $$;
REVOKE ALL ON FUNCTION task_host.horizon FROM PUBLIC;

CREATE FUNCTION task_host.publish(secret bytea, kinds text[], subjects text[], attributes text[])
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ BEGIN
        PERFORM task_host.prove(secret);
        INSERT INTO task_host.events (kind, subject, attributes)
            SELECT e.kind, e.subject, e.attributes
            FROM unnest(kinds, subjects, attributes) WITH ORDINALITY
                AS e (kind, subject, attributes, place)
            ORDER BY e.place;
    END $$;
REVOKE ALL ON FUNCTION task_host.publish FROM PUBLIC;
