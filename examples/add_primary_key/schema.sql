-- Before: no key, though handles are unique.
CREATE TABLE users (
    handle text,
    email text NOT NULL,
    city text
);
INSERT INTO users (handle, email, city)
SELECT 'u' || g, 'u' || g || '@example.org', 'city ' || g % 50 FROM generate_series(1, 1000) g;
