-- create trigger zzzz"trigger
-- short exclusive: SHARE ROW EXCLUSIVE on "sche""ma"."we""ird%1"
CREATE FUNCTION "sche""ma"."sync'function"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS '
#variable_conflict use_column
BEGIN
  IF TG_RELID <> ''"sche""ma"."we""ird%1"''::pg_catalog.regclass
     AND pg_catalog.pg_partition_root(TG_RELID) IS DISTINCT FROM ''"sche""ma"."we""ird%1"''::pg_catalog.regclass THEN
    -- default privileges may have given the function to somebody
    RAISE insufficient_privilege USING MESSAGE = ''this function is for triggers of one table'';
  END IF;
  IF TG_OP = ''TRUNCATE'' THEN
    BEGIN
      TRUNCATE "sche""ma"."cop""y%";
    EXCEPTION WHEN object_in_use THEN
      -- by the same statement, or by a check that this transaction has put off
      DELETE FROM "sche""ma"."cop""y%";
    END;
    RETURN NULL;
  END IF;
  IF TG_OP <> ''INSERT'' THEN
    IF TG_OP = ''DELETE'' OR pg_catalog.record_image_ne(ROW("old"."order", "old"."a''%s"), ROW("new"."order", "new"."a''%s")) THEN
      DELETE FROM "sche""ma"."cop""y%" AS there WHERE "there"."order" OPERATOR(pg_catalog.=) "old"."order" AND "there"."a''%s" OPERATOR("we""ird".=) "old"."a''%s" AND NOT EXISTS (SELECT FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "old"."order" AND "here"."a''%s" OPERATOR("we""ird".=) "old"."a''%s" AND pg_catalog.age(here.xmin) OPERATOR(pg_catalog.<=) pg_catalog.age(pg_catalog.pg_current_xact_id()::pg_catalog.xid));
      IF NOT FOUND AND pg_catalog.current_setting(''transaction_isolation'') IN (''repeatable read'', ''serializable'') THEN
        INSERT INTO "sche""ma"."cop""y%" ("order", "a''%s") OVERRIDING SYSTEM VALUE SELECT "old"."order", "old"."a''%s" WHERE NOT EXISTS (SELECT FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "old"."order" AND "here"."a''%s" OPERATOR("we""ird".=) "old"."a''%s" AND pg_catalog.age(here.xmin) OPERATOR(pg_catalog.<=) pg_catalog.age(pg_catalog.pg_current_xact_id()::pg_catalog.xid)) ON CONFLICT ("order", "a''%s") DO NOTHING;
        DELETE FROM "sche""ma"."cop""y%" AS there WHERE "there"."order" OPERATOR(pg_catalog.=) "old"."order" AND "there"."a''%s" OPERATOR("we""ird".=) "old"."a''%s" AND NOT EXISTS (SELECT FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "old"."order" AND "here"."a''%s" OPERATOR("we""ird".=) "old"."a''%s" AND pg_catalog.age(here.xmin) OPERATOR(pg_catalog.<=) pg_catalog.age(pg_catalog.pg_current_xact_id()::pg_catalog.xid));
      END IF;
    END IF;
  END IF;
  IF TG_OP <> ''DELETE'' THEN
    INSERT INTO "sche""ma"."cop""y%" ("order", "a''%s") OVERRIDING SYSTEM VALUE SELECT "here"."order", "here"."a''%s" FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."order" AND "here"."a''%s" OPERATOR("we""ird".=) "new"."a''%s" AND pg_catalog.age(here.xmin) OPERATOR(pg_catalog.<=) pg_catalog.age(pg_catalog.pg_current_xact_id()::pg_catalog.xid) ON CONFLICT ("order", "a''%s") DO UPDATE SET "order" = "excluded"."order", "a''%s" = "excluded"."a''%s";
  END IF;
  RETURN NULL;
END
';
REVOKE ALL ON FUNCTION "sche""ma"."sync'function"() FROM PUBLIC;
CREATE TRIGGER "zzzz""trigger" AFTER INSERT OR UPDATE OR DELETE ON "sche""ma"."we""ird%1" FOR EACH ROW EXECUTE FUNCTION "sche""ma"."sync'function"();
ALTER TABLE "sche""ma"."we""ird%1" ENABLE ALWAYS TRIGGER "zzzz""trigger";
CREATE TRIGGER "zzzz""truncate" AFTER TRUNCATE ON "sche""ma"."we""ird%1" FOR EACH STATEMENT EXECUTE FUNCTION "sche""ma"."sync'function"();
ALTER TABLE "sche""ma"."we""ird%1" ENABLE ALWAYS TRIGGER "zzzz""truncate";
-- undo:
--   -- drop trigger zzzz"trigger
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   DROP TRIGGER IF EXISTS "zzzz""trigger" ON "sche""ma"."we""ird%1";
--   DROP TRIGGER IF EXISTS "zzzz""truncate" ON "sche""ma"."we""ird%1";
--   DROP FUNCTION IF EXISTS "sche""ma"."sync'function"();
