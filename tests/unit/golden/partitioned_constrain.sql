-- look for rows of cop"y% that are not in we"ird%1
-- long, harmless: ACCESS SHARE on "sche""ma"."cop""y%", ACCESS SHARE on "sche""ma"."we""ird%1"
SELECT "new"."order", "new"."a'%s" FROM "sche""ma"."cop""y%" AS new WHERE NOT EXISTS (SELECT FROM "sche""ma"."we""ird%1" AS there WHERE "there"."order" OPERATOR(pg_catalog.=) "new"."order" AND "there"."a'%s" OPERATOR("we""ird".=) "new"."a'%s") LIMIT 10; -- must find no row

-- analyze cop"y%
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."cop""y%"
ANALYZE "sche""ma"."cop""y%";

-- verify that every row of we"ird%1 is in cop"y%
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1", ACCESS SHARE on "sche""ma"."cop""y%"
SELECT "order", "a'%s" FROM "sche""ma"."we""ird%1" AS new WHERE (SELECT pg_catalog.record_image_eq(ROW("there"."order", "there"."a'%s"), ROW("new"."order", "new"."a'%s")) FROM "sche""ma"."cop""y%" AS there WHERE "there"."order" OPERATOR(pg_catalog.=) "new"."order" AND "there"."a'%s" OPERATOR("we""ird".=) "new"."a'%s") IS NOT TRUE; -- guarded by zzzz"trigger
-- rows named by order, a'%s; repaired

-- wait for snapshots from before cop"y% was filled
-- long, harmless: no lock
-- guarded by zzzz"trigger

-- swap we"ird%1 and cop"y%
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1", ACCESS EXCLUSIVE on "sche""ma"."cop""y%", SHARE ROW EXCLUSIVE on "sche""ma"."serial%seq", ACCESS EXCLUSIVE on "sche""ma"."se""q"
LOCK TABLE "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
LOCK TABLE "sche""ma"."cop""y%" IN ACCESS EXCLUSIVE MODE;
DO '
BEGIN
  IF EXISTS (SELECT ''"sche""ma"."we""ird%1"''::regclass AS relid UNION SELECT relid FROM pg_catalog.pg_partition_tree(''"sche""ma"."we""ird%1"''::regclass)
             EXCEPT SELECT tgrelid FROM pg_catalog.pg_trigger WHERE tgname = ''zzzz"trigger'' AND tgenabled IN (''O'', ''A'')) THEN
    RAISE EXCEPTION ''trigger zzzz"trigger is gone or disabled: what was written since may differ'' USING ERRCODE = ''object_not_in_prerequisite_state'';
  END IF;
END
';
DROP TRIGGER IF EXISTS "zzzz""trigger" ON "sche""ma"."we""ird%1";
DROP TRIGGER IF EXISTS "zzzz""truncate" ON "sche""ma"."we""ird%1";
ALTER TABLE "sche""ma"."we""ird%1" RENAME TO "reti""red%";
ALTER TABLE "sche""ma"."cop""y%" RENAME TO "we""ird%1";
ALTER TABLE "sche""ma"."reti""red%" RENAME CONSTRAINT "k""ey" TO "key""old";
ALTER TABLE "sche""ma"."we""ird%1" RENAME CONSTRAINT "key""copy" TO "k""ey";
ALTER INDEX "sche""ma"."in""dex" RENAME TO "index""old";
ALTER INDEX "sche""ma"."index""copy" RENAME TO "in""dex";
ALTER STATISTICS "o""ther"."st""at" RENAME TO "stat""old";
ALTER STATISTICS "o""ther"."stat""copy" RENAME TO "st""at";
ALTER SEQUENCE "sche""ma"."serial%seq" OWNED BY "sche""ma"."we""ird%1"."a'%s";
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "order" SET DEFAULT nextval('se"q');
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "a'%s" SET DEFAULT '100%'::text;
ALTER SEQUENCE "sche""ma"."se""q" RENAME TO "seq_old";
ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "order" ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME "sche""ma"."se""q" MAXVALUE 9);
SELECT pg_catalog.setval('"sche""ma"."se""q"', last_value, is_called) FROM "sche""ma"."seq_old";
GRANT SELECT ON SEQUENCE "sche""ma"."se""q" TO "ro""le";
ALTER TABLE "sche""ma"."reti""red%" ALTER COLUMN "order" DROP IDENTITY;
ALTER TABLE "sche""ma"."we""ird%1" ALTER CONSTRAINT "f""k" NOT DEFERRABLE;
ALTER TABLE "sche""ma"."reti""red%" ALTER CONSTRAINT "f""k" DEFERRABLE INITIALLY DEFERRED;
CREATE OR REPLACE FUNCTION "sche""ma"."sync'function"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS '
#variable_conflict use_column
BEGIN
  IF TG_RELID <> ''"sche""ma"."we""ird%1"''::pg_catalog.regclass
     AND pg_catalog.pg_partition_root(TG_RELID) IS DISTINCT FROM ''"sche""ma"."we""ird%1"''::pg_catalog.regclass THEN
    -- default privileges may have given the function to somebody
    RAISE insufficient_privilege USING MESSAGE = ''this function is for triggers of one table'';
  END IF;
  IF TG_OP = ''TRUNCATE'' THEN
    BEGIN
      TRUNCATE "sche""ma"."reti""red%";
    EXCEPTION WHEN object_in_use THEN
      -- by the same statement, or by a check that this transaction has put off
      DELETE FROM "sche""ma"."reti""red%";
    END;
    RETURN NULL;
  END IF;
  IF TG_OP <> ''INSERT'' THEN
    IF TG_OP = ''DELETE'' OR pg_catalog.record_image_ne(ROW("old"."order", "old"."a''%s"), ROW("new"."order", "new"."a''%s")) THEN
      DELETE FROM "sche""ma"."reti""red%" AS there WHERE "there"."order" OPERATOR(pg_catalog.=) "old"."order" AND "there"."a''%s" OPERATOR("we""ird".=) "old"."a''%s" AND NOT EXISTS (SELECT FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "old"."order" AND "here"."a''%s" OPERATOR("we""ird".=) "old"."a''%s" AND pg_catalog.age(here.xmin) OPERATOR(pg_catalog.<=) pg_catalog.age(pg_catalog.pg_current_xact_id()::pg_catalog.xid));
      IF NOT FOUND AND pg_catalog.current_setting(''transaction_isolation'') IN (''repeatable read'', ''serializable'') THEN
        INSERT INTO "sche""ma"."reti""red%" ("order", "a''%s") OVERRIDING SYSTEM VALUE SELECT "old"."order", "old"."a''%s" WHERE NOT EXISTS (SELECT FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "old"."order" AND "here"."a''%s" OPERATOR("we""ird".=) "old"."a''%s" AND pg_catalog.age(here.xmin) OPERATOR(pg_catalog.<=) pg_catalog.age(pg_catalog.pg_current_xact_id()::pg_catalog.xid)) ON CONFLICT ("order", "a''%s") DO NOTHING;
        DELETE FROM "sche""ma"."reti""red%" AS there WHERE "there"."order" OPERATOR(pg_catalog.=) "old"."order" AND "there"."a''%s" OPERATOR("we""ird".=) "old"."a''%s" AND NOT EXISTS (SELECT FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "old"."order" AND "here"."a''%s" OPERATOR("we""ird".=) "old"."a''%s" AND pg_catalog.age(here.xmin) OPERATOR(pg_catalog.<=) pg_catalog.age(pg_catalog.pg_current_xact_id()::pg_catalog.xid));
      END IF;
    END IF;
  END IF;
  IF TG_OP <> ''DELETE'' THEN
    INSERT INTO "sche""ma"."reti""red%" ("order", "a''%s") OVERRIDING SYSTEM VALUE SELECT "here"."order", "here"."a''%s" FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."order" AND "here"."a''%s" OPERATOR("we""ird".=) "new"."a''%s" AND pg_catalog.age(here.xmin) OPERATOR(pg_catalog.<=) pg_catalog.age(pg_catalog.pg_current_xact_id()::pg_catalog.xid) ON CONFLICT ("order", "a''%s") DO UPDATE SET "order" = "excluded"."order", "a''%s" = "excluded"."a''%s";
  END IF;
  RETURN NULL;
END
';
CREATE TRIGGER "zzzz""trigger" AFTER INSERT OR UPDATE OR DELETE ON "sche""ma"."we""ird%1" FOR EACH ROW EXECUTE FUNCTION "sche""ma"."sync'function"();
ALTER TABLE "sche""ma"."we""ird%1" ENABLE ALWAYS TRIGGER "zzzz""trigger";
CREATE TRIGGER "zzzz""truncate" AFTER TRUNCATE ON "sche""ma"."we""ird%1" FOR EACH STATEMENT EXECUTE FUNCTION "sche""ma"."sync'function"();
ALTER TABLE "sche""ma"."we""ird%1" ENABLE ALWAYS TRIGGER "zzzz""truncate";
-- undo:
--   -- look for rows of we"ird%1 that are not in reti"red%
--   -- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1", ACCESS SHARE on "sche""ma"."reti""red%"
--   SELECT "new"."order", "new"."a'%s" FROM "sche""ma"."we""ird%1" AS new WHERE (SELECT pg_catalog.record_image_eq(ROW("there"."order", "there"."a'%s"), ROW("new"."order", "new"."a'%s")) FROM "sche""ma"."reti""red%" AS there WHERE "there"."order" OPERATOR(pg_catalog.=) "new"."order" AND "there"."a'%s" OPERATOR("we""ird".=) "new"."a'%s") IS NOT TRUE LIMIT 10; -- must find no row
-- undo:
--   -- swap we"ird%1 and cop"y% back
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions, ACCESS EXCLUSIVE on "sche""ma"."reti""red%", SHARE ROW EXCLUSIVE on "sche""ma"."serial%seq", ACCESS EXCLUSIVE on "sche""ma"."se""q"
--   DO '
--   DECLARE
--     bound text := pg_catalog.current_setting(''lock_timeout'');
--     deadline timestamptz := pg_catalog.clock_timestamp() + bound::interval;
--     parents oid[] := ARRAY[''"sche""ma"."we""ird%1"''::regclass::oid];
--     partition oid;
--   BEGIN
--     LOCK TABLE ONLY "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
--     WHILE pg_catalog.cardinality(parents) > 0 LOOP
--       parents := ARRAY(SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = ANY (parents) ORDER BY inhrelid);
--       FOREACH partition IN ARRAY parents LOOP
--         IF bound <> ''0'' THEN
--           PERFORM pg_catalog.set_config(''lock_timeout'', GREATEST(1, CEIL(
--             EXTRACT(epoch FROM deadline - pg_catalog.clock_timestamp()) * 1000))::int::text, true);
--         END IF;
--         EXECUTE pg_catalog.format(''LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE'', partition::regclass);
--       END LOOP;
--     END LOOP;
--     PERFORM pg_catalog.set_config(''lock_timeout'', bound, true);
--   END
--   ';
--   LOCK TABLE "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
--   LOCK TABLE "sche""ma"."reti""red%" IN ACCESS EXCLUSIVE MODE;
--   DO '
--   BEGIN
--     IF EXISTS (SELECT ''"sche""ma"."we""ird%1"''::regclass AS relid UNION SELECT relid FROM pg_catalog.pg_partition_tree(''"sche""ma"."we""ird%1"''::regclass)
--                EXCEPT SELECT tgrelid FROM pg_catalog.pg_trigger WHERE tgname = ''zzzz"trigger'' AND tgenabled IN (''O'', ''A'')) THEN
--       RAISE EXCEPTION ''trigger zzzz"trigger is gone or disabled: what was written since may differ'' USING ERRCODE = ''object_not_in_prerequisite_state'';
--     END IF;
--   END
--   ';
--   DROP TRIGGER IF EXISTS "zzzz""trigger" ON "sche""ma"."we""ird%1";
--   DROP TRIGGER IF EXISTS "zzzz""truncate" ON "sche""ma"."we""ird%1";
--   ALTER TABLE "sche""ma"."we""ird%1" RENAME TO "cop""y%";
--   ALTER TABLE "sche""ma"."reti""red%" RENAME TO "we""ird%1";
--   ALTER TABLE "sche""ma"."cop""y%" RENAME CONSTRAINT "k""ey" TO "key""copy";
--   ALTER TABLE "sche""ma"."we""ird%1" RENAME CONSTRAINT "key""old" TO "k""ey";
--   ALTER INDEX "sche""ma"."in""dex" RENAME TO "index""copy";
--   ALTER INDEX "sche""ma"."index""old" RENAME TO "in""dex";
--   ALTER STATISTICS "o""ther"."st""at" RENAME TO "stat""copy";
--   ALTER STATISTICS "o""ther"."stat""old" RENAME TO "st""at";
--   ALTER SEQUENCE "sche""ma"."serial%seq" OWNED BY "sche""ma"."we""ird%1"."a'%s";
--   ALTER SEQUENCE "sche""ma"."se""q" RENAME TO "seq_old";
--   ALTER TABLE "sche""ma"."we""ird%1" ALTER COLUMN "order" ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME "sche""ma"."se""q" MAXVALUE 9);
--   SELECT pg_catalog.setval('"sche""ma"."se""q"', last_value, is_called) FROM "sche""ma"."seq_old";
--   GRANT SELECT ON SEQUENCE "sche""ma"."se""q" TO "ro""le";
--   ALTER TABLE "sche""ma"."cop""y%" ALTER COLUMN "order" DROP IDENTITY;
--   ALTER TABLE "sche""ma"."we""ird%1" ALTER CONSTRAINT "f""k" NOT DEFERRABLE;
--   ALTER TABLE "sche""ma"."cop""y%" ALTER CONSTRAINT "f""k" DEFERRABLE INITIALLY DEFERRED;
--   CREATE OR REPLACE FUNCTION "sche""ma"."sync'function"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS '
--   #variable_conflict use_column
--   BEGIN
--     IF TG_RELID <> ''"sche""ma"."we""ird%1"''::pg_catalog.regclass
--        AND pg_catalog.pg_partition_root(TG_RELID) IS DISTINCT FROM ''"sche""ma"."we""ird%1"''::pg_catalog.regclass THEN
--       -- default privileges may have given the function to somebody
--       RAISE insufficient_privilege USING MESSAGE = ''this function is for triggers of one table'';
--     END IF;
--     IF TG_OP = ''TRUNCATE'' THEN
--       BEGIN
--         TRUNCATE "sche""ma"."cop""y%";
--       EXCEPTION WHEN object_in_use THEN
--         -- by the same statement, or by a check that this transaction has put off
--         DELETE FROM "sche""ma"."cop""y%";
--       END;
--       RETURN NULL;
--     END IF;
--     IF TG_OP <> ''INSERT'' THEN
--       IF TG_OP = ''DELETE'' OR pg_catalog.record_image_ne(ROW("old"."order", "old"."a''%s"), ROW("new"."order", "new"."a''%s")) THEN
--         DELETE FROM "sche""ma"."cop""y%" AS there WHERE "there"."order" OPERATOR(pg_catalog.=) "old"."order" AND "there"."a''%s" OPERATOR("we""ird".=) "old"."a''%s" AND NOT EXISTS (SELECT FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "old"."order" AND "here"."a''%s" OPERATOR("we""ird".=) "old"."a''%s" AND pg_catalog.age(here.xmin) OPERATOR(pg_catalog.<=) pg_catalog.age(pg_catalog.pg_current_xact_id()::pg_catalog.xid));
--         IF NOT FOUND AND pg_catalog.current_setting(''transaction_isolation'') IN (''repeatable read'', ''serializable'') THEN
--           INSERT INTO "sche""ma"."cop""y%" ("order", "a''%s") OVERRIDING SYSTEM VALUE SELECT "old"."order", "old"."a''%s" WHERE NOT EXISTS (SELECT FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "old"."order" AND "here"."a''%s" OPERATOR("we""ird".=) "old"."a''%s" AND pg_catalog.age(here.xmin) OPERATOR(pg_catalog.<=) pg_catalog.age(pg_catalog.pg_current_xact_id()::pg_catalog.xid)) ON CONFLICT ("order", "a''%s") DO NOTHING;
--           DELETE FROM "sche""ma"."cop""y%" AS there WHERE "there"."order" OPERATOR(pg_catalog.=) "old"."order" AND "there"."a''%s" OPERATOR("we""ird".=) "old"."a''%s" AND NOT EXISTS (SELECT FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "old"."order" AND "here"."a''%s" OPERATOR("we""ird".=) "old"."a''%s" AND pg_catalog.age(here.xmin) OPERATOR(pg_catalog.<=) pg_catalog.age(pg_catalog.pg_current_xact_id()::pg_catalog.xid));
--         END IF;
--       END IF;
--     END IF;
--     IF TG_OP <> ''DELETE'' THEN
--       INSERT INTO "sche""ma"."cop""y%" ("order", "a''%s") OVERRIDING SYSTEM VALUE SELECT "here"."order", "here"."a''%s" FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."order" AND "here"."a''%s" OPERATOR("we""ird".=) "new"."a''%s" AND pg_catalog.age(here.xmin) OPERATOR(pg_catalog.<=) pg_catalog.age(pg_catalog.pg_current_xact_id()::pg_catalog.xid) ON CONFLICT ("order", "a''%s") DO UPDATE SET "order" = "excluded"."order", "a''%s" = "excluded"."a''%s";
--     END IF;
--     RETURN NULL;
--   END
--   ';
--   CREATE TRIGGER "zzzz""trigger" AFTER INSERT OR UPDATE OR DELETE ON "sche""ma"."we""ird%1" FOR EACH ROW EXECUTE FUNCTION "sche""ma"."sync'function"();
--   ALTER TABLE "sche""ma"."we""ird%1" ENABLE ALWAYS TRIGGER "zzzz""trigger";
--   CREATE TRIGGER "zzzz""truncate" AFTER TRUNCATE ON "sche""ma"."we""ird%1" FOR EACH STATEMENT EXECUTE FUNCTION "sche""ma"."sync'function"();
--   ALTER TABLE "sche""ma"."we""ird%1" ENABLE ALWAYS TRIGGER "zzzz""truncate";
