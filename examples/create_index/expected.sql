-- After contract.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    email text NOT NULL,
    city text,
    active boolean NOT NULL DEFAULT true
);
CREATE INDEX users_by_domain ON users (lower(split_part(email, '@', 2)) text_pattern_ops, city COLLATE "C" DESC NULLS LAST)
    WITH (fillfactor = 80) WHERE active;
COMMENT ON INDEX users_by_domain IS 'for the list of a company''s users';
CREATE UNIQUE INDEX users_by_email ON users (email) INCLUDE (handle);
