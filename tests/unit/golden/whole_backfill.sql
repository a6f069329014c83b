-- outside
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
VACUUM;
-- undo:
--   -- undo: outside
--   -- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
--   DROP INDEX CONCURRENTLY IF EXISTS i;
