CREATE SCHEMA "My %schema";
CREATE TABLE "My %schema"."order" (
    "User"   text PRIMARY KEY,
    "x y"    text,
    "SELECT" numeric
);
CREATE INDEX "an ""index%s" ON "My %schema"."order" ("SELECT") WHERE "SELECT" > 0;
