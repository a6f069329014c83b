-- copy the rows of we"ird%1 to cop"y%
-- long, harmless: ROW SHARE on "sche""ma"."we""ird%1", ROW EXCLUSIVE on "sche""ma"."cop""y%"
INSERT INTO "sche""ma"."cop""y%" AS other ("order", "a'%s") OVERRIDING SYSTEM VALUE SELECT "new"."order", "new"."a'%s" FROM "sche""ma"."we""ird%1" AS new WHERE (SELECT pg_catalog.record_image_eq(ROW("there"."order", "there"."a'%s"), ROW("new"."order", "new"."a'%s")) FROM "sche""ma"."cop""y%" AS there WHERE "there"."order" OPERATOR(pg_catalog.=) "new"."order" AND "there"."a'%s" OPERATOR("we""ird".=) "new"."a'%s") IS NOT TRUE FOR SHARE OF new ON CONFLICT ("order", "a'%s") DO NOTHING; -- guarded by zzzz"trigger

-- verify that every row of we"ird%1 is in cop"y%
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1", ACCESS SHARE on "sche""ma"."cop""y%"
SELECT "order", "a'%s" FROM "sche""ma"."we""ird%1" AS new WHERE (SELECT pg_catalog.record_image_eq(ROW("there"."order", "there"."a'%s"), ROW("new"."order", "new"."a'%s")) FROM "sche""ma"."cop""y%" AS there WHERE "there"."order" OPERATOR(pg_catalog.=) "new"."order" AND "there"."a'%s" OPERATOR("we""ird".=) "new"."a'%s") IS NOT TRUE; -- guarded by zzzz"trigger
-- rows named by order, a'%s; repaired
