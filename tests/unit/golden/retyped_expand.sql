-- compute order, and back, for every row
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1"
SELECT "new"."order" FROM "sche""ma"."we""ird%1" AS new WHERE pg_catalog.num_nulls(CAST((new."order")::bigint AS bigint)) < 0 OR (SELECT pg_catalog.num_nulls(CAST((new."order")::integer AS integer)) < 0 FROM (SELECT CAST((new."order")::bigint AS bigint) AS "order", "new"."order" AS "ord""er%s") AS new) LIMIT 10; -- must find no row

-- add column ord"er%s
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD COLUMN "ord""er%s" bigint;
-- undo:
--   -- drop column ord"er%s
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN IF EXISTS "ord""er%s";
