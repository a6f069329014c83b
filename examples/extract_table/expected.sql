-- After contract.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    city text
);
CREATE TABLE profiles (
    user_id bigint PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    bio text CONSTRAINT users_bio_check CHECK (bio <> ''),
    avatar text
);
CREATE INDEX profiles_avatar_idx ON profiles (avatar);
