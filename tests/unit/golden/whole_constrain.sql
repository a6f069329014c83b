-- analyze mo%s've
-- long, harmless: SHARE UPDATE EXCLUSIVE on "o""ther"."mo%s've"
ANALYZE "o""ther"."mo%s've";

-- 100% 'ours'
-- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
COMMENT ON SCHEMA public IS '100%';
SELECT 1;
-- undo:
--   -- undo: 100% 'ours'
--   -- short exclusive: ACCESS EXCLUSIVE on "sche""ma"."we""ird%1"
--   DROP VIEW IF EXISTS v;

-- look
-- long, harmless: SHARE UPDATE EXCLUSIVE on "sche""ma"."we""ird%1"
ANALYZE;
