-- The terms of tasks that wait, one row for each task. Only an import from SQLite adds rows, where new tasks
-- wait: see the migration there. The logic moves them into task_terms. A task has its terms either here or
-- in task_terms.
create table task_terms_new (
    task_id bigint primary key,
    -- Netstrings, as in tasks.tags.
    terms text collate "C" not null
);

-- At most one row. Without a row, all tasks have the terms of this logic. With a row there are tasks of
-- earlier logic, whose terms have accents. The logic adds the terms without accents to the tasks with an
-- id up to indexing_to, and has done so up to indexed_to. Until that begins, indexing_to is the largest
-- number, and all logic writes the earlier terms: earlier logic may serve, too, and could not find others.
create table task_terms_state (
    indexed_to bigint not null,
    indexing_to bigint not null
);

insert into task_terms_state (indexed_to, indexing_to)
select 0, 9223372036854775807 where exists (select 1 from tasks);

-- The open tasks by due time: what is overdue, and what is due this week.
create index if not exists tasks_open_by_due_at on tasks (due_at, created_at, id)
where due_at is not null and status <> 2 and status <> 4;
