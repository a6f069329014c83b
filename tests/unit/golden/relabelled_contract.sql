-- verify ord"er%s from order in every row
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1"
SELECT "id" FROM "sche""ma"."we""ird%1" AS new WHERE "new"."ord""er%s" IS DISTINCT FROM 'x'::"ne""w"; -- guarded by zzzz"trigger
-- rows named by id; not repaired

-- wait for snapshots from before ord"er%s was filled
-- long, harmless: no lock
-- guarded by zzzz"trigger

-- drop order, the trigger; rename ord"er%s to order
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
DO '
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = ''"sche""ma"."we""ird%1"''::regclass AND conname = ''che"ck%''
                 AND convalidated) THEN
    RAISE EXCEPTION ''check che"ck%% is gone: rows written since may break it'' USING ERRCODE = ''object_not_in_prerequisite_state'';
  END IF;
END
';
DROP TRIGGER IF EXISTS "zzzz""trigger" ON "sche""ma"."we""ird%1";
DROP FUNCTION IF EXISTS "sche""ma"."sync'function"();
DROP SEQUENCE IF EXISTS "sche""ma"."count""er";
ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN "order";
ALTER TABLE "sche""ma"."we""ird%1" RENAME COLUMN "ord""er%s" TO "order";
ALTER FUNCTION "sche""ma"."it's%1"() COST 100.0;
DO  E'
DECLARE
  routine record;
BEGIN
  FOR routine IN
    SELECT p.oid::pg_catalog.regprocedure::text AS name, p.prosecdef AS definer
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE l.lanname = ''plpgsql'' AND pg_catalog.pg_has_role(p.proowner, ''USAGE'') AND (p.prosrc ~*  E''(?<![[:alnum:]_$])mo\\\\''''od\\\\%(?![[:alnum:]_$])'' OR (p.prosrc ~*  E''(?<![[:alnum:]_$])we\\\\"\\\\"?ird\\\\%1(?![[:alnum:]_$])'' AND p.prosrc ~* ''%[[:space:]]*type''))
    ORDER BY p.oid
  LOOP
    EXECUTE pg_catalog.format(
      ''ALTER ROUTINE %s SECURITY %s'', routine.name, CASE WHEN routine.definer THEN ''DEFINER'' ELSE ''INVOKER'' END
    );
  END LOOP;
END
';

-- drop type mo'od%, which ne"w replaces
-- long, harmless: no lock
COMMENT ON TYPE "sche""ma"."mo'od%" IS NULL;
DO  E'
BEGIN
  IF ARRAY(SELECT enumlabel::text FROM pg_catalog.pg_enum WHERE enumtypid = ''"sche""ma"."mo''''od%"''::regtype ORDER BY enumsortorder)
     IS DISTINCT FROM ARRAY[''it''''s 100%'', ''so"so'',  E''ba\\\\d'', ''go''''ne%'']::text[] THEN
    RAISE EXCEPTION ''the values of enum "sche""ma"."mo''''od%%" have changed since this run was started: abort it and start it again, or give them back the names they had'' USING ERRCODE = ''object_not_in_prerequisite_state'';
  END IF;
END
';
DROP TYPE "sche""ma"."mo'od%";
ALTER TYPE "sche""ma"."ne""w" RENAME TO "mo'od%";
