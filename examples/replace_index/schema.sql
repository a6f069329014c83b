-- Before: the index has the city alone.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    email text NOT NULL,
    city text,
    active boolean NOT NULL DEFAULT true
);
CREATE INDEX users_by_city ON users (city);
COMMENT ON INDEX users_by_city IS 'for the list of neighbours';
ALTER TABLE users CLUSTER ON users_by_city;
INSERT INTO users (handle, email, city)
SELECT 'u' || g, 'u' || g || '@example.org', 'city ' || g % 50 FROM generate_series(1, 1000) g;
