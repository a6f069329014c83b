-- After an abort that came later than constrain: PostgreSQL cannot take a value back, and nobody uses it.
CREATE TYPE order_state AS ENUM ('new', 'paid', 'shipped', 'done');
COMMENT ON TYPE order_state IS 'how far an order has got';
CREATE TABLE orders (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference text NOT NULL UNIQUE,
    state order_state NOT NULL DEFAULT 'new'
);
CREATE INDEX orders_open_idx ON orders (state) WHERE state < 'done';
