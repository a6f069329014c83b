-- add column email_address
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
ALTER TABLE "sche""ma"."we""ird%1" ADD COLUMN "email_address" text;
-- undo:
--   -- drop column email_address
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
--   ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN IF EXISTS "email_address";

-- set comment of city
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
COMMENT ON COLUMN "sche""ma"."we""ird%1"."city" IS 'new';
-- undo:
--   -- restore comment of city
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
--   COMMENT ON COLUMN "sche""ma"."we""ird%1"."city" IS NULL;
