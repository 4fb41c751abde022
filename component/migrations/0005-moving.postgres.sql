-- The parts that are left of a move of waiting terms into task_terms. Only an import from SQLite adds rows, where
-- new tasks wait: see the migration there.
create table task_terms_moving (
    part bigint primary key,
    -- The move has the waiting tasks with an id up to this. Their rows of task_terms_new stay until it ends.
    last_task bigint not null,
    -- A JSON object: a term and the id of a task that has it, for each row.
    terms text collate "C" not null
);
