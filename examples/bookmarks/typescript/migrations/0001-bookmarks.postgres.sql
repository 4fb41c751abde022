create table bookmarks (
    id bigint generated always as identity primary key,
    url text not null unique
);
