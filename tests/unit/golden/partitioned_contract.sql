-- verify that every row of reti"red% is in we"ird%1
-- long, harmless: ACCESS SHARE on "sche""ma"."reti""red%", ACCESS SHARE on "sche""ma"."we""ird%1"
SELECT "order", "a'%s" FROM "sche""ma"."reti""red%" AS new WHERE (SELECT pg_catalog.record_image_eq(ROW("there"."order", "there"."a'%s"), ROW("new"."order", "new"."a'%s")) FROM "sche""ma"."we""ird%1" AS there WHERE "there"."order" OPERATOR(pg_catalog.=) "new"."order" AND "there"."a'%s" OPERATOR("we""ird".=) "new"."a'%s") IS NOT TRUE; -- guarded by zzzz"trigger
-- rows named by order, a'%s; not repaired

-- drop trigger zzzz"trigger
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
DROP TRIGGER IF EXISTS "zzzz""trigger" ON "sche""ma"."we""ird%1";
DROP TRIGGER IF EXISTS "zzzz""truncate" ON "sche""ma"."we""ird%1";
DROP FUNCTION IF EXISTS "sche""ma"."sync'function"();

-- drop constraint f"k
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."reti""red%", ACCESS EXCLUSIVE on public.select
ALTER TABLE "sche""ma"."reti""red%" DROP CONSTRAINT IF EXISTS "f""k";

-- drop table reti"red%, whose rows are all in we"ird%1
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."reti""red%"
DROP TABLE "sche""ma"."reti""red%";
