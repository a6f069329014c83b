-- add foreign key parent_next on we"ird%1
-- short exclusive: SHARE ROW EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "parent_next" FOREIGN KEY ("ord""er%s") REFERENCES "sche""ma"."we""ird%1" ("ord""er%s") ON DELETE SET NULL NOT VALID;
-- undo:
--   -- drop constraint parent_next
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "parent_next";

-- validate parent_next
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1", ROW SHARE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" VALIDATE CONSTRAINT "parent_next";

-- analyze we"ird%1
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
ANALYZE "sche""ma"."we""ird%1";

-- change the type of it's to text
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "it's" TYPE text COLLATE "pg_catalog"."C";
ALTER FUNCTION "sche""ma"."it's%1"() COST 100.0;
-- undo:
--   -- change the type of it's back to character varying(9)
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "it's" DROP DEFAULT;
--   ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "it's" TYPE character varying(9);
--   ALTER FUNCTION "sche""ma"."it's%1"() COST 100.0;
--   ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "it's" SET DEFAULT '100%'::character varying;
-- undo:
--   -- analyze it's of we"ird%1
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
--   ANALYZE "sche""ma"."we""ird%1" ("it's");

-- analyze it's of we"ird%1
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
ANALYZE "sche""ma"."we""ird%1" ("it's");

-- verify ord"er%s from order in every row
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1"
SELECT "order" FROM "sche""ma"."we""ird%1" AS new WHERE pg_catalog.record_image_ne(ROW("new"."ord""er%s"), ROW(CAST((new."order")::bigint AS bigint))); -- guarded by zzzz"trigger
-- rows named by order; repaired

-- wait for snapshots from before ord"er%s was filled
-- long, harmless: no lock
-- guarded by zzzz"trigger

-- drop constraint par"ent
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "par""ent";
-- undo:
--   -- add foreign key par"ent on we"ird%1
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "par""ent";
--   ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "par""ent" FOREIGN KEY ("order") REFERENCES "sche""ma"."we""ird%1" ("order") ON DELETE SET NULL ("order") NOT VALID;
-- undo:
--   -- validate par"ent
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1", ROW SHARE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" VALIDATE CONSTRAINT "par""ent";

-- swap order and ord"er%s
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1", SHARE ROW EXCLUSIVE on "sche""ma"."serial%seq", ACCESS EXCLUSIVE on "sche""ma"."se""q"
LOCK TABLE "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
DO '
BEGIN
  IF EXISTS (SELECT ''"sche""ma"."we""ird%1"''::regclass AS relid UNION SELECT relid FROM pg_catalog.pg_partition_tree(''"sche""ma"."we""ird%1"''::regclass)
             EXCEPT SELECT tgrelid FROM pg_catalog.pg_trigger WHERE tgname = ''zzzz"trigger'' AND tgenabled IN (''O'', ''A'')) THEN
    RAISE EXCEPTION ''trigger zzzz"trigger is gone or disabled: what was written since may differ'' USING ERRCODE = ''object_not_in_prerequisite_state'';
  END IF;
END
';
DROP TRIGGER IF EXISTS "zzzz""trigger" ON "sche""ma"."we""ird%1";
ALTER TABLE "sche""ma"."we""ird%1" RENAME COLUMN "order" TO "order_swapped_254779c5";
ALTER TABLE "sche""ma"."we""ird%1" RENAME COLUMN "ord""er%s" TO "order";
ALTER TABLE "sche""ma"."we""ird%1" RENAME COLUMN "order_swapped_254779c5" TO "ord""er%s";
ALTER SEQUENCE "sche""ma"."serial%seq" AS bigint;
ALTER SEQUENCE "sche""ma"."serial%seq" OWNED BY "sche""ma"."we""ird%1"."order";
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "order" SET DEFAULT '100%'::text;
ALTER SEQUENCE "sche""ma"."se""q" RENAME TO "seq_old";
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "order" ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME "sche""ma"."se""q" MAXVALUE 9);
SELECT pg_catalog.setval('"sche""ma"."se""q"', last_value, is_called) FROM "sche""ma"."seq_old";
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "ord""er%s" DROP DEFAULT;
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "ord""er%s" DROP IDENTITY;
ALTER TABLE "sche""ma"."we""ird%1" REPLICA IDENTITY USING INDEX "p""key_next";
ALTER TABLE "sche""ma"."we""ird%1" CLUSTER ON "p""key_next";
ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT "p""key", ADD CONSTRAINT "p""key" PRIMARY KEY USING INDEX "p""key_next" DEFERRABLE;
CREATE OR REPLACE FUNCTION "sche""ma"."sync'function"() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS '
BEGIN
  IF "new"."ord""er%s" IS DISTINCT FROM CAST((new."order")::integer AS integer) OR "new"."order" IS DISTINCT FROM CAST((new."ord""er%s")::bigint AS bigint) THEN
    IF TG_OP = ''INSERT'' THEN
      IF "new"."ord""er%s" IS NOT DISTINCT FROM NULL THEN
        NEW."ord""er%s" := (new."order")::integer;
      ELSIF "new"."ord""er%s" IS DISTINCT FROM CAST((new."order")::integer AS integer) THEN
        IF "new"."order" IS DISTINCT FROM NULL THEN
        BEGIN
          PERFORM pg_catalog.nextval(''"sche""ma"."count""er"'');
        EXCEPTION WHEN insufficient_privilege OR undefined_table OR invalid_schema_name THEN
          NULL;
        END;
        END IF;
        NEW."order" := (new."ord""er%s")::bigint;
      END IF;
    ELSIF pg_catalog.record_image_eq(ROW("new"."ord""er%s"), ROW("old"."ord""er%s")) THEN
      IF pg_catalog.record_image_ne(ROW("new"."order"), ROW("old"."order")) OR (("new"."ord""er%s" IS DISTINCT FROM CAST((new."order")::integer AS integer)) AND ("new"."ord""er%s" IS NOT DISTINCT FROM NULL OR "new"."order" IS DISTINCT FROM CAST((new."ord""er%s")::bigint AS bigint))) THEN
        NEW."ord""er%s" := (new."order")::integer;
      END IF;
    ELSIF "new"."ord""er%s" IS DISTINCT FROM CAST((new."order")::integer AS integer) THEN
      IF pg_catalog.record_image_ne(ROW("new"."order"), ROW("old"."order")) THEN
        BEGIN
          PERFORM pg_catalog.nextval(''"sche""ma"."count""er"'');
        EXCEPTION WHEN insufficient_privilege OR undefined_table OR invalid_schema_name THEN
          NULL;
        END;
      END IF;
        NEW."order" := (new."ord""er%s")::bigint;
      IF "new"."ord""er%s" IS NOT DISTINCT FROM NULL THEN
        NEW."ord""er%s" := (new."order")::integer;
      END IF;
    END IF;
  END IF;
  RETURN NEW;
END
';
CREATE TRIGGER "zzzz""trigger" BEFORE INSERT OR UPDATE ON "sche""ma"."we""ird%1" FOR EACH ROW WHEN ("new"."ord""er%s" IS DISTINCT FROM CAST((new."order")::integer AS integer) OR "new"."order" IS DISTINCT FROM CAST((new."ord""er%s")::bigint AS bigint)) EXECUTE FUNCTION "sche""ma"."sync'function"();
ALTER TABLE "sche""ma"."we""ird%1" ENABLE ALWAYS TRIGGER "zzzz""trigger";
ALTER FUNCTION "sche""ma"."it's%1"() COST 100.0;
-- undo:
--   -- look for rows of we"ird%1 that differ
--   -- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1"
--   SELECT "new"."order" FROM "sche""ma"."we""ird%1" AS new WHERE (("new"."ord""er%s" IS DISTINCT FROM CAST((new."order")::integer AS integer)) AND ("new"."ord""er%s" IS NOT DISTINCT FROM NULL OR "new"."order" IS DISTINCT FROM CAST((new."ord""er%s")::bigint AS bigint))) LIMIT 10; -- must find no row
-- undo:
--   -- add foreign key par"ent on we"ird%1
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "par""ent";
--   ALTER TABLE "sche""ma"."we""ird%1" ADD CONSTRAINT "par""ent" FOREIGN KEY ("ord""er%s") REFERENCES "sche""ma"."we""ird%1" ("ord""er%s") ON DELETE SET NULL ("ord""er%s") NOT VALID;
-- undo:
--   -- drop constraint parent_next
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "parent_next";
-- undo:
--   -- swap order back
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1", ACCESS EXCLUSIVE on "sche""ma"."se""q"
--   LOCK TABLE "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
--   DO '
--   BEGIN
--     IF EXISTS (SELECT ''"sche""ma"."we""ird%1"''::regclass AS relid UNION SELECT relid FROM pg_catalog.pg_partition_tree(''"sche""ma"."we""ird%1"''::regclass)
--                EXCEPT SELECT tgrelid FROM pg_catalog.pg_trigger WHERE tgname = ''zzzz"trigger'' AND tgenabled IN (''O'', ''A'')) THEN
--       RAISE EXCEPTION ''trigger zzzz"trigger is gone or disabled: what was written since may differ'' USING ERRCODE = ''object_not_in_prerequisite_state'';
--     END IF;
--   END
--   ';
--   DROP TRIGGER IF EXISTS "zzzz""trigger" ON "sche""ma"."we""ird%1";
--   ALTER TABLE "sche""ma"."we""ird%1" RENAME COLUMN "order" TO "order_swapped_254779c5";
--   ALTER TABLE "sche""ma"."we""ird%1" RENAME COLUMN "ord""er%s" TO "order";
--   ALTER TABLE "sche""ma"."we""ird%1" RENAME COLUMN "order_swapped_254779c5" TO "ord""er%s";
--   ALTER SEQUENCE "sche""ma"."se""q" RENAME TO "seq_old";
--   ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "order" ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME "sche""ma"."se""q" MAXVALUE 9);
--   SELECT pg_catalog.setval('"sche""ma"."se""q"', last_value, is_called) FROM "sche""ma"."seq_old";
--   ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT "p""key", ADD CONSTRAINT "p""key" PRIMARY KEY USING INDEX "back" DEFERRABLE;
--   CREATE OR REPLACE FUNCTION "sche""ma"."sync'function"() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS '
--   BEGIN
--     IF pg_catalog.record_image_ne(ROW("new"."ord""er%s"), ROW(CAST((new."order")::bigint AS bigint))) THEN
--           NEW."ord""er%s" := (new."order")::bigint;
--     END IF;
--     RETURN NEW;
--   END
--   ';
--   CREATE TRIGGER "zzzz""trigger" BEFORE INSERT OR UPDATE ON "sche""ma"."we""ird%1" FOR EACH ROW WHEN (pg_catalog.record_image_ne(ROW("new"."ord""er%s"), ROW(CAST((new."order")::bigint AS bigint)))) EXECUTE FUNCTION "sche""ma"."sync'function"();
--   ALTER TABLE "sche""ma"."we""ird%1" ENABLE ALWAYS TRIGGER "zzzz""trigger";
--   ALTER FUNCTION "sche""ma"."it's%1"() COST 100.0;
