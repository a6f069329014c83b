-- Two levels, names that need quotes, and a partition that was a table of its own, with its columns in another order.
CREATE SCHEMA "My %schema";
CREATE TABLE "My %schema"."order" (
    "User"      text PRIMARY KEY,
    "we""ird%1" text,
    status      text DEFAULT 'old' NOT NULL,
    fax         text NOT NULL,
    note        text,
    age         integer CONSTRAINT "of age" NOT NULL
) PARTITION BY RANGE ("User");
CREATE TABLE "My %schema"."order A" PARTITION OF "My %schema"."order"
    FOR VALUES FROM (MINVALUE) TO ('user5') PARTITION BY HASH ("User");
CREATE TABLE "My %schema"."order A0" PARTITION OF "My %schema"."order A" FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE "My %schema"."order A1" PARTITION OF "My %schema"."order A" FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE "My %schema"."order ""B" (
    age         integer CONSTRAINT "of age" NOT NULL,
    note        text,
    "User"      text NOT NULL,
    "we""ird%1" text,
    fax         text NOT NULL,
    status      text DEFAULT 'old' NOT NULL
);
ALTER TABLE "My %schema"."order" ATTACH PARTITION "My %schema"."order ""B" FOR VALUES FROM ('user5') TO (MAXVALUE);
INSERT INTO "My %schema"."order" ("User", "we""ird%1", fax, note, age)
SELECT 'user' || n, NULLIF('%s' || n % 7, '%s0'), 'fax', CASE WHEN n % 3 = 0 THEN 'a note' END, n
FROM generate_series(1, 900) n;
