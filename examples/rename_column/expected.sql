-- The same tables after contract: the successor is the last column, and has what "email" had.
-- Indexes and constraints whose names held the column's name hold its new one; the others kept theirs.

CREATE TABLE addresses (
    address text PRIMARY KEY
);

CREATE TABLE users (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle        text NOT NULL UNIQUE,
    city          text,
    active        boolean NOT NULL DEFAULT true,
    email_address text COLLATE "C" NOT NULL REFERENCES addresses ON UPDATE CASCADE,
    CONSTRAINT users_email_address_key UNIQUE (email_address) INCLUDE (handle),
    CONSTRAINT users_email_address_check CHECK (email_address LIKE '%_@_%')
);

CREATE INDEX users_city_email_address_idx ON users (city, email_address DESC NULLS FIRST) INCLUDE (handle);
CREATE INDEX users_by_domain ON users (lower(split_part(email_address, '@', 2)));
CREATE INDEX users_by_prefix ON users (email_address text_pattern_ops) WHERE active;
CREATE STATISTICS users_city_email_address_stat (ndistinct, dependencies) ON city, email_address FROM users;

ALTER TABLE users ALTER COLUMN email_address SET STATISTICS 500;
ALTER TABLE users ALTER COLUMN email_address SET STORAGE MAIN;

COMMENT ON COLUMN users.email_address IS 'where the user''s mail goes';
COMMENT ON CONSTRAINT users_email_address_check ON users IS 'has an @';
COMMENT ON INDEX users_by_domain IS 'for the list of 100 % of a company''s users';

GRANT SELECT (email_address), UPDATE (email_address) ON users TO pg_monitor WITH GRANT OPTION;

CREATE TABLE invitations (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sent_by text NOT NULL REFERENCES users (email_address) ON UPDATE CASCADE ON DELETE CASCADE
);
