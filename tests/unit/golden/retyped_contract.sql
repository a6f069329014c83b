-- verify ord"er%s from order in every row
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1"
SELECT "order" FROM "sche""ma"."we""ird%1" AS new WHERE (("new"."ord""er%s" IS DISTINCT FROM CAST((new."order")::integer AS integer)) AND ("new"."ord""er%s" IS NOT DISTINCT FROM NULL OR "new"."order" IS DISTINCT FROM CAST((new."ord""er%s")::bigint AS bigint))); -- guarded by zzzz"trigger
-- rows named by order; not repaired

-- rename constraint parent_next to par"ent
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" RENAME CONSTRAINT "parent_next" TO "par""ent";

-- drop ord"er%s, the trigger
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
LOCK TABLE "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
DO '
BEGIN
  IF EXISTS (SELECT ''"sche""ma"."we""ird%1"''::regclass AS relid UNION SELECT relid FROM pg_catalog.pg_partition_tree(''"sche""ma"."we""ird%1"''::regclass)
             EXCEPT SELECT tgrelid FROM pg_catalog.pg_trigger WHERE tgname = ''zzzz"trigger'' AND tgenabled IN (''O'', ''A'')) THEN
    RAISE EXCEPTION ''trigger zzzz"trigger is gone or disabled: what was written since may differ'' USING ERRCODE = ''object_not_in_prerequisite_state'';
  END IF;
END
';
DROP TRIGGER IF EXISTS "zzzz""trigger" ON "sche""ma"."we""ird%1";
DROP FUNCTION IF EXISTS "sche""ma"."sync'function"();
DROP SEQUENCE IF EXISTS "sche""ma"."count""er";
ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN "ord""er%s";
