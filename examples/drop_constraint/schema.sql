-- Before: constraints that the new release does without.
CREATE TABLE cities (
    name text,
    PRIMARY KEY (name)
);
INSERT INTO cities (name) SELECT 'city ' || g FROM generate_series(0, 49) g;
INSERT INTO cities (name) VALUES ('Paris'), ('São Paulo');
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    email text NOT NULL,
    city text,
    active boolean NOT NULL DEFAULT true
);
ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email),
    ADD CONSTRAINT users_city_given CHECK (city <> ''),
    ADD CONSTRAINT users_city_fkey FOREIGN KEY (city) REFERENCES cities ON UPDATE CASCADE;
COMMENT ON CONSTRAINT users_city_given ON users IS 'null means unknown';
INSERT INTO users (handle, email, city)
SELECT 'u' || g, 'u' || g || '@example.org', 'city ' || g % 50 FROM generate_series(1, 1000) g;
