-- fill email_address from email
-- long, harmless: ROW EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
UPDATE "sche""ma"."we""ird%1" AS new SET "email_address" = "new"."email" WHERE pg_catalog.record_image_ne(ROW("new"."email_address"), ROW("new"."email")); -- guarded by zzzz_orchestrator_rename_email

-- verify email_address from email in every row
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1" and its partitions
SELECT "id" FROM "sche""ma"."we""ird%1" AS new WHERE pg_catalog.record_image_ne(ROW("new"."email_address"), ROW("new"."email")); -- guarded by zzzz_orchestrator_rename_email
-- rows named by id; repaired
