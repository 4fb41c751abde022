create table items (
    id integer primary key,
    name text not null unique,
    price real not null check (price >= 0),
    state text not null,
    sold_at integer
);
