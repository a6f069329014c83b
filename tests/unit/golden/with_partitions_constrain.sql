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
ALTER TABLE ONLY "sche""ma"."we""ird%1" ADD CONSTRAINT "one" UNIQUE NULLS NOT DISTINCT ("email_address") INCLUDE ("city") WITH (fillfactor='70') USING INDEX TABLESPACE "fast" DEFERRABLE;
-- create index part_one: ALTER TABLE ONLY "other"."part" ADD CONSTRAINT "part_one" UNIQUE NULLS NOT DISTINCT ("email_address") INCLUDE ("city") WITH (fillfactor='70') USING INDEX TABLESPACE "fast" DEFERRABLE;
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

-- create unique index keykeykeykeykeykeykeykeykeykeykeykeykeykeykeykeykeykeykeykey on each partition of we"ird%1
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
-- create unique index keykeykeykeykeykeykeykeykeykeykeykeykeykeyk_6fe6441b_17 on leaf
-- long, harmless: SHARE UPDATE EXCLUSIVE on other.leaf
CREATE UNIQUE INDEX CONCURRENTLY "keykeykeykeykeykeykeykeykeykeykeykeykeykeyk_6fe6441b_17" ON "other"."leaf" USING btree (email_address);
-- if it breaks off: DROP INDEX CONCURRENTLY IF EXISTS "other"."keykeykeykeykeykeykeykeykeykeykeykeykeykeyk_6fe6441b_17";

-- undo:
--   -- drop index keykeykeykeykeykeykeykeykeykeykeykeykeykeykeykeykeykeykeykey of each partition
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
--   DROP INDEX CONCURRENTLY IF EXISTS "other"."index";

-- create unique index until on we"ird%1 and its partitions
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
CREATE UNIQUE INDEX "until" ON ONLY "sche""ma"."we""ird%1" USING btree (email_address);
-- create index part_until: CREATE UNIQUE INDEX "part_until" ON ONLY "other"."part" USING btree (email_address);
-- create index part_until: ALTER INDEX "sche""ma"."until" ATTACH PARTITION "other"."part_until";
-- attach index leaf_until: ALTER INDEX "sche""ma"."until" ATTACH PARTITION "other"."leaf_until";
--   -- create unique index leaf_until
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on other.leaf
--   CREATE UNIQUE INDEX CONCURRENTLY "leaf_until" ON "other"."leaf" USING btree (email_address);
--   -- if it breaks off: DROP INDEX CONCURRENTLY IF EXISTS "other"."leaf_until";
--   
-- undo:
--   -- drop index until
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
--   DROP INDEX IF EXISTS "sche""ma"."until";

-- create unique index new% on we"ird%1 and its partitions
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
CREATE UNIQUE INDEX "new%" ON ONLY "sche""ma"."we""ird%1" USING btree (email_address);
-- create index part_new%: CREATE UNIQUE INDEX "part_new%" ON ONLY "other"."part" USING btree (email_address);
-- create index part_new%: ALTER INDEX "sche""ma"."new%" ATTACH PARTITION "other"."part_new%";
-- attach index leaf_new%: ALTER INDEX "sche""ma"."new%" ATTACH PARTITION "other"."leaf_new%";
--   -- create unique index leaf_new%
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on other.leaf
--   CREATE UNIQUE INDEX CONCURRENTLY "leaf_new%" ON "other"."leaf" USING btree (email_address);
--   -- if it breaks off: DROP INDEX CONCURRENTLY IF EXISTS "other"."leaf_new%";
--   
-- undo:
--   -- drop index new%
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
--   DROP INDEX IF EXISTS "sche""ma"."new%";

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

-- add foreign key next% on we"ird%1 and its partitions
-- short exclusive: SHARE ROW EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions, ACCESS EXCLUSIVE on other.mails
-- for each partition that has none itself:
-- ALTER TABLE "schema"."partition" ADD CONSTRAINT "next%" FOREIGN KEY ("email_address") REFERENCES "other"."mails" ("email") NOT VALID;
-- ALTER TABLE "schema"."partition" VALIDATE CONSTRAINT "next%";
-- and then:
BEGIN;
-- lock them all;
LOCK TABLE "other"."mails" IN ACCESS EXCLUSIVE MODE;
DO '
BEGIN
  IF EXISTS (SELECT relid FROM pg_catalog.pg_partition_tree(''"sche""ma"."we""ird%1"'') WHERE isleaf
             EXCEPT SELECT conrelid FROM pg_catalog.pg_constraint
             WHERE conname = ''next%'' AND contype = ''f'' AND convalidated) THEN
    RAISE EXCEPTION ''a partition that came just now has no next%% yet'' USING ERRCODE = ''object_not_in_prerequisite_state'';
  END IF;
END
';
ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "next%" FOREIGN KEY ("email_address") REFERENCES "other"."mails" ("email");
COMMIT;
-- undo:
--   -- drop constraint next%
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions, ACCESS EXCLUSIVE on other.mails
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
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "next%";
--   DO '
--   DECLARE
--     leaf regclass;
--   BEGIN
--     FOR leaf IN SELECT relid FROM pg_catalog.pg_partition_tree(''"sche""ma"."we""ird%1"'') WHERE isleaf LOOP
--       EXECUTE pg_catalog.format(''ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I'', leaf, ''next%'');
--     END LOOP;
--   END
--   ';

-- analyze we"ird%1
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
ANALYZE "sche""ma"."we""ird%1";
