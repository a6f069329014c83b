-- The users of a shop, before the change: all that can hang on a column hangs on "email".

CREATE TABLE addresses (
    address text PRIMARY KEY
);

CREATE TABLE users (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    email  text COLLATE "C" NOT NULL REFERENCES addresses ON UPDATE CASCADE,
    city   text,
    active boolean NOT NULL DEFAULT true,
    CONSTRAINT users_email_key UNIQUE (email) INCLUDE (handle),
    CONSTRAINT users_email_check CHECK (email LIKE '%_@_%')
);

CREATE INDEX users_city_email_idx ON users (city, email DESC NULLS FIRST) INCLUDE (handle);
CREATE INDEX users_by_domain ON users (lower(split_part(email, '@', 2)));
CREATE INDEX users_by_prefix ON users (email text_pattern_ops) WHERE active;
CREATE STATISTICS users_city_email_stat (ndistinct, dependencies) ON city, email FROM users;

ALTER TABLE users ALTER COLUMN email SET STATISTICS 500;
ALTER TABLE users ALTER COLUMN email SET STORAGE MAIN;

COMMENT ON COLUMN users.email IS 'where the user''s mail goes';
COMMENT ON CONSTRAINT users_email_check ON users IS 'has an @';
COMMENT ON INDEX users_by_domain IS 'for the list of 100 % of a company''s users';

-- a role of your own would stand here; this one is there on every server
GRANT SELECT (email), UPDATE (email) ON users TO pg_monitor WITH GRANT OPTION;

CREATE TABLE invitations (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sent_by text NOT NULL REFERENCES users (email) ON UPDATE CASCADE ON DELETE CASCADE
);

INSERT INTO addresses SELECT 'user' || n || '@example.com' FROM generate_series(1, 5000) n;
INSERT INTO users (handle, email, city, active)
SELECT 'user' || n, 'user' || n || '@example.com', (ARRAY['Paris', 'Quito', NULL])[1 + n % 3], n % 10 > 0
FROM generate_series(1, 5000) n;
INSERT INTO invitations (sent_by) SELECT email FROM users WHERE id % 50 = 0;
