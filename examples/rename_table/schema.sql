-- Before: the table is called customers.
CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    city text DEFAULT 'Paris',
    CHECK (handle <> '')
);
CREATE TABLE purchases (
    customer_id bigint NOT NULL REFERENCES customers ON DELETE CASCADE,
    what text
);
CREATE VIEW parisians AS SELECT handle FROM customers WHERE city = 'Paris';
COMMENT ON TABLE customers IS 'whoever buys';
GRANT SELECT ON customers TO PUBLIC;
GRANT UPDATE (city) ON customers TO PUBLIC;
INSERT INTO customers (handle) SELECT 'c' || g FROM generate_series(1, 500) g;
INSERT INTO purchases SELECT id, 'tea' FROM customers;
