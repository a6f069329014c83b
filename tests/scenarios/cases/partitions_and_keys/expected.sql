CREATE SCHEMA "My %schema";
CREATE TABLE "My %schema".cities (city text PRIMARY KEY);
CREATE TABLE "My %schema"."order" (
    "User"   text PRIMARY KEY,
    city     text CONSTRAINT "a ""check" CHECK (city <> '%'),
    "SELECT" text CONSTRAINT "some ""thing" CHECK ("SELECT" <> '%s')
) PARTITION BY HASH ("User");
CREATE TABLE "My %schema"."order 0" PARTITION OF "My %schema"."order" FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE "My %schema"."order 1" PARTITION OF "My %schema"."order" FOR VALUES WITH (MODULUS 2, REMAINDER 1)
    PARTITION BY LIST ("User");
CREATE TABLE "My %schema"."order 1 rest" PARTITION OF "My %schema"."order 1" DEFAULT;
ALTER TABLE "My %schema"."order" ADD CONSTRAINT lives_in FOREIGN KEY (city) REFERENCES "My %schema".cities;
CREATE INDEX "an ""index%s" ON ONLY "My %schema"."order" ("SELECT" DESC) WHERE "SELECT" <> '';
CREATE INDEX "order 0_an ""index%s" ON "My %schema"."order 0" ("SELECT" DESC) WHERE "SELECT" <> '';
CREATE INDEX "order 1_an ""index%s" ON ONLY "My %schema"."order 1" ("SELECT" DESC) WHERE "SELECT" <> '';
CREATE INDEX "order 1 rest_an ""index%s" ON "My %schema"."order 1 rest" ("SELECT" DESC) WHERE "SELECT" <> '';
ALTER INDEX "My %schema"."an ""index%s" ATTACH PARTITION "My %schema"."order 0_an ""index%s";
ALTER INDEX "My %schema"."an ""index%s" ATTACH PARTITION "My %schema"."order 1_an ""index%s";
ALTER INDEX "My %schema"."order 1_an ""index%s" ATTACH PARTITION "My %schema"."order 1 rest_an ""index%s";
CREATE UNIQUE INDEX "by ""pair" ON ONLY "My %schema"."order" (city, "User");
CREATE UNIQUE INDEX "order 0_by ""pair" ON "My %schema"."order 0" (city, "User");
CREATE UNIQUE INDEX "order 1_by ""pair" ON ONLY "My %schema"."order 1" (city, "User");
CREATE UNIQUE INDEX "order 1 rest_by ""pair" ON "My %schema"."order 1 rest" (city, "User");
ALTER INDEX "My %schema"."by ""pair" ATTACH PARTITION "My %schema"."order 0_by ""pair";
ALTER INDEX "My %schema"."by ""pair" ATTACH PARTITION "My %schema"."order 1_by ""pair";
ALTER INDEX "My %schema"."order 1_by ""pair" ATTACH PARTITION "My %schema"."order 1 rest_by ""pair";
ALTER TABLE ONLY "My %schema"."order" ADD CONSTRAINT one UNIQUE ("User", city);
ALTER TABLE "My %schema"."order 0" ADD CONSTRAINT "order 0_one" UNIQUE ("User", city);
ALTER TABLE ONLY "My %schema"."order 1" ADD CONSTRAINT "order 1_one" UNIQUE ("User", city);
ALTER TABLE "My %schema"."order 1 rest" ADD CONSTRAINT "order 1 rest_one" UNIQUE ("User", city);
ALTER INDEX "My %schema".one ATTACH PARTITION "My %schema"."order 0_one";
ALTER INDEX "My %schema".one ATTACH PARTITION "My %schema"."order 1_one";
ALTER INDEX "My %schema"."order 1_one" ATTACH PARTITION "My %schema"."order 1 rest_one";
