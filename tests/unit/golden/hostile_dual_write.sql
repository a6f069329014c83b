-- create trigger zzzz"trigger
-- short exclusive: SHARE ROW EXCLUSIVE on "sche""ma"."we""ird%1"
CREATE SEQUENCE "sche""ma"."count""er";
GRANT USAGE ON SEQUENCE "sche""ma"."count""er" TO PUBLIC;
CREATE FUNCTION "sche""ma"."sync'function"() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS '
BEGIN
  IF pg_catalog.record_image_ne(ROW("new"."new""%s"), ROW("new"."order")) THEN
    IF TG_OP = ''INSERT'' THEN
      IF "new"."new""%s" IS NOT DISTINCT FROM NULL THEN
        NEW."new""%s" := "new"."order";
      ELSE
        NEW."order" := "new"."new""%s";
      END IF;
    ELSIF pg_catalog.record_image_eq(ROW("new"."new""%s"), ROW("old"."new""%s")) THEN
        NEW."new""%s" := "new"."order";
    ELSE
      IF pg_catalog.record_image_ne(ROW("new"."order"), ROW("old"."order")) THEN
        BEGIN
          PERFORM pg_catalog.nextval(''"sche""ma"."count""er"'');
        EXCEPTION WHEN insufficient_privilege OR undefined_table OR invalid_schema_name THEN
          NULL;
        END;
      END IF;
        NEW."order" := "new"."new""%s";
    END IF;
  END IF;
  IF pg_catalog.record_image_ne(ROW("new"."éééééééééééééééééééééééééééééééx"), ROW("new"."it''s")) THEN
    IF TG_OP = ''INSERT'' THEN
      IF "new"."éééééééééééééééééééééééééééééééx" IS NOT DISTINCT FROM NULL THEN
        NEW."éééééééééééééééééééééééééééééééx" := "new"."it''s";
      ELSE
        IF "new"."it''s" IS DISTINCT FROM NULL THEN
        BEGIN
          PERFORM pg_catalog.nextval(''"sche""ma"."count""er"'');
        EXCEPTION WHEN insufficient_privilege OR undefined_table OR invalid_schema_name THEN
          NULL;
        END;
        END IF;
        NEW."it''s" := "new"."éééééééééééééééééééééééééééééééx";
      END IF;
    ELSIF pg_catalog.record_image_eq(ROW("new"."éééééééééééééééééééééééééééééééx"), ROW("old"."éééééééééééééééééééééééééééééééx")) THEN
        NEW."éééééééééééééééééééééééééééééééx" := "new"."it''s";
    ELSE
      IF pg_catalog.record_image_ne(ROW("new"."it''s"), ROW("old"."it''s")) THEN
        BEGIN
          PERFORM pg_catalog.nextval(''"sche""ma"."count""er"'');
        EXCEPTION WHEN insufficient_privilege OR undefined_table OR invalid_schema_name THEN
          NULL;
        END;
      END IF;
        NEW."it''s" := "new"."éééééééééééééééééééééééééééééééx";
    END IF;
  END IF;
  RETURN NEW;
END
';
CREATE TRIGGER "zzzz""trigger" BEFORE INSERT OR UPDATE ON "sche""ma"."we""ird%1" FOR EACH ROW WHEN (pg_catalog.record_image_ne(ROW("new"."new""%s"), ROW("new"."order")) OR pg_catalog.record_image_ne(ROW("new"."éééééééééééééééééééééééééééééééx"), ROW("new"."it's"))) EXECUTE FUNCTION "sche""ma"."sync'function"();
ALTER TABLE "sche""ma"."we""ird%1" ENABLE ALWAYS TRIGGER "zzzz""trigger";
-- undo:
--   -- drop trigger zzzz"trigger, new"%s, éééééééééééééééééééééééééééééééx, c%d, a"part, vir'tual, num%ber
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   DROP TRIGGER IF EXISTS "zzzz""trigger" ON "sche""ma"."we""ird%1";
--   DROP FUNCTION IF EXISTS "sche""ma"."sync'function"();
--   DROP SEQUENCE IF EXISTS "sche""ma"."count""er";
--   ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN IF EXISTS "new""%s";
--   ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN IF EXISTS "éééééééééééééééééééééééééééééééx";
--   ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN IF EXISTS "c%d";
--   ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN IF EXISTS "a""part";
--   ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN IF EXISTS "vir'tual";
--   ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN IF EXISTS "num%ber";
