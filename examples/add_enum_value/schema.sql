-- Before: an order is new, paid or done. Shipping is not told apart yet.
CREATE TYPE order_state AS ENUM ('new', 'paid', 'done');
COMMENT ON TYPE order_state IS 'how far an order has got';
CREATE TABLE orders (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference text NOT NULL UNIQUE,
    state order_state NOT NULL DEFAULT 'new'
);
CREATE INDEX orders_open_idx ON orders (state) WHERE state < 'done';

INSERT INTO orders (reference, state)
SELECT 'r' || g, (ARRAY['new', 'paid', 'done'])[1 + g % 3]::order_state FROM generate_series(1, 300) g;
