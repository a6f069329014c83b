-- After contract.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    city text
);
CREATE TABLE settings (
    user_id bigint PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    theme text,
    language text CONSTRAINT users_language_check CHECK (language <> '')
);
CREATE INDEX settings_language_idx ON settings (language);
