-- Before: every user has a fax and a region, on which several things hang.
CREATE TABLE regions (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO regions VALUES (1, 'north'), (2, 'south');
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    fax text NOT NULL CONSTRAINT fax_is_long CHECK (length(fax) > 2),
    region int REFERENCES regions,
    city text,
    CONSTRAINT one_fax_a_handle UNIQUE (fax, handle)
);
CREATE INDEX users_region_city_idx ON users (region, city);
INSERT INTO users (handle, fax, region, city)
SELECT 'u' || g, 'fax' || g, 1 + g % 2, 'Paris' FROM generate_series(1, 1000) g;
