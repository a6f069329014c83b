-- After contract.
CREATE TABLE accounts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    city text NOT NULL,
    email text NOT NULL CONSTRAINT accounts_email_has_at CHECK (email LIKE '%_@_%'),
    phone text DEFAULT '-',
    status text DEFAULT 'fresh',
    balance bigint NOT NULL DEFAULT 0 CONSTRAINT accounts_balance_check CHECK (balance >= 0),
    level integer NOT NULL DEFAULT 1,
    domain text,
    CONSTRAINT accounts_email_key UNIQUE (email)
);
CREATE INDEX accounts_balance_idx ON accounts (balance DESC, handle) WHERE balance > 100;
CREATE INDEX accounts_by_city ON accounts (city, handle);
CREATE INDEX accounts_by_domain ON accounts (domain, city);
