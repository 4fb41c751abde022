-- Samples of requests, with which deployments are rehearsed, kept where recordings are (--recordings-kept).

CREATE TABLE task_host.samples (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    taken_at bigint NOT NULL,
    -- JSON.
    document text NOT NULL
);
