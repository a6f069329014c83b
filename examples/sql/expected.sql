-- After contract.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    city text
);
CREATE VIEW residents AS SELECT handle, city, id FROM users;
COMMENT ON VIEW residents IS 'everybody';
