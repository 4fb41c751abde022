-- The hosts that share this database. The file src/replicas.rs explains epoch, fence and lease.

ALTER TABLE task_host.active ADD COLUMN fence bigint NOT NULL DEFAULT 0;

-- Which host runs a deployment, the percentage of clients that its canary gets on every host, and
-- the command of another host to the one that runs it.
ALTER TABLE task_host.deployments
    ADD COLUMN coordinator text COLLATE "C",
    ADD COLUMN canary_percent double precision,
    ADD COLUMN wish text;

-- Compiled code by component and engine, sealed with a key that is not in this database.
CREATE TABLE task_host.code (
    digest text COLLATE "C" NOT NULL REFERENCES task_host.components (digest) ON DELETE CASCADE,
    fingerprint text COLLATE "C" NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (digest, fingerprint)
);
ALTER TABLE task_host.code ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE TABLE task_host.replicas (
    id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    host_version text NOT NULL,
    protocol integer NOT NULL,
    state text NOT NULL,
    epoch bigint NOT NULL,
    digest text,
    staged bigint NOT NULL,
    problem text,
    -- Requests and failures of the new component, then those of the one before it.
    counts bigint[] NOT NULL,
    began_at bigint NOT NULL DEFAULT task_host.now_micros(),
    beat_at bigint NOT NULL DEFAULT task_host.now_micros(),
    lease_until bigint NOT NULL
);

-- Heartbeats run one at a time, because granting a lease and raising the fence must not be decided
-- concurrently. Each statement of the function sees what was committed before the statement began.
CREATE FUNCTION task_host.beat(
    id text, name text, host_version text, protocol integer, state text, epoch bigint,
    digest text, staged bigint, problem text, counts bigint[], lease bigint
) RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        beaten_at bigint;
        news boolean;
    BEGIN
        PERFORM pg_advisory_xact_lock(7309454);
        beaten_at := task_host.now_micros();
        news := NOT EXISTS (SELECT FROM task_host.replicas r WHERE r.id = beat.id
            AND (r.state, r.epoch, r.staged) = (beat.state, beat.epoch, beat.staged));
        INSERT INTO task_host.replicas AS r (id, name, host_version, protocol, state, epoch,
            digest, staged, problem, counts, beat_at, lease_until)
        VALUES (beat.id, beat.name, beat.host_version, beat.protocol, beat.state, beat.epoch,
            beat.digest, beat.staged, beat.problem, beat.counts, beaten_at, beaten_at + beat.lease)
        ON CONFLICT ON CONSTRAINT replicas_pkey DO UPDATE SET state = excluded.state,
            epoch = excluded.epoch, digest = excluded.digest, staged = excluded.staged,
            problem = excluded.problem, counts = excluded.counts, beat_at = excluded.beat_at,
            lease_until = excluded.lease_until;
        UPDATE task_host.active a SET fence = a.epoch
            WHERE a.fence < a.epoch AND NOT EXISTS (SELECT FROM task_host.replicas r
                WHERE r.state = 'serving' AND r.lease_until > beaten_at AND r.epoch < a.epoch);
        IF news OR FOUND THEN
            PERFORM pg_notify('task_host', '');
        END IF;
        DELETE FROM task_host.replicas r WHERE r.lease_until < beaten_at - 3600000000;
    END $$;
REVOKE ALL ON FUNCTION task_host.beat FROM PUBLIC;

-- The last statement of a write transaction: stores its token and checks that its host is not below
-- the fence. The transaction's snapshot is from its beginning, so a transaction that began before the
-- fence was raised still commits.
CREATE FUNCTION task_host.seal(secret bytea, token uuid, epoch bigint)
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ BEGIN
        PERFORM task_host.prove(secret);
        IF EXISTS (SELECT FROM task_host.active a WHERE a.fence > seal.epoch) THEN
            RAISE SQLSTATE 'TH001' USING MESSAGE = 'another component was made active meanwhile';
        END IF;
        INSERT INTO task_host.commits (token) VALUES (seal.token);
    END $$;
REVOKE ALL ON FUNCTION task_host.seal FROM PUBLIC;
