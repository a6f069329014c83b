-- Before: what a profile shows lies in the table that every request reads.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    city text,
    bio text CHECK (bio <> ''),
    avatar text
);
CREATE INDEX users_avatar_idx ON users (avatar);
INSERT INTO users (email, city, bio, avatar)
SELECT 'u' || g, 'Paris', CASE WHEN g % 3 > 0 THEN 'Bio of ' || g END, CASE WHEN g % 5 > 0 THEN g || '.png' END
FROM generate_series(1, 800) g;
