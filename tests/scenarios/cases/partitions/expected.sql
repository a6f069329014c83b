CREATE SCHEMA "My %schema";
CREATE TABLE "My %schema"."order" (
    "User"      text PRIMARY KEY,
    "we""ird%1" text,
    status      text DEFAULT 'new' NOT NULL,
    note        text NOT NULL,
    age         integer,
    "SELECT"    text,
    token       uuid DEFAULT gen_random_uuid() NOT NULL,
    "se""q"     serial
) PARTITION BY RANGE ("User");
CREATE TABLE "My %schema"."order A" PARTITION OF "My %schema"."order"
    FOR VALUES FROM (MINVALUE) TO ('user5') PARTITION BY HASH ("User");
CREATE TABLE "My %schema"."order A0" PARTITION OF "My %schema"."order A" FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE "My %schema"."order A1" PARTITION OF "My %schema"."order A" FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE "My %schema"."order ""B" (
    age         integer,
    note        text CONSTRAINT order_note_not_null NOT NULL,
    "User"      text NOT NULL,
    "we""ird%1" text,
    status      text DEFAULT 'new' NOT NULL,
    "SELECT"    text,
    token       uuid DEFAULT gen_random_uuid() CONSTRAINT order_token_not_null NOT NULL,
    "se""q"     integer DEFAULT nextval('"My %schema"."order_se""q_seq"') CONSTRAINT "order_se""q_not_null" NOT NULL
);
ALTER TABLE "My %schema"."order" ATTACH PARTITION "My %schema"."order ""B" FOR VALUES FROM ('user5') TO (MAXVALUE);
COMMENT ON COLUMN "My %schema"."order".status IS 'old or new';
