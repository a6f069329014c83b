"""Shapes that a column and its table can have: what is there before, and what PostgreSQL's own rename leaves to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import LiteralString

import yaml
from psycopg.sql import SQL, Composed, Identifier


@dataclass(frozen=True)
class Rename:
    column: str = "a"
    to: str = "b"
    table: str = "t"
    schema: str = "public"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """In `writes` and `after`, {column} stands for the renamed column, {second} for that of the second rename."""

    name: str
    schema: LiteralString
    renames: tuple[Rename, ...] = (Rename(),)
    twin: LiteralString = ""
    """The names that indexes and constraints take: docs/rename_column.md. PostgreSQL renames the column alone."""
    writes: tuple[LiteralString, ...] = ()
    """While both columns are there, by turns under the old and the new name."""
    after: tuple[LiteralString, ...] = ()
    since: int = 14
    """The first version of PostgreSQL that knows the shape."""

    @property
    def plan(self) -> str:
        changes = [
            {
                "kind": "rename_column",
                "table": f"{rename.schema}.{rename.table}",
                "from": rename.column,
                "to": rename.to,
            }
            for rename in self.renames
        ]
        return yaml.safe_dump({"name": "shape", "changes": changes}, allow_unicode=True)

    def old(self, statement: LiteralString) -> Composed:
        """The statement of an application that knows only the old names."""
        return _named(statement, *(rename.column for rename in self.renames))

    def new(self, statement: LiteralString) -> Composed:
        return _named(statement, *(rename.to for rename in self.renames))

    def by_turns(self) -> Iterator[Composed]:
        for number, statement in enumerate(self.writes):
            yield self.new(statement) if number % 2 else self.old(statement)


def _named(statement: LiteralString, column: str, second: str = "") -> Composed:
    return SQL(statement).format(column=Identifier(column), second=Identifier(second))


ROWS: LiteralString = "INSERT INTO t SELECT n, n * 10 FROM generate_series(1, 50) n;"
INTS: LiteralString = "CREATE TABLE t (id int PRIMARY KEY, a int);" + ROWS
TEXTS: LiteralString = (
    "CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t SELECT n, 'Value ' || n FROM generate_series(1, 50) n;"
)

SHAPES = (
    Shape(
        name="nothing but a column",
        schema="CREATE TABLE t (a text)",
    ),
    Shape(
        name="no primary key, duplicates and nulls",
        schema="CREATE TABLE t (id int, a int); INSERT INTO t SELECT 1, NULLIF(n % 3, 0) FROM generate_series(1, 99) n",
        writes=("UPDATE t SET {column} = 7 WHERE {column} = 1", "UPDATE t SET {column} = NULL WHERE {column} = 2"),
    ),
    Shape(
        name="dropped columns before and after",
        schema="""
            CREATE TABLE t (x int, id int PRIMARY KEY, y int, a int, z int);
            ALTER TABLE t DROP COLUMN x, DROP COLUMN y, DROP COLUMN z;
            CREATE INDEX ON t (a, id) WHERE a > 5;
            INSERT INTO t SELECT n, n * 10 FROM generate_series(1, 50) n
        """,
        twin="ALTER INDEX t_a_id_idx RENAME TO t_b_id_idx",
    ),
    # keys
    Shape(
        name="primary key",
        schema="CREATE TABLE t (a int PRIMARY KEY, note text); INSERT INTO t SELECT n FROM generate_series(1, 50) n",
        writes=(
            "INSERT INTO t ({column}, note) VALUES (51, 'old'), (52, 'old')",
            "INSERT INTO t ({column}, note) VALUES (53, 'new'), (54, 'new')",
            "UPDATE t SET {column} = {column} + 100 WHERE {column} > 45",
            "INSERT INTO t ({column}) VALUES (1), (55) ON CONFLICT ({column}) DO UPDATE SET note = 'upserted'",
            "DELETE FROM t WHERE {column} = 3",
        ),
        after=("INSERT INTO t ({column}) VALUES (56)",),
    ),
    Shape(
        name="primary key with a name, a comment, INCLUDE and deferral",
        schema="""
            CREATE TABLE t (a int, note text, CONSTRAINT the_key PRIMARY KEY (a) INCLUDE (note));
            CREATE TABLE u (a int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
            COMMENT ON CONSTRAINT the_key ON t IS 'the key''s comment'; COMMENT ON INDEX the_key IS 'the index''s';
            INSERT INTO t SELECT n FROM generate_series(1, 50) n; INSERT INTO u SELECT a FROM t
        """,
        renames=(Rename(), Rename(table="u", to="c")),
        writes=("UPDATE u SET {second} = {second} + 100",),
    ),
    Shape(
        name="part of a composite primary key",
        schema="""
            CREATE TABLE t (x int, a int, note text, PRIMARY KEY (x, a));
            INSERT INTO t SELECT n % 7, n FROM generate_series(1, 50) n
        """,
        writes=("UPDATE t SET {column} = {column} + 100 WHERE x = 1", "DELETE FROM t WHERE (x, {column}) = (2, 2)"),
    ),
    Shape(
        name="unique, deferrable and not",
        schema="""
            CREATE TABLE t (id int PRIMARY KEY, a int UNIQUE, x int,
                CONSTRAINT later UNIQUE (a, x) DEFERRABLE INITIALLY DEFERRED, UNIQUE (x, a) INCLUDE (id));
            COMMENT ON CONSTRAINT later ON t IS 'checked at commit';
            INSERT INTO t SELECT n, NULLIF(n, 50), n FROM generate_series(1, 50) n
        """,
        twin="""
            ALTER TABLE t RENAME CONSTRAINT t_a_key TO t_b_key;
            ALTER TABLE t RENAME CONSTRAINT t_x_a_id_key TO t_x_b_id_key
        """,
        writes=(
            "INSERT INTO t (id, {column}) VALUES (99, 1) ON CONFLICT ({column}) DO UPDATE SET x = -1",
            "INSERT INTO t (id, {column}) VALUES (99, 2) ON CONFLICT ({column}) DO UPDATE SET x = -2",
            "INSERT INTO t (id, {column}) VALUES (99, 2) ON CONFLICT DO NOTHING",
        ),
    ),
    Shape(
        name="unique, nulls not distinct",
        schema="CREATE TABLE t (id int PRIMARY KEY, a int UNIQUE NULLS NOT DISTINCT);" + ROWS,
        twin="ALTER TABLE t RENAME CONSTRAINT t_a_key TO t_b_key",
        writes=("UPDATE t SET {column} = NULL WHERE id = 5",),
        since=15,
    ),
    Shape(
        name="exclusion constraint",
        schema="""
            CREATE EXTENSION btree_gist;
            CREATE TABLE t (id int PRIMARY KEY, a int, during int4range, EXCLUDE USING gist (a WITH =, during WITH &&),
                CONSTRAINT apart EXCLUDE USING btree (a WITH =) WHERE (a > 100) DEFERRABLE);
            COMMENT ON CONSTRAINT apart ON t IS 'one each';
            INSERT INTO t SELECT n, n % 5, int4range(n, n + 1) FROM generate_series(1, 50) n
        """,
        twin="ALTER TABLE t RENAME CONSTRAINT t_a_during_excl TO t_b_during_excl",
        writes=("UPDATE t SET {column} = 200 WHERE id = 5", "UPDATE t SET {column} = 201 WHERE id = 6"),
    ),
    # foreign keys
    Shape(
        name="referenced by foreign keys",
        schema="""
            CREATE TABLE t (a int PRIMARY KEY, x int UNIQUE);
            CREATE TABLE cascading (id int, t int CONSTRAINT of_t REFERENCES t ON UPDATE CASCADE ON DELETE CASCADE);
            CREATE TABLE nulling (id int, a int DEFAULT 1 REFERENCES t ON UPDATE SET DEFAULT ON DELETE SET NULL);
            CREATE TABLE deferred (id int, t int REFERENCES t (a) DEFERRABLE INITIALLY DEFERRED);
            CREATE SCHEMA elsewhere;
            CREATE TABLE elsewhere."or der" (id int, t int REFERENCES t (a) ON DELETE RESTRICT DEFERRABLE);
            CREATE TABLE orphans (id int, t int);
            INSERT INTO t SELECT n, n FROM generate_series(1, 50) n;
            INSERT INTO cascading SELECT n, n FROM generate_series(2, 20) n;
            INSERT INTO nulling SELECT n, n FROM generate_series(2, 20) n;
            INSERT INTO deferred SELECT n, n FROM generate_series(30, 40) n;
            INSERT INTO orphans SELECT n, n FROM generate_series(41, 60) n;
            ALTER TABLE orphans ADD FOREIGN KEY (t) REFERENCES t NOT VALID;
            COMMENT ON CONSTRAINT of_t ON cascading IS 'follows t'
        """,
        writes=(
            "UPDATE t SET {column} = 100 WHERE {column} = 2",
            "UPDATE t SET {column} = 101 WHERE {column} = 3",
            "DELETE FROM t WHERE {column} = 4",
            "DELETE FROM t WHERE {column} = 5",
            "BEGIN; INSERT INTO deferred VALUES (1, 77); INSERT INTO t ({column}) VALUES (77); COMMIT",
            "BEGIN; INSERT INTO deferred VALUES (1, 78); INSERT INTO t ({column}) VALUES (78); COMMIT",
            "INSERT INTO nulling (id, a) VALUES (99, 6); DELETE FROM t WHERE {column} = 6",
        ),
        after=("UPDATE t SET {column} = 102 WHERE {column} = 7", "DELETE FROM t WHERE {column} = 8"),
    ),
    Shape(
        name="references other tables",
        schema="""
            CREATE TABLE parent (id int PRIMARY KEY, x int, UNIQUE (id, x));
            CREATE TABLE t (id int PRIMARY KEY, a int REFERENCES parent ON UPDATE CASCADE ON DELETE SET NULL, x int,
                CONSTRAINT whole FOREIGN KEY (a, x) REFERENCES parent (id, x) MATCH FULL ON UPDATE CASCADE
                    DEFERRABLE INITIALLY DEFERRED);
            INSERT INTO parent SELECT n, n FROM generate_series(0, 60) n;
            INSERT INTO t SELECT n, n, n FROM generate_series(1, 50) n; UPDATE t SET x = NULL, a = NULL WHERE id > 45
        """,
        twin="ALTER TABLE t RENAME CONSTRAINT t_a_fkey TO t_b_fkey",
        writes=(
            "UPDATE t SET {column} = 55, x = 55 WHERE id = 1",
            "UPDATE t SET {column} = 56, x = 56 WHERE id = 2",
            "UPDATE parent SET id = 1000 WHERE id = 3",
        ),
        after=("UPDATE parent SET id = 1001 WHERE id = 5",),
    ),
    Shape(
        name="on delete set null and default of some columns",
        schema="""
            CREATE TABLE parent (id int, x int, PRIMARY KEY (id, x));
            CREATE TABLE t (id int PRIMARY KEY, a int DEFAULT 0, x int,
                FOREIGN KEY (x, a) REFERENCES parent (id, x) ON DELETE SET NULL (a));
            INSERT INTO parent SELECT n, n FROM generate_series(0, 60) n;
            INSERT INTO t SELECT n, n, n FROM generate_series(1, 50) n
        """,
        twin="ALTER TABLE t RENAME CONSTRAINT t_x_a_fkey TO t_x_b_fkey",
        writes=("DELETE FROM parent WHERE id = 3",),
        after=("DELETE FROM parent WHERE id = 5",),
        since=15,
    ),
    Shape(
        name="self-reference, the referenced column",
        schema="""
            CREATE TABLE t (a int PRIMARY KEY, parent int REFERENCES t (a) ON UPDATE CASCADE ON DELETE SET NULL);
            INSERT INTO t SELECT n, NULLIF(n / 2, 0) FROM generate_series(1, 50) n
        """,
        writes=(
            "UPDATE t SET {column} = 100 WHERE {column} = 10",
            "UPDATE t SET {column} = 101 WHERE {column} = 11",
            "DELETE FROM t WHERE {column} = 12",
            "DELETE FROM t WHERE {column} = 13",
        ),
    ),
    Shape(
        name="self-reference, the referencing column",
        schema="""
            CREATE TABLE t (id int PRIMARY KEY, a int REFERENCES t ON UPDATE CASCADE ON DELETE SET NULL);
            INSERT INTO t SELECT n, NULLIF(n / 2, 0) FROM generate_series(1, 50) n
        """,
        twin="ALTER TABLE t RENAME CONSTRAINT t_a_fkey TO t_b_fkey",
        writes=("UPDATE t SET id = 100 WHERE id = 10", "DELETE FROM t WHERE id = 12"),
    ),
    Shape(
        name="self-reference, both columns",
        schema="""
            CREATE TABLE t (a int PRIMARY KEY, parent int REFERENCES t ON UPDATE CASCADE ON DELETE SET NULL);
            INSERT INTO t SELECT n, NULLIF(n / 2, 0) FROM generate_series(1, 50) n
        """,
        renames=(Rename(), Rename("parent", "boss")),
        twin="ALTER TABLE t RENAME CONSTRAINT t_parent_fkey TO t_boss_fkey",
        writes=(
            "UPDATE t SET {column} = 100 WHERE {column} = 10",
            "UPDATE t SET {column} = 101 WHERE {column} = 11",
            "UPDATE t SET {second} = 1 WHERE {second} = 4",
            "UPDATE t SET {second} = NULL WHERE {second} = 1",
            "DELETE FROM t WHERE {column} = 7",
        ),
    ),
    # numbers that come by themselves
    Shape(
        name="serial",
        schema="""
            CREATE TABLE t (a serial PRIMARY KEY, note text);
            INSERT INTO t (note) SELECT 'x' FROM generate_series(1, 50)
        """,
        writes=(
            "INSERT INTO t (note) VALUES ('old')",
            "INSERT INTO t (note) VALUES ('new')",
            # under its old name: whoever leaves the old column out draws a number, and leaves a gap
            "INSERT INTO t ({column}, note) VALUES (1000, 'old')",
        ),
        after=("INSERT INTO t (note) VALUES ('last')",),
    ),
    Shape(
        name="identity, always",
        schema="""
            CREATE TABLE t (a bigint GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 3 CACHE 2) PRIMARY KEY, note text);
            GRANT USAGE, SELECT ON SEQUENCE t_a_seq TO pg_monitor;
            INSERT INTO t (note) SELECT 'x' FROM generate_series(1, 50)
        """,
        writes=(
            "INSERT INTO t (note) VALUES ('old')",
            "INSERT INTO t (note) VALUES ('new')",
            "INSERT INTO t ({column}, note) OVERRIDING SYSTEM VALUE VALUES (-1, 'old')",
        ),
        after=("INSERT INTO t (note) VALUES ('last')",),
    ),
    Shape(
        name="identity, by default",
        schema="""
            CREATE TABLE t (id int,
                a smallint GENERATED BY DEFAULT AS IDENTITY (MINVALUE -5 START -5 MAXVALUE 900 CYCLE));
            INSERT INTO t SELECT n FROM generate_series(1, 50) n
        """,
        writes=(
            "INSERT INTO t (id) VALUES (51)",
            "INSERT INTO t (id) VALUES (52)",
            "INSERT INTO t (id, {column}) VALUES (53, 800)",
        ),
        after=("INSERT INTO t (id) VALUES (55)", "INSERT INTO t (id, {column}) VALUES (56, 0)"),
    ),
    Shape(
        name="identity that was never used",
        schema="CREATE TABLE t (id int PRIMARY KEY, a int GENERATED BY DEFAULT AS IDENTITY)",
        after=("INSERT INTO t (id) VALUES (1)",),
    ),
    # indexes
    Shape(
        name="indexes of every kind",
        schema="""
            CREATE EXTENSION pg_trgm;
            CREATE TABLE t (id int PRIMARY KEY, a text, x int);
            CREATE INDEX ON t (a DESC NULLS LAST, x);
            CREATE INDEX ON t (x NULLS FIRST) INCLUDE (a) WITH (fillfactor = 70);
            CREATE INDEX ON t (lower(a), (a || ' %s')) WHERE a <> 'x' AND x IS NOT NULL;
            CREATE INDEX by_pattern ON t (a text_pattern_ops);
            CREATE INDEX by_trigram ON t USING gin (a gin_trgm_ops) WITH (fastupdate = off);
            CREATE INDEX by_distance ON t USING gist (a gist_trgm_ops (siglen = 32));
            CREATE INDEX by_hash ON t USING hash (a);
            CREATE INDEX by_block ON t USING brin (a text_minmax_ops) WITH (pages_per_range = 8);
            CREATE UNIQUE INDEX once ON t (upper(a COLLATE "C")) WHERE x > 1000;
            CREATE INDEX only_where ON t (x) WHERE length(a) > 3;
            CREATE INDEX unrelated ON t (x);
            ALTER INDEX t_lower_expr_idx ALTER COLUMN 2 SET STATISTICS 500;
            COMMENT ON INDEX by_hash IS 'for "equality", 100 %';
            INSERT INTO t SELECT n, 'Value ' || n, n FROM generate_series(1, 50) n
        """,
        twin="ALTER INDEX t_a_x_idx RENAME TO t_b_x_idx; ALTER INDEX t_x_a_idx RENAME TO t_x_b_idx",
        writes=("UPDATE t SET {column} = 'changed' WHERE id = 3", "INSERT INTO t (id, {column}) VALUES (60, 'new')"),
    ),
    Shape(
        name="unique index with nulls not distinct, cluster and replica identity",
        schema="""
            CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL);
            CREATE UNIQUE INDEX t_identity ON t (a);
            CREATE INDEX t_order ON t (a DESC);
            ALTER TABLE t REPLICA IDENTITY USING INDEX t_identity, CLUSTER ON t_order;
        """
        + ROWS,
    ),
    Shape(
        name="primary key as replica identity by name, and clustered on",
        schema="""
            CREATE TABLE t (a int PRIMARY KEY, x int UNIQUE);
            ALTER TABLE t REPLICA IDENTITY USING INDEX t_pkey, CLUSTER ON t_pkey;
        """
        + ROWS,
    ),
    # what a column has
    Shape(
        name="every attribute of a column",
        schema="""
            CREATE TABLE t (id int PRIMARY KEY, a text COLLATE "POSIX" NOT NULL DEFAULT 'it''s 100 % default');
            ALTER TABLE t ALTER COLUMN a SET STORAGE EXTERNAL, ALTER COLUMN a SET COMPRESSION pglz,
                ALTER COLUMN a SET STATISTICS 250, ALTER COLUMN a SET (n_distinct = -0.5, n_distinct_inherited = 7);
            COMMENT ON COLUMN t.a IS 'one''s "own" 100 % comment';
            GRANT SELECT (a), UPDATE (a) ON t TO pg_monitor WITH GRANT OPTION; GRANT INSERT (a) ON t TO PUBLIC;
            GRANT SELECT ON t TO pg_monitor;
            INSERT INTO t SELECT n, repeat('long', 2000) FROM generate_series(1, 20) n
        """,
        writes=(
            "INSERT INTO t (id) VALUES (51)",
            "INSERT INTO t (id) VALUES (52)",
            "INSERT INTO t (id, {column}) VALUES (53, 'old')",
            "INSERT INTO t (id, {column}) VALUES (54, 'new')",
            "UPDATE t SET {column} = DEFAULT WHERE id = 3",
        ),
        after=("INSERT INTO t (id) VALUES (55)",),
    ),
    Shape(
        name="nullable with a default",
        schema="CREATE TABLE t (id int PRIMARY KEY, a int DEFAULT 7);" + ROWS,
        writes=(
            "INSERT INTO t (id, {column}) VALUES (60, NULL)",
            "INSERT INTO t (id, {column}) VALUES (61, 1)",
            "UPDATE t SET {column} = NULL WHERE id = 3",
            "UPDATE t SET {column} = NULL WHERE id = 4",
        ),
        after=("INSERT INTO t (id) VALUES (62)", "INSERT INTO t (id, {column}) VALUES (63, NULL)"),
    ),
    Shape(
        name="not null and checks",
        schema="""
            CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL CHECK (a > 0), x int DEFAULT 0,
                CONSTRAINT "both" CHECK (a > x), CONSTRAINT one CHECK (a <> 1000 OR a IS NULL) NO INHERIT);
            ALTER TABLE t ADD CONSTRAINT newer CHECK (a < 9999) NOT VALID;
            COMMENT ON CONSTRAINT "both" ON t IS 'between them';
        """
        + ROWS,
        twin="ALTER TABLE t RENAME CONSTRAINT t_a_check TO t_b_check",
        writes=("UPDATE t SET {column} = 5 WHERE id = 3", "UPDATE t SET {column} = 6, x = 5 WHERE id = 4"),
    ),
    Shape(
        name="not null and checks as PostgreSQL 18 has them",
        schema="""
            CREATE TABLE t (id int PRIMARY KEY, a int CONSTRAINT must NOT NULL, c int);
            ALTER TABLE t ADD CONSTRAINT c_is_there NOT NULL c NOT VALID,
                ADD CONSTRAINT idle CHECK (c > 0) NOT ENFORCED;
            COMMENT ON CONSTRAINT must ON t IS 'since 18';
            INSERT INTO t SELECT n, n, n FROM generate_series(1, 50) n
        """,
        renames=(Rename(), Rename("c", "d")),
        twin="ALTER TABLE t RENAME CONSTRAINT c_is_there TO d_is_there",
        writes=("UPDATE t SET {second} = -1 WHERE id = 3", "UPDATE t SET {second} = -1 WHERE id = 4"),
        since=18,
    ),
    Shape(
        name="extended statistics",
        schema="""
            CREATE TABLE t (id int PRIMARY KEY, a int, x int);
            CREATE STATISTICS t_a_x_stat (ndistinct, mcv) ON a, x FROM t; CREATE STATISTICS whole ON x, a, id FROM t;
            CREATE STATISTICS computed ON (a * 2) FROM t;
            CREATE STATISTICS mixed (dependencies) ON x, (a + x), a FROM t;
            ALTER STATISTICS whole SET STATISTICS 300; COMMENT ON STATISTICS whole IS 'all of "them"';
        """
        + ROWS,
        twin="ALTER STATISTICS t_a_x_stat RENAME TO t_b_x_stat",
    ),
    Shape(
        name="triggers of the application",
        schema="""
            CREATE TABLE t (id int PRIMARY KEY, a int, version int NOT NULL DEFAULT 0);
            CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql
                AS 'BEGIN NEW.version := NEW.version + 1; RETURN NEW; END';
            CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch();
        """
        + ROWS,
        writes=("UPDATE t SET {column} = 5 WHERE id = 3", "UPDATE t SET {column} = 6 WHERE id IN (3, 4)"),
    ),
    # types
    Shape(
        name="numeric, equal and yet another value",
        schema="""
            CREATE TABLE t (id int PRIMARY KEY, a numeric UNIQUE);
            INSERT INTO t SELECT n, (n || '.0')::numeric FROM generate_series(1, 50) n
        """,
        twin="ALTER TABLE t RENAME CONSTRAINT t_a_key TO t_b_key",
        writes=("UPDATE t SET {column} = 1.00 WHERE id = 1", "UPDATE t SET {column} = 2.000 WHERE id = 2"),
    ),
    Shape(
        name="citext, equal and yet another value",
        schema="""
            CREATE EXTENSION citext;
            CREATE TABLE t (id int PRIMARY KEY, a citext UNIQUE);
            INSERT INTO t SELECT n, 'Value ' || n FROM generate_series(1, 50) n
        """,
        twin="ALTER TABLE t RENAME CONSTRAINT t_a_key TO t_b_key",
        writes=(
            "UPDATE t SET {column} = upper({column}) WHERE id = 1",
            "UPDATE t SET {column} = lower({column}) WHERE id = 2",
            """INSERT INTO t (id, {column}) VALUES (60, 'VALUE 3')
                ON CONFLICT ({column}) DO UPDATE SET {column} = excluded.{column}""",
        ),
    ),
    Shape(
        name="json, which has no equality",
        schema="""
            CREATE TABLE t (id int PRIMARY KEY, a json NOT NULL, CHECK (a ->> 'n' <> '999'));
            CREATE INDEX ON t ((a ->> 'n'));
            INSERT INTO t SELECT n, format('{"n":  %s, "n": %s}', n, n)::json FROM generate_series(1, 50) n
        """,
        twin="ALTER TABLE t RENAME CONSTRAINT t_a_check TO t_b_check",
        writes=("UPDATE t SET {column} = '[]' WHERE id = 1", "UPDATE t SET {column} = '[ ]' WHERE id IN (1, 2)"),
    ),
    Shape(
        name="composite type with null fields",
        schema="""
            CREATE TYPE pair AS (x int, y text); CREATE TABLE t (id int PRIMARY KEY, a pair);
            INSERT INTO t SELECT n, CASE n % 3 WHEN 0 THEN ROW(n, 'y')::pair WHEN 1 THEN ROW(NULL, NULL)::pair END
            FROM generate_series(1, 50) n; CREATE INDEX ON t (((a).x))
        """,
        writes=(
            "UPDATE t SET {column} = ROW(NULL, NULL)::pair WHERE id = 3",
            "UPDATE t SET {column} = ROW(NULL, NULL)::pair WHERE id = 6",
            "UPDATE t SET {column} = NULL WHERE id = 1",
            "UPDATE t SET {column}.y = 'new' WHERE id = 9",
            "INSERT INTO t (id, {column}) VALUES (60, ROW(NULL, NULL))",
            "INSERT INTO t (id, {column}) VALUES (61, ROW(NULL, NULL))",
        ),
    ),
    Shape(
        name="enum, array, domain",
        schema="""
            CREATE TYPE mood AS ENUM ('good', 'so so'); CREATE DOMAIN label AS varchar(20) COLLATE "C";
            CREATE TABLE t (id int PRIMARY KEY, a mood[] DEFAULT '{good}', c label NOT NULL);
            CREATE INDEX ON t USING gin (a); CREATE INDEX ON t (c varchar_pattern_ops);
            INSERT INTO t SELECT n, ARRAY['so so'::mood], n FROM generate_series(1, 50) n
        """,
        renames=(Rename(), Rename("c", "d")),
        twin="ALTER INDEX t_a_idx RENAME TO t_b_idx; ALTER INDEX t_c_idx RENAME TO t_d_idx",
        writes=(
            "UPDATE t SET {column} = NULL, {second} = 'old' WHERE id = 1",
            "UPDATE t SET {column}[2] = 'good', {second} = 'new' WHERE id = 2",
        ),
    ),
    Shape(
        name="types with a length, a scale, a zone",
        schema="""
            CREATE TABLE t (id int PRIMARY KEY, a varchar(12), c numeric(10, 3) DEFAULT 0.500);
            CREATE INDEX ON t (a, c);
            INSERT INTO t SELECT n, n, n FROM generate_series(1, 50) n
        """,
        renames=(Rename(), Rename("c", "d")),
        twin="ALTER INDEX t_a_c_idx RENAME TO t_b_d_idx",
        writes=(
            "UPDATE t SET {column} = 'x', {second} = 1.5 WHERE id = 1",
            "UPDATE t SET {second} = NULL WHERE id = 2",
        ),
        after=("INSERT INTO t (id) VALUES (60)",),
    ),
    # names
    Shape(
        name="names that need quotes",
        schema="""
            CREATE SCHEMA "My %schema";
            CREATE TABLE "My %schema"."order" (
                "User" int PRIMARY KEY, "we""ird%1" text NOT NULL DEFAULT '%s', "x y" int);
            CREATE INDEX "an ""index" ON "My %schema"."order" (lower("we""ird%1")) WHERE "we""ird%1" <> '%';
            ALTER TABLE "My %schema"."order" ADD CONSTRAINT "che""ck%" CHECK ("we""ird%1" <> '%d'),
                ADD CONSTRAINT "u%n" UNIQUE ("we""ird%1", "x y");
            CREATE STATISTICS "My %schema"."sta%ts" ON "we""ird%1", "x y" FROM "My %schema"."order";
            CREATE TABLE "My %schema"."group" ("we""ird%1" text, "x y" int,
                CONSTRAINT "fo%r" FOREIGN KEY ("we""ird%1", "x y")
                REFERENCES "My %schema"."order" ("we""ird%1", "x y") ON UPDATE CASCADE);
            COMMENT ON COLUMN "My %schema"."order"."we""ird%1" IS '%s "quoted" \\ comment';
            INSERT INTO "My %schema"."order" SELECT n, 'Value % ' || n, n FROM generate_series(1, 50) n;
            INSERT INTO "My %schema"."group" SELECT "we""ird%1", "x y" FROM "My %schema"."order" LIMIT 20
        """,
        renames=(Rename('we"ird%1', "SELECT", "order", "My %schema"),),
        writes=(
            """UPDATE "My %schema"."order" SET {column} = '100 %' WHERE "User" = 1""",
            """UPDATE "My %schema"."order" SET {column} = '"%s"' WHERE "User" = 2""",
        ),
        after=("""INSERT INTO "My %schema"."order" ("User") VALUES (99)""",),
    ),
    Shape(
        name="names of 63 bytes",
        schema=f"""
            CREATE TABLE {"t" * 63} (id int PRIMARY KEY, {"a" * 63} int NOT NULL UNIQUE CHECK ({"a" * 63} > 0));
            CREATE INDEX {"i" * 63} ON {"t" * 63} ({"a" * 63});
            CREATE INDEX {"j" * 59}_{"k" * 3} ON {"t" * 63} ({"a" * 63} DESC);
            CREATE TABLE child (t int CONSTRAINT {"c" * 63} REFERENCES {"t" * 63} ({"a" * 63}));
            INSERT INTO {"t" * 63} SELECT n, n FROM generate_series(1, 50) n
        """,
        renames=(Rename("a" * 63, "ä" * 31 + "b", "t" * 63),),
        writes=(f"UPDATE {'t' * 63} SET {{column}} = 99 WHERE id = 1",),
    ),
    Shape(
        name="names that are taken",
        schema="""
            CREATE TABLE t (id int PRIMARY KEY, a int UNIQUE); CREATE INDEX ON t (a); CREATE INDEX t_b_idx ON t (id);
            CREATE TABLE t_b_key ();
        """
        + ROWS,
    ),
    # several at once
    Shape(
        name="two columns of one table",
        schema="""
            CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, c text, UNIQUE (a, c), CHECK (a > length(c)));
            CREATE INDEX ON t (c, a) WHERE a > 0; CREATE INDEX ON t (c); CREATE STATISTICS pair ON a, c FROM t;
            INSERT INTO t SELECT n, n * 10, 'x' FROM generate_series(1, 50) n
        """,
        renames=(Rename(), Rename("c", "d")),
        twin="""
            ALTER TABLE t RENAME CONSTRAINT t_a_c_key TO t_b_d_key; ALTER INDEX t_c_a_idx RENAME TO t_d_b_idx;
            ALTER INDEX t_c_idx RENAME TO t_d_idx
        """,
        writes=(
            "UPDATE t SET {column} = 505 WHERE id = 1",
            "UPDATE t SET {second} = 'xy' WHERE id = 1",
            "UPDATE t SET {column} = 506, {second} = NULL WHERE id = 2",
            "UPDATE t SET {column} = 507, {second} = NULL WHERE id = 3",
        ),
    ),
    Shape(
        name="two tables",
        schema="CREATE TABLE u (c int PRIMARY KEY); INSERT INTO u SELECT n FROM generate_series(1, 50) n;" + INTS,
        renames=(Rename(), Rename("c", "d", "u")),
        writes=("UPDATE t SET {column} = 5 WHERE id = 1", "UPDATE u SET {second} = 500 WHERE {second} = 1"),
    ),
)
