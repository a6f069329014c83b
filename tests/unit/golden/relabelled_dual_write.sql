-- create trigger zzzz"trigger
-- short exclusive: SHARE ROW EXCLUSIVE on "sche""ma"."we""ird%1"
CREATE SEQUENCE "sche""ma"."count""er";
GRANT USAGE ON SEQUENCE "sche""ma"."count""er" TO PUBLIC;
CREATE FUNCTION "sche""ma"."sync'function"() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS '
BEGIN
  IF "new"."ord""er%s" IS DISTINCT FROM ''x''::"ne""w" THEN
        NEW."ord""er%s" := ''x''::"ne""w";
  END IF;
  RETURN NEW;
END
';
CREATE TRIGGER "zzzz""trigger" BEFORE INSERT OR UPDATE ON "sche""ma"."we""ird%1" FOR EACH ROW WHEN ("new"."ord""er%s" IS DISTINCT FROM 'x'::"ne""w") EXECUTE FUNCTION "sche""ma"."sync'function"();
ALTER TABLE "sche""ma"."we""ird%1" ENABLE ALWAYS TRIGGER "zzzz""trigger";
-- undo:
--   -- drop trigger zzzz"trigger, ord"er%s
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   DROP TRIGGER IF EXISTS "zzzz""trigger" ON "sche""ma"."we""ird%1";
--   DROP FUNCTION IF EXISTS "sche""ma"."sync'function"();
--   DROP SEQUENCE IF EXISTS "sche""ma"."count""er";
--   ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN IF EXISTS "ord""er%s";
