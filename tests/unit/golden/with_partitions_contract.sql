-- verify email_address from email in every row
-- long, harmless: ACCESS SHARE on "sche""ma"."we""ird%1" and its partitions
SELECT "id" FROM "sche""ma"."we""ird%1" AS new WHERE pg_catalog.record_image_ne(ROW("new"."email_address"), ROW("new"."email")); -- guarded by zzzz_orchestrator_rename_email
-- rows named by id; not repaired

-- drop constraint old%
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions, ACCESS EXCLUSIVE on other.mails
DO '
DECLARE
  bound text := pg_catalog.current_setting(''lock_timeout'');
  deadline timestamptz := pg_catalog.clock_timestamp() + bound::interval;
  parents oid[] := ARRAY[''"sche""ma"."we""ird%1"''::regclass::oid];
  partition oid;
BEGIN
  LOCK TABLE ONLY "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
  WHILE pg_catalog.cardinality(parents) > 0 LOOP
    parents := ARRAY(SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = ANY (parents) ORDER BY inhrelid);
    FOREACH partition IN ARRAY parents LOOP
      IF bound <> ''0'' THEN
        PERFORM pg_catalog.set_config(''lock_timeout'', GREATEST(1, CEIL(
          EXTRACT(epoch FROM deadline - pg_catalog.clock_timestamp()) * 1000))::int::text, true);
      END IF;
      EXECUTE pg_catalog.format(''LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE'', partition::regclass);
    END LOOP;
  END LOOP;
  PERFORM pg_catalog.set_config(''lock_timeout'', bound, true);
END
';
ALTER TABLE "sche""ma"."we""ird%1" DROP CONSTRAINT IF EXISTS "old%";

-- drop index users_email
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
DO '
DECLARE
  bound text := pg_catalog.current_setting(''lock_timeout'');
  deadline timestamptz := pg_catalog.clock_timestamp() + bound::interval;
  parents oid[] := ARRAY[''"sche""ma"."we""ird%1"''::regclass::oid];
  partition oid;
BEGIN
  LOCK TABLE ONLY "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
  WHILE pg_catalog.cardinality(parents) > 0 LOOP
    parents := ARRAY(SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = ANY (parents) ORDER BY inhrelid);
    FOREACH partition IN ARRAY parents LOOP
      IF bound <> ''0'' THEN
        PERFORM pg_catalog.set_config(''lock_timeout'', GREATEST(1, CEIL(
          EXTRACT(epoch FROM deadline - pg_catalog.clock_timestamp()) * 1000))::int::text, true);
      END IF;
      EXECUTE pg_catalog.format(''LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE'', partition::regclass);
    END LOOP;
  END LOOP;
  PERFORM pg_catalog.set_config(''lock_timeout'', bound, true);
END
';
DROP INDEX IF EXISTS "sche""ma"."users_email";

-- drop index by_email
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
DO '
DECLARE
  bound text := pg_catalog.current_setting(''lock_timeout'');
  deadline timestamptz := pg_catalog.clock_timestamp() + bound::interval;
  parents oid[] := ARRAY[''"sche""ma"."we""ird%1"''::regclass::oid];
  partition oid;
BEGIN
  LOCK TABLE ONLY "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
  WHILE pg_catalog.cardinality(parents) > 0 LOOP
    parents := ARRAY(SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = ANY (parents) ORDER BY inhrelid);
    FOREACH partition IN ARRAY parents LOOP
      IF bound <> ''0'' THEN
        PERFORM pg_catalog.set_config(''lock_timeout'', GREATEST(1, CEIL(
          EXTRACT(epoch FROM deadline - pg_catalog.clock_timestamp()) * 1000))::int::text, true);
      END IF;
      EXECUTE pg_catalog.format(''LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE'', partition::regclass);
    END LOOP;
  END LOOP;
  PERFORM pg_catalog.set_config(''lock_timeout'', bound, true);
END
';
DROP INDEX IF EXISTS "sche""ma"."by_email";

-- rename constraint next% to lives%in
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions
DO '
DECLARE
  bound text := pg_catalog.current_setting(''lock_timeout'');
  deadline timestamptz := pg_catalog.clock_timestamp() + bound::interval;
  parents oid[] := ARRAY[''"sche""ma"."we""ird%1"''::regclass::oid];
  partition oid;
BEGIN
  LOCK TABLE ONLY "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
  WHILE pg_catalog.cardinality(parents) > 0 LOOP
    parents := ARRAY(SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = ANY (parents) ORDER BY inhrelid);
    FOREACH partition IN ARRAY parents LOOP
      IF bound <> ''0'' THEN
        PERFORM pg_catalog.set_config(''lock_timeout'', GREATEST(1, CEIL(
          EXTRACT(epoch FROM deadline - pg_catalog.clock_timestamp()) * 1000))::int::text, true);
      END IF;
      EXECUTE pg_catalog.format(''LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE'', partition::regclass);
    END LOOP;
  END LOOP;
  PERFORM pg_catalog.set_config(''lock_timeout'', bound, true);
END
';
DO '
DECLARE
  one regclass;
BEGIN
  FOR one IN SELECT c.conrelid FROM pg_catalog.pg_constraint c
             JOIN pg_catalog.pg_partition_tree(''"sche""ma"."we""ird%1"'') t ON t.relid = c.conrelid
             WHERE c.conname = ''next%'' AND c.contype = ''f'' AND NOT EXISTS (
               SELECT FROM pg_catalog.pg_constraint o WHERE o.conrelid = c.conrelid AND o.conname = ''lives%in'')
             ORDER BY t.level, c.conrelid LOOP
    EXECUTE pg_catalog.format(''ALTER TABLE %s RENAME CONSTRAINT %I TO %I'', one, ''next%'', ''lives%in'');
  END LOOP;
END
';

-- drop email, the trigger
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1" and its partitions, ACCESS EXCLUSIVE on other.visits and its partitions
DO '
DECLARE
  bound text := pg_catalog.current_setting(''lock_timeout'');
  deadline timestamptz := pg_catalog.clock_timestamp() + bound::interval;
  parents oid[] := ARRAY[''"sche""ma"."we""ird%1"''::regclass::oid];
  partition oid;
BEGIN
  LOCK TABLE ONLY "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
  WHILE pg_catalog.cardinality(parents) > 0 LOOP
    parents := ARRAY(SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = ANY (parents) ORDER BY inhrelid);
    FOREACH partition IN ARRAY parents LOOP
      IF bound <> ''0'' THEN
        PERFORM pg_catalog.set_config(''lock_timeout'', GREATEST(1, CEIL(
          EXTRACT(epoch FROM deadline - pg_catalog.clock_timestamp()) * 1000))::int::text, true);
      END IF;
      EXECUTE pg_catalog.format(''LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE'', partition::regclass);
    END LOOP;
  END LOOP;
  PERFORM pg_catalog.set_config(''lock_timeout'', bound, true);
END
';
DO '
DECLARE
  bound text := pg_catalog.current_setting(''lock_timeout'');
  deadline timestamptz := pg_catalog.clock_timestamp() + bound::interval;
  parents oid[] := ARRAY[''"other"."visits"''::regclass::oid];
  partition oid;
BEGIN
  LOCK TABLE ONLY "other"."visits" IN ACCESS EXCLUSIVE MODE;
  WHILE pg_catalog.cardinality(parents) > 0 LOOP
    parents := ARRAY(SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = ANY (parents) ORDER BY inhrelid);
    FOREACH partition IN ARRAY parents LOOP
      IF bound <> ''0'' THEN
        PERFORM pg_catalog.set_config(''lock_timeout'', GREATEST(1, CEIL(
          EXTRACT(epoch FROM deadline - pg_catalog.clock_timestamp()) * 1000))::int::text, true);
      END IF;
      EXECUTE pg_catalog.format(''LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE'', partition::regclass);
    END LOOP;
  END LOOP;
  PERFORM pg_catalog.set_config(''lock_timeout'', bound, true);
END
';
LOCK TABLE "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
DO '
BEGIN
  IF EXISTS (SELECT ''"sche""ma"."we""ird%1"''::regclass AS relid UNION SELECT relid FROM pg_catalog.pg_partition_tree(''"sche""ma"."we""ird%1"''::regclass)
             EXCEPT SELECT tgrelid FROM pg_catalog.pg_trigger WHERE tgname = ''zzzz_orchestrator_rename_email'' AND tgenabled IN (''O'', ''A'')) THEN
    RAISE EXCEPTION ''trigger zzzz_orchestrator_rename_email is gone or disabled: what was written since may differ'' USING ERRCODE = ''object_not_in_prerequisite_state'';
  END IF;
END
';
DROP TRIGGER IF EXISTS "zzzz_orchestrator_rename_email" ON "sche""ma"."we""ird%1";
DROP FUNCTION IF EXISTS "sche""ma"."orchestrator_sync_rename_email"();
DROP SEQUENCE IF EXISTS "sche""ma"."orchestrator_conflicts_rename_email";
DROP INDEX IF EXISTS "sche""ma"."until";
DO '
DECLARE
  part record;
BEGIN
  FOR part IN
    SELECT own.indrelid::regclass AS name, c.relname AS index
    FROM pg_catalog.pg_partition_tree(''"sche""ma"."old''''"'') o JOIN pg_catalog.pg_index own ON own.indexrelid = o.relid
    JOIN pg_catalog.pg_index i ON i.indrelid = own.indrelid JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_partition_tree(''"sche""ma"."new%"'') n ON n.relid = c.oid
    WHERE own.indisreplident
  LOOP
    EXECUTE pg_catalog.format(''ALTER TABLE ONLY %s REPLICA IDENTITY USING INDEX %I'', part.name, part.index);
  END LOOP;
END
';
ALTER TABLE "other"."visits" DROP CONSTRAINT "of%";
DO '
DECLARE
  parts oid[];
  names text[];
  comments text[];
  identifying boolean[];
BEGIN
  SELECT pg_catalog.array_agg(t.relid::oid ORDER BY t.level, t.relid),
         pg_catalog.array_agg(c.conname::text ORDER BY t.level, t.relid),
         pg_catalog.array_agg(pg_catalog.obj_description(c.oid, ''pg_constraint'') ORDER BY t.level, t.relid),
         pg_catalog.array_agg(x.indisreplident ORDER BY t.level, t.relid)
  INTO parts, names, comments, identifying
  FROM pg_catalog.pg_partition_tree(''"sche""ma"."we""ird%1"'') t
  JOIN pg_catalog.pg_constraint c ON c.conrelid = t.relid AND c.contype = ''p''
  JOIN pg_catalog.pg_index x ON x.indexrelid = c.conindid;
  EXECUTE pg_catalog.format(''ALTER TABLE %s DROP CONSTRAINT %I'', parts[1]::regclass, ''key%'');
  names[1] := ''key%'';
  FOR i IN 1 .. pg_catalog.cardinality(parts) LOOP
    IF (SELECT relkind = ''p'' FROM pg_catalog.pg_class WHERE oid = parts[i]) THEN
      EXECUTE pg_catalog.format(''ALTER TABLE ONLY %s ADD CONSTRAINT %I %s'', parts[i]::regclass, names[i], ''PRIMARY KEY (email_address) DEFERRABLE'');
    ELSE
      EXECUTE pg_catalog.format(''ALTER TABLE %s ADD CONSTRAINT %I PRIMARY KEY USING INDEX %I%s'',
                                parts[i]::regclass, names[i], ''keykeykeykeykeykeykeykeykeykeykeykeykeykeyk_6fe6441b'' || ''_'' || parts[i], '' DEFERRABLE'');
    END IF;
    IF i > 1 THEN
      EXECUTE (SELECT pg_catalog.format(''ALTER INDEX %s ATTACH PARTITION %s'', above.indexrelid::regclass,
                                        own.indexrelid::regclass)
               FROM pg_catalog.pg_index own JOIN pg_catalog.pg_inherits h ON h.inhrelid = own.indrelid
               JOIN pg_catalog.pg_index above ON above.indrelid = h.inhparent AND above.indisprimary
               WHERE own.indrelid = parts[i] AND own.indisprimary);
      IF comments[i] IS NOT NULL THEN
        EXECUTE pg_catalog.format(''COMMENT ON CONSTRAINT %I ON %s IS %L'', names[i], parts[i]::regclass, comments[i]);
      END IF;
    END IF;
  END LOOP;
  FOR i IN 1 .. pg_catalog.cardinality(parts) LOOP
    IF identifying[i] THEN
      EXECUTE pg_catalog.format(''ALTER TABLE ONLY %s REPLICA IDENTITY USING INDEX %I'', parts[i]::regclass, names[i]);
    END IF;
  END LOOP;
END
';
COMMENT ON INDEX "sche""ma"."key%" IS 'it''s';
ALTER TABLE "other"."visits" ADD CONSTRAINT "of%" FOREIGN KEY ("mail") REFERENCES "sche""ma"."we""ird%1" ("email_address") ON DELETE CASCADE NOT VALID;
COMMENT ON CONSTRAINT "of%" ON "other"."visits" IS 'it''s';
ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN "email";

-- validate of%
-- long, harmless: SHARE UPDATE EXCLUSIVE on other.visits and its partitions, ROW SHARE on "sche""ma"."we""ird%1" and its partitions
ALTER TABLE "other"."visits" VALIDATE CONSTRAINT "of%";
