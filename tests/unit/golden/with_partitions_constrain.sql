-- look for duplicates that one forbids
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1" and its partitions
SELECT "id", pg_catalog.concat_ws(', ', email_address) AS duplicate FROM "sche""ma"."we""ird%1" WHERE (tableoid, ctid) IN (SELECT tableoid, pg_catalog.unnest(ARRAY[pg_catalog.min(ctid), pg_catalog.max(ctid)]) FROM "sche""ma"."we""ird%1" WHERE (email_address) IS DISTINCT FROM NULL GROUP BY tableoid, email_address HAVING pg_catalog.count(*) > 1 LIMIT 5) ORDER BY 2, tableoid, ctid; -- must find no row

-- reindex by_city
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
REINDEX INDEX CONCURRENTLY "sche""ma"."by_city";
-- undo:
--   -- drop index by_city_ccnew
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
--   DROP INDEX CONCURRENTLY IF EXISTS "sche""ma"."by_city_ccnew";
-- undo:
--   -- drop index by_city_ccold
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
--   DROP INDEX CONCURRENTLY IF EXISTS "sche""ma"."by_city_ccold";

-- create index i"ndex on we"ird%1 and its partitions
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
CREATE INDEX "i""ndex" ON ONLY "sche""ma"."we""ird%1" USING btree (email_address);
-- create index part_i"ndex: CREATE INDEX "part_i""ndex" ON ONLY "other"."part" USING btree (email_address);
-- create index part_i"ndex: ALTER INDEX "sche""ma"."i""ndex" ATTACH PARTITION "other"."part_i""ndex";
-- attach index leaf_i"ndex: ALTER INDEX "sche""ma"."i""ndex" ATTACH PARTITION "other"."leaf_i""ndex";
--   -- create index leaf_i"ndex
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on other.leaf
--   CREATE INDEX CONCURRENTLY "leaf_i""ndex" ON "other"."leaf" USING btree (email_address);
--   -- if it breaks off: DROP INDEX CONCURRENTLY IF EXISTS "other"."leaf_i""ndex";
--   
-- undo:
--   -- drop index i"ndex
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
--   DROP INDEX IF EXISTS "sche""ma"."i""ndex";

-- create unique index one on we"ird%1 and its partitions
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
SET LOCAL default_tablespace = 'fast';
ALTER TABLE ONLY "sche""ma"."we""ird%1" ADD CONSTRAINT "one" UNIQUE NULLS NOT DISTINCT ("email_address") INCLUDE ("city") DEFERRABLE;
-- create index part_one: ALTER TABLE ONLY "other"."part" ADD CONSTRAINT "part_one" UNIQUE NULLS NOT DISTINCT ("email_address") INCLUDE ("city") DEFERRABLE;
-- create index part_one: ALTER INDEX "sche""ma"."one" ATTACH PARTITION "other"."part_one";
-- attach index leaf_one: ALTER TABLE "other"."leaf" ADD CONSTRAINT "leaf_one" UNIQUE USING INDEX "leaf_one" DEFERRABLE;
-- attach index leaf_one: ALTER INDEX "sche""ma"."one" ATTACH PARTITION "other"."leaf_one";
--   -- create unique index leaf_one
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on other.leaf
--   CREATE UNIQUE INDEX CONCURRENTLY "leaf_one" ON "other"."leaf" USING btree (email_address) INCLUDE (city);
--   -- if it breaks off: DROP INDEX CONCURRENTLY IF EXISTS "other"."leaf_one";
--   -- in tablespace fast
--   
COMMENT ON CONSTRAINT "one" ON "sche""ma"."we""ird%1" IS 'it''s';
-- undo:
--   -- drop index one
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "one";

-- add check constraint email_address_not_null_92529041
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
DO '
DECLARE
  bound text := pg_catalog.current_setting(''lock_timeout'');
  deadline timestamptz := pg_catalog.clock_timestamp() + bound::interval;
  parents oid[] := ARRAY[''"sche""ma"."we""ird%1"''::regclass::oid];
  partition oid;
BEGIN
  LOCK TABLE ONLY "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
  WHILE pg_catalog.cardinality(parents) > 0 LOOP
    parents := ARRAY(SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = ANY (parents) ORDER BY inhrelid);
    FOREACH partition IN ARRAY parents LOOP
      IF bound <> ''0'' THEN
        PERFORM pg_catalog.set_config(''lock_timeout'', GREATEST(1, CEIL(
          EXTRACT(epoch FROM deadline - pg_catalog.clock_timestamp()) * 1000))::int::text, true);
      END IF;
      EXECUTE pg_catalog.format(''LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE'', partition::regclass);
    END LOOP;
  END LOOP;
  PERFORM pg_catalog.set_config(''lock_timeout'', bound, true);
END
';
ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "email_address_not_null_92529041" CHECK ("email_address" IS DISTINCT FROM NULL) NOT VALID;
-- undo:
--   -- drop constraint email_address_not_null_92529041
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
--   DO '
--   DECLARE
--     bound text := pg_catalog.current_setting(''lock_timeout'');
--     deadline timestamptz := pg_catalog.clock_timestamp() + bound::interval;
--     parents oid[] := ARRAY[''"sche""ma"."we""ird%1"''::regclass::oid];
--     partition oid;
--   BEGIN
--     LOCK TABLE ONLY "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
--     WHILE pg_catalog.cardinality(parents) > 0 LOOP
--       parents := ARRAY(SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = ANY (parents) ORDER BY inhrelid);
--       FOREACH partition IN ARRAY parents LOOP
--         IF bound <> ''0'' THEN
--           PERFORM pg_catalog.set_config(''lock_timeout'', GREATEST(1, CEIL(
--             EXTRACT(epoch FROM deadline - pg_catalog.clock_timestamp()) * 1000))::int::text, true);
--         END IF;
--         EXECUTE pg_catalog.format(''LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE'', partition::regclass);
--       END LOOP;
--     END LOOP;
--     PERFORM pg_catalog.set_config(''lock_timeout'', bound, true);
--   END
--   ';
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "email_address_not_null_92529041";

-- validate email_address_not_null_92529041
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
ALTER TABLE "sche""ma"."we""ird%1" VALIDATE CONSTRAINT "email_address_not_null_92529041";
-- broken by: SELECT "id" FROM "sche""ma"."we""ird%1" WHERE "email_address" IS NOT DISTINCT FROM NULL LIMIT 10;

-- set email_address not null
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
DO '
DECLARE
  bound text := pg_catalog.current_setting(''lock_timeout'');
  deadline timestamptz := pg_catalog.clock_timestamp() + bound::interval;
  parents oid[] := ARRAY[''"sche""ma"."we""ird%1"''::regclass::oid];
  partition oid;
BEGIN
  LOCK TABLE ONLY "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
  WHILE pg_catalog.cardinality(parents) > 0 LOOP
    parents := ARRAY(SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = ANY (parents) ORDER BY inhrelid);
    FOREACH partition IN ARRAY parents LOOP
      IF bound <> ''0'' THEN
        PERFORM pg_catalog.set_config(''lock_timeout'', GREATEST(1, CEIL(
          EXTRACT(epoch FROM deadline - pg_catalog.clock_timestamp()) * 1000))::int::text, true);
      END IF;
      EXECUTE pg_catalog.format(''LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE'', partition::regclass);
    END LOOP;
  END LOOP;
  PERFORM pg_catalog.set_config(''lock_timeout'', bound, true);
END
';
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "email_address" SET NOT NULL;
ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "email_address_not_null_92529041";
-- undo:
--   -- drop not null of email_address
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
--   DO '
--   DECLARE
--     bound text := pg_catalog.current_setting(''lock_timeout'');
--     deadline timestamptz := pg_catalog.clock_timestamp() + bound::interval;
--     parents oid[] := ARRAY[''"sche""ma"."we""ird%1"''::regclass::oid];
--     partition oid;
--   BEGIN
--     LOCK TABLE ONLY "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
--     WHILE pg_catalog.cardinality(parents) > 0 LOOP
--       parents := ARRAY(SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = ANY (parents) ORDER BY inhrelid);
--       FOREACH partition IN ARRAY parents LOOP
--         IF bound <> ''0'' THEN
--           PERFORM pg_catalog.set_config(''lock_timeout'', GREATEST(1, CEIL(
--             EXTRACT(epoch FROM deadline - pg_catalog.clock_timestamp()) * 1000))::int::text, true);
--         END IF;
--         EXECUTE pg_catalog.format(''LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE'', partition::regclass);
--       END LOOP;
--     END LOOP;
--     PERFORM pg_catalog.set_config(''lock_timeout'', bound, true);
--   END
--   ';
--   ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "email_address" DROP NOT NULL;

-- analyze we"ird%1
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
ANALYZE "sche""ma"."we""ird%1";
