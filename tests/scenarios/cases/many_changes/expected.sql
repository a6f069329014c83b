CREATE TABLE people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    city text NOT NULL,
    status text DEFAULT 'fresh',
    email text NOT NULL,
    first_name text NOT NULL,
    last_name text,
    domain text
);
CREATE INDEX people_email_idx ON people (lower(email));
COMMENT ON COLUMN people.city IS 'where they live';
