-- begin to count what Orches"trator% leaves undone
-- short exclusive: SHARE on "sche""ma"."we""ird%1", SHARE on "o""ther"."mo%s've"
LOCK TABLE "sche""ma"."we""ird%1", "o""ther"."mo%s've" IN SHARE MODE;
SELECT pg_catalog.setval('"sche""ma"."fo''rth"', (SELECT 1 + COALESCE(pg_catalog.sum(t.xmin::text::bigint + p.xmin::text::bigint), 0)::bigint FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid WHERE t.tgname IN ('Orches"trator%', 'Orches"trator%_5889ffb4', 'Orchestrator_back', 'Orchestrator_back_f7549d97') AND t.tgrelid IN ('"sche""ma"."we""ird%1"'::pg_catalog.regclass, '"o""ther"."mo%s''ve"'::pg_catalog.regclass)), false);

-- verify a%part, éééééééééééééééééééééééééééééééx of mo%s've in every row of we"ird%1
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1", ACCESS SHARE on "o""ther"."mo%s've"
SELECT "order" FROM "sche""ma"."we""ird%1" AS new WHERE CASE WHEN "new"."a""%s" IS NOT DISTINCT FROM NULL AND "new"."it's" IS NOT DISTINCT FROM NULL THEN (SELECT pg_catalog.record_image_eq(ROW("other"."a%part", "other"."éééééééééééééééééééééééééééééééx"), ROW("new"."a""%s", "new"."it's")) FROM "o""ther"."mo%s've" AS other WHERE "other"."k""ey" OPERATOR(pg_catalog.=) "new"."order" AND "other"."select" OPERATOR(pg_catalog.=) "new"."select") IS FALSE ELSE (SELECT pg_catalog.record_image_eq(ROW("other"."a%part", "other"."éééééééééééééééééééééééééééééééx"), ROW("new"."a""%s", "new"."it's")) FROM "o""ther"."mo%s've" AS other WHERE "other"."k""ey" OPERATOR(pg_catalog.=) "new"."order" AND "other"."select" OPERATOR(pg_catalog.=) "new"."select") IS NOT TRUE END; -- guarded by Orches"trator%
-- rows named by order; not repaired

-- drop constraint f"k%
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1", ACCESS EXCLUSIVE on public.select
ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "f""k%";

-- drop table we"ird%1
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
DROP TABLE "sche""ma"."we""ird%1";

-- drop view new"%s, rename we"ird%1 to new"%s
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."new""%s", ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
DO '
DECLARE
  shown pg_catalog.oid := ''"sche""ma"."new""%s"''::pg_catalog.regclass;
  stored pg_catalog.oid := ''"sche""ma"."we""ird%1"''::pg_catalog.regclass;
  given record;
BEGIN
  FOR given IN
    WITH acl AS (
      SELECT c.oid, 0 AS number, c.relacl AS items FROM pg_catalog.pg_class c WHERE c.oid IN (shown, stored)
      UNION ALL
      SELECT a.attrelid, v.attnum, a.attacl
      FROM pg_catalog.pg_attribute v JOIN pg_catalog.pg_attribute a ON a.attname = v.attname
      WHERE v.attrelid = shown AND v.attnum > 0 AND a.attrelid IN (shown, stored)
    ), granted AS (
      -- 1, or 2 with the option to grant it on
      SELECT acl.number, x.grantee, x.privilege_type AS privilege,
             COALESCE(max(1 + x.is_grantable::int) FILTER (WHERE acl.oid = shown), 0) AS now,
             COALESCE(max(1 + x.is_grantable::int) FILTER (WHERE acl.oid = stored), 0) AS before
      FROM acl CROSS JOIN LATERAL pg_catalog.aclexplode(acl.items) AS x
      WHERE x.grantee NOT IN (SELECT relowner FROM pg_catalog.pg_class WHERE oid IN (shown, stored))
      GROUP BY acl.number, x.grantee, x.privilege_type
    )
    SELECT g.privilege || COALESCE('' ('' || pg_catalog.quote_ident(a.attname) || '')'', '''') AS what, g.now, g.before,
           CASE g.grantee WHEN 0 THEN ''PUBLIC'' ELSE g.grantee::pg_catalog.regrole::text END AS role
    FROM granted g LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = shown AND a.attnum = g.number AND g.number > 0
    WHERE g.now <> g.before
  LOOP
    IF given.now < given.before THEN
      RAISE EXCEPTION USING ERRCODE = ''object_not_in_prerequisite_state'',
        MESSAGE = pg_catalog.format(''%s on view "sche""ma"."new""%%s" was revoked from %s, who has it on table "sche""ma"."we""ird%%1": grant it again, and revoke it when the table has its name'', given.what, given.role);
    END IF;
    EXECUTE pg_catalog.format(''GRANT %s ON %s TO %s%s'', given.what, ''"sche""ma"."we""ird%1"'', given.role,
                              CASE given.now WHEN 2 THEN '' WITH GRANT OPTION'' ELSE '''' END);
  END LOOP;
  FOR given IN
    SELECT CASE d.objsubid WHEN 0 THEN pg_catalog.format(''TABLE %s'', ''"sche""ma"."we""ird%1"'')
           ELSE pg_catalog.format(''COLUMN %s.%I'', ''"sche""ma"."we""ird%1"'', a.attname) END AS what, d.description AS words
    FROM pg_catalog.pg_description d
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0
    WHERE d.classoid = ''pg_catalog.pg_class''::pg_catalog.regclass AND d.objoid = shown
  LOOP
    EXECUTE pg_catalog.format(''COMMENT ON %s IS %L'', given.what, given.words);
  END LOOP;
END
';
DROP VIEW "sche""ma"."new""%s";
ALTER TABLE "sche""ma"."we""ird%1" RENAME TO "new""%s";

-- drop a"%s, it's, the triggers to mo%s've
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1", ACCESS EXCLUSIVE on "o""ther"."mo%s've"
LOCK TABLE "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
DO '
BEGIN
  IF EXISTS (SELECT ''"sche""ma"."we""ird%1"''::regclass AS relid UNION SELECT relid FROM pg_catalog.pg_partition_tree(''"sche""ma"."we""ird%1"''::regclass)
             EXCEPT SELECT tgrelid FROM pg_catalog.pg_trigger WHERE tgname = ''Orches"trator%'' AND tgenabled IN (''O'', ''A'')) THEN
    RAISE EXCEPTION ''trigger Orches"trator%% is gone or disabled: what was written since may differ'' USING ERRCODE = ''object_not_in_prerequisite_state'';
  END IF;
END
';
LOCK TABLE "o""ther"."mo%s've" IN ACCESS EXCLUSIVE MODE;
DO '
BEGIN
  IF EXISTS (SELECT ''"o""ther"."mo%s''''ve"''::regclass AS relid UNION SELECT relid FROM pg_catalog.pg_partition_tree(''"o""ther"."mo%s''''ve"''::regclass)
             EXCEPT SELECT tgrelid FROM pg_catalog.pg_trigger WHERE tgname = ''Orchestrator_back'' AND tgenabled IN (''O'', ''A'')) THEN
    RAISE EXCEPTION ''trigger Orchestrator_back is gone or disabled: what was written since may differ'' USING ERRCODE = ''object_not_in_prerequisite_state'';
  END IF;
END
';
DO '
BEGIN
  IF (SELECT is_called OR last_value IS DISTINCT FROM (SELECT 1 + COALESCE(pg_catalog.sum(t.xmin::text::bigint + p.xmin::text::bigint), 0)::bigint FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid WHERE t.tgname IN (''Orches"trator%'', ''Orches"trator%_5889ffb4'', ''Orchestrator_back'', ''Orchestrator_back_f7549d97'') AND t.tgrelid IN (''"sche""ma"."we""ird%1"''::pg_catalog.regclass, ''"o""ther"."mo%s''''ve"''::pg_catalog.regclass)) FROM "sche""ma"."fo''rth") THEN
    RAISE EXCEPTION ''something was written since the tables were compared that only we"ird%%1 has'' USING ERRCODE = ''object_not_in_prerequisite_state'';
  END IF;
END
';
DROP TRIGGER IF EXISTS "Orches""trator%" ON "sche""ma"."we""ird%1";
DROP TRIGGER IF EXISTS "Orches""trator%_5889ffb4" ON "sche""ma"."we""ird%1";
DROP FUNCTION IF EXISTS "sche""ma"."fo'rth"();
DROP SEQUENCE IF EXISTS "sche""ma"."fo'rth";
DROP TRIGGER IF EXISTS "Orchestrator_back" ON "o""ther"."mo%s've";
DROP TRIGGER IF EXISTS "Orchestrator_back_f7549d97" ON "o""ther"."mo%s've";
DROP FUNCTION IF EXISTS "o""ther"."ba""ck"();
DROP SEQUENCE IF EXISTS "o""ther"."ba""ck";
ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN "a""%s";
ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN "it's";
