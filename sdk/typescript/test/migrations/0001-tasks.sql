create table tasks (
    id integer primary key autoincrement,
    title text not null unique,
    priority text not null default 'low',
    hours real check (hours >= 0),
    due_at integer,
    photo blob,
    parent integer references tasks (id)
) strict;
