-- fill ord"er%s from order
-- long, harmless: ROW EXCLUSIVE on "sche""ma"."we""ird%1"
UPDATE "sche""ma"."we""ird%1" AS new SET "ord""er%s" = (new."order")::bigint WHERE pg_catalog.record_image_ne(ROW("new"."ord""er%s"), ROW(CAST((new."order")::bigint AS bigint))); -- guarded by zzzz"trigger

-- verify ord"er%s from order in every row
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1"
SELECT "order" FROM "sche""ma"."we""ird%1" AS new WHERE pg_catalog.record_image_ne(ROW("new"."ord""er%s"), ROW(CAST((new."order")::bigint AS bigint))); -- guarded by zzzz"trigger
-- rows named by order; repaired
