-- add column new"%s
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD COLUMN "new""%s" character varying(40) COLLATE "pg_catalog"."C";
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "new""%s" SET STORAGE EXTERNAL;
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "new""%s" SET COMPRESSION lz4;
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "new""%s" SET STATISTICS 250;
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "new""%s" SET ("n_distinct" = '-0.5', "n_distinct_inherited" = '7');
COMMENT ON COLUMN "sche""ma"."we""ird%1"."new""%s" IS 'it''s 100% "new"';
GRANT SELECT ("new""%s") ON "sche""ma"."we""ird%1" TO PUBLIC;
GRANT UPDATE ("new""%s") ON "sche""ma"."we""ird%1" TO "ro""le" WITH GRANT OPTION;
-- undo:
--   -- drop column new"%s
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN IF EXISTS "new""%s";

-- add column éééééééééééééééééééééééééééééééx
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD COLUMN "éééééééééééééééééééééééééééééééx" bigint;
-- undo:
--   -- drop column éééééééééééééééééééééééééééééééx
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN IF EXISTS "éééééééééééééééééééééééééééééééx";
