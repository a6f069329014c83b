-- After contract.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    email text NOT NULL,
    city text,
    active boolean NOT NULL DEFAULT true
);
ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email) INCLUDE (handle),
    ADD CONSTRAINT users_handle_city_key UNIQUE (handle, city) DEFERRABLE INITIALLY DEFERRED;
COMMENT ON CONSTRAINT users_email_key ON users IS 'one account an address';
