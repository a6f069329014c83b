-- Before: little is known of users.
CREATE TABLE cities (name text PRIMARY KEY);
INSERT INTO cities SELECT 'city ' || g FROM generate_series(0, 49) g;
INSERT INTO cities VALUES ('Paris'), ('São Paulo');
CREATE TABLE users (
    handle text NOT NULL,
    email text NOT NULL,
    city text CONSTRAINT city_given CHECK (city <> ''),
    CONSTRAINT users_handle_key UNIQUE (handle)
);
CREATE INDEX users_by_email ON users (lower(email));
CREATE INDEX users_by_city ON users (city);
INSERT INTO users (handle, email, city)
SELECT 'u' || g, 'u' || g || '@example.org', 'city ' || g % 50 FROM generate_series(1, 1000) g;
