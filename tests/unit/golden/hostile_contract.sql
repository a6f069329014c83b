-- verify new"%s from order; éééééééééééééééééééééééééééééééx from it's in every row
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1"
SELECT ctid FROM "sche""ma"."we""ird%1" AS new WHERE pg_catalog.record_image_ne(ROW("new"."new""%s"), ROW("new"."order")) OR pg_catalog.record_image_ne(ROW("new"."éééééééééééééééééééééééééééééééx"), ROW("new"."it's")); -- guarded by zzzz"trigger
-- rows named by ctid; not repaired

-- drop constraint out"fk
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1", ACCESS EXCLUSIVE on public.select
ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "out""fk";

-- drop constraint in_fk
-- short exclusive: ACCESS EXCLUSIVE on public.select, ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "public"."select" DROP CONSTRAINT IF EXISTS "in_fk";

-- drop constraint self_fk
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "self_fk";

-- drop index idx%
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
DROP INDEX CONCURRENTLY IF EXISTS "sche""ma"."idx%";

-- rename constraint out_next to out"fk
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" RENAME CONSTRAINT "out_next" TO "out""fk";

-- drop order, it's, the trigger
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1", SHARE ROW EXCLUSIVE on "sche""ma"."serial%seq", ACCESS EXCLUSIVE on "sche""ma"."se""q"
LOCK TABLE "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
DO '
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = ''"sche""ma"."we""ird%1"''::regclass AND tgname = ''zzzz"trigger''
                 AND tgenabled IN (''O'', ''A'')) THEN
    RAISE EXCEPTION ''trigger zzzz"trigger is gone or disabled: what was written since may differ'' USING ERRCODE = ''object_not_in_prerequisite_state'';
  END IF;
END
';
DROP TRIGGER IF EXISTS "zzzz""trigger" ON "sche""ma"."we""ird%1";
DROP FUNCTION IF EXISTS "sche""ma"."sync'function"();
DROP SEQUENCE IF EXISTS "sche""ma"."count""er";
ALTER SEQUENCE "sche""ma"."serial%seq" OWNED BY "sche""ma"."we""ird%1"."new""%s";
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "new""%s" SET DEFAULT '100%'::text;
ALTER SEQUENCE "sche""ma"."se""q" RENAME TO "seq_old";
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "éééééééééééééééééééééééééééééééx" ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME "sche""ma"."se""q" AS bigint START WITH 1 INCREMENT BY 1 MINVALUE 1 MAXVALUE 9 CACHE 1 NO CYCLE);
SELECT pg_catalog.setval('"sche""ma"."se""q"', last_value, is_called) FROM "sche""ma"."seq_old";
GRANT USAGE ON SEQUENCE "sche""ma"."se""q" TO "ro""le";
ALTER TABLE "sche""ma"."we""ird%1" REPLICA IDENTITY USING INDEX "pkey""next";
ALTER TABLE "sche""ma"."we""ird%1" CLUSTER ON "idx_next";
ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT "we_pkey", ADD CONSTRAINT "we_pkey" PRIMARY KEY USING INDEX "pkey""next";
COMMENT ON CONSTRAINT "we_pkey" ON "sche""ma"."we""ird%1" IS 'the key';
ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN "order";
ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN "it's";
ALTER TABLE "sche""ma"."we""ird%1" RENAME CONSTRAINT "key_next" TO "old""key";
ALTER TABLE "sche""ma"."we""ird%1" RENAME CONSTRAINT "che'ck" TO "old""check";
ALTER TABLE "sche""ma"."we""ird%1" RENAME CONSTRAINT "apart" TO "apart_as_before";
ALTER INDEX "sche""ma"."idx_next" RENAME TO "idx%";
ALTER STATISTICS "sche""ma"."stat_next" RENAME TO "stat";
