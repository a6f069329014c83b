-- analyze users
-- long, harmless: SHARE UPDATE EXCLUSIVE on public.users
ANALYZE "public"."users";
