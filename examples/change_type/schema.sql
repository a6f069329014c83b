-- Before: numbers of orders are nearly used up, and payments refer to them.
CREATE TABLE orders (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference text NOT NULL UNIQUE,
    note text,
    CONSTRAINT orders_id_check CHECK (id > 0)
);
CREATE INDEX orders_note_id_idx ON orders (note, id DESC) WHERE id > 100;
COMMENT ON COLUMN orders.id IS 'as printed on the invoice';
GRANT SELECT (id) ON orders TO pg_monitor;

CREATE TABLE payments (
    order_id integer NOT NULL REFERENCES orders ON UPDATE CASCADE ON DELETE CASCADE,
    amount numeric(10, 2) NOT NULL
);
CREATE INDEX ON payments (order_id);

INSERT INTO orders (reference, note) SELECT 'r' || g, 'note ' || g % 10 FROM generate_series(1, 1500) g;
INSERT INTO payments SELECT id, 10 FROM orders WHERE id % 3 = 0;
