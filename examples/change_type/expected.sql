-- After contract. The column is the last one of its table now; it has what it had, and its sequence counts further.
CREATE TABLE orders (
    reference text NOT NULL UNIQUE,
    note text,
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
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
