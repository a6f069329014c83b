-- Before: balances are about to outgrow their type, and much else of the table is to change with them.
CREATE TABLE accounts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    balance integer NOT NULL DEFAULT 0 CONSTRAINT accounts_balance_check CHECK (balance >= 0),
    city text,
    email text NOT NULL,
    phone text NOT NULL DEFAULT '-',
    fax text NOT NULL DEFAULT '-',
    status text DEFAULT 'new'
);
CREATE INDEX accounts_balance_idx ON accounts (balance DESC, handle) WHERE balance > 100;
CREATE INDEX accounts_by_phone ON accounts (phone);
CREATE INDEX accounts_by_city ON accounts (city);
INSERT INTO accounts (handle, balance, city, email)
SELECT 'a' || g, g, CASE WHEN g % 2 = 0 THEN 'Paris' END, 'a' || g || '@example.org' FROM generate_series(1, 800) g;
