create table bookmarks (
    id integer primary key autoincrement,
    url text not null unique
);
