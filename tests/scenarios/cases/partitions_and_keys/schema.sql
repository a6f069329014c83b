-- Names that need quotes, two levels; indexes, checks and a foreign key on all of them.
CREATE SCHEMA "My %schema";
CREATE TABLE "My %schema".cities (city text PRIMARY KEY);
INSERT INTO "My %schema".cities VALUES ('Paris'), ('Rome'), ('Oslo');
CREATE TABLE "My %schema"."order" (
    "User"      text PRIMARY KEY,
    "we""ird%1" text CONSTRAINT "some ""thing" CHECK ("we""ird%1" <> '%s'),
    city        text
) PARTITION BY HASH ("User");
CREATE TABLE "My %schema"."order 0" PARTITION OF "My %schema"."order" FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE "My %schema"."order 1" PARTITION OF "My %schema"."order" FOR VALUES WITH (MODULUS 2, REMAINDER 1)
    PARTITION BY LIST ("User");
CREATE TABLE "My %schema"."order 1 rest" PARTITION OF "My %schema"."order 1" DEFAULT;
CREATE INDEX "an ""index%s" ON "My %schema"."order" ("we""ird%1" DESC) WHERE "we""ird%1" <> '';
CREATE INDEX "by %city" ON "My %schema"."order" (city);
INSERT INTO "My %schema"."order" ("User", "we""ird%1", city)
SELECT 'user' || n, NULLIF('%' || n % 7, '%0'), (ARRAY['Paris', 'Rome', 'Oslo'])[1 + n % 3]
FROM generate_series(1, 800) n;
