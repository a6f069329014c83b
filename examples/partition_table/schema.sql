-- Before: one table, whose oldest orders cannot be archived but row by row.
CREATE TABLE customers (
    id bigint PRIMARY KEY,
    name text NOT NULL
);
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY,
    ordered_on date NOT NULL DEFAULT '2025-07-01',
    reference text NOT NULL,
    customer_id bigint NOT NULL DEFAULT 1 REFERENCES customers ON DELETE CASCADE,
    number serial,
    note text,
    PRIMARY KEY (id, ordered_on),
    CONSTRAINT orders_reference_key UNIQUE (reference, ordered_on),
    CONSTRAINT orders_note_check CHECK (note <> '')
) WITH (fillfactor = 90);
CREATE INDEX orders_customer_id_idx ON orders (customer_id) INCLUDE (note);
CREATE INDEX orders_reference_idx ON orders (reference text_pattern_ops) WHERE note IS NOT NULL;
CREATE STATISTICS orders_customer_note ON customer_id, note FROM orders;
COMMENT ON TABLE orders IS 'what was bought';
COMMENT ON COLUMN orders.reference IS 'as printed on the invoice';
GRANT SELECT ON orders TO pg_monitor;
GRANT UPDATE (note) ON orders TO pg_monitor;

INSERT INTO customers VALUES (1, 'Ada'), (2, 'Grace');
INSERT INTO orders (ordered_on, reference, customer_id, note)
SELECT date '2023-07-01' + g, 'r' || g, 1 + g % 2, 'note ' || g % 10 FROM generate_series(1, 1000) g;
