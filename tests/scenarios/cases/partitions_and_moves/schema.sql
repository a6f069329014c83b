-- Two levels, another order of columns, and the table that is there partitioned in another way.
CREATE TABLE members (
    region text,
    email text,
    bio text,
    language text NOT NULL CHECK (language <> ''),
    PRIMARY KEY (region, email)
) PARTITION BY LIST (region);
CREATE TABLE members_eu PARTITION OF members FOR VALUES IN ('eu');
CREATE TABLE members_us PARTITION OF members FOR VALUES IN ('us') PARTITION BY HASH (email);
CREATE TABLE members_us_0 PARTITION OF members_us FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE members_us_1 PARTITION OF members_us FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE "members ""rest%s" (
    language text CONSTRAINT members_language_not_null NOT NULL CONSTRAINT members_language_check CHECK (language <> ''),
    bio text,
    email text NOT NULL,
    region text NOT NULL
);
ALTER TABLE members ATTACH PARTITION "members ""rest%s" DEFAULT;
CREATE INDEX members_language_idx ON members (language);
CREATE TABLE settings (region text, email text, theme text, PRIMARY KEY (email, region)) PARTITION BY HASH (region);
CREATE TABLE settings_0 PARTITION OF settings FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE settings_1 PARTITION OF settings FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO members
SELECT (ARRAY['eu', 'us', 'asia'])[1 + n % 3], 'user' || n, NULLIF('bio ' || n % 5, 'bio 0'), 'en'
FROM generate_series(1, 800) n;
INSERT INTO settings SELECT region, email, 'dark' FROM members;
