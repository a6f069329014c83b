-- Before: many users have no city, and one check says already what is to become of the country.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    city text,
    country text DEFAULT 'FR' CONSTRAINT country_known CHECK (country IS NOT NULL)
);
INSERT INTO users (handle, city)
SELECT 'u' || g, CASE WHEN g % 3 > 0 THEN 'Paris' END FROM generate_series(1, 2000) g;
