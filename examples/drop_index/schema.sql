-- Before: two indexes that the new release does without.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    email text NOT NULL,
    city text,
    active boolean NOT NULL DEFAULT true
);
CREATE INDEX users_by_city ON users (city) WHERE active;
CREATE UNIQUE INDEX users_by_email ON users (email);
INSERT INTO users (handle, email, city)
SELECT 'u' || g, 'u' || g || '@example.org', 'city ' || g % 50 FROM generate_series(1, 1000) g;
