-- Timestamps are microseconds since 1970-01-01T00:00:00Z; enums are their place in the contract.
-- autoincrement: ids are never used again.
create table tasks (
    id integer primary key autoincrement,
    title text not null,
    description text,
    status integer not null,
    priority integer not null,
    category integer not null,
    assignee text,
    estimated_hours real,
    actual_hours real,
    -- Labels as netstrings, `3:api,2:db,`: the whole task is one row.
    tags text not null,
    -- Ids in decimal, parted by spaces. The same as in task_dependencies.
    dependencies text not null,
    due_at integer,
    created_at integer not null,
    -- 0 while there was no change: it sorts first on every engine.
    updated_at integer not null,
    completed_at integer,
    checksum text not null
) strict;

-- Each serves a sort or a filter in the default order; the end of each key is the tie-breaker.
create index tasks_by_created_at on tasks (created_at, id);
create index tasks_by_updated_at on tasks (updated_at, created_at, id);
create index tasks_by_status on tasks (status, created_at, id);
create index tasks_by_priority on tasks (priority, created_at, id);
create index tasks_by_category on tasks (category, created_at, id);
create index tasks_by_assignee on tasks (assignee, created_at, id) where assignee is not null;
create index tasks_by_due_at on tasks (due_at) where due_at is not null;
create index tasks_by_completed_at on tasks (completed_at) where completed_at is not null;

-- What tasks are found by: the words of title and description, and `#` before each label.
-- Without a foreign key, which would need a second index as large as the table: ids are never
-- used again, so a row that were left over could find nothing.
create table task_terms (
    term text not null,
    task_id integer not null,
    primary key (term, task_id)
) strict, without rowid;

create table task_dependencies (
    task_id integer not null references tasks (id),
    dependency_id integer not null references tasks (id),
    primary key (task_id, dependency_id)
) strict, without rowid;

create index task_dependencies_by_dependency on task_dependencies (dependency_id, task_id);
