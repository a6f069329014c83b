-- fill new"%s from order; éééééééééééééééééééééééééééééééx from it's
-- long, harmless: ROW EXCLUSIVE on "sche""ma"."we""ird%1"
UPDATE "sche""ma"."we""ird%1" AS new SET "new""%s" = "new"."order", "éééééééééééééééééééééééééééééééx" = "new"."it's" WHERE pg_catalog.record_image_ne(ROW("new"."new""%s"), ROW("new"."order")) OR pg_catalog.record_image_ne(ROW("new"."éééééééééééééééééééééééééééééééx"), ROW("new"."it's")); -- guarded by zzzz"trigger

-- verify new"%s from order; éééééééééééééééééééééééééééééééx from it's in every row
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1"
SELECT ctid FROM "sche""ma"."we""ird%1" AS new WHERE pg_catalog.record_image_ne(ROW("new"."new""%s"), ROW("new"."order")) OR pg_catalog.record_image_ne(ROW("new"."éééééééééééééééééééééééééééééééx"), ROW("new"."it's")); -- guarded by zzzz"trigger
-- rows named by ctid; repaired

-- copy it's to select
-- long, harmless: ROW SHARE on "sche""ma"."we""ird%1", ROW EXCLUSIVE on public.select
WITH source ("k""ey", "the""re%") AS MATERIALIZED (SELECT "new"."order", "new"."it's" FROM "sche""ma"."we""ird%1" AS new WHERE (SELECT pg_catalog.record_image_eq(ROW("other"."the""re%"), ROW("new"."it's")) FROM "public"."select" AS other WHERE "other"."k""ey" OPERATOR(pg_catalog.=) "new"."order") IS FALSE FOR SHARE OF new) UPDATE "public"."select" AS other SET "the""re%" = "source"."the""re%" FROM source WHERE "other"."k""ey" OPERATOR(pg_catalog.=) "source"."k""ey" AND pg_catalog.record_image_ne(ROW("other"."the""re%"), ROW("source"."the""re%")); -- guarded by Orches"trator%

-- verify the"re% of select in every row of we"ird%1
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1", ACCESS SHARE on public.select
SELECT ctid FROM "sche""ma"."we""ird%1" AS new WHERE (SELECT pg_catalog.record_image_eq(ROW("other"."the""re%"), ROW("new"."it's")) FROM "public"."select" AS other WHERE "other"."k""ey" OPERATOR(pg_catalog.=) "new"."order") IS FALSE; -- guarded by Orches"trator%
-- rows named by ctid; repaired

-- verify that every value has a row in select
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1", ACCESS SHARE on public.select
SELECT ctid FROM "sche""ma"."we""ird%1" AS new WHERE NOT ("new"."it's" IS NOT DISTINCT FROM NULL) AND (SELECT true FROM "public"."select" AS other WHERE "other"."k""ey" OPERATOR(pg_catalog.=) "new"."order") IS NULL; -- guarded by Orches"trator%
-- rows named by ctid; not repaired
