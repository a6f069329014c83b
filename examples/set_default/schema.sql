-- Before.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    city text,
    status text DEFAULT 'new' NOT NULL
);
INSERT INTO users (handle, city) SELECT 'u' || g, 'Paris' FROM generate_series(1, 300) g;
