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

-- create trigger Orchestrator_back
-- short exclusive: SHARE ROW EXCLUSIVE on public.select
CREATE SEQUENCE "public"."ba""ck";
CREATE FUNCTION "public"."ba""ck"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS '
#variable_conflict use_column
DECLARE
  patience text := pg_catalog.current_setting(''lock_timeout'');
  since timestamptz := pg_catalog.clock_timestamp();
  held boolean;
  apart boolean;
BEGIN
  IF TG_RELID <> ''"public"."select"''::pg_catalog.regclass THEN
    RAISE insufficient_privilege USING MESSAGE = ''this function is for triggers of one table'';
  END IF;
  IF TG_OP = ''UPDATE'' AND pg_catalog.record_image_eq(ROW("new"."the""re%"), ROW("old"."the""re%")) AND NOT pg_catalog.record_image_ne(ROW("new"."k""ey"), ROW("old"."k""ey")) THEN
    RETURN NULL;
  END IF;
  IF "new"."the""re%" IS NOT DISTINCT FROM NULL AND (TG_OP = ''INSERT'' OR pg_catalog.record_image_eq(ROW("new"."the""re%"), ROW("old"."the""re%"))) THEN
      held := true;
      PERFORM FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."k""ey" FOR NO KEY UPDATE SKIP LOCKED;
      IF NOT FOUND THEN
        LOOP
          BEGIN
            PERFORM pg_catalog.set_config(
              ''lock_timeout'',
              (100 + (extract(epoch FROM pg_catalog.clock_timestamp() - since) * 500)::pg_catalog.int4)::text,
              true
            );
            PERFORM FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."k""ey" FOR NO KEY UPDATE;
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
                                AND theirs.relation = ''"public"."select"''::pg_catalog.regclass
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
    UPDATE "public"."select" AS there SET "the""re%" = "here"."it''s" FROM "sche""ma"."we""ird%1" AS here
    WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."k""ey" AND "there"."k""ey" OPERATOR(pg_catalog.=) "new"."k""ey" AND NOT ("here"."it''s" IS NOT DISTINCT FROM NULL);
  ELSE
    IF TG_OP = ''INSERT'' AND ("new"."the""re%" IS NOT DISTINCT FROM NULL) THEN
      held := true;
      PERFORM FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."k""ey" FOR NO KEY UPDATE SKIP LOCKED;
      IF NOT FOUND THEN
        LOOP
          BEGIN
            PERFORM pg_catalog.set_config(
              ''lock_timeout'',
              (100 + (extract(epoch FROM pg_catalog.clock_timestamp() - since) * 500)::pg_catalog.int4)::text,
              true
            );
            PERFORM FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."k""ey" FOR NO KEY UPDATE;
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
                                AND theirs.relation = ''"public"."select"''::pg_catalog.regclass
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
      UPDATE "public"."select" AS there SET "the""re%" = CASE WHEN "there"."the""re%" IS NOT DISTINCT FROM NULL THEN "here"."it''s" ELSE "there"."the""re%" END FROM "sche""ma"."we""ird%1" AS here
      WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."k""ey" AND "there"."k""ey" OPERATOR(pg_catalog.=) "new"."k""ey" AND pg_catalog.record_image_ne(ROW("there"."the""re%"), ROW(CASE WHEN "there"."the""re%" IS NOT DISTINCT FROM NULL THEN "here"."it''s" ELSE "there"."the""re%" END));
    END IF;
    SELECT pg_catalog.record_image_ne(ROW("here"."it''s"), ROW(CASE WHEN "ba""ck"."tg_op" = ''UPDATE'' AND NOT pg_catalog.record_image_ne(ROW("new"."k""ey"), ROW("old"."k""ey")) AND pg_catalog.record_image_eq(ROW("new"."the""re%"), ROW("old"."the""re%")) OR "ba""ck"."tg_op" = ''INSERT'' AND "new"."the""re%" IS NOT DISTINCT FROM NULL THEN "here"."it''s" ELSE "new"."the""re%" END)) INTO apart FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."k""ey";
    IF apart THEN
      held := true;
      PERFORM FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."k""ey" FOR NO KEY UPDATE SKIP LOCKED;
      IF NOT FOUND THEN
        LOOP
          BEGIN
            PERFORM pg_catalog.set_config(
              ''lock_timeout'',
              (100 + (extract(epoch FROM pg_catalog.clock_timestamp() - since) * 500)::pg_catalog.int4)::text,
              true
            );
            PERFORM FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."k""ey" FOR NO KEY UPDATE;
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
                                AND theirs.relation = ''"public"."select"''::pg_catalog.regclass
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
  SELECT "self"."the""re%" INTO "new"."the""re%" FROM "public"."select" AS self WHERE "self"."k""ey" OPERATOR(pg_catalog.=) "new"."k""ey";
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
        UPDATE "sche""ma"."we""ird%1" AS here SET "it''s" = CASE WHEN "ba""ck"."tg_op" = ''UPDATE'' AND NOT pg_catalog.record_image_ne(ROW("new"."k""ey"), ROW("old"."k""ey")) AND pg_catalog.record_image_eq(ROW("new"."the""re%"), ROW("old"."the""re%")) OR "ba""ck"."tg_op" = ''INSERT'' AND "new"."the""re%" IS NOT DISTINCT FROM NULL THEN "here"."it''s" ELSE "new"."the""re%" END WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."k""ey" AND pg_catalog.record_image_ne(ROW("here"."it''s"), ROW(CASE WHEN "ba""ck"."tg_op" = ''UPDATE'' AND NOT pg_catalog.record_image_ne(ROW("new"."k""ey"), ROW("old"."k""ey")) AND pg_catalog.record_image_eq(ROW("new"."the""re%"), ROW("old"."the""re%")) OR "ba""ck"."tg_op" = ''INSERT'' AND "new"."the""re%" IS NOT DISTINCT FROM NULL THEN "here"."it''s" ELSE "new"."the""re%" END));
      END IF;
    END IF;
    IF apart IS DISTINCT FROM false AND EXISTS (SELECT FROM "public"."select" AS there WHERE "there"."k""ey" OPERATOR(pg_catalog.=) "new"."k""ey" AND NOT ("there"."the""re%" IS NOT DISTINCT FROM NULL) AND NOT EXISTS (SELECT FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."k""ey" AND pg_catalog.record_image_eq(ROW("here"."it''s"), ROW("there"."the""re%")))) THEN
      PERFORM pg_catalog.nextval(''"public"."ba""ck"'');
    END IF;
  END IF;
  RETURN NULL;
END
';
REVOKE ALL ON FUNCTION "public"."ba""ck"() FROM PUBLIC;
CREATE TRIGGER "Orchestrator_back" AFTER INSERT OR UPDATE ON "public"."select" FOR EACH ROW EXECUTE FUNCTION "public"."ba""ck"();
ALTER TABLE "public"."select" ENABLE ALWAYS TRIGGER "Orchestrator_back";
-- undo:
--   -- drop the"re% of select, the triggers
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1", ACCESS EXCLUSIVE on public.select
--   DROP TRIGGER IF EXISTS "Orches""trator%" ON "sche""ma"."we""ird%1";
--   DROP TRIGGER IF EXISTS "Orches""trator%_5889ffb4" ON "sche""ma"."we""ird%1";
--   DROP FUNCTION IF EXISTS "sche""ma"."fo'rth"();
--   DROP SEQUENCE IF EXISTS "sche""ma"."fo'rth";
--   DROP TRIGGER IF EXISTS "Orchestrator_back" ON "public"."select";
--   DROP TRIGGER IF EXISTS "Orchestrator_back_f7549d97" ON "public"."select";
--   DROP FUNCTION IF EXISTS "public"."ba""ck"();
--   DROP SEQUENCE IF EXISTS "public"."ba""ck";
--   ALTER TABLE "public"."select" DROP COLUMN IF EXISTS "the""re%";

-- create trigger Orches"trator%
-- short exclusive: SHARE ROW EXCLUSIVE on "sche""ma"."we""ird%1"
CREATE SEQUENCE "sche""ma"."fo'rth";
CREATE FUNCTION "sche""ma"."fo'rth"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS '
#variable_conflict use_column
BEGIN
  IF TG_RELID <> ''"sche""ma"."we""ird%1"''::pg_catalog.regclass THEN
    RAISE insufficient_privilege USING MESSAGE = ''this function is for triggers of one table'';
  END IF;
  SELECT "self"."it''s" INTO "new"."it''s" FROM "sche""ma"."we""ird%1" AS self WHERE "self"."order" OPERATOR(pg_catalog.=) "new"."order";
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  IF TG_OP = ''INSERT'' AND "new"."it''s" IS NOT DISTINCT FROM NULL THEN
    -- the row there may have come first
    UPDATE "sche""ma"."we""ird%1" AS here SET "it''s" = "there"."the""re%" FROM "public"."select" AS there WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."order" AND "there"."k""ey" OPERATOR(pg_catalog.=) "new"."order" AND NOT ("there"."the""re%" IS NOT DISTINCT FROM NULL);
  ELSE
    IF TG_OP = ''UPDATE'' AND pg_catalog.record_image_ne(ROW("new"."order"), ROW("old"."order")) THEN
      -- a foreign key may be about to take the row there along
      UPDATE "public"."select" AS there SET "the""re%" = CASE WHEN "fo''rth"."tg_op" = ''UPDATE'' AND pg_catalog.record_image_eq(ROW("new"."it''s"), ROW("old"."it''s")) AND "there"."the""re%" IS DISTINCT FROM NULL THEN "there"."the""re%" ELSE "new"."it''s" END WHERE "there"."k""ey" OPERATOR(pg_catalog.=) "old"."order" AND pg_catalog.record_image_ne(ROW("there"."the""re%"), ROW(CASE WHEN "fo''rth"."tg_op" = ''UPDATE'' AND pg_catalog.record_image_eq(ROW("new"."it''s"), ROW("old"."it''s")) AND "there"."the""re%" IS DISTINCT FROM NULL THEN "there"."the""re%" ELSE "new"."it''s" END));
    END IF;
    UPDATE "public"."select" AS there SET "the""re%" = CASE WHEN "fo''rth"."tg_op" = ''UPDATE'' AND pg_catalog.record_image_eq(ROW("new"."it''s"), ROW("old"."it''s")) AND "there"."the""re%" IS DISTINCT FROM NULL THEN "there"."the""re%" ELSE "new"."it''s" END WHERE "there"."k""ey" OPERATOR(pg_catalog.=) "new"."order" AND pg_catalog.record_image_ne(ROW("there"."the""re%"), ROW(CASE WHEN "fo''rth"."tg_op" = ''UPDATE'' AND pg_catalog.record_image_eq(ROW("new"."it''s"), ROW("old"."it''s")) AND "there"."the""re%" IS DISTINCT FROM NULL THEN "there"."the""re%" ELSE "new"."it''s" END));
    IF NOT (TG_OP = ''UPDATE'' AND pg_catalog.record_image_eq(ROW("new"."it''s"), ROW("old"."it''s")) AND NOT pg_catalog.record_image_ne(ROW("new"."order"), ROW("old"."order"))) AND EXISTS (SELECT FROM "sche""ma"."we""ird%1" AS here WHERE "here"."order" OPERATOR(pg_catalog.=) "new"."order" AND NOT ("here"."it''s" IS NOT DISTINCT FROM NULL) AND NOT EXISTS (SELECT FROM "public"."select" AS there WHERE "there"."k""ey" OPERATOR(pg_catalog.=) "new"."order" AND pg_catalog.record_image_eq(ROW("there"."the""re%"), ROW("here"."it''s")))) THEN
      PERFORM pg_catalog.nextval(''"sche""ma"."fo''''rth"'');
    END IF;
  END IF;
  RETURN NULL;
END
';
REVOKE ALL ON FUNCTION "sche""ma"."fo'rth"() FROM PUBLIC;
CREATE TRIGGER "Orches""trator%" AFTER INSERT OR UPDATE ON "sche""ma"."we""ird%1" FOR EACH ROW EXECUTE FUNCTION "sche""ma"."fo'rth"();
ALTER TABLE "sche""ma"."we""ird%1" ENABLE ALWAYS TRIGGER "Orches""trator%";
-- undo:
--   -- begin to count what Orchestrator_back leaves undone
--   -- short exclusive: SHARE on "sche""ma"."we""ird%1", SHARE on public.select
--   LOCK TABLE "sche""ma"."we""ird%1", "public"."select" IN SHARE MODE;
--   SELECT pg_catalog.setval('"public"."ba""ck"', (SELECT 1 + COALESCE(pg_catalog.sum(t.xmin::text::bigint + p.xmin::text::bigint), 0)::bigint FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid WHERE t.tgname IN ('Orches"trator%', 'Orches"trator%_5889ffb4', 'Orchestrator_back', 'Orchestrator_back_f7549d97') AND t.tgrelid IN ('"sche""ma"."we""ird%1"'::pg_catalog.regclass, '"public"."select"'::pg_catalog.regclass)), false);
-- undo:
--   -- look for rows of select that we"ird%1 does not have
--   -- long, harmless: ACCESS SHARE on public.select, ACCESS SHARE on "sche""ma"."we""ird%1"
--   SELECT "k""ey" FROM "public"."select" AS new WHERE (SELECT pg_catalog.record_image_eq(ROW("other"."it's"), ROW("new"."the""re%")) FROM "sche""ma"."we""ird%1" AS other WHERE "other"."order" OPERATOR(pg_catalog.=) "new"."k""ey") IS NOT TRUE AND NOT ("new"."the""re%" IS NOT DISTINCT FROM NULL) LIMIT 10; -- must find no row
-- undo:
--   -- drop the"re% of select, the triggers
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1", ACCESS EXCLUSIVE on public.select
--   LOCK TABLE "sche""ma"."we""ird%1" IN ACCESS EXCLUSIVE MODE;
--   LOCK TABLE "public"."select" IN ACCESS EXCLUSIVE MODE;
--   DO '
--   BEGIN
--     IF (SELECT is_called OR last_value IS DISTINCT FROM (SELECT 1 + COALESCE(pg_catalog.sum(t.xmin::text::bigint + p.xmin::text::bigint), 0)::bigint FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid WHERE t.tgname IN (''Orches"trator%'', ''Orches"trator%_5889ffb4'', ''Orchestrator_back'', ''Orchestrator_back_f7549d97'') AND t.tgrelid IN (''"sche""ma"."we""ird%1"''::pg_catalog.regclass, ''"public"."select"''::pg_catalog.regclass)) FROM "public"."ba""ck") THEN
--       RAISE EXCEPTION ''something was written since the tables were compared that only select has'' USING ERRCODE = ''object_not_in_prerequisite_state'';
--     END IF;
--   END
--   ';
--   DROP TRIGGER IF EXISTS "Orches""trator%" ON "sche""ma"."we""ird%1";
--   DROP TRIGGER IF EXISTS "Orches""trator%_5889ffb4" ON "sche""ma"."we""ird%1";
--   DROP FUNCTION IF EXISTS "sche""ma"."fo'rth"();
--   DROP SEQUENCE IF EXISTS "sche""ma"."fo'rth";
--   DROP TRIGGER IF EXISTS "Orchestrator_back" ON "public"."select";
--   DROP TRIGGER IF EXISTS "Orchestrator_back_f7549d97" ON "public"."select";
--   DROP FUNCTION IF EXISTS "public"."ba""ck"();
--   DROP SEQUENCE IF EXISTS "public"."ba""ck";
--   ALTER TABLE "public"."select" DROP COLUMN IF EXISTS "the""re%";
