-- verify email_address from email in every row
-- long, harmless: ACCESS SHARE on public.users
SELECT "id" FROM "public"."users" AS new WHERE pg_catalog.record_image_ne(ROW("new"."email_address"), ROW("new"."email")); -- guarded by zzzz_orchestrator_rename_email
-- rows named by id; not repaired

-- drop email, the trigger
-- short exclusive: ACCESS EXCLUSIVE on public.users
LOCK TABLE "public"."users" IN ACCESS EXCLUSIVE MODE;
DO '
BEGIN
  IF EXISTS (SELECT ''"public"."users"''::regclass AS relid UNION SELECT relid FROM pg_catalog.pg_partition_tree(''"public"."users"''::regclass)
             EXCEPT SELECT tgrelid FROM pg_catalog.pg_trigger WHERE tgname = ''zzzz_orchestrator_rename_email'' AND tgenabled IN (''O'', ''A'')) THEN
    RAISE EXCEPTION ''trigger zzzz_orchestrator_rename_email is gone or disabled: what was written since may differ'' USING ERRCODE = ''object_not_in_prerequisite_state'';
  END IF;
END
';
DROP TRIGGER IF EXISTS "zzzz_orchestrator_rename_email" ON "public"."users";
DROP FUNCTION IF EXISTS "public"."orchestrator_sync_rename_email"();
DROP SEQUENCE IF EXISTS "public"."orchestrator_conflicts_rename_email";
ALTER TABLE "public"."users" DROP COLUMN "email";
