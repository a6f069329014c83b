-- After contract. The columns are the last ones of their tables now; they have what they had.
CREATE TYPE order_state AS ENUM ('new', 'paid', 'done');
COMMENT ON TYPE order_state IS 'how far an order has got';
REVOKE ALL ON TYPE order_state FROM PUBLIC;
GRANT USAGE ON TYPE order_state TO pg_monitor;

CREATE TABLE orders (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference text NOT NULL UNIQUE,
    state order_state NOT NULL DEFAULT 'new',
    CONSTRAINT orders_state_check CHECK (state >= 'new' OR reference <> '')
);
CREATE INDEX orders_open_idx ON orders (state, id DESC) WHERE state IN ('new', 'paid');

CREATE TABLE order_events (
    reference text NOT NULL REFERENCES orders (reference) ON DELETE CASCADE,
    state order_state NOT NULL,
    passed order_state[] DEFAULT '{new}'
);
CREATE INDEX ON order_events (reference, state);
