-- Deleted tasks are kept for a time, so that a deletion can be undone. They are not in `tasks`, so no
-- other statement has to leave them out.

create table deleted_tasks (
    id bigint primary key,
    deleted_at bigint not null,
    -- The tasks that depended on it: ids in decimal, separated by spaces.
    dependents text collate "C" not null,
    -- The rest is as in `tasks`.
    title text collate "C" not null,
    description text collate "C",
    status bigint not null,
    priority bigint not null,
    category bigint not null,
    assignee text collate "C",
    estimated_hours double precision,
    actual_hours double precision,
    tags text collate "C" not null,
    dependencies text collate "C" not null,
    due_at bigint,
    created_at bigint not null,
    updated_at bigint not null,
    completed_at bigint,
    checksum text collate "C" not null
);

create index deleted_tasks_by_time on deleted_tasks (deleted_at, id);

-- What each change of a task made different. The rule below adds it, so it is added whichever logic writes:
-- also by the logic before this one, during a canary or after a rollback. Adding a row reads nothing,
-- so it never waits for another request.

create table task_history (
    task_id bigint not null,
    -- The same as tasks.updated_at after the change.
    changed_at bigint not null,
    -- The same as tasks.checksum after the change. It tells changes at the same time apart.
    checksum text collate "C" not null,
    -- For each column that differs its name, the value before and the value after. A value is `-` if it
    -- is null, a netstring such as `3:Ada,` if it is a text, or else a text without commas, as in `:42,`.
    changes text collate "C" not null,
    primary key (task_id, changed_at, checksum)
);

create rule tasks_history as on update to tasks do also
insert into task_history (task_id, changed_at, checksum, changes)
select new.id, new.updated_at, new.checksum,
        case when old.title is distinct from new.title then 'title'
            || coalesce(octet_length(old.title) || ':' || old.title || ',', '-')
            || coalesce(octet_length(new.title) || ':' || new.title || ',', '-')
        else '' end
        || case when old.description is distinct from new.description then 'description'
            || coalesce(octet_length(old.description) || ':' || old.description || ',', '-')
            || coalesce(octet_length(new.description) || ':' || new.description || ',', '-')
        else '' end
        || case when old.status is distinct from new.status then 'status'
            || coalesce(':' || cast(old.status as text) || ',', '-')
            || coalesce(':' || cast(new.status as text) || ',', '-')
        else '' end
        || case when old.priority is distinct from new.priority then 'priority'
            || coalesce(':' || cast(old.priority as text) || ',', '-')
            || coalesce(':' || cast(new.priority as text) || ',', '-')
        else '' end
        || case when old.category is distinct from new.category then 'category'
            || coalesce(':' || cast(old.category as text) || ',', '-')
            || coalesce(':' || cast(new.category as text) || ',', '-')
        else '' end
        || case when old.assignee is distinct from new.assignee then 'assignee'
            || coalesce(octet_length(old.assignee) || ':' || old.assignee || ',', '-')
            || coalesce(octet_length(new.assignee) || ':' || new.assignee || ',', '-')
        else '' end
        || case when old.estimated_hours is distinct from new.estimated_hours then 'estimated_hours'
            || coalesce(':' || cast(old.estimated_hours as text) || ',', '-')
            || coalesce(':' || cast(new.estimated_hours as text) || ',', '-')
        else '' end
        || case when old.actual_hours is distinct from new.actual_hours then 'actual_hours'
            || coalesce(':' || cast(old.actual_hours as text) || ',', '-')
            || coalesce(':' || cast(new.actual_hours as text) || ',', '-')
        else '' end
        || case when old.tags is distinct from new.tags then 'tags'
            || coalesce(octet_length(old.tags) || ':' || old.tags || ',', '-')
            || coalesce(octet_length(new.tags) || ':' || new.tags || ',', '-')
        else '' end
        || case when old.dependencies is distinct from new.dependencies then 'dependencies'
            || coalesce(':' || cast(old.dependencies as text) || ',', '-')
            || coalesce(':' || cast(new.dependencies as text) || ',', '-')
        else '' end
        || case when old.due_at is distinct from new.due_at then 'due_at'
            || coalesce(':' || cast(old.due_at as text) || ',', '-')
            || coalesce(':' || cast(new.due_at as text) || ',', '-')
        else '' end
where (old.title, old.description, old.status, old.priority, old.category, old.assignee,
    old.estimated_hours, old.actual_hours, old.tags, old.dependencies, old.due_at)
    is distinct from (new.title, new.description, new.status, new.priority, new.category, new.assignee,
    new.estimated_hours, new.actual_hours, new.tags, new.dependencies, new.due_at)
on conflict do nothing;
