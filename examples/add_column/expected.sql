-- After contract.
CREATE TABLE people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    first_name text NOT NULL,
    last_name text NOT NULL,
    nickname text,
    status text DEFAULT 'active' NOT NULL,
    token uuid DEFAULT gen_random_uuid() NOT NULL,
    full_name text NOT NULL,
    number integer GENERATED ALWAYS AS IDENTITY
);
COMMENT ON COLUMN people.nickname IS 'what friends say';
