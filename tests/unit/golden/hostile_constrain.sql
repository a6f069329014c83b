-- look for rows without new"%s
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1"
SELECT "new"."ctid" FROM "sche""ma"."we""ird%1" AS new WHERE "new"."new""%s" IS NOT DISTINCT FROM NULL LIMIT 10; -- must find no row

-- look for duplicates that key_next forbids
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1"
SELECT "ctid", pg_catalog.concat_ws(', ', "new""%s", lower(id) COLLATE pg_catalog."C") AS duplicate FROM "sche""ma"."we""ird%1" WHERE ctid IN (SELECT pg_catalog.unnest(ARRAY[pg_catalog.min(ctid), pg_catalog.max(ctid)]) FROM "sche""ma"."we""ird%1" WHERE (("order" IS NULL)) AND ("new""%s") IS DISTINCT FROM NULL AND (lower(id) COLLATE pg_catalog."C") IS DISTINCT FROM NULL GROUP BY "new""%s", lower(id) COLLATE pg_catalog."C" HAVING pg_catalog.count(*) > 1 LIMIT 5) ORDER BY 2, ctid; -- must find no row

-- look for rows that break che'ck
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1"
SELECT "new"."ctid" FROM "sche""ma"."we""ird%1" AS new WHERE NOT ("new""%s" ~~ '%@%'::text) LIMIT 10; -- must find no row

-- look for rows that break out_next
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1", ACCESS SHARE on public.select
SELECT "new"."ctid" FROM "sche""ma"."we""ird%1" AS new WHERE ((("new"."new""%s" IS DISTINCT FROM NULL AND "new"."éééééééééééééééééééééééééééééééx" IS DISTINCT FROM NULL) AND NOT EXISTS (SELECT FROM "public"."select" AS other WHERE "other"."a" OPERATOR(pg_catalog.=) "new"."new""%s" COLLATE "o""rder"."C" AND "other"."b" OPERATOR("we""ird".=) "new"."éééééééééééééééééééééééééééééééx")) OR (NOT ("new"."new""%s" IS DISTINCT FROM NULL AND "new"."éééééééééééééééééééééééééééééééx" IS DISTINCT FROM NULL) AND NOT ("new"."new""%s" IS NOT DISTINCT FROM NULL AND "new"."éééééééééééééééééééééééééééééééx" IS NOT DISTINCT FROM NULL))) LIMIT 10; -- must find no row

-- reindex in"dex%s
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
REINDEX INDEX CONCURRENTLY "sche""ma"."in""dex%s";
-- undo:
--   -- drop index in"dex%s_ccnew
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
--   DROP INDEX CONCURRENTLY IF EXISTS "sche""ma"."in""dex%s_ccnew";
-- undo:
--   -- drop index in"dex%s_ccold
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
--   DROP INDEX CONCURRENTLY IF EXISTS "sche""ma"."in""dex%s_ccold";

-- create unique index pkey"next
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
CREATE UNIQUE INDEX CONCURRENTLY "pkey""next" ON "sche""ma"."we""ird%1" USING btree ("new""%s");
-- if it breaks off: DROP INDEX CONCURRENTLY IF EXISTS "sche""ma"."pkey""next";
-- undo:
--   -- drop index pkey"next
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
--   DROP INDEX CONCURRENTLY IF EXISTS "sche""ma"."pkey""next";

-- create unique index key_next
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
CREATE UNIQUE INDEX CONCURRENTLY "key_next" ON "sche""ma"."we""ird%1" USING btree ("new""%s" text_pattern_ops DESC NULLS LAST) INCLUDE (id);
-- if it breaks off: DROP INDEX CONCURRENTLY IF EXISTS "sche""ma"."key_next";
-- undo:
--   -- drop index key_next
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
--   DROP INDEX CONCURRENTLY IF EXISTS "sche""ma"."key_next";

-- create index idx_next
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
CREATE INDEX CONCURRENTLY "idx_next" ON "sche""ma"."we""ird%1" USING gin (lower("new""%s")) WHERE ("new""%s" <> 'x%'::text);
COMMENT ON INDEX "sche""ma"."idx_next" IS 'for the ''search''';
ALTER INDEX "sche""ma"."idx_next" ALTER COLUMN 1 SET STATISTICS 300;
-- if it breaks off: DROP INDEX CONCURRENTLY IF EXISTS "sche""ma"."idx_next";
-- in tablespace fast disks
-- undo:
--   -- drop index idx_next
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
--   DROP INDEX CONCURRENTLY IF EXISTS "sche""ma"."idx_next";

-- add unique constraint key_next
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "key_next" UNIQUE USING INDEX "key_next" DEFERRABLE INITIALLY DEFERRED;
COMMENT ON CONSTRAINT "key_next" ON "sche""ma"."we""ird%1" IS 'no two';
-- undo:
--   -- drop constraint key_next
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "key_next";

-- create statistics stat_next
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
CREATE STATISTICS "sche""ma"."stat_next" (ndistinct, mcv) ON "new""%s", id FROM "sche""ma"."we""ird%1";
COMMENT ON STATISTICS "sche""ma"."stat_next" IS 'they go together';
ALTER STATISTICS "sche""ma"."stat_next" SET STATISTICS 500;
ALTER STATISTICS "sche""ma"."stat_next" OWNER TO "ow""ner%s";
-- undo:
--   -- drop statistics stat_next
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
--   DROP STATISTICS IF EXISTS "sche""ma"."stat_next";

-- create statistics expression_stat
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
CREATE STATISTICS "sche""ma"."expression_stat" ON lower("new""%s") FROM "sche""ma"."we""ird%1";
-- undo:
--   -- drop statistics expression_stat
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
--   DROP STATISTICS IF EXISTS "sche""ma"."expression_stat";

-- add check constraint new"%s_not_null_01a64a35
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "new""%s_not_null_01a64a35" CHECK ("new""%s" IS DISTINCT FROM NULL) NOT VALID;
-- undo:
--   -- drop constraint new"%s_not_null_01a64a35
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "new""%s_not_null_01a64a35";

-- validate new"%s_not_null_01a64a35
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" VALIDATE CONSTRAINT "new""%s_not_null_01a64a35";
-- broken by: SELECT ctid FROM "sche""ma"."we""ird%1" WHERE "new""%s" IS NOT DISTINCT FROM NULL LIMIT 10;

-- set new"%s not null
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "new""%s" SET NOT NULL;
ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "new""%s_not_null_01a64a35";
-- undo:
--   -- drop not null of new"%s
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "new""%s" DROP NOT NULL;

-- set or'der not null
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "or'der" SET NOT NULL;
-- undo:
--   -- drop not null of or'der
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "or'der" DROP NOT NULL;

-- add check constraint che'ck
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "che'ck" CHECK (("new""%s" ~~ '%@%'::text)) NOT VALID;
COMMENT ON CONSTRAINT "che'ck" ON "sche""ma"."we""ird%1" IS 'an address';
-- undo:
--   -- drop constraint che'ck
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "che'ck";

-- validate che'ck
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" VALIDATE CONSTRAINT "che'ck";
-- broken by: SELECT ctid FROM "sche""ma"."we""ird%1" WHERE NOT ("new""%s" ~~ '%@%'::text) LIMIT 10;

-- add check constraint later
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "later" CHECK (true) NOT VALID;
-- undo:
--   -- drop constraint later
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "later";

-- add check constraint promise
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "promise" CHECK (true) NOT ENFORCED;
-- undo:
--   -- drop constraint promise
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "promise";

-- add not null constraint named_nn
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "named_nn" NOT NULL "new""%s" NOT VALID;
-- undo:
--   -- drop constraint named_nn
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "named_nn";

-- validate named_nn
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" VALIDATE CONSTRAINT "named_nn";

-- add exclude constraint apart
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "apart" EXCLUDE USING gist ("new""%s" WITH =);
-- undo:
--   -- drop constraint apart
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "apart";

-- add foreign key out_next on we"ird%1
-- short exclusive: SHARE ROW EXCLUSIVE on "sche""ma"."we""ird%1", SHARE ROW EXCLUSIVE on public.select
ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "out_next" FOREIGN KEY ("new""%s", "éééééééééééééééééééééééééééééééx") REFERENCES "public"."select" ("a", "b") MATCH FULL ON UPDATE CASCADE ON DELETE SET NULL ("éééééééééééééééééééééééééééééééx") DEFERRABLE NOT VALID;
COMMENT ON CONSTRAINT "out_next" ON "sche""ma"."we""ird%1" IS 'points out';
-- undo:
--   -- drop constraint out_next
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1", ACCESS EXCLUSIVE on public.select
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "out_next";

-- validate out_next
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1", ROW SHARE on public.select
ALTER TABLE "sche""ma"."we""ird%1" VALIDATE CONSTRAINT "out_next";

-- add foreign key in_next on select
-- short exclusive: SHARE ROW EXCLUSIVE on public.select, SHARE ROW EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "public"."select" ADD CONSTRAINT "in_next" FOREIGN KEY ("ref") REFERENCES "sche""ma"."we""ird%1" ("new""%s") NOT VALID;
-- undo:
--   -- drop constraint in_next
--   -- short exclusive: ACCESS EXCLUSIVE on public.select, ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "public"."select" DROP CONSTRAINT IF EXISTS "in_next";

-- add foreign key self_next on we"ird%1
-- short exclusive: SHARE ROW EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "self_next" FOREIGN KEY ("parent") REFERENCES "sche""ma"."we""ird%1" ("new""%s") NOT ENFORCED;
-- undo:
--   -- drop constraint self_next
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "self_next";

-- analyze we"ird%1
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
ANALYZE "sche""ma"."we""ird%1";

-- analyze select
-- long, harmless: SHARE UPDATE EXCLUSIVE on public.select
ANALYZE "public"."select";

-- add value it's 100% to mo'od
-- long, harmless: no lock
ALTER TYPE "sche""ma"."mo'od" ADD VALUE IF NOT EXISTS 'it''s 100%' AFTER 'so"so';
-- no undo: value 'it''s 100%' of "sche""ma"."mo'od" stays: PostgreSQL cannot take it back

-- add value first to mo'od
-- long, harmless: no lock
ALTER TYPE "sche""ma"."mo'od" ADD VALUE IF NOT EXISTS 'first' BEFORE 'it''s 100%';
-- no undo: value 'first' of "sche""ma"."mo'od" stays: PostgreSQL cannot take it back

-- add value la\st to mo'od
-- long, harmless: no lock
ALTER TYPE "sche""ma"."mo'od" ADD VALUE IF NOT EXISTS  E'la\\st';
-- no undo: value  E'la\\st' of "sche""ma"."mo'od" stays: PostgreSQL cannot take it back
