-- After contract. The application's own check stays.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    city text NOT NULL,
    country text NOT NULL DEFAULT 'FR' CONSTRAINT country_known CHECK (country IS NOT NULL)
);
