-- create partitioned table cop"y%
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."cop""y%"
CREATE TABLE "sche""ma"."cop""y%" ("order" bigint NOT NULL, "a'%s" text COLLATE "pg_catalog"."C", CONSTRAINT "key""copy" PRIMARY KEY ("order", "a'%s"), CONSTRAINT "che'ck" CHECK (("order" <> '%'))) PARTITION BY RANGE ("a'%s");
ALTER TABLE "sche""ma"."cop""y%" OWNER TO "ow""ner";
ALTER TABLE "sche""ma"."cop""y%" ALTER COLUMN "a'%s" SET STORAGE EXTERNAL;
ALTER TABLE "sche""ma"."cop""y%" ALTER COLUMN "a'%s" SET COMPRESSION pglz;
ALTER TABLE "sche""ma"."cop""y%" ALTER COLUMN "a'%s" SET STATISTICS 500;
ALTER TABLE "sche""ma"."cop""y%" ALTER COLUMN "a'%s" SET ("n_distinct" = '-0.5');
CREATE UNIQUE INDEX "index""copy" ON "sche""ma"."cop""y%" USING btree ("order" DESC, "a'%s");
COMMENT ON INDEX "sche""ma"."index""copy" IS '100%';
ALTER INDEX "sche""ma"."index""copy" ALTER COLUMN 1 SET STATISTICS 500;
CREATE STATISTICS "sche""ma"."stat""copy" (mcv) ON "order", "a'%s" FROM "sche""ma"."cop""y%";
ALTER STATISTICS "sche""ma"."stat""copy" SET STATISTICS 9;
COMMENT ON CONSTRAINT "key""copy" ON "sche""ma"."cop""y%" IS 'it''s';
COMMENT ON CONSTRAINT "che'ck" ON "sche""ma"."cop""y%" IS 'why';
COMMENT ON TABLE "sche""ma"."cop""y%" IS 'it''s 100% old';
DO '
DECLARE
  role text;
BEGIN
  FOR role IN
    SELECT CASE acl.grantee WHEN 0 THEN ''PUBLIC'' ELSE acl.grantee::pg_catalog.regrole::text END
    FROM pg_catalog.pg_class AS made CROSS JOIN LATERAL pg_catalog.aclexplode(made.relacl) AS acl
    WHERE made.oid = ''"sche""ma"."cop""y%"''::pg_catalog.regclass AND acl.grantee <> made.relowner
  LOOP
    EXECUTE pg_catalog.format(''REVOKE ALL ON %s FROM %s'', ''"sche""ma"."cop""y%"'', role);
  END LOOP;
END
';
GRANT SELECT ON "sche""ma"."cop""y%" TO "ro""le";
COMMENT ON COLUMN "sche""ma"."cop""y%"."a'%s" IS '100% ''it''';
GRANT SELECT ("a'%s") ON "sche""ma"."cop""y%" TO "ro""le";
-- undo:
--   -- drop table cop"y%
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."cop""y%"
--   DROP TABLE IF EXISTS "sche""ma"."cop""y%";

-- create partition pa"rt%
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."cop""y%"
CREATE TABLE "sche""ma"."pa""rt%" PARTITION OF "sche""ma"."cop""y%" FOR VALUES FROM ('100%') TO (MAXVALUE) WITH ("fillfactor" = '70', toast."autovacuum_enabled" = 'off');
ALTER TABLE "sche""ma"."pa""rt%" OWNER TO "ow""ner";
DO '
DECLARE
  role text;
BEGIN
  FOR role IN
    SELECT CASE acl.grantee WHEN 0 THEN ''PUBLIC'' ELSE acl.grantee::pg_catalog.regrole::text END
    FROM pg_catalog.pg_class AS made CROSS JOIN LATERAL pg_catalog.aclexplode(made.relacl) AS acl
    WHERE made.oid = ''"sche""ma"."pa""rt%"''::pg_catalog.regclass AND acl.grantee <> made.relowner
  LOOP
    EXECUTE pg_catalog.format(''REVOKE ALL ON %s FROM %s'', ''"sche""ma"."pa""rt%"'', role);
  END LOOP;
END
';
ALTER TABLE "sche""ma"."pa""rt%" ALTER COLUMN "a'%s" SET STATISTICS 500;
ALTER TABLE "sche""ma"."pa""rt%" ALTER COLUMN "a'%s" SET ("n_distinct" = '-0.5');
-- undo:
--   -- drop partition pa"rt%
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."cop""y%"
--   DROP TABLE IF EXISTS "sche""ma"."pa""rt%";

-- create partition rest
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."cop""y%"
CREATE TABLE "sche""ma"."rest" PARTITION OF "sche""ma"."cop""y%" DEFAULT WITH ("fillfactor" = '70', toast."autovacuum_enabled" = 'off');
ALTER TABLE "sche""ma"."rest" OWNER TO "ow""ner";
DO '
DECLARE
  role text;
BEGIN
  FOR role IN
    SELECT CASE acl.grantee WHEN 0 THEN ''PUBLIC'' ELSE acl.grantee::pg_catalog.regrole::text END
    FROM pg_catalog.pg_class AS made CROSS JOIN LATERAL pg_catalog.aclexplode(made.relacl) AS acl
    WHERE made.oid = ''"sche""ma"."rest"''::pg_catalog.regclass AND acl.grantee <> made.relowner
  LOOP
    EXECUTE pg_catalog.format(''REVOKE ALL ON %s FROM %s'', ''"sche""ma"."rest"'', role);
  END LOOP;
END
';
ALTER TABLE "sche""ma"."rest" ALTER COLUMN "a'%s" SET STATISTICS 500;
ALTER TABLE "sche""ma"."rest" ALTER COLUMN "a'%s" SET ("n_distinct" = '-0.5');
-- undo:
--   -- drop partition rest
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."cop""y%"
--   DROP TABLE IF EXISTS "sche""ma"."rest";

-- add foreign key f"k on cop"y%
-- short exclusive: SHARE ROW EXCLUSIVE on "sche""ma"."cop""y%", SHARE ROW EXCLUSIVE on public.select
ALTER TABLE "sche""ma"."cop""y%" ADD CONSTRAINT "f""k" FOREIGN KEY ("a'%s") REFERENCES "public"."select" ("select") ON DELETE SET NULL ("a'%s") DEFERRABLE INITIALLY DEFERRED;
COMMENT ON CONSTRAINT "f""k" ON "sche""ma"."cop""y%" IS 'points out';
-- undo:
--   -- drop constraint f"k
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."cop""y%", ACCESS EXCLUSIVE on public.select
--   ALTER TABLE "sche""ma"."cop""y%" DROP CONSTRAINT IF EXISTS "f""k";
