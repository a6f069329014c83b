-- After contract.
CREATE TABLE people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    city text,
    first_name text NOT NULL,
    last_name text
);
