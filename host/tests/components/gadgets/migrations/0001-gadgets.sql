create table gadgets (
    name text not null primary key,
    kind text not null,
    weight double precision,
    made_at bigint not null check (made_at > 0),
    part_of text references gadgets (name)
);
