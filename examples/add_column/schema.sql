-- Before.
CREATE TABLE people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    first_name text NOT NULL,
    last_name text NOT NULL
);
INSERT INTO people (handle, first_name, last_name)
SELECT 'p' || g, 'First' || g, 'Last' || g % 100 FROM generate_series(1, 1500) g;
