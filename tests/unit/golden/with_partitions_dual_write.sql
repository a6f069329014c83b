-- create trigger zzzz_orchestrator_rename_email
-- short exclusive: SHARE ROW EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
DO '
DECLARE
  bound text := pg_catalog.current_setting(''lock_timeout'');
  deadline timestamptz := pg_catalog.clock_timestamp() + bound::interval;
  parents oid[] := ARRAY[''"sche""ma"."we""ird%1"''::regclass::oid];
  partition oid;
BEGIN
  LOCK TABLE ONLY "sche""ma"."we""ird%1" IN SHARE ROW EXCLUSIVE MODE;
  WHILE pg_catalog.cardinality(parents) > 0 LOOP
    parents := ARRAY(SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = ANY (parents) ORDER BY inhrelid);
    FOREACH partition IN ARRAY parents LOOP
      IF bound <> ''0'' THEN
        PERFORM pg_catalog.set_config(''lock_timeout'', GREATEST(1, CEIL(
          EXTRACT(epoch FROM deadline - pg_catalog.clock_timestamp()) * 1000))::int::text, true);
      END IF;
      EXECUTE pg_catalog.format(''LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE'', partition::regclass);
    END LOOP;
  END LOOP;
  PERFORM pg_catalog.set_config(''lock_timeout'', bound, true);
END
';
CREATE SEQUENCE "sche""ma"."orchestrator_conflicts_rename_email";
GRANT USAGE ON SEQUENCE "sche""ma"."orchestrator_conflicts_rename_email" TO PUBLIC;
CREATE FUNCTION "sche""ma"."orchestrator_sync_rename_email"() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS '
BEGIN
  IF pg_catalog.record_image_ne(ROW("new"."email_address"), ROW("new"."email")) THEN
    IF TG_OP = ''INSERT'' THEN
      IF "new"."email_address" IS NOT DISTINCT FROM NULL THEN
        NEW."email_address" := "new"."email";
      ELSE
        IF "new"."email" IS DISTINCT FROM NULL THEN
        BEGIN
          PERFORM pg_catalog.nextval(''"sche""ma"."orchestrator_conflicts_rename_email"'');
        EXCEPTION WHEN insufficient_privilege OR undefined_table OR invalid_schema_name THEN
          NULL;
        END;
        END IF;
        NEW."email" := "new"."email_address";
      END IF;
    ELSIF pg_catalog.record_image_eq(ROW("new"."email_address"), ROW("old"."email_address")) THEN
        NEW."email_address" := "new"."email";
    ELSE
      IF pg_catalog.record_image_ne(ROW("new"."email"), ROW("old"."email")) THEN
        BEGIN
          PERFORM pg_catalog.nextval(''"sche""ma"."orchestrator_conflicts_rename_email"'');
        EXCEPTION WHEN insufficient_privilege OR undefined_table OR invalid_schema_name THEN
          NULL;
        END;
      END IF;
        NEW."email" := "new"."email_address";
    END IF;
  END IF;
  RETURN NEW;
END
';
CREATE TRIGGER "zzzz_orchestrator_rename_email" BEFORE INSERT OR UPDATE ON "sche""ma"."we""ird%1" FOR EACH ROW WHEN (pg_catalog.record_image_ne(ROW("new"."email_address"), ROW("new"."email"))) EXECUTE FUNCTION "sche""ma"."orchestrator_sync_rename_email"();
ALTER TABLE "sche""ma"."we""ird%1" ENABLE ALWAYS TRIGGER "zzzz_orchestrator_rename_email";
-- undo:
--   -- drop trigger zzzz_orchestrator_rename_email, email_address
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
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
--   DROP TRIGGER IF EXISTS "zzzz_orchestrator_rename_email" ON "sche""ma"."we""ird%1";
--   DROP FUNCTION IF EXISTS "sche""ma"."orchestrator_sync_rename_email"();
--   DROP SEQUENCE IF EXISTS "sche""ma"."orchestrator_conflicts_rename_email";
--   ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN IF EXISTS "email_address";
