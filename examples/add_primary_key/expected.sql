-- After contract.
CREATE TABLE users (
    handle text,
    email text NOT NULL,
    city text,
    CONSTRAINT users_pkey PRIMARY KEY (handle) INCLUDE (city)
);
COMMENT ON CONSTRAINT users_pkey ON users IS 'handles are for ever';
