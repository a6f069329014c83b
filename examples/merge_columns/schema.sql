-- Before: the name is in two columns.
CREATE TABLE people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    first_name text NOT NULL,
    last_name text,
    city text
);
CREATE INDEX people_last_name_idx ON people (last_name, first_name);
INSERT INTO people (handle, first_name, last_name, city)
SELECT 'p' || g, 'First' || g, 'Last' || g % 100, 'Paris' FROM generate_series(1, 2000) g;
INSERT INTO people (handle, first_name) VALUES ('mono', 'Mono');
