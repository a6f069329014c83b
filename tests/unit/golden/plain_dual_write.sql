-- create trigger zzzz_orchestrator_rename_email
-- short exclusive: SHARE ROW EXCLUSIVE on public.users
CREATE SEQUENCE "public"."orchestrator_conflicts_rename_email";
GRANT USAGE ON SEQUENCE "public"."orchestrator_conflicts_rename_email" TO PUBLIC;
CREATE FUNCTION "public"."orchestrator_sync_rename_email"() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS '
BEGIN
  IF pg_catalog.record_image_ne(ROW("new"."email_address"), ROW("new"."email")) THEN
    IF TG_OP = ''INSERT'' THEN
      IF "new"."email_address" IS NOT DISTINCT FROM NULL THEN
        NEW."email_address" := "new"."email";
      ELSE
        IF "new"."email" IS DISTINCT FROM NULL THEN
        BEGIN
          PERFORM pg_catalog.nextval(''"public"."orchestrator_conflicts_rename_email"'');
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
          PERFORM pg_catalog.nextval(''"public"."orchestrator_conflicts_rename_email"'');
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
CREATE TRIGGER "zzzz_orchestrator_rename_email" BEFORE INSERT OR UPDATE ON "public"."users" FOR EACH ROW WHEN (pg_catalog.record_image_ne(ROW("new"."email_address"), ROW("new"."email"))) EXECUTE FUNCTION "public"."orchestrator_sync_rename_email"();
ALTER TABLE "public"."users" ENABLE ALWAYS TRIGGER "zzzz_orchestrator_rename_email";
-- undo:
--   -- drop trigger zzzz_orchestrator_rename_email, email_address
--   -- short exclusive: ACCESS EXCLUSIVE on public.users
--   DROP TRIGGER IF EXISTS "zzzz_orchestrator_rename_email" ON "public"."users";
--   DROP FUNCTION IF EXISTS "public"."orchestrator_sync_rename_email"();
--   DROP SEQUENCE IF EXISTS "public"."orchestrator_conflicts_rename_email";
--   ALTER TABLE "public"."users" DROP COLUMN IF EXISTS "email_address";
