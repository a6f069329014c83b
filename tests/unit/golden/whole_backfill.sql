-- copy a"%s, it's to mo%s've
-- long, harmless: ROW SHARE on "sche""ma"."we""ird%1", ROW EXCLUSIVE on "o""ther"."mo%s've"
INSERT INTO "o""ther"."mo%s've" AS other ("k""ey", "select", "a%part", "éééééééééééééééééééééééééééééééx") OVERRIDING SYSTEM VALUE SELECT "new"."order", "new"."select", "new"."a""%s", "new"."it's" FROM "sche""ma"."we""ird%1" AS new WHERE CASE WHEN "new"."a""%s" IS NOT DISTINCT FROM NULL AND "new"."it's" IS NOT DISTINCT FROM NULL THEN (SELECT pg_catalog.record_image_eq(ROW("other"."a%part", "other"."éééééééééééééééééééééééééééééééx"), ROW("new"."a""%s", "new"."it's")) FROM "o""ther"."mo%s've" AS other WHERE "other"."k""ey" OPERATOR(pg_catalog.=) "new"."order" AND "other"."select" OPERATOR(pg_catalog.=) "new"."select") IS FALSE ELSE (SELECT pg_catalog.record_image_eq(ROW("other"."a%part", "other"."éééééééééééééééééééééééééééééééx"), ROW("new"."a""%s", "new"."it's")) FROM "o""ther"."mo%s've" AS other WHERE "other"."k""ey" OPERATOR(pg_catalog.=) "new"."order" AND "other"."select" OPERATOR(pg_catalog.=) "new"."select") IS NOT TRUE END FOR SHARE OF new ON CONFLICT ("k""ey", "select") DO NOTHING; -- guarded by Orches"trator%

-- wait for snapshots from before mo%s've was filled
-- long, harmless: no lock
-- guarded by Orches"trator%

-- verify that every row of mo%s've has one in we"ird%1
-- long, harmless: ACCESS SHARE on "o""ther"."mo%s've", ACCESS SHARE on "sche""ma"."we""ird%1"
SELECT "k""ey", "select" FROM "o""ther"."mo%s've" AS new WHERE (SELECT true FROM "sche""ma"."we""ird%1" AS other WHERE "other"."order" OPERATOR(pg_catalog.=) "new"."k""ey" AND "other"."select" OPERATOR(pg_catalog.=) "new"."select") IS NULL; -- guarded by Orchestrator_back
-- rows named by k"ey, select; repaired

-- verify a%part, éééééééééééééééééééééééééééééééx of mo%s've in every row of we"ird%1
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1", ACCESS SHARE on "o""ther"."mo%s've"
SELECT "order" FROM "sche""ma"."we""ird%1" AS new WHERE CASE WHEN "new"."a""%s" IS NOT DISTINCT FROM NULL AND "new"."it's" IS NOT DISTINCT FROM NULL THEN (SELECT pg_catalog.record_image_eq(ROW("other"."a%part", "other"."éééééééééééééééééééééééééééééééx"), ROW("new"."a""%s", "new"."it's")) FROM "o""ther"."mo%s've" AS other WHERE "other"."k""ey" OPERATOR(pg_catalog.=) "new"."order" AND "other"."select" OPERATOR(pg_catalog.=) "new"."select") IS FALSE ELSE (SELECT pg_catalog.record_image_eq(ROW("other"."a%part", "other"."éééééééééééééééééééééééééééééééx"), ROW("new"."a""%s", "new"."it's")) FROM "o""ther"."mo%s've" AS other WHERE "other"."k""ey" OPERATOR(pg_catalog.=) "new"."order" AND "other"."select" OPERATOR(pg_catalog.=) "new"."select") IS NOT TRUE END; -- guarded by Orches"trator%
-- rows named by order; repaired

-- outside
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
VACUUM;
-- undo:
--   -- undo: outside
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
--   DROP INDEX CONCURRENTLY IF EXISTS i;
