-- copy email to email_address
-- long, harmless: ROW EXCLUSIVE on public.users
UPDATE "public"."users" SET "email_address" = "email" WHERE pg_catalog.record_image_ne(ROW("email_address"), ROW("email")); -- guarded by zzzz_orchestrator_rename_email

-- verify that email_address equals email in every row
-- long, harmless: ACCESS SHARE on public.users
SELECT "id" FROM "public"."users" WHERE pg_catalog.record_image_ne(ROW("email_address"), ROW("email")); -- guarded by zzzz_orchestrator_rename_email
-- rows named by id; repaired
