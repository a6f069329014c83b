-- After contract. Constraints, indexes and sequences keep their names, as with any RENAME.
CREATE TABLE clients (
    id bigint CONSTRAINT customers_id_not_null NOT NULL GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME customers_id_seq)
        CONSTRAINT customers_pkey PRIMARY KEY,
    handle text CONSTRAINT customers_handle_not_null NOT NULL CONSTRAINT customers_handle_key UNIQUE,
    city text DEFAULT 'Paris',
    CONSTRAINT customers_handle_check CHECK (handle <> '')
);
CREATE TABLE purchases (
    customer_id bigint NOT NULL REFERENCES clients ON DELETE CASCADE,
    what text
);
CREATE VIEW parisians AS SELECT handle FROM clients WHERE city = 'Paris';
COMMENT ON TABLE clients IS 'whoever buys';
GRANT SELECT ON clients TO PUBLIC;
GRANT UPDATE (city) ON clients TO PUBLIC;
