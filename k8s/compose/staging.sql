-- The second database. PostgreSQL's image creates the first one.
CREATE DATABASE staging;
