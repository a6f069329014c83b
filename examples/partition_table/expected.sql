-- After contract.
CREATE TABLE customers (
    id bigint PRIMARY KEY,
    name text NOT NULL
);
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY,
    ordered_on date NOT NULL DEFAULT '2025-07-01',
    reference text NOT NULL,
    customer_id bigint NOT NULL DEFAULT 1,
    number serial,
    note text,
    PRIMARY KEY (id, ordered_on),
    CONSTRAINT orders_reference_key UNIQUE (reference, ordered_on),
    CONSTRAINT orders_note_check CHECK (note <> '')
) PARTITION BY RANGE (ordered_on);
CREATE INDEX orders_customer_id_idx ON orders (customer_id) INCLUDE (note);
CREATE INDEX orders_reference_idx ON orders (reference text_pattern_ops) WHERE note IS NOT NULL;
CREATE STATISTICS orders_customer_note ON customer_id, note FROM orders;
COMMENT ON TABLE orders IS 'what was bought';
COMMENT ON COLUMN orders.reference IS 'as printed on the invoice';
GRANT SELECT ON orders TO pg_monitor;
GRANT UPDATE (note) ON orders TO pg_monitor;
CREATE TABLE orders_2024 PARTITION OF orders FOR VALUES FROM (MINVALUE) TO ('2025-01-01') WITH (fillfactor = 90);
CREATE TABLE orders_2025 PARTITION OF orders FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') WITH (fillfactor = 90);
CREATE TABLE orders_later PARTITION OF orders DEFAULT WITH (fillfactor = 90);
ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers ON DELETE CASCADE;
