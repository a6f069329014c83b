-- add column ord"er%s
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD COLUMN "ord""er%s" bigint;
-- undo:
--   -- drop column ord"er%s
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN IF EXISTS "ord""er%s";
