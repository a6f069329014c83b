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
