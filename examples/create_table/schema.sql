-- Before: users and what they buy, not yet what they order.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    city text
);
CREATE TABLE products (
    sku text PRIMARY KEY
);
INSERT INTO products VALUES ('tea'), ('milk');
INSERT INTO users (handle, city) SELECT 'u' || g, 'Paris' FROM generate_series(1, 500) g;
