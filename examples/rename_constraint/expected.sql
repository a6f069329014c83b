-- After contract.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    email text NOT NULL,
    city text,
    active boolean NOT NULL DEFAULT true
);
ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email),
    ADD CONSTRAINT users_city_given CHECK (city <> '');
