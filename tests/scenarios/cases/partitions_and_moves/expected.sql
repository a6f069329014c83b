CREATE TABLE members (region text, email text, PRIMARY KEY (region, email)) PARTITION BY LIST (region);
CREATE TABLE members_eu PARTITION OF members FOR VALUES IN ('eu');
CREATE TABLE members_us PARTITION OF members FOR VALUES IN ('us') PARTITION BY HASH (email);
CREATE TABLE members_us_0 PARTITION OF members_us FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE members_us_1 PARTITION OF members_us FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE "members ""rest%s" (email text NOT NULL, region text NOT NULL);
ALTER TABLE members ATTACH PARTITION "members ""rest%s" DEFAULT;
CREATE TABLE settings (
    region text,
    email text,
    theme text,
    language text CONSTRAINT members_language_check CHECK (language <> ''),
    PRIMARY KEY (email, region)
) PARTITION BY HASH (region);
CREATE TABLE settings_0 PARTITION OF settings FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE settings_1 PARTITION OF settings FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX settings_language_idx ON ONLY settings (language);
CREATE INDEX settings_0_settings_language_idx ON settings_0 (language);
CREATE INDEX settings_1_settings_language_idx ON settings_1 (language);
ALTER INDEX settings_language_idx ATTACH PARTITION settings_0_settings_language_idx;
ALTER INDEX settings_language_idx ATTACH PARTITION settings_1_settings_language_idx;
CREATE TABLE profiles (region text, member text, bio text, PRIMARY KEY (region, member));
