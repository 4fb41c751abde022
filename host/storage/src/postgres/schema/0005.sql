-- Recordings of requests, kept as long as the hosts were told to (--recordings-kept).

CREATE TABLE task_host.recordings (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id text NOT NULL,
    answered_at bigint NOT NULL,
    kind text NOT NULL,
    -- JSON, for lists.
    summary text NOT NULL,
    -- JSON, all of it.
    document bytea NOT NULL
);
CREATE INDEX recordings_by_request ON task_host.recordings (request_id);
CREATE INDEX recordings_by_time ON task_host.recordings (answered_at);
