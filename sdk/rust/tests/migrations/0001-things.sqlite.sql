create table things (
    id integer primary key,
    name text not null constraint things_name unique,
    size integer not null check (size > 0),
    weight real,
    sold integer not null,
    photo blob
) strict;
