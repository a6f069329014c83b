-- copy order to new"%s, it's to éééééééééééééééééééééééééééééééx
-- long, harmless: ROW EXCLUSIVE on "sche""ma"."we""ird%1"
UPDATE "sche""ma"."we""ird%1" SET "new""%s" = "order", "éééééééééééééééééééééééééééééééx" = "it's" WHERE pg_catalog.record_image_ne(ROW("new""%s"), ROW("order")) OR pg_catalog.record_image_ne(ROW("éééééééééééééééééééééééééééééééx"), ROW("it's")); -- guarded by zzzz"trigger

-- verify that new"%s equals order, éééééééééééééééééééééééééééééééx equals it's in every row
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1"
SELECT ctid FROM "sche""ma"."we""ird%1" WHERE pg_catalog.record_image_ne(ROW("new""%s"), ROW("order")) OR pg_catalog.record_image_ne(ROW("éééééééééééééééééééééééééééééééx"), ROW("it's")); -- guarded by zzzz"trigger
-- rows named by ctid; repaired
