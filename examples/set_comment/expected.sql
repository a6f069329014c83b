-- After contract.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    city text,
    status text DEFAULT 'new' NOT NULL
);
COMMENT ON COLUMN users.status IS 'new, active or gone';
