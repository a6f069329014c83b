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

-- add column c%d
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD COLUMN "c%d" text DEFAULT '100%'::text NOT NULL;
-- undo:
--   -- drop column c%d
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN IF EXISTS "c%d";

-- add column a"part
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD COLUMN "a""part" uuid;
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "a""part" SET DEFAULT gen_random_uuid();
-- undo:
--   -- drop column a"part
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN IF EXISTS "a""part";

-- add column vir'tual
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD COLUMN "vir'tual" text GENERATED ALWAYS AS (lower("new""%s")) VIRTUAL;
-- undo:
--   -- drop column vir'tual
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN IF EXISTS "vir'tual";

-- add column num%ber
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD COLUMN "num%ber" bigint;
CREATE SEQUENCE "sche""ma"."num'ber" AS bigint;
GRANT USAGE ON SEQUENCE "sche""ma"."num'ber" TO "ro""le";
ALTER SEQUENCE "sche""ma"."num'ber" OWNER TO "ow""ner%s";
ALTER SEQUENCE "sche""ma"."num'ber" OWNED BY "sche""ma"."we""ird%1"."num%ber";
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "num%ber" SET DEFAULT nextval('x');
-- undo:
--   -- drop column num%ber
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN IF EXISTS "num%ber";

-- set default of d%f'"
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "d%f'""" SET DEFAULT '100%'::text;
-- undo:
--   -- restore default of d%f'"
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "d%f'""" DROP DEFAULT;

-- set comment of d%f'"
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
COMMENT ON COLUMN "sche""ma"."we""ird%1"."d%f'""" IS 'it''s "100%"';
-- undo:
--   -- restore comment of d%f'"
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
--   COMMENT ON COLUMN "sche""ma"."we""ird%1"."d%f'""" IS 'was ''it''';

-- set comment of we"ird%1
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
COMMENT ON TABLE "sche""ma"."we""ird%1" IS 'all of ''them''';
-- undo:
--   -- restore comment of we"ird%1
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
--   COMMENT ON TABLE "sche""ma"."we""ird%1" IS NULL;

-- drop not null of lo"ose%
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "lo""ose%" DROP NOT NULL;
-- undo:
--   -- look for nulls in lo"ose%
--   -- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1"
--   DO '
--   BEGIN
--     IF EXISTS (SELECT FROM "sche""ma"."we""ird%1" WHERE "lo""ose%" IS NOT DISTINCT FROM NULL) THEN
--       RAISE not_null_violation USING MESSAGE = ''column "lo"ose%" has nulls'';
--     END IF;
--   END
--   ';
--   -- broken by: SELECT ctid FROM "sche""ma"."we""ird%1" WHERE "lo""ose%" IS NOT DISTINCT FROM NULL LIMIT 10;
-- undo:
--   -- add a check on lo"ose%
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "lo""ose%_not_null_c2795cd3";
--   ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "lo""ose%_not_null_c2795cd3" CHECK ("lo""ose%" IS DISTINCT FROM NULL) NOT VALID;
-- undo:
--   -- validate that lo"ose% has no nulls
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" VALIDATE CONSTRAINT "lo""ose%_not_null_c2795cd3";
--   -- broken by: SELECT ctid FROM "sche""ma"."we""ird%1" WHERE "lo""ose%" IS NOT DISTINCT FROM NULL LIMIT 10;
-- undo:
--   -- set lo"ose% not null
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "lo""ose%" SET NOT NULL;
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "lo""ose%_not_null_c2795cd3";

-- drop not null of it's
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "it's" DROP NOT NULL;
-- undo:
--   -- look for nulls in it's
--   -- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1"
--   DO '
--   BEGIN
--     IF EXISTS (SELECT FROM "sche""ma"."we""ird%1" WHERE "it''s" IS NOT DISTINCT FROM NULL) THEN
--       RAISE not_null_violation USING MESSAGE = ''column "it''''s" has nulls'';
--     END IF;
--   END
--   ';
--   -- broken by: SELECT ctid FROM "sche""ma"."we""ird%1" WHERE "it's" IS NOT DISTINCT FROM NULL LIMIT 10;
-- undo:
--   -- add a not null constraint on it's
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "it's" DROP NOT NULL;
--   ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "it""s there" NOT NULL "it's" NO INHERIT NOT VALID;
--   COMMENT ON CONSTRAINT "it""s there" ON "sche""ma"."we""ird%1" IS '100% ''there''';
-- undo:
--   -- validate that it's has no nulls
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" VALIDATE CONSTRAINT "it""s there";
--   -- broken by: SELECT ctid FROM "sche""ma"."we""ird%1" WHERE "it's" IS NOT DISTINCT FROM NULL LIMIT 10;

-- drop constraint la"x%s
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "la""x%s";
-- undo:
--   -- look for rows that break la"x%s
--   -- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1"
--   SELECT "new"."ctid" FROM "sche""ma"."we""ird%1" AS new WHERE NOT ("order" <> '%'::text) LIMIT 10; -- must find no row
-- undo:
--   -- add check constraint la"x%s
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "la""x%s";
--   ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "la""x%s" CHECK (("order" <> '%'::text)) NOT VALID;
--   COMMENT ON CONSTRAINT "la""x%s" ON "sche""ma"."we""ird%1" IS 'for ''now''';
-- undo:
--   -- validate la"x%s
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" VALIDATE CONSTRAINT "la""x%s";
--   -- broken by: SELECT ctid FROM "sche""ma"."we""ird%1" WHERE NOT ("order" <> '%'::text) LIMIT 10;

-- drop constraint never checked
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "never checked";
-- undo:
--   -- add check constraint never checked
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "never checked";
--   ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "never checked" CHECK (false) NOT VALID;

-- drop constraint lo"ose
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1", ACCESS EXCLUSIVE on public.select
ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "lo""ose";
-- undo:
--   -- add foreign key lo"ose on we"ird%1
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1", ACCESS EXCLUSIVE on public.select
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "lo""ose";
--   ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "lo""ose" FOREIGN KEY ("ref") REFERENCES "public"."select" ("select") ON DELETE RESTRICT NOT VALID;
-- undo:
--   -- validate lo"ose
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1", ROW SHARE on public.select
--   ALTER TABLE "sche""ma"."we""ird%1" VALIDATE CONSTRAINT "lo""ose";

-- look for values that have no row in select
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1", ACCESS SHARE on public.select
SELECT "new"."ctid" FROM "sche""ma"."we""ird%1" AS new WHERE NOT ("new"."it's" IS NOT DISTINCT FROM NULL) AND (SELECT true FROM "public"."select" AS other WHERE "other"."k""ey" OPERATOR(pg_catalog.=) "new"."order") IS NULL LIMIT 10; -- must find no row
