-- After contract.
CREATE TABLE regions (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    city text
);
