-- After contract.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    email text NOT NULL,
    city text,
    active boolean NOT NULL DEFAULT true,
    CONSTRAINT users_email_has_at CHECK (email LIKE '%_@_%'),
    CONSTRAINT users_city_given CHECK (city <> '') NO INHERIT
);
COMMENT ON CONSTRAINT users_email_has_at ON users IS 'as far as a check can tell';
