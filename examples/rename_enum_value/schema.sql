-- Before: a value is misspelt, and code casts to it, writes it, and stands on it in a default and an index.
CREATE TYPE order_state AS ENUM ('paid', 'shiped', 'done');

CREATE TABLE orders (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference text NOT NULL UNIQUE,
    state order_state NOT NULL DEFAULT 'shiped',
    CONSTRAINT orders_state_check CHECK (state <> 'shiped' OR reference <> '')
);
CREATE INDEX orders_on_their_way_idx ON orders (id) WHERE state = 'shiped';
CREATE TABLE order_events (reference text NOT NULL, states order_state[]);

INSERT INTO orders (reference, state)
SELECT 'r' || g, (ARRAY['paid', 'shiped', 'done'])[1 + g % 3]::order_state FROM generate_series(1, 300) g;
INSERT INTO order_events SELECT reference, ARRAY['paid', state]::order_state[] FROM orders;
