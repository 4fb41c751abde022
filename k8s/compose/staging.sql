-- The second database; PostgreSQL's image makes the first one.
CREATE DATABASE staging;
