-- create type ne"w
-- long, harmless: no lock
CREATE TYPE "sche""ma"."ne""w" AS ENUM ('it''s 100%', 'so"so',  E'ba\\d');
COMMENT ON TYPE "sche""ma"."ne""w" IS '100% ''it''';
REVOKE ALL ON TYPE "sche""ma"."ne""w" FROM PUBLIC;
GRANT USAGE ON TYPE "sche""ma"."ne""w" TO "ro""le" WITH GRANT OPTION;
ALTER TYPE "sche""ma"."ne""w" OWNER TO "own""er";
-- undo:
--   -- drop type ne"w
--   -- long, harmless: no lock
--   DROP TYPE IF EXISTS "sche""ma"."ne""w";

-- add column ord"er%s
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
ALTER TABLE "sche""ma"."we""ird%1" ADD COLUMN "ord""er%s" "ne""w";
-- undo:
--   -- drop column ord"er%s
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   ALTER TABLE "sche""ma"."we""ird%1" DROP COLUMN IF EXISTS "ord""er%s";
