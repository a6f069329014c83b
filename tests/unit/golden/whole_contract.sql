-- begin to count what Orches"trator% leaves undone
-- short exclusive: SHARE on "sche""ma"."we""ird%1", SHARE on "o""ther"."mo%s've"
LOCK TABLE "sche""ma"."we""ird%1", "o""ther"."mo%s've" IN SHARE MODE;
SELECT pg_catalog.setval('"sche""ma"."fo''rth"', (SELECT 1 + COALESCE(pg_catalog.sum(t.xmin::text::bigint + p.xmin::text::bigint), 0)::bigint FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid WHERE t.tgname IN ('Orches"trator%', 'Orches"trator%_5889ffb4', 'Orchestrator_back', 'Orchestrator_back_f7549d97') AND t.tgrelid IN ('"sche""ma"."we""ird%1"'::pg_catalog.regclass, '"o""ther"."mo%s''ve"'::pg_catalog.regclass)), false);

-- verify a%part, éééééééééééééééééééééééééééééééx of mo%s've in every row of we"ird%1
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1", ACCESS SHARE on "o""ther"."mo%s've"
SELECT "order" FROM "sche""ma"."we""ird%1" AS new WHERE CASE WHEN "new"."a""%s" IS NOT DISTINCT FROM NULL AND "new"."it's" IS NOT DISTINCT FROM NULL THEN (SELECT pg_catalog.record_image_eq(ROW("other"."a%part", "other"."éééééééééééééééééééééééééééééééx"), ROW("new"."a""%s", "new"."it's")) FROM "o""ther"."mo%s've" AS other WHERE "other"."k""ey" OPERATOR(pg_catalog.=) "new"."order" AND "other"."select" OPERATOR(pg_catalog.=) "new"."select") IS FALSE ELSE (SELECT pg_catalog.record_image_eq(ROW("other"."a%part", "other"."éééééééééééééééééééééééééééééééx"), ROW("new"."a""%s", "new"."it's")) FROM "o""ther"."mo%s've" AS other WHERE "other"."k""ey" OPERATOR(pg_catalog.=) "new"."order" AND "other"."select" OPERATOR(pg_catalog.=) "new"."select") IS NOT TRUE END; -- guarded by Orches"trator%
-- rows named by order; not repaired

-- drop constraint f"k%
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1", ACCESS EXCLUSIVE on public.select
ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "f""k%";

-- drop table we"ird%1
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
DROP TABLE "sche""ma"."we""ird%1";

-- drop view new"%s, rename we"ird%1 to new"%s
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."new""%s", ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
DROP VIEW "sche""ma"."new""%s";
ALTER TABLE "sche""ma"."we""ird%1" RENAME TO "new""%s";

-- drop a"%s, it's, the triggers to mo%s've
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1", ACCESS EXCLUSIVE on "o""ther"."mo%s've"
LOCK TABLE "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
DO '
BEGIN
  IF EXISTS (SELECT ''"sche""ma"."we""ird%1"''::regclass AS relid UNION SELECT relid FROM pg_catalog.pg_partition_tree(''"sche""ma"."we""ird%1"''::regclass)
             EXCEPT SELECT tgrelid FROM pg_catalog.pg_trigger WHERE tgname = ''Orches"trator%'' AND tgenabled IN (''O'', ''A'')) THEN
    RAISE EXCEPTION ''trigger Orches"trator%% is gone or disabled: what was written since may differ'' USING ERRCODE = ''object_not_in_prerequisite_state'';
  END IF;
END
';
LOCK TABLE "o""ther"."mo%s've" IN ACCESS EXCLUSIVE MODE;
DO '
BEGIN
  IF EXISTS (SELECT ''"o""ther"."mo%s''''ve"''::regclass AS relid UNION SELECT relid FROM pg_catalog.pg_partition_tree(''"o""ther"."mo%s''''ve"''::regclass)
             EXCEPT SELECT tgrelid FROM pg_catalog.pg_trigger WHERE tgname = ''Orchestrator_back'' AND tgenabled IN (''O'', ''A'')) THEN
    RAISE EXCEPTION ''trigger Orchestrator_back is gone or disabled: what was written since may differ'' USING ERRCODE = ''object_not_in_prerequisite_state'';
  END IF;
END
';
DO '
BEGIN
  IF (SELECT is_called OR last_value IS DISTINCT FROM (SELECT 1 + COALESCE(pg_catalog.sum(t.xmin::text::bigint + p.xmin::text::bigint), 0)::bigint FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid WHERE t.tgname IN (''Orches"trator%'', ''Orches"trator%_5889ffb4'', ''Orchestrator_back'', ''Orchestrator_back_f7549d97'') AND t.tgrelid IN (''"sche""ma"."we""ird%1"''::pg_catalog.regclass, ''"o""ther"."mo%s''''ve"''::pg_catalog.regclass)) FROM "sche""ma"."fo''rth") THEN
    RAISE EXCEPTION ''something was written since the tables were compared that only we"ird%%1 has'' USING ERRCODE = ''object_not_in_prerequisite_state'';
  END IF;
END
';
DROP TRIGGER IF EXISTS "Orches""trator%" ON "sche""ma"."we""ird%1";
DROP TRIGGER IF EXISTS "Orches""trator%_5889ffb4" ON "sche""ma"."we""ird%1";
DROP FUNCTION IF EXISTS "sche""ma"."fo'rth"();
DROP SEQUENCE IF EXISTS "sche""ma"."fo'rth";
DROP TRIGGER IF EXISTS "Orchestrator_back" ON "o""ther"."mo%s've";
DROP TRIGGER IF EXISTS "Orchestrator_back_f7549d97" ON "o""ther"."mo%s've";
DROP FUNCTION IF EXISTS "o""ther"."ba""ck"();
DROP SEQUENCE IF EXISTS "o""ther"."ba""ck";
ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN "a""%s";
ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN "it's";
