create table things (
    id bigint generated always as identity primary key,
    name text not null constraint things_name unique,
    size bigint not null check (size > 0),
    weight double precision,
    sold boolean not null,
    photo bytea
);
