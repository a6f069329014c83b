-- Every name needs quotes, values may be null, and two numbers can be equal without being the same.
CREATE SCHEMA "My %schema";
CREATE TABLE "My %schema"."order" (
    "User"      text PRIMARY KEY,
    "we""ird%1" numeric,
    "x y"       text
);
CREATE INDEX "an ""index%s" ON "My %schema"."order" ("we""ird%1") WHERE "we""ird%1" > 0;
INSERT INTO "My %schema"."order" SELECT 'user' || n, NULLIF(n % 7, 0) + 0.10, '%s' FROM generate_series(1, 3000) n;
