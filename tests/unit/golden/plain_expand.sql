-- add column email_address
-- short exclusive: ACCESS EXCLUSIVE on public.users
ALTER TABLE "public"."users" ADD COLUMN "email_address" text;
-- undo:
--   -- drop column email_address
--   -- short exclusive: ACCESS EXCLUSIVE on public.users
--   ALTER TABLE "public"."users" DROP COLUMN IF EXISTS "email_address";
