-- fill ord"er%s from order
-- long, harmless: ROW EXCLUSIVE on "sche""ma"."we""ird%1"
UPDATE "sche""ma"."we""ird%1" AS new SET "ord""er%s" = 'x'::"ne""w" WHERE "new"."ord""er%s" IS DISTINCT FROM 'x'::"ne""w"; -- guarded by zzzz"trigger

-- verify ord"er%s from order in every row
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1"
SELECT "id" FROM "sche""ma"."we""ird%1" AS new WHERE "new"."ord""er%s" IS DISTINCT FROM 'x'::"ne""w"; -- guarded by zzzz"trigger
-- rows named by id; repaired
