-- Before: the application alone sees to it that a city is one that there is.
CREATE TABLE cities (
    country text NOT NULL DEFAULT 'BR',
    name text,
    PRIMARY KEY (country, name)
);
INSERT INTO cities (name) SELECT 'city ' || g FROM generate_series(0, 49) g;
INSERT INTO cities (name) VALUES ('Paris'), ('São Paulo');
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    email text NOT NULL,
    country text NOT NULL DEFAULT 'BR',
    city text,
    active boolean NOT NULL DEFAULT true
);
CREATE INDEX users_by_city ON users (country, city);
INSERT INTO users (handle, email, city)
SELECT 'u' || g, 'u' || g || '@example.org', 'city ' || g % 50 FROM generate_series(1, 1000) g;
