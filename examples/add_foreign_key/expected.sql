-- After contract.
CREATE TABLE cities (
    country text NOT NULL DEFAULT 'BR',
    name text,
    PRIMARY KEY (country, name)
);
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    email text NOT NULL,
    country text NOT NULL DEFAULT 'BR',
    city text,
    active boolean NOT NULL DEFAULT true
);
CREATE INDEX users_by_city ON users (country, city);
ALTER TABLE users ADD CONSTRAINT users_city_fkey FOREIGN KEY (country, city) REFERENCES cities
    ON UPDATE CASCADE ON DELETE RESTRICT;
COMMENT ON CONSTRAINT users_city_fkey ON users IS 'cities are merged now and then';
