-- Before: two indexes that have grown large with time.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    email text NOT NULL,
    city text,
    active boolean NOT NULL DEFAULT true
);
CREATE INDEX users_by_city ON users (city, lower(email)) WHERE active;
COMMENT ON INDEX users_by_city IS 'for the list of neighbours';
INSERT INTO users (handle, email, city)
SELECT 'gone' || g, g || '@example.org', 'city ' || g % 50 FROM generate_series(1, 2000) g;
DELETE FROM users;
INSERT INTO users (handle, email, city)
SELECT 'u' || g, 'u' || g || '@example.org', 'city ' || g % 50 FROM generate_series(1, 1000) g;
