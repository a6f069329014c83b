-- create trigger Orchestrator_back
-- short exclusive: SHARE ROW EXCLUSIVE on "o""ther"."mo%s've"
CREATE SEQUENCE "o""ther"."ba""ck";
CREATE FUNCTION "o""ther"."ba""ck"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS '
#variable_conflict use_column
DECLARE
  patience text := pg_catalog.current_setting(''lock_timeout'');
  since timestamptz := pg_catalog.clock_timestamp();
  held boolean;
  apart boolean;
BEGIN
  IF TG_RELID <> ''"o""ther"."mo%s''''ve"''::pg_catalog.regclass THEN
    RAISE insufficient_privilege USING MESSAGE = ''this function is for triggers of one table'';
  END IF;
  IF TG_OP = ''TRUNCATE'' THEN
    UPDATE "sche""ma"."we""ird%1" AS here SET "a""%s" = NULL, "it''s" = NULL WHERE NOT ("here"."a""%s" IS NOT DISTINCT FROM NULL AND "here"."it''s" IS NOT DISTINCT FROM NULL);
    RETURN NULL;
  END IF;
  IF (TG_OP = ''DELETE'' OR TG_OP = ''UPDATE'' AND pg_catalog.record_image_ne(ROW("new"."k""ey", "new"."select"), ROW("old"."k""ey", "old"."select")))
     AND pg_catalog.current_setting(''orchestrator.moving'', true) IS DISTINCT FROM ''fo''''rth gone '' || ROW("old"."k""ey", "old"."select")::text THEN
    IF EXISTS (SELECT FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "old"."k""ey" AND "here"."select" OPERATOR(pg_catalog.=) "old"."select" AND NOT ("here"."a""%s" IS NOT DISTINCT FROM NULL AND "here"."it''s" IS NOT DISTINCT FROM NULL)) THEN
      held := true;
      PERFORM FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "old"."k""ey" AND "here"."select" OPERATOR(pg_catalog.=) "old"."select" FOR NO KEY UPDATE SKIP LOCKED;
      IF NOT FOUND THEN
        LOOP
          BEGIN
            PERFORM pg_catalog.set_config(
              ''lock_timeout'',
              (100 + (extract(epoch FROM pg_catalog.clock_timestamp() - since) * 500)::pg_catalog.int4)::text,
              true
            );
            PERFORM FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "old"."k""ey" AND "here"."select" OPERATOR(pg_catalog.=) "old"."select" FOR NO KEY UPDATE;
            PERFORM pg_catalog.set_config(''lock_timeout'', patience, true);
            EXIT;
          EXCEPTION WHEN lock_not_available THEN
            IF patience::interval > ''0'' AND pg_catalog.clock_timestamp() - since > patience::interval THEN
              RAISE;
            END IF;
          END;
          IF EXISTS (
            WITH RECURSIVE locks AS MATERIALIZED (SELECT * FROM pg_catalog.pg_locks), behind AS (
              SELECT pg_catalog.pg_backend_pid() AS pid
              UNION
              SELECT waits.pid FROM behind JOIN locks AS has ON has.pid = behind.pid AND has.granted
              JOIN locks AS waits ON NOT waits.granted AND waits.pid <> has.pid AND waits.locktype = has.locktype
              WHERE (behind.pid <> pg_catalog.pg_backend_pid()
                     OR EXISTS (SELECT FROM locks AS theirs WHERE theirs.pid = waits.pid
                                AND theirs.relation = ''"o""ther"."mo%s''''ve"''::pg_catalog.regclass
                                AND (theirs.locktype = ''tuple'' OR theirs.mode = ''RowExclusiveLock'' AND NOT EXISTS (
                                  SELECT FROM locks AS queues WHERE queues.pid = waits.pid AND queues.locktype = ''tuple''
                                ))))
                AND (has.locktype = ''transactionid'' AND waits.transactionid = has.transactionid
                     OR has.locktype = ''tuple'' AND (waits.database, waits.relation, waits.page, waits.tuple)
                                                 = (has.database, has.relation, has.page, has.tuple))
            )
            SELECT FROM behind JOIN locks AS hands ON hands.pid = behind.pid AND hands.granted
            WHERE behind.pid <> pg_catalog.pg_backend_pid() AND hands.locktype = ''relation''
              AND hands.relation = ''"sche""ma"."we""ird%1"''::pg_catalog.regclass AND hands.mode IN (''RowShareLock'', ''RowExclusiveLock'')
          ) THEN
            held := false;
            EXIT;
          END IF;
        END LOOP;
      END IF;
      IF held THEN
        PERFORM pg_catalog.set_config(''orchestrator.moving'', ''fo''''rth empty '' || ROW("old"."k""ey", "old"."select")::text, true);
        UPDATE "sche""ma"."we""ird%1" AS here SET "a""%s" = NULL, "it''s" = NULL WHERE "here"."order" OPERATOR(pg_catalog.=) "old"."k""ey" AND "here"."select" OPERATOR(pg_catalog.=) "old"."select" AND NOT ("here"."a""%s" IS NOT DISTINCT FROM NULL AND "here"."it''s" IS NOT DISTINCT FROM NULL);
        PERFORM pg_catalog.set_config(''orchestrator.moving'', '''', true);
      END IF;
    END IF;
  END IF;
  IF TG_OP <> ''DELETE'' THEN
    SELECT pg_catalog.record_image_ne(ROW("here"."a""%s", "here"."it''s"), ROW("new"."a%part", "new"."éééééééééééééééééééééééééééééééx")) INTO apart FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."k""ey" AND "here"."select" OPERATOR(pg_catalog.=) "new"."select";
    IF apart THEN
      held := true;
      PERFORM FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."k""ey" AND "here"."select" OPERATOR(pg_catalog.=) "new"."select" FOR NO KEY UPDATE SKIP LOCKED;
      IF NOT FOUND THEN
        LOOP
          BEGIN
            PERFORM pg_catalog.set_config(
              ''lock_timeout'',
              (100 + (extract(epoch FROM pg_catalog.clock_timestamp() - since) * 500)::pg_catalog.int4)::text,
              true
            );
            PERFORM FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."k""ey" AND "here"."select" OPERATOR(pg_catalog.=) "new"."select" FOR NO KEY UPDATE;
            PERFORM pg_catalog.set_config(''lock_timeout'', patience, true);
            EXIT;
          EXCEPTION WHEN lock_not_available THEN
            IF patience::interval > ''0'' AND pg_catalog.clock_timestamp() - since > patience::interval THEN
              RAISE;
            END IF;
          END;
          IF EXISTS (
            WITH RECURSIVE locks AS MATERIALIZED (SELECT * FROM pg_catalog.pg_locks), behind AS (
              SELECT pg_catalog.pg_backend_pid() AS pid
              UNION
              SELECT waits.pid FROM behind JOIN locks AS has ON has.pid = behind.pid AND has.granted
              JOIN locks AS waits ON NOT waits.granted AND waits.pid <> has.pid AND waits.locktype = has.locktype
              WHERE (behind.pid <> pg_catalog.pg_backend_pid()
                     OR EXISTS (SELECT FROM locks AS theirs WHERE theirs.pid = waits.pid
                                AND theirs.relation = ''"o""ther"."mo%s''''ve"''::pg_catalog.regclass
                                AND (theirs.locktype = ''tuple'' OR theirs.mode = ''RowExclusiveLock'' AND NOT EXISTS (
                                  SELECT FROM locks AS queues WHERE queues.pid = waits.pid AND queues.locktype = ''tuple''
                                ))))
                AND (has.locktype = ''transactionid'' AND waits.transactionid = has.transactionid
                     OR has.locktype = ''tuple'' AND (waits.database, waits.relation, waits.page, waits.tuple)
                                                 = (has.database, has.relation, has.page, has.tuple))
            )
            SELECT FROM behind JOIN locks AS hands ON hands.pid = behind.pid AND hands.granted
            WHERE behind.pid <> pg_catalog.pg_backend_pid() AND hands.locktype = ''relation''
              AND hands.relation = ''"sche""ma"."we""ird%1"''::pg_catalog.regclass AND hands.mode IN (''RowShareLock'', ''RowExclusiveLock'')
          ) THEN
            held := false;
            EXIT;
          END IF;
        END LOOP;
      END IF;
      IF held THEN
  SELECT "self"."a%part", "self"."éééééééééééééééééééééééééééééééx" INTO "new"."a%part", "new"."éééééééééééééééééééééééééééééééx" FROM "o""ther"."mo%s''ve" AS self WHERE "self"."k""ey" OPERATOR(pg_catalog.=) "new"."k""ey" AND "self"."select" OPERATOR(pg_catalog.=) "new"."select";
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
        UPDATE "sche""ma"."we""ird%1" AS here SET "a""%s" = "new"."a%part", "it''s" = "new"."éééééééééééééééééééééééééééééééx" WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."k""ey" AND "here"."select" OPERATOR(pg_catalog.=) "new"."select" AND pg_catalog.record_image_ne(ROW("here"."a""%s", "here"."it''s"), ROW("new"."a%part", "new"."éééééééééééééééééééééééééééééééx"));
      END IF;
    END IF;
    IF apart IS DISTINCT FROM false AND EXISTS (SELECT FROM "o""ther"."mo%s''ve" AS there WHERE "there"."k""ey" OPERATOR(pg_catalog.=) "new"."k""ey" AND "there"."select" OPERATOR(pg_catalog.=) "new"."select" AND NOT ("there"."a%part" IS NOT DISTINCT FROM NULL AND "there"."éééééééééééééééééééééééééééééééx" IS NOT DISTINCT FROM NULL) AND NOT EXISTS (SELECT FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."k""ey" AND "here"."select" OPERATOR(pg_catalog.=) "new"."select" AND pg_catalog.record_image_eq(ROW("here"."a""%s", "here"."it''s"), ROW("there"."a%part", "there"."éééééééééééééééééééééééééééééééx")))) THEN
      PERFORM pg_catalog.nextval(''"o""ther"."ba""ck"'');
    END IF;
  END IF;
  RETURN NULL;
END
';
REVOKE ALL ON FUNCTION "o""ther"."ba""ck"() FROM PUBLIC;
CREATE TRIGGER "Orchestrator_back" AFTER INSERT OR UPDATE OR DELETE ON "o""ther"."mo%s've" FOR EACH ROW EXECUTE FUNCTION "o""ther"."ba""ck"();
ALTER TABLE "o""ther"."mo%s've" ENABLE ALWAYS TRIGGER "Orchestrator_back";
CREATE TRIGGER "Orchestrator_back_f7549d97" AFTER TRUNCATE ON "o""ther"."mo%s've" FOR EACH STATEMENT EXECUTE FUNCTION "o""ther"."ba""ck"();
ALTER TABLE "o""ther"."mo%s've" ENABLE ALWAYS TRIGGER "Orchestrator_back_f7549d97";
-- undo:
--   -- drop table mo%s've, the triggers
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1", ACCESS EXCLUSIVE on "o""ther"."mo%s've"
--   DROP TRIGGER IF EXISTS "Orches""trator%" ON "sche""ma"."we""ird%1";
--   DROP TRIGGER IF EXISTS "Orches""trator%_5889ffb4" ON "sche""ma"."we""ird%1";
--   DROP FUNCTION IF EXISTS "sche""ma"."fo'rth"();
--   DROP SEQUENCE IF EXISTS "sche""ma"."fo'rth";
--   DROP TRIGGER IF EXISTS "Orchestrator_back" ON "o""ther"."mo%s've";
--   DROP TRIGGER IF EXISTS "Orchestrator_back_f7549d97" ON "o""ther"."mo%s've";
--   DROP FUNCTION IF EXISTS "o""ther"."ba""ck"();
--   DROP SEQUENCE IF EXISTS "o""ther"."ba""ck";
--   DROP TABLE IF EXISTS "o""ther"."mo%s've";

-- create trigger Orches"trator%
-- short exclusive: SHARE ROW EXCLUSIVE on "sche""ma"."we""ird%1"
CREATE SEQUENCE "sche""ma"."fo'rth";
CREATE FUNCTION "sche""ma"."fo'rth"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS '
#variable_conflict use_column
BEGIN
  IF TG_RELID <> ''"sche""ma"."we""ird%1"''::pg_catalog.regclass THEN
    RAISE insufficient_privilege USING MESSAGE = ''this function is for triggers of one table'';
  END IF;
  IF TG_OP = ''TRUNCATE'' THEN
    DELETE FROM "o""ther"."mo%s''ve";
    RETURN NULL;
  ELSIF TG_OP = ''DELETE'' THEN
    PERFORM pg_catalog.set_config(''orchestrator.moving'', ''fo''''rth gone '' || ROW("old"."order", "old"."select")::text, true);
    DELETE FROM "o""ther"."mo%s''ve" AS there WHERE "there"."k""ey" OPERATOR(pg_catalog.=) "old"."order" AND "there"."select" OPERATOR(pg_catalog.=) "old"."select";
    PERFORM pg_catalog.set_config(''orchestrator.moving'', '''', true);
    RETURN NULL;
  ELSIF TG_OP = ''UPDATE'' THEN
    IF pg_catalog.current_setting(''orchestrator.moving'', true) = ''fo''''rth empty '' || ROW("new"."order", "new"."select")::text THEN
      RETURN NULL;
    END IF;
    IF pg_catalog.record_image_ne(ROW("new"."order", "new"."select"), ROW("old"."order", "old"."select")) THEN
      PERFORM pg_catalog.set_config(''orchestrator.moving'', ''fo''''rth gone '' || ROW("old"."order", "old"."select")::text, true);
      -- newer code may have made the row there before: neither is taken away
      BEGIN
        UPDATE "o""ther"."mo%s''ve" AS there SET "k""ey" = "new"."order", "select" = "new"."select"
        WHERE "there"."k""ey" OPERATOR(pg_catalog.=) "old"."order" AND "there"."select" OPERATOR(pg_catalog.=) "old"."select" AND NOT EXISTS (SELECT FROM "o""ther"."mo%s''ve" AS there WHERE "there"."k""ey" OPERATOR(pg_catalog.=) "new"."order" AND "there"."select" OPERATOR(pg_catalog.=) "new"."select");
      EXCEPTION WHEN unique_violation THEN
        -- or is just making it, or has since our snapshot
        NULL;
      END;
      PERFORM pg_catalog.set_config(''orchestrator.moving'', '''', true);
    END IF;
  END IF;
  SELECT CASE WHEN "fo''rth"."tg_op" = ''UPDATE'' AND pg_catalog.record_image_eq(ROW("self"."a""%s"), ROW("old"."a""%s")) THEN "new"."a""%s" ELSE "self"."a""%s" END, CASE WHEN "fo''rth"."tg_op" = ''UPDATE'' AND pg_catalog.record_image_eq(ROW("self"."it''s"), ROW("old"."it''s")) THEN "new"."it''s" ELSE "self"."it''s" END INTO "new"."a""%s", "new"."it''s" FROM "sche""ma"."we""ird%1" AS self WHERE "self"."order" OPERATOR(pg_catalog.=) "new"."order" AND "self"."select" OPERATOR(pg_catalog.=) "new"."select";
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  IF TG_OP = ''UPDATE'' THEN
    IF pg_catalog.record_image_eq(ROW("new"."a""%s", "new"."it''s"), ROW("old"."a""%s", "old"."it''s")) THEN
      -- the backfill may have found this row neither where it was nor where it is now
      IF NOT ("new"."a""%s" IS NOT DISTINCT FROM NULL AND "new"."it''s" IS NOT DISTINCT FROM NULL) AND NOT EXISTS (SELECT FROM "o""ther"."mo%s''ve" AS there WHERE "there"."k""ey" OPERATOR(pg_catalog.=) "new"."order" AND "there"."select" OPERATOR(pg_catalog.=) "new"."select") THEN
        INSERT INTO "o""ther"."mo%s''ve" ("k""ey", "select", "a%part", "éééééééééééééééééééééééééééééééx") VALUES ("new"."order", "new"."select", "new"."a""%s", "new"."it''s") ON CONFLICT ("k""ey", "select") DO NOTHING;
      END IF;
      IF pg_catalog.record_image_ne(ROW("new"."order", "new"."select"), ROW("old"."order", "old"."select")) AND EXISTS (SELECT FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."order" AND "here"."select" OPERATOR(pg_catalog.=) "new"."select" AND NOT ("here"."a""%s" IS NOT DISTINCT FROM NULL AND "here"."it''s" IS NOT DISTINCT FROM NULL) AND NOT EXISTS (SELECT FROM "o""ther"."mo%s''ve" AS there WHERE "there"."k""ey" OPERATOR(pg_catalog.=) "new"."order" AND "there"."select" OPERATOR(pg_catalog.=) "new"."select" AND pg_catalog.record_image_eq(ROW("there"."a%part", "there"."éééééééééééééééééééééééééééééééx"), ROW("here"."a""%s", "here"."it''s")))) THEN
        PERFORM pg_catalog.nextval(''"sche""ma"."fo''''rth"'');
      END IF;
      RETURN NULL;
    END IF;
  ELSIF "new"."a""%s" IS NOT DISTINCT FROM NULL AND "new"."it''s" IS NOT DISTINCT FROM NULL THEN
    -- the row there may have come first
    UPDATE "sche""ma"."we""ird%1" AS here SET "a""%s" = "there"."a%part", "it''s" = "there"."éééééééééééééééééééééééééééééééx" FROM "o""ther"."mo%s''ve" AS there WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."order" AND "here"."select" OPERATOR(pg_catalog.=) "new"."select" AND "there"."k""ey" OPERATOR(pg_catalog.=) "new"."order" AND "there"."select" OPERATOR(pg_catalog.=) "new"."select" AND NOT ("there"."a%part" IS NOT DISTINCT FROM NULL AND "there"."éééééééééééééééééééééééééééééééx" IS NOT DISTINCT FROM NULL);
    RETURN NULL;
  END IF;
  IF "new"."a""%s" IS NOT DISTINCT FROM NULL AND "new"."it''s" IS NOT DISTINCT FROM NULL THEN
    UPDATE "o""ther"."mo%s''ve" AS there SET "a%part" = CASE WHEN "fo''rth"."tg_op" = ''UPDATE'' AND pg_catalog.record_image_eq(ROW("new"."a""%s"), ROW("old"."a""%s")) THEN "there"."a%part" ELSE "new"."a""%s" END, "éééééééééééééééééééééééééééééééx" = CASE WHEN "fo''rth"."tg_op" = ''UPDATE'' AND pg_catalog.record_image_eq(ROW("new"."it''s"), ROW("old"."it''s")) THEN "there"."éééééééééééééééééééééééééééééééx" ELSE "new"."it''s" END WHERE "there"."k""ey" OPERATOR(pg_catalog.=) "new"."order" AND "there"."select" OPERATOR(pg_catalog.=) "new"."select" AND pg_catalog.record_image_ne(ROW("there"."a%part", "there"."éééééééééééééééééééééééééééééééx"), ROW("new"."a""%s", "new"."it''s"));
  ELSIF NOT EXISTS (SELECT FROM "o""ther"."mo%s''ve" AS there WHERE "there"."k""ey" OPERATOR(pg_catalog.=) "new"."order" AND "there"."select" OPERATOR(pg_catalog.=) "new"."select" AND pg_catalog.record_image_eq(ROW("there"."a%part", "there"."éééééééééééééééééééééééééééééééx"), ROW("new"."a""%s", "new"."it''s"))) THEN
    INSERT INTO "o""ther"."mo%s''ve" AS there ("k""ey", "select", "a%part", "éééééééééééééééééééééééééééééééx") VALUES ("new"."order", "new"."select", "new"."a""%s", "new"."it''s")
    ON CONFLICT ("k""ey", "select") DO UPDATE SET "a%part" = CASE WHEN "fo''rth"."tg_op" = ''UPDATE'' AND pg_catalog.record_image_eq(ROW("new"."a""%s"), ROW("old"."a""%s")) THEN "there"."a%part" ELSE "new"."a""%s" END, "éééééééééééééééééééééééééééééééx" = CASE WHEN "fo''rth"."tg_op" = ''UPDATE'' AND pg_catalog.record_image_eq(ROW("new"."it''s"), ROW("old"."it''s")) THEN "there"."éééééééééééééééééééééééééééééééx" ELSE "new"."it''s" END WHERE pg_catalog.record_image_ne(ROW("there"."a%part", "there"."éééééééééééééééééééééééééééééééx"), ROW("new"."a""%s", "new"."it''s"));
  END IF;
  IF EXISTS (SELECT FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."order" AND "here"."select" OPERATOR(pg_catalog.=) "new"."select" AND NOT ("here"."a""%s" IS NOT DISTINCT FROM NULL AND "here"."it''s" IS NOT DISTINCT FROM NULL) AND NOT EXISTS (SELECT FROM "o""ther"."mo%s''ve" AS there WHERE "there"."k""ey" OPERATOR(pg_catalog.=) "new"."order" AND "there"."select" OPERATOR(pg_catalog.=) "new"."select" AND pg_catalog.record_image_eq(ROW("there"."a%part", "there"."éééééééééééééééééééééééééééééééx"), ROW("here"."a""%s", "here"."it''s")))) THEN
    PERFORM pg_catalog.nextval(''"sche""ma"."fo''''rth"'');
  END IF;
  RETURN NULL;
END
';
REVOKE ALL ON FUNCTION "sche""ma"."fo'rth"() FROM PUBLIC;
CREATE TRIGGER "Orches""trator%" AFTER INSERT OR UPDATE OR DELETE ON "sche""ma"."we""ird%1" FOR EACH ROW EXECUTE FUNCTION "sche""ma"."fo'rth"();
ALTER TABLE "sche""ma"."we""ird%1" ENABLE ALWAYS TRIGGER "Orches""trator%";
CREATE TRIGGER "Orches""trator%_5889ffb4" AFTER TRUNCATE ON "sche""ma"."we""ird%1" FOR EACH STATEMENT EXECUTE FUNCTION "sche""ma"."fo'rth"();
ALTER TABLE "sche""ma"."we""ird%1" ENABLE ALWAYS TRIGGER "Orches""trator%_5889ffb4";
-- undo:
--   -- begin to count what Orchestrator_back leaves undone
--   -- short exclusive: SHARE on "sche""ma"."we""ird%1", SHARE on "o""ther"."mo%s've"
--   LOCK TABLE "sche""ma"."we""ird%1", "o""ther"."mo%s've" IN SHARE MODE;
--   SELECT pg_catalog.setval('"o""ther"."ba""ck"', (SELECT 1 + COALESCE(pg_catalog.sum(t.xmin::text::bigint + p.xmin::text::bigint), 0)::bigint FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid WHERE t.tgname IN ('Orches"trator%', 'Orches"trator%_5889ffb4', 'Orchestrator_back', 'Orchestrator_back_f7549d97') AND t.tgrelid IN ('"sche""ma"."we""ird%1"'::pg_catalog.regclass, '"o""ther"."mo%s''ve"'::pg_catalog.regclass)), false);
-- undo:
--   -- look for rows of mo%s've that we"ird%1 does not have
--   -- long, harmless: ACCESS SHARE on "o""ther"."mo%s've", ACCESS SHARE on "sche""ma"."we""ird%1"
--   SELECT "k""ey", "select" FROM "o""ther"."mo%s've" AS new WHERE (SELECT pg_catalog.record_image_eq(ROW("other"."a""%s", "other"."it's"), ROW("new"."a%part", "new"."éééééééééééééééééééééééééééééééx")) FROM "sche""ma"."we""ird%1" AS other WHERE "other"."order" OPERATOR(pg_catalog.=) "new"."k""ey" AND "other"."select" OPERATOR(pg_catalog.=) "new"."select") IS NOT TRUE AND NOT ("new"."a%part" IS NOT DISTINCT FROM NULL AND "new"."éééééééééééééééééééééééééééééééx" IS NOT DISTINCT FROM NULL) LIMIT 10; -- must find no row
-- undo:
--   -- drop table mo%s've, the triggers
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1", ACCESS EXCLUSIVE on "o""ther"."mo%s've"
--   LOCK TABLE "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
--   LOCK TABLE "o""ther"."mo%s've" IN ACCESS EXCLUSIVE MODE;
--   DO '
--   BEGIN
--     IF (SELECT is_called OR last_value IS DISTINCT FROM (SELECT 1 + COALESCE(pg_catalog.sum(t.xmin::text::bigint + p.xmin::text::bigint), 0)::bigint FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid WHERE t.tgname IN (''Orches"trator%'', ''Orches"trator%_5889ffb4'', ''Orchestrator_back'', ''Orchestrator_back_f7549d97'') AND t.tgrelid IN (''"sche""ma"."we""ird%1"''::pg_catalog.regclass, ''"o""ther"."mo%s''''ve"''::pg_catalog.regclass)) FROM "o""ther"."ba""ck") THEN
--       RAISE EXCEPTION ''something was written since the tables were compared that only mo%%s''''ve has'' USING ERRCODE = ''object_not_in_prerequisite_state'';
--     END IF;
--   END
--   ';
--   DROP TRIGGER IF EXISTS "Orches""trator%" ON "sche""ma"."we""ird%1";
--   DROP TRIGGER IF EXISTS "Orches""trator%_5889ffb4" ON "sche""ma"."we""ird%1";
--   DROP FUNCTION IF EXISTS "sche""ma"."fo'rth"();
--   DROP SEQUENCE IF EXISTS "sche""ma"."fo'rth";
--   DROP TRIGGER IF EXISTS "Orchestrator_back" ON "o""ther"."mo%s've";
--   DROP TRIGGER IF EXISTS "Orchestrator_back_f7549d97" ON "o""ther"."mo%s've";
--   DROP FUNCTION IF EXISTS "o""ther"."ba""ck"();
--   DROP SEQUENCE IF EXISTS "o""ther"."ba""ck";
--   DROP TABLE IF EXISTS "o""ther"."mo%s've";
