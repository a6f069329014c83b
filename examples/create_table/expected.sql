-- After contract, which has nothing to do.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    city text
);
CREATE TABLE products (
    sku text PRIMARY KEY
);
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    state text NOT NULL DEFAULT 'new' CONSTRAINT orders_state_known CHECK (state IN ('new', 'paid')),
    placed_at timestamptz NOT NULL DEFAULT now(),
    number text COLLATE "C" NOT NULL UNIQUE
);
COMMENT ON TABLE orders IS 'one row an order';
COMMENT ON COLUMN orders.state IS 'new or paid';
CREATE INDEX orders_user_id_idx ON orders (user_id, placed_at DESC);
GRANT SELECT ON orders TO PUBLIC;
CREATE TABLE order_items (
    order_id bigint REFERENCES orders ON DELETE CASCADE,
    sku text REFERENCES products,
    quantity numeric(8, 2) NOT NULL DEFAULT 1 CONSTRAINT order_items_some CHECK (quantity > 0),
    PRIMARY KEY (order_id, sku)
);
CREATE TABLE order_events (
    order_id bigint REFERENCES orders ON DELETE CASCADE,
    happened_on date DEFAULT CURRENT_DATE,
    what text,
    PRIMARY KEY (order_id, happened_on, what)
) PARTITION BY RANGE (happened_on);
CREATE INDEX order_events_what ON order_events (what);
CREATE TABLE order_events_until_2025 PARTITION OF order_events FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
CREATE TABLE order_events_2026 PARTITION OF order_events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE order_events_later PARTITION OF order_events DEFAULT;
