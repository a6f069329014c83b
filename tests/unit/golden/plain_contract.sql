-- verify that email_address equals email in every row
-- long, harmless: ACCESS SHARE on public.users
SELECT "id" FROM "public"."users" WHERE pg_catalog.record_image_ne(ROW("email_address"), ROW("email")); -- guarded by zzzz_orchestrator_rename_email
-- rows named by id; not repaired

-- drop email and the trigger
-- short exclusive: ACCESS EXCLUSIVE on public.users
DROP TRIGGER IF EXISTS "zzzz_orchestrator_rename_email" ON "public"."users";
DROP FUNCTION IF EXISTS "public"."orchestrator_sync_rename_email"();
DROP SEQUENCE IF EXISTS "public"."orchestrator_conflicts_rename_email";
ALTER TABLE "public"."users" DROP COLUMN "email";
