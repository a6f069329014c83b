-- create table we"ird%1
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
CREATE TABLE "sche""ma"."we""ird%1" ("order" bigint GENERATED ALWAYS AS IDENTITY NOT NULL, "a""%s" text COLLATE "pg_catalog"."C" DEFAULT '100%'::text, CONSTRAINT "p""key" PRIMARY KEY ("order"), CONSTRAINT "no%two" UNIQUE NULLS NOT DISTINCT ("a""%s", "order"), CONSTRAINT "che'ck" CHECK (("a""%s" ~~ '%@%'::text)));
CREATE INDEX "i""x" ON "sche""ma"."we""ird%1" USING btree (lower("a""%s")) WHERE ("order" > 0);
COMMENT ON TABLE "sche""ma"."we""ird%1" IS 'it''s 100% new';
COMMENT ON COLUMN "sche""ma"."we""ird%1"."order" IS '100% ''it''';
GRANT SELECT ON "sche""ma"."we""ird%1" TO "ro""le";
-- undo:
--   -- drop table we"ird%1
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   DO '
--   BEGIN
--     IF pg_catalog.to_regclass(''"sche""ma"."we""ird%1"'') IS NOT NULL THEN
--       PERFORM pg_catalog.set_config(''row_security'', ''off'', true);
--       LOCK TABLE "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
--       IF EXISTS (SELECT FROM "sche""ma"."we""ird%1") THEN
--         RAISE EXCEPTION ''table "sche""ma"."we""ird%%1" has rows, which would be lost'' USING ERRCODE = ''object_not_in_prerequisite_state'', HINT = ''copy them elsewhere if they are needed, and delete them'';
--       END IF;
--     END IF;
--   END
--   ';
--   DROP TABLE IF EXISTS "sche""ma"."we""ird%1";

-- create view new"%s on we"ird%1
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."new""%s", ACCESS SHARE on "sche""ma"."we""ird%1"
CREATE VIEW "sche""ma"."new""%s" WITH (security_invoker = true) AS SELECT "order", "a""%s" FROM "sche""ma"."we""ird%1";
DO '
DECLARE
  role text;
BEGIN
  FOR role IN
    SELECT CASE acl.grantee WHEN 0 THEN ''PUBLIC'' ELSE acl.grantee::pg_catalog.regrole::text END
    FROM pg_catalog.pg_class AS made CROSS JOIN LATERAL pg_catalog.aclexplode(made.relacl) AS acl
    WHERE made.oid = ''"sche""ma"."new""%s"''::pg_catalog.regclass AND acl.grantee <> made.relowner
  LOOP
    EXECUTE pg_catalog.format(''REVOKE ALL ON %s FROM %s'', ''"sche""ma"."new""%s"'', role);
  END LOOP;
END
';
GRANT ALL ON "sche""ma"."new""%s" TO "ow""ner";
GRANT SELECT ON "sche""ma"."new""%s" TO PUBLIC;
GRANT UPDATE ("a""%s") ON "sche""ma"."new""%s" TO "ro""le" WITH GRANT OPTION;
-- undo:
--   -- drop view new"%s
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."new""%s"
--   DROP VIEW IF EXISTS "sche""ma"."new""%s";

-- create table mo%s've
-- short exclusive: ACCESS EXCLUSIVE on "o""ther"."mo%s've"
CREATE TABLE "o""ther"."mo%s've" ("k""ey" bigint NOT NULL, "a%part" text, CONSTRAINT "mo""ve_pkey" PRIMARY KEY ("k""ey", "select"));
-- undo:
--   -- drop table mo%s've
--   -- short exclusive: ACCESS EXCLUSIVE on "o""ther"."mo%s've"
--   DO '
--   BEGIN
--     IF pg_catalog.to_regclass(''"o""ther"."mo%s''''ve"'') IS NOT NULL THEN
--       PERFORM pg_catalog.set_config(''row_security'', ''off'', true);
--       LOCK TABLE "o""ther"."mo%s''ve" IN ACCESS EXCLUSIVE MODE;
--       IF EXISTS (SELECT FROM "o""ther"."mo%s''ve") THEN
--         RAISE EXCEPTION ''table "o""ther"."mo%%s''''ve" has rows, which would be lost'' USING ERRCODE = ''object_not_in_prerequisite_state'', HINT = ''copy them elsewhere if they are needed, and delete them'';
--       END IF;
--     END IF;
--   END
--   ';
--   DROP TABLE IF EXISTS "o""ther"."mo%s've";
