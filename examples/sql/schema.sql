-- Before: the old release reads people_of_paris.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    city text
);
CREATE VIEW people_of_paris AS SELECT handle, city FROM users;
INSERT INTO users (handle, city) SELECT 'u' || g, 'Paris' FROM generate_series(1, 500) g;
