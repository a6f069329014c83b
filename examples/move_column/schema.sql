-- Before: how a user wants to be written to is in two tables.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    city text,
    language text NOT NULL CHECK (language <> '')
);
CREATE TABLE settings (
    user_id bigint PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    theme text
);
CREATE INDEX users_language_idx ON users (language);
INSERT INTO users (email, city, language)
SELECT 'u' || g, 'Paris', (ARRAY['en', 'fr', 'de'])[1 + g % 3] FROM generate_series(1, 800) g;
INSERT INTO settings SELECT id, 'dark' FROM users;
