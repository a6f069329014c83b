-- fill new"%s from order; éééééééééééééééééééééééééééééééx from it's
-- long, harmless: ROW EXCLUSIVE on "sche""ma"."we""ird%1"
UPDATE "sche""ma"."we""ird%1" AS new SET "new""%s" = "new"."order", "éééééééééééééééééééééééééééééééx" = "new"."it's" WHERE pg_catalog.record_image_ne(ROW("new"."new""%s"), ROW("new"."order")) OR pg_catalog.record_image_ne(ROW("new"."éééééééééééééééééééééééééééééééx"), ROW("new"."it's")); -- guarded by zzzz"trigger

-- verify new"%s from order; éééééééééééééééééééééééééééééééx from it's in every row
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1"
SELECT ctid FROM "sche""ma"."we""ird%1" AS new WHERE pg_catalog.record_image_ne(ROW("new"."new""%s"), ROW("new"."order")) OR pg_catalog.record_image_ne(ROW("new"."éééééééééééééééééééééééééééééééx"), ROW("new"."it's")); -- guarded by zzzz"trigger
-- rows named by ctid; repaired
