-- Deleted tasks are kept for a time, so that a deletion can be undone. They are not in `tasks`, so no
-- other statement has to leave them out.

create table deleted_tasks (
    id integer primary key,
    deleted_at integer not null,
    -- The tasks that depended on it: ids in decimal, separated by spaces.
    dependents text not null,
    -- The rest is as in `tasks`.
    title text not null,
    description text,
    status integer not null,
    priority integer not null,
    category integer not null,
    assignee text,
    estimated_hours real,
    actual_hours real,
    tags text not null,
    dependencies text not null,
    due_at integer,
    created_at integer not null,
    updated_at integer not null,
    completed_at integer,
    checksum text not null
) strict;

create index deleted_tasks_by_time on deleted_tasks (deleted_at, id);

-- What each change of a task made different. The trigger below adds it, so it is added whichever logic writes:
-- also by the logic before this one, during a canary or after a rollback. Adding a row reads nothing,
-- so it never waits for another request.

create table task_history (
    task_id integer not null,
    -- The same as tasks.updated_at after the change.
    changed_at integer not null,
    -- The same as tasks.checksum after the change. It tells changes at the same time apart.
    checksum text not null,
    -- For each column that differs its name, the value before and the value after. A value is `-` if it
    -- is null, a netstring such as `3:Ada,` if it is a text, or else a text without commas, as in `:42,`.
    changes text not null,
    primary key (task_id, changed_at, checksum)
) strict, without rowid;

create trigger tasks_history after update on tasks
when (old.title, old.description, old.status, old.priority, old.category, old.assignee,
    old.estimated_hours, old.actual_hours, old.tags, old.dependencies, old.due_at)
    is not (new.title, new.description, new.status, new.priority, new.category, new.assignee,
    new.estimated_hours, new.actual_hours, new.tags, new.dependencies, new.due_at)
begin
    insert or ignore into task_history (task_id, changed_at, checksum, changes)
    values (new.id, new.updated_at, new.checksum,
        case when old.title is not new.title then 'title'
            || coalesce(octet_length(old.title) || ':' || old.title || ',', '-')
            || coalesce(octet_length(new.title) || ':' || new.title || ',', '-')
        else '' end
        || case when old.description is not new.description then 'description'
            || coalesce(octet_length(old.description) || ':' || old.description || ',', '-')
            || coalesce(octet_length(new.description) || ':' || new.description || ',', '-')
        else '' end
        || case when old.status is not new.status then 'status'
            || coalesce(':' || old.status || ',', '-')
            || coalesce(':' || new.status || ',', '-')
        else '' end
        || case when old.priority is not new.priority then 'priority'
            || coalesce(':' || old.priority || ',', '-')
            || coalesce(':' || new.priority || ',', '-')
        else '' end
        || case when old.category is not new.category then 'category'
            || coalesce(':' || old.category || ',', '-')
            || coalesce(':' || new.category || ',', '-')
        else '' end
        || case when old.assignee is not new.assignee then 'assignee'
            || coalesce(octet_length(old.assignee) || ':' || old.assignee || ',', '-')
            || coalesce(octet_length(new.assignee) || ':' || new.assignee || ',', '-')
        else '' end
        || case when old.estimated_hours is not new.estimated_hours then 'estimated_hours'
            || coalesce(':' || case when old.estimated_hours is not null then format('%!.17g', old.estimated_hours) end || ',', '-')
            || coalesce(':' || case when new.estimated_hours is not null then format('%!.17g', new.estimated_hours) end || ',', '-')
        else '' end
        || case when old.actual_hours is not new.actual_hours then 'actual_hours'
            || coalesce(':' || case when old.actual_hours is not null then format('%!.17g', old.actual_hours) end || ',', '-')
            || coalesce(':' || case when new.actual_hours is not null then format('%!.17g', new.actual_hours) end || ',', '-')
        else '' end
        || case when old.tags is not new.tags then 'tags'
            || coalesce(octet_length(old.tags) || ':' || old.tags || ',', '-')
            || coalesce(octet_length(new.tags) || ':' || new.tags || ',', '-')
        else '' end
        || case when old.dependencies is not new.dependencies then 'dependencies'
            || coalesce(':' || old.dependencies || ',', '-')
            || coalesce(':' || new.dependencies || ',', '-')
        else '' end
        || case when old.due_at is not new.due_at then 'due_at'
            || coalesce(':' || old.due_at || ',', '-')
            || coalesce(':' || new.due_at || ',', '-')
        else '' end);
end;
