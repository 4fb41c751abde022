-- Figures over all tasks. Two tables hold them: a task's share is added to task_changes when a row of
-- tasks changes, and the logic moves these shares into task_sums, hundreds at a time. Adding a row never
-- waits for another request; a sum that every request updates would make all of them wait.
-- The rules below add the shares, so they are added whichever logic writes: also by the logic
-- before this one, during a canary or after a rollback.
-- Hours are integers, in millionths of an hour: adding and removing them leaves no rest.

create table task_changes (
    -- Which count the share belongs to, see task_sums_state.
    epoch bigint not null,
    -- 1: the task has these facts now. -1: it had them before.
    weight bigint not null,
    status bigint not null,
    priority bigint not null,
    category bigint not null,
    assignee text collate "C",
    estimated bigint,
    actual bigint,
    -- Days since 1970-01-01, UTC.
    completed_day bigint,
    -- Null if the task is completed or cancelled.
    due_day bigint
);

create table task_sums (
    -- What the tasks of the row have in common. 0: status, priority and category, in `number`. 1: the
    -- assignee, in `name`. 2: the day on which they were completed. 3: the day on which they are due,
    -- only tasks that are open.
    kind bigint not null,
    number bigint not null,
    name text collate "C" not null,
    tasks bigint not null,
    completed bigint not null,
    in_progress bigint not null,
    -- The number of tasks with an estimate, and the sum of the estimates.
    estimates bigint not null,
    estimated bigint not null,
    actuals bigint not null,
    actual bigint not null,
    primary key (kind, number, name)
);

-- The assignees with the most tasks.
create index task_sums_by_tasks on task_sums (kind, tasks desc, name);

-- At most one row. Without a row the sums hold for all tasks. A count in steps has a row: of the tasks
-- with an id up to counting_to, those up to counted_to are counted. Later tasks count from the
-- beginning. Each count has its own epoch.
create table task_sums_state (
    epoch bigint not null,
    counted_to bigint not null,
    counting_to bigint not null
);

create rule tasks_inserted as on insert to tasks do also
insert into task_changes
    (epoch, weight, status, priority, category, assignee, estimated, actual, completed_day, due_day)
select coalesce((select s.epoch from task_sums_state as s), 0), 1,
    new.status, new.priority, new.category, new.assignee,
    cast(floor(new.estimated_hours * 1000000 + 0.5) as bigint),
    cast(floor(new.actual_hours * 1000000 + 0.5) as bigint),
    new.completed_at / 86400000000,
    case when new.status in (0, 1, 3) then new.due_at / 86400000000 end;

-- Two rules, because a rule has one statement.
create rule tasks_updated_from as on update to tasks do also
insert into task_changes
    (epoch, weight, status, priority, category, assignee, estimated, actual, completed_day, due_day)
select coalesce((select s.epoch from task_sums_state as s), 0), -1,
    old.status, old.priority, old.category, old.assignee,
    cast(floor(old.estimated_hours * 1000000 + 0.5) as bigint),
    cast(floor(old.actual_hours * 1000000 + 0.5) as bigint),
    old.completed_at / 86400000000,
    case when old.status in (0, 1, 3) then old.due_at / 86400000000 end
where (old.status, old.priority, old.category, old.assignee, old.estimated_hours, old.actual_hours, old.completed_at, old.due_at) is distinct from (new.status, new.priority, new.category, new.assignee, new.estimated_hours, new.actual_hours, new.completed_at, new.due_at)
    and coalesce((select old.id <= s.counted_to or old.id > s.counting_to
    from task_sums_state as s), true);

create rule tasks_updated_to as on update to tasks do also
insert into task_changes
    (epoch, weight, status, priority, category, assignee, estimated, actual, completed_day, due_day)
select coalesce((select s.epoch from task_sums_state as s), 0), 1,
    new.status, new.priority, new.category, new.assignee,
    cast(floor(new.estimated_hours * 1000000 + 0.5) as bigint),
    cast(floor(new.actual_hours * 1000000 + 0.5) as bigint),
    new.completed_at / 86400000000,
    case when new.status in (0, 1, 3) then new.due_at / 86400000000 end
where (old.status, old.priority, old.category, old.assignee, old.estimated_hours, old.actual_hours, old.completed_at, old.due_at) is distinct from (new.status, new.priority, new.category, new.assignee, new.estimated_hours, new.actual_hours, new.completed_at, new.due_at)
    and coalesce((select old.id <= s.counted_to or old.id > s.counting_to
    from task_sums_state as s), true);

create rule tasks_deleted as on delete to tasks do also
insert into task_changes
    (epoch, weight, status, priority, category, assignee, estimated, actual, completed_day, due_day)
select coalesce((select s.epoch from task_sums_state as s), 0), -1,
    old.status, old.priority, old.category, old.assignee,
    cast(floor(old.estimated_hours * 1000000 + 0.5) as bigint),
    cast(floor(old.actual_hours * 1000000 + 0.5) as bigint),
    old.completed_at / 86400000000,
    case when old.status in (0, 1, 3) then old.due_at / 86400000000 end
where coalesce((select old.id <= s.counted_to or old.id > s.counting_to
    from task_sums_state as s), true);

-- The tasks that exist are not counted here, because that would hold up all writes. The logic counts
-- them in steps, and reads all tasks until it has. Until a count begins, no change is worth keeping.
insert into task_sums_state (epoch, counted_to, counting_to)
select 1, 0, 9223372036854775807 where exists (select 1 from tasks);
