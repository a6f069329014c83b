-- look for rows that break che"ck%
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1"
SELECT "new"."id" FROM "sche""ma"."we""ird%1" AS new WHERE "order" = 'it''s 100%' LIMIT 10; -- must find no row

-- add check constraint che"ck%
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "che""ck%" CHECK (("order" <> 'it''s 100%')) NOT VALID;
-- undo:
--   -- drop constraint che"ck%
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "che""ck%";

-- validate che"ck%
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" VALIDATE CONSTRAINT "che""ck%";
-- broken by: SELECT "id" FROM "sche""ma"."we""ird%1" WHERE "order" = 'it''s 100%' LIMIT 10;

-- analyze we"ird%1
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
ANALYZE "sche""ma"."we""ird%1";
