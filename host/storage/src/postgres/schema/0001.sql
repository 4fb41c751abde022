-- The host's own tables. Times are in microseconds since 1970, UTC, by this database's clock.

CREATE FUNCTION task_host.now_micros() RETURNS bigint LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;

-- The logic's migrations that were applied.
CREATE TABLE task_host.migrations (
    position bigint PRIMARY KEY,
    name text NOT NULL UNIQUE,
    checksum bytea NOT NULL,
    applied_at bigint NOT NULL DEFAULT task_host.now_micros()
);

-- Recorded answers, by idempotency key.
CREATE TABLE task_host.answers (
    key text COLLATE "C" PRIMARY KEY,
    fingerprint bytea NOT NULL,
    status integer NOT NULL,
    headers text NOT NULL,
    body bytea NOT NULL,
    created_at bigint NOT NULL DEFAULT task_host.now_micros()
);
CREATE INDEX answers_by_age ON task_host.answers (created_at);

-- One row for each commit, written by the transaction itself. If the answer to a COMMIT is lost, the
-- host writes the row again. This waits until the transaction has ended, and then shows whether it
-- was committed.
CREATE TABLE task_host.commits (
    token uuid PRIMARY KEY,
    created_at bigint NOT NULL DEFAULT task_host.now_micros()
);

CREATE TABLE task_host.components (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest text COLLATE "C" NOT NULL UNIQUE,
    content bytea NOT NULL,
    signature bytea,
    actor text NOT NULL,
    uploaded_at bigint NOT NULL DEFAULT task_host.now_micros()
);
-- Not compressed, because the content may be compressed already and is always read as a whole.
ALTER TABLE task_host.components ALTER COLUMN content SET STORAGE EXTERNAL;

-- Ids are counted from the last row. A sequence would skip an id for each refused deployment.
CREATE TABLE task_host.deployments (
    id bigint PRIMARY KEY,
    digest text COLLATE "C" NOT NULL,
    from_digest text COLLATE "C",
    kind text NOT NULL,
    actor text NOT NULL,
    order_json text NOT NULL,
    stage text NOT NULL DEFAULT '',
    report_json text NOT NULL DEFAULT '[]',
    outcome text,
    code text,
    reason text,
    began_at bigint NOT NULL DEFAULT task_host.now_micros(),
    activated_at bigint,
    ended_at bigint,
    CHECK ((outcome IS NULL) = (ended_at IS NULL))
);
CREATE UNIQUE INDEX deployments_running ON task_host.deployments ((true)) WHERE outcome IS NULL;
CREATE INDEX deployments_by_digest ON task_host.deployments (digest);

CREATE TABLE task_host.active (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    digest text COLLATE "C" NOT NULL REFERENCES task_host.components (digest),
    epoch bigint NOT NULL,
    deployment bigint NOT NULL REFERENCES task_host.deployments (id),
    since bigint NOT NULL DEFAULT task_host.now_micros()
);

-- Functions for the transaction of a request or a migration, whose login has no other rights here.
-- Only the hosts know the secret, so the logic cannot call these functions.

CREATE FUNCTION task_host.prove(secret bytea) RETURNS void LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    AS $$ BEGIN
        IF NOT EXISTS (SELECT FROM task_host.settings s WHERE s.secret = prove.secret) THEN
            RAISE insufficient_privilege USING MESSAGE = 'this function is the host''s';
        END IF;
    END $$;

-- Makes requests with the same key run one after the other, on all hosts.
CREATE FUNCTION task_host.lock_key(secret bytea, key text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ BEGIN
        PERFORM task_host.prove(secret);
        PERFORM pg_advisory_xact_lock(hashtextextended(key, 7309453));
    END $$;

CREATE FUNCTION task_host.record_answer(
    secret bytea, key text, fingerprint bytea, status integer, headers text, body bytea
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ BEGIN
        PERFORM task_host.prove(secret);
        INSERT INTO task_host.answers (key, fingerprint, status, headers, body) VALUES (
            record_answer.key, record_answer.fingerprint, record_answer.status,
            record_answer.headers, record_answer.body);
    END $$;

CREATE FUNCTION task_host.note_commit(secret bytea, token uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ BEGIN
        PERFORM task_host.prove(secret);
        INSERT INTO task_host.commits (token) VALUES (note_commit.token);
    END $$;

-- First waits for other hosts' migrations, and then blocks them until the transaction has ended.
CREATE FUNCTION task_host.applied_migrations(secret bytea)
    RETURNS TABLE (name text, checksum bytea)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ BEGIN
        PERFORM task_host.prove(secret);
        PERFORM pg_advisory_xact_lock(7309453);
        RETURN QUERY SELECT m.name, m.checksum FROM task_host.migrations m ORDER BY m.position;
    END $$;

CREATE FUNCTION task_host.note_migration(secret bytea, "position" bigint, name text, checksum bytea)
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ BEGIN
        PERFORM task_host.prove(secret);
        INSERT INTO task_host.migrations (position, name, checksum) VALUES (
            note_migration.position, note_migration.name, note_migration.checksum);
    END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA task_host FROM PUBLIC;
