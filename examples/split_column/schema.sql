-- Before: one column holds the whole name.
CREATE TABLE people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    name text NOT NULL CHECK (name <> ''),
    city text
);
CREATE INDEX people_name_idx ON people (lower(name));
INSERT INTO people (handle, name, city)
SELECT 'p' || g, 'First' || g || ' Last' || g % 100, 'Paris' FROM generate_series(1, 2000) g;
INSERT INTO people (handle, name) VALUES ('mono', 'Mono'), ('long', 'Anna Maria von Stein');
