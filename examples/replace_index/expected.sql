-- After contract.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    email text NOT NULL,
    city text,
    active boolean NOT NULL DEFAULT true
);
CREATE INDEX users_by_city ON users (city, email DESC) INCLUDE (handle);
COMMENT ON INDEX users_by_city IS 'for the list of neighbours';
ALTER TABLE users CLUSTER ON users_by_city;
