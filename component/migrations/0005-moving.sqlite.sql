-- The parts that are left of a move of waiting terms into task_terms. Every few new tasks move a part, so that no
-- request moves all of them.
create table task_terms_moving (
    part integer primary key,
    -- The move has the waiting tasks with an id up to this. Their rows of task_terms_new stay until it ends.
    last_task integer not null,
    -- A JSON object in the order of task_terms: a term and the id of a task that has it, for each row. A task that
    -- does not wait any more is passed over: its terms have changed.
    terms text not null
) strict;
