"""Schemas and plans that nobody would think of; each change comes with what PostgreSQL would be told in one go."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, LiteralString, TypeVar
from uuid import UUID

import yaml
from hypothesis import assume
from hypothesis import strategies as st
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from phases import names
from phases.step import Phase

T = TypeVar("T")

NAMES = (
    "a",
    "b",
    "city",
    "old",
    "new",
    "order",
    "SELECT",
    "tg_op",
    "found",
    "orchestrator",
    'we"ird%1',
    "%(name)s",
    "it's",
    "semi;--",
    "back\\slash",
    "two words",
    "Mixed",
    "ünïcødé ☃",
    "-dash-",
    "{brace}",
    "$1",
    "x" * 63,
    "é" * 31,
    "_",
    *(f"name_{number}" for number in range(20)),
)
SCHEMAS = ("public", "My %schema")
ROWS = (0, 3, 40)


@dataclass(frozen=True, kw_only=True)
class Enum:
    """A type that is there for every schema."""

    schema: str
    name: str
    type: LiteralString
    """As format_type() prints it."""
    labels: tuple[str, ...]

    @property
    def display(self) -> str:
        """As a plan names it."""
        return f"{self.schema}.{self.name}"

    @property
    def array(self) -> str:
        return f"{self.type}[]"

    @property
    def sql(self) -> Identifier:
        return Identifier(self.schema, self.name)

    def label(self, n: int) -> str:
        return self.labels[n % len(self.labels)]

    def array_of(self, n: int) -> str:
        return f'{{"{self.label(n)}"}}'

    @property
    def statements(self) -> Iterator[str]:
        yield written("CREATE TYPE {} AS ENUM ({})", self.sql, SQL(", ").join(map(Literal, self.labels)))
        yield written("COMMENT ON TYPE {} IS '100 %'", self.sql)


ENUMS = (
    Enum(schema="public", name="mood", type="mood", labels=("sad", "it's %s", "glad")),
    Enum(
        schema="My %schema",
        name='mo"od%1',
        type='"My %schema"."mo""od%1"',
        labels=("sad", "ünïcødé ☃", "a,b", "two words"),
    ),
)


def _day(n: int) -> str:
    return str(date(2024, 1, 1) + timedelta(days=n % 9000))


LITERALS: Mapping[str, Callable[[int], str]] = {
    "integer": str,
    "bigint": str,
    "numeric(10,2)": lambda n: f"{n}.25",
    "numeric(14,4)": lambda n: f"{n}.1250",
    "numeric(20,0)": str,
    "double precision": lambda n: f"{n}.5",
    "text": lambda n: f"v{n} it's %s ☃",
    "character varying(20)": lambda n: f"s{n}",
    "character varying(30)": lambda n: f"w{n}",
    "character varying(60)": lambda n: f"l{n}",
    "boolean": lambda n: "true" if n % 2 else "false",
    "date": _day,
    "timestamp without time zone": lambda n: f"{_day(n)} 12:00:00",
    "timestamp with time zone": lambda n: f"{_day(n)} 12:00:00+00",
    "jsonb": lambda n: f'{{"n": {n}}}',
    "integer[]": lambda n: f"{{{n},{n + 1}}}",
    "bigint[]": lambda n: f"{{{n},{n + 1}}}",
    "uuid": lambda n: str(UUID(int=n)),
    **{enum.type: enum.label for enum in ENUMS},
    **{enum.array: enum.array_of for enum in ENUMS},
}
"""By the type as format_type() prints it: the n-th value, another one for each n where the type has enough of them."""
TYPES = (
    "integer",
    "integer",
    "bigint",
    "text",
    "text",
    "character varying(30)",
    "numeric(10,2)",
    "boolean",
    "date",
    "timestamp with time zone",
    "jsonb",
    "integer[]",
    "uuid",
    *(enum.type for enum in ENUMS),
    ENUMS[0].array,
)
FEW = ("boolean", *(type_ for enum in ENUMS for type_ in (enum.type, enum.array)))
"""Types whose values are too few for a key."""
CONDITIONS: Mapping[str, LiteralString] = {
    "integer": "{} >= 0",
    "bigint": "{} % 2 >= 0",
    "text": "{} <> ''",
    "character varying(30)": "length({}) < 25",
    "numeric(10,2)": "{} > -1",
    "boolean": "{} IN (true, false)",
    "date": "{} > '1999-01-01'",
    "jsonb": "{} <> 'null'",
    **{enum.type: "{} >= 'sad'" for enum in ENUMS},
}
"""What all of our values keep."""
EXPRESSIONS: Mapping[str, LiteralString] = {
    "integer": "({} + 1)",
    "bigint": "({} % 10)",
    "text": "lower({})",
    "character varying(30)": "upper({})",
    "numeric(10,2)": "abs({})",
    "jsonb": "({} -> 'n')",
    "date": "({} + 1)",
}
CONVERSIONS: Mapping[str, Sequence[tuple[str, LiteralString | None, LiteralString | None]]] = {
    "integer": (("bigint", None, None), ("numeric(14,4)", None, None), ("text", None, None)),
    "bigint": (("numeric(20,0)", None, None), ("text", None, None)),
    "text": (("character varying(60)", None, None), ("jsonb", "to_jsonb({})", "{} #>> '{{}}'")),
    "character varying(30)": (("text", None, None), ("character varying(60)", None, None)),
    "numeric(10,2)": (("numeric(14,4)", None, None), ("double precision", None, None)),
    "boolean": (("integer", "{}::integer", "{}::boolean"), ("text", None, None)),
    "date": (("timestamp without time zone", None, None),),
    "timestamp with time zone": (("timestamp without time zone", "{} AT TIME ZONE 'UTC'", "{} AT TIME ZONE 'UTC'"),),
    "jsonb": (("text", None, None),),
    "integer[]": (("bigint[]", None, None),),
    "uuid": (("text", None, None),),
    **{enum.type: (("text", None, None),) for enum in ENUMS},
}
"""To which type, and by which expressions; None: by a cast."""
TEXTS = ("text",)


def written(template: LiteralString, *parts: str | Composable) -> str:
    """SQL as an author writes it; a text is a name, and quoted."""
    return composed(template, *parts).as_string(None)


def composed(template: LiteralString, *parts: str | Composable) -> Composed:
    return SQL(template).format(*(Identifier(part) if isinstance(part, str) else part for part in parts))


def listed(names: Iterable[str]) -> Composed:
    return SQL(", ").join(map(Identifier, names))


def value(type_: str, n: int) -> Composed:
    return composed("CAST({} AS {})", Literal(LITERALS[type_](n)), SQL(type_))


@dataclass(frozen=True, kw_only=True)
class Column:
    name: str
    type: str
    not_null: bool = False
    default: bool = False
    identity: str = ""
    comment: bool = False
    granted: bool = False

    @property
    def ddl(self) -> Composed:
        return composed(
            "{} {}{}{}{}",
            self.name,
            SQL(self.type),
            composed(" DEFAULT {}", value(self.type, 0)) if self.default else SQL(""),
            composed(" GENERATED {} AS IDENTITY", SQL(self.identity)) if self.identity else SQL(""),
            SQL(" NOT NULL" if self.not_null else ""),
        )


@dataclass(frozen=True, kw_only=True)
class Object:
    """An index or a constraint."""

    name: str
    kind: str
    columns: tuple[str, ...]
    definition: Composed
    """What follows its name and that of its table."""


@dataclass(frozen=True, kw_only=True)
class Table:
    schema: str
    name: str
    columns: tuple[Column, ...]
    objects: tuple[Object, ...] = ()
    comment: bool = False
    rows: int = 0

    @property
    def display(self) -> str:
        """As a plan names it."""
        return f"{self.schema}.{self.name}"

    @property
    def sql(self) -> Identifier:
        return Identifier(self.schema, self.name)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def key(self) -> tuple[str, ...] | None:
        """Columns to which a foreign key can refer."""
        return next((each.columns for each in self.objects if each.kind in ("PRIMARY KEY", "UNIQUE")), None)

    @property
    def ddl(self) -> Composed:
        return composed("CREATE TABLE {} ({})", self.sql, SQL(", ").join(column.ddl for column in self.columns))

    @property
    def statements(self) -> Iterator[str]:
        yield self.ddl.as_string(None)
        given = [column for column in self.columns if not column.identity]
        for number in range(1, self.rows + 1):
            values = SQL(", ").join(self._value(column, number) for column in given)
            yield written("INSERT INTO {} ({}) VALUES ({})", self.sql, listed(c.name for c in given), values)
        yield from self.dressing

    @property
    def dressing(self) -> Iterator[str]:
        """What hangs on the table and its columns."""
        for each in self.objects:
            yield written(ADD[each.kind], self.sql, each.name, each.definition)
        for column in self.columns:
            if column.comment:
                name = Identifier(self.schema, self.name, column.name)
                yield written("COMMENT ON COLUMN {} IS 'it''s 100 %'", name)
            if column.granted:
                yield written("GRANT SELECT ({}) ON {} TO pg_monitor", column.name, self.sql)
        if self.comment:
            yield written("COMMENT ON TABLE {} IS '%s'", self.sql)

    def _value(self, column: Column, number: int) -> Composable:
        keys = {name for each in self.objects if each.kind == "PRIMARY KEY" for name in each.columns}
        null = number % 3 == 0 and not column.not_null and column.name not in keys
        return SQL("NULL") if null else value(column.type, number)


_CONSTRAINT = "ALTER TABLE {0} ADD CONSTRAINT {1} {2}"
ADD: Mapping[str, LiteralString] = {
    "INDEX": "CREATE INDEX {1} ON {0} {2}",
    "UNIQUE INDEX": "CREATE UNIQUE INDEX {1} ON {0} {2}",
    **dict.fromkeys(("PRIMARY KEY", "UNIQUE", "CHECK", "FOREIGN KEY"), _CONSTRAINT),
}


@dataclass(frozen=True, kw_only=True)
class Invented:
    """A change, and what PostgreSQL is told to do in its place."""

    change: Mapping[str, Any]
    naive: tuple[str, ...]
    last: bool = False
    """What goes or gets another name, when all else is done."""
    tightens: Phase | None = None
    """From here on older code may be refused what it was allowed."""
    loosens: bool = False
    """Older code may be allowed from expand on what it was refused; newer code is not allowed it before contract."""
    unties: bool = False
    """Rows that used to go with others stay."""
    renames: tuple[tuple[str, str, str], ...] = ()
    """Table, and the old and the new name of a column: names of what hangs on it follow."""
    altered: frozenset[tuple[str, str]] = frozenset()
    """Columns in which older code may find something else than without the plan: by table and name."""
    arbitrary: frozenset[tuple[str, str]] = frozenset()
    """Columns whose values cannot be foretold."""
    given: frozenset[tuple[str, str]] = frozenset()
    """Columns in which a null of newer code becomes a value."""
    sources: frozenset[tuple[str, str]] = frozenset()
    """Columns from which new ones are computed until contract, whichever version writes them without the new ones."""
    late: frozenset[tuple[str, str]] = frozenset()
    """Columns in which newer code may find something else before contract."""
    defaults: frozenset[tuple[str, str]] = frozenset()
    """Columns whose defaults may be written in more than one way."""
    partitions: frozenset[str] = frozenset()
    """Tables that are partitions; what hangs on them has names of PostgreSQL's choice."""
    stays: tuple[str, ...] = ()
    """What no abort takes back once constrain is done; it may be told twice."""
    begins: tuple[str, ...] = ()
    """What newer code does first, on both databases."""
    needs: tuple[str, ...] = ()
    """What the schema has for it, besides the tables."""


@dataclass(frozen=True)
class Invention:
    """A schema and a plan for it."""

    tables: tuple[Table, ...]
    changes: tuple[Invented, ...]

    @property
    def schema(self) -> str:
        schemas = (written("CREATE SCHEMA IF NOT EXISTS {}", schema) for schema in SCHEMAS)
        types = (each for enum in ENUMS for each in enum.statements)
        statements = [*schemas, *types, *(each for table in self.tables for each in table.statements)]
        statements += [each for change in self.changes for each in change.needs]
        return "".join(f"{statement};\n" for statement in statements)

    @property
    def plan(self) -> str:
        data = {"name": "invented", "release": "2.4", "changes": [dict(each.change) for each in self.changes]}
        return yaml.safe_dump(data, allow_unicode=True, sort_keys=False)

    @property
    def naive(self) -> Sequence[str]:
        return [each for change in sorted(self.changes, key=lambda change: change.last) for each in change.naive]

    @property
    def names(self) -> frozenset[str]:
        """All that a refusal may name."""
        found = {name for table in self.tables for name in (table.name, table.display)}
        found |= {column.name for table in self.tables for column in table.columns}
        found |= {each.name for table in self.tables for each in table.objects}
        return frozenset(found | set(_texts([each.change for each in self.changes])))

    def __str__(self) -> str:
        """What it takes to make a case of it."""
        naive = "".join(f"{each};\n" for each in self.naive)
        return f"-- schema.sql\n{self.schema}\n# plan.yaml\n{self.plan}\n-- in its place\n{naive}"


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts([*value.keys(), *value.values()])
    elif isinstance(value, Sequence):
        for each in value:
            yield from _texts(each)


class Names:
    """Names that nothing has yet."""

    def __init__(self, draw: st.DrawFn, taken: Iterable[str]) -> None:
        self._draw = draw
        self._taken = set(taken)

    def one(self) -> str:
        name = self._draw(st.sampled_from([name for name in NAMES if name not in self._taken]))
        self._taken.add(name)
        return name


# schemas


@st.composite
def schemas(draw: st.DrawFn) -> tuple[Table, ...]:
    """One table or two, of which the second may refer to the first."""
    schema = draw(st.sampled_from(SCHEMAS))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True))
    # names of indexes and tables share one space
    free = Names(draw, names)
    found: list[Table] = []
    for name in names:
        table = Table(
            schema=schema,
            name=name,
            columns=tuple(_columns(draw)),
            comment=draw(st.booleans()),
            # whatever refers to a row by its number finds it
            rows=min([draw(st.sampled_from(ROWS)), *(each.rows for each in found)]),
        )
        found.append(replace(table, objects=tuple(_objects(draw, table, found, free))))
    return tuple(found)


def _columns(draw: st.DrawFn) -> Iterator[Column]:
    """The first one can be a key."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=6, unique=True))
    type_ = draw(st.sampled_from(("integer", "bigint", "text")))
    identity = draw(st.sampled_from(("", "", "ALWAYS", "BY DEFAULT"))) if type_ != "text" else ""
    yield Column(name=names[0], type=type_, not_null=True, identity=identity)
    for name in names[1:]:
        yield Column(
            name=name,
            type=draw(st.sampled_from(TYPES)),
            not_null=draw(st.booleans()),
            default=draw(st.booleans()),
            comment=draw(st.booleans()),
            granted=draw(st.booleans()),
        )


def _objects(draw: st.DrawFn, table: Table, others: Sequence[Table], free: Names) -> Iterator[Object]:
    first, second = table.columns[:2]
    match draw(st.sampled_from(("primary", "primary", "composite", "unique", "none"))):
        case "composite" if second.not_null and not second.default:
            yield _key(free.one(), "PRIMARY KEY", first.name, second.name)
        case "primary" | "composite":
            yield _key(free.one(), "PRIMARY KEY", first.name)
        case "unique":
            yield _key(free.one(), "UNIQUE", first.name)
    for column in table.columns[1:]:
        match draw(st.sampled_from(OBJECTS)):
            case "check" if column.type in CONDITIONS:
                definition = composed("CHECK ({})", composed(CONDITIONS[column.type], column.name))
                yield Object(name=free.one(), kind="CHECK", columns=(column.name,), definition=definition)
            case "unique" if column.type not in FEW and not column.default:
                yield _key(free.one(), "UNIQUE", column.name)
            case "index":
                yield _index(free.one(), "({} DESC, {})", column.name, first.name)
            case "expression" if column.type in EXPRESSIONS:
                definition = composed("({})", composed(EXPRESSIONS[column.type], column.name))
                yield Object(name=free.one(), kind="INDEX", columns=(column.name,), definition=definition)
            case "partial":
                yield _index(free.one(), "({1}) WHERE {0} IS NOT NULL", column.name, first.name)
            case "covering":
                yield _index(free.one(), "({}) INCLUDE ({})", first.name, column.name)
            case "refer":
                for other in others:
                    if _refers(column, other):
                        assert other.key is not None
                        yield _foreign_key(free.one(), column.name, other, other.key[0], "CASCADE")


OBJECTS = ("nothing", "check", "unique", "index", "expression", "partial", "covering", "refer", "refer")


def _refers(column: Column, other: Table) -> bool:
    """Whether the column can refer to the key of the other table."""
    key = other.key
    return key is not None and len(key) == 1 and other.column(key[0]).type == column.type and not column.default


def _key(name: str, kind: str, *columns: str) -> Object:
    return Object(name=name, kind=kind, columns=columns, definition=composed("{} ({})", SQL(kind), listed(columns)))


def _index(name: str, template: LiteralString, *columns: str) -> Object:
    return Object(name=name, kind="INDEX", columns=columns, definition=composed(template, *columns))


def _foreign_key(name: str, column: str, other: Table, key: str, action: str) -> Object:
    definition = composed("FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {}", column, other.sql, key, SQL(action))
    return Object(name=name, kind="FOREIGN KEY", columns=(column,), definition=definition)


# changes


class World:
    """What is left to be changed."""

    def __init__(self, draw: st.DrawFn, tables: tuple[Table, ...]) -> None:
        self.draw = draw
        self.tables = tables
        self.relations = Names(draw, [n for t in tables for n in (t.name, *(each.name for each in t.objects))])
        self._columns = {table.name: list(table.columns) for table in tables}
        self._objects = {table.name: list(table.objects) for table in tables}
        self._names = {table.name: Names(draw, [column.name for column in table.columns]) for table in tables}
        self._enums = list(ENUMS)

    def flip(self) -> bool:
        return self.draw(st.booleans())

    def one(self, *things: T) -> T:
        return self.draw(st.sampled_from(things))

    def column(self, table: Table, fits: Callable[[Column], bool] = lambda column: True) -> Column:
        """A column that no other change is about."""
        free = [column for column in self._columns[table.name] if fits(column)]
        assume(free)
        column = self.one(*free)
        self._columns[table.name].remove(column)
        return column

    def object(self, table: Table, *kinds: str) -> Object:
        """An index or a constraint that no other change is about."""
        free = [each for each in self._objects[table.name] if each.kind in kinds]
        assume(free)
        found = self.one(*free)
        self._objects[table.name].remove(found)
        return found

    def enum(self, table: Table) -> Enum:
        """An enum of the table's that no other change is about."""
        types = {column.type for column in table.columns}
        free = [enum for enum in self._enums if types & {enum.type, enum.array}]
        assume(free)
        enum = self.one(*free)
        self._enums.remove(enum)
        return enum

    def users(self, enum: Enum) -> list[tuple[Table, Column]]:
        """All columns of the enum, if no other change is about one of them."""
        found = [(table, c) for table in self.tables for c in table.columns if c.type in (enum.type, enum.array)]
        assume(all(column in self._columns[table.name] for table, column in found))
        for table, column in found:
            self._columns[table.name].remove(column)
        return found

    def key(self, table: Table) -> Column:
        """The one column that tells a row, if no other change is about it."""
        return self.column(table, lambda column: (column.name,) == table.key)

    def new_column(self, table: Table) -> str:
        return self._names[table.name].one()


def _rename_column(world: World, table: Table) -> Invented:
    column, to = world.column(table), world.new_column(table)
    return Invented(
        change={"kind": "rename_column", "table": table.display, "from": column.name, "to": to},
        naive=(written("ALTER TABLE {} RENAME COLUMN {} TO {}", table.sql, column.name, to),),
        renames=((table.display, column.name, to),),
    )


def _change_type(world: World, table: Table) -> Invented:
    column = world.column(table, lambda column: column.type in CONVERSIONS)
    type_, up, down = world.one(*CONVERSIONS[column.type])
    to = world.new_column(table) if world.one(True, False, False) else None
    change: dict[str, Any] = {"kind": "change_type", "table": table.display, "column": column.name, "type": type_}
    if up is not None and down is not None:
        change |= {"up": written(up, column.name), "down": written(down, to or column.name)}
    using = composed(up or "CAST({} AS {})", column.name, SQL(type_))
    alter = composed("ALTER TABLE {} ALTER {}", table.sql, column.name)
    naive = [written("{} TYPE {} USING {}", alter, SQL(type_), using)]
    if column.default:
        default = composed("CAST({} AS {})", value(column.type, 0), SQL(type_))
        naive = [written("{} DROP DEFAULT", alter), *naive, written("{} SET DEFAULT {}", alter, default)]
    if to is not None:
        change["to"] = to
        naive.append(written("ALTER TABLE {} RENAME COLUMN {} TO {}", table.sql, column.name, to))
    return Invented(
        change=change,
        naive=tuple(naive),
        tightens=Phase.DUAL_WRITE,
        loosens=type_ == "text",  # any text fits, and `down` makes no uuid of it
        renames=((table.display, column.name, to),) if to is not None else (),
        altered=frozenset({(table.display, column.name)}),
        defaults=frozenset({(table.display, to or column.name)}),
    )


def _split_column(world: World, table: Table) -> Invented:
    column = world.column(table, lambda column: column.type in TEXTS)
    one, two = world.new_column(table), world.new_column(table)
    ups = (
        written("split_part({}, ' ', 1)", column.name),
        written("NULLIF(split_part({}, ' ', 2), '')", column.name),
    )
    down = written("{} || COALESCE(' ' || {}, '')", one, two)
    not_null = column.not_null and world.flip()
    add = "ALTER TABLE {} ADD COLUMN {} text, ADD COLUMN {} text"
    require = written("ALTER TABLE {} ALTER {} SET NOT NULL", table.sql, one)
    return Invented(
        change={
            "kind": "split_column",
            "table": table.display,
            "from": column.name,
            "to": {one: {"type": "text", "up": ups[0], "not_null": not_null}, two: {"type": "text", "up": ups[1]}},
            "down": down,
        },
        naive=(
            written(add, table.sql, one, two),
            written("UPDATE {} SET {} = {}, {} = {}", table.sql, one, SQL(ups[0]), two, SQL(ups[1])),
            *([require] if not_null else []),
            written("ALTER TABLE {} DROP COLUMN {}", table.sql, column.name),
        ),
        tightens=Phase.CONSTRAIN if not_null else None,
    )


def _merge_columns(world: World, table: Table) -> Invented:
    one = world.column(table, lambda column: column.type in TEXTS)
    two = world.column(table, lambda column: column.type in TEXTS)
    to = world.new_column(table)
    up = written("COALESCE({}, '') || '|' || COALESCE({}, '')", one.name, two.name)
    return Invented(
        change={
            "kind": "merge_columns",
            "table": table.display,
            "from": {one.name: written("split_part({}, '|', 1)", to), two.name: written("split_part({}, '|', 2)", to)},
            "to": {to: {"type": "text", "up": up}},
        },
        naive=(
            written("ALTER TABLE {} ADD COLUMN {} text", table.sql, to),
            written("UPDATE {} SET {} = {}", table.sql, to, SQL(up)),
            written("ALTER TABLE {} DROP COLUMN {}, DROP COLUMN {}", table.sql, one.name, two.name),
        ),
        given=frozenset({(table.display, to)}),
    )


def _add_column(world: World, table: Table) -> Invented:
    name = world.new_column(table)
    type_ = world.one(*TYPES)
    here = (table.display, name)
    change: dict[str, Any] = {"kind": "add_column", "table": table.display, "column": name, "type": type_}
    add = written("ALTER TABLE {} ADD COLUMN {} {}", table.sql, name, SQL(type_))
    match world.one("empty", "default", "volatile", "computed", "counting"):
        case "default":
            default, not_null = value(type_, 0), world.flip()
            suffix = SQL(" NOT NULL" if not_null else "")
            return Invented(
                change={**change, "default": default.as_string(None), "not_null": not_null},
                naive=(written("{} DEFAULT {}{}", SQL(add), default, suffix),),
            )
        case "volatile":
            change |= {"type": "uuid", "default": "gen_random_uuid()", "not_null": world.flip()}
            suffix = SQL(" NOT NULL" if change["not_null"] else "")
            naive = written("ALTER TABLE {} ADD COLUMN {} uuid DEFAULT gen_random_uuid(){}", table.sql, name, suffix)
            return Invented(change=change, naive=(naive,), arbitrary=frozenset({here}))
        case "computed":
            source = world.column(table, lambda column: column.type in EXPRESSIONS and not column.identity)
            up = written(EXPRESSIONS[source.type], source.name)
            type_ = {"integer": "integer", "bigint": "bigint", "date": "date"}.get(source.type, "text")
            type_ = {"numeric(10,2)": "numeric(10,2)", "jsonb": "jsonb"}.get(source.type, type_)
            naive = written("ALTER TABLE {} ADD COLUMN {} {}", table.sql, name, SQL(type_))
            fill = written("UPDATE {} SET {} = {}", table.sql, name, SQL(up))
            return Invented(
                change={**change, "type": type_, "up": up},
                naive=(naive, fill),
                given=frozenset({here}),
                sources=frozenset({(table.display, source.name)}),
            )
        case "counting":
            always = world.one("always", "by default")
            naive = written(
                "ALTER TABLE {} ADD COLUMN {} integer GENERATED {} AS IDENTITY", table.sql, name, SQL(always.upper())
            )
            change |= {"type": "integer", "identity": always}
            return Invented(change=change, naive=(naive,), arbitrary=frozenset({here}))
    return Invented(change=change, naive=(add,))


def _drop_column(world: World, table: Table) -> Invented:
    column = world.column(table)
    change: dict[str, Any] = {"kind": "drop_column", "table": table.display, "column": column.name}
    if world.flip() and not column.identity:
        change["down"] = value(column.type, 7).as_string(None)
    return Invented(
        change=change,
        naive=(written("ALTER TABLE {} DROP COLUMN {}", table.sql, column.name),),
        last=True,
        loosens=True,
        altered=frozenset({(table.display, column.name)}),
    )


def _set_not_null(world: World, table: Table) -> Invented:
    column = world.column(table, lambda column: not column.not_null)
    change: dict[str, Any] = {"kind": "set_not_null", "table": table.display, "column": column.name}
    fill = []
    if world.one(True, True, False):
        up = value(column.type, 8)
        change["up"] = up.as_string(None)
        fill = [written("UPDATE {0} SET {1} = {2} WHERE {1} IS NULL", table.sql, column.name, up)]
    return Invented(
        change=change,
        naive=(*fill, written("ALTER TABLE {} ALTER {} SET NOT NULL", table.sql, column.name)),
        tightens=Phase.CONSTRAIN,
        altered=frozenset({(table.display, column.name)}),
    )


def _drop_not_null(world: World, table: Table) -> Invented:
    column = world.column(table, lambda column: column.not_null)
    return Invented(
        change={"kind": "drop_not_null", "table": table.display, "column": column.name},
        naive=(written("ALTER TABLE {} ALTER {} DROP NOT NULL", table.sql, column.name),),
        loosens=True,
    )


def _set_default(world: World, table: Table) -> Invented:
    column = world.column(table, lambda column: not column.identity)
    default = value(column.type, 9)
    return Invented(
        change={
            "kind": "set_default",
            "table": table.display,
            "column": column.name,
            "default": default.as_string(None),
        },
        naive=(written("ALTER TABLE {} ALTER {} SET DEFAULT {}", table.sql, column.name, default),),
        # from expand on older code gets the new default
        altered=frozenset({(table.display, column.name)}),
        arbitrary=frozenset({(table.display, column.name)}),
        loosens=True,
        tightens=Phase.EXPAND,
    )


def _drop_default(world: World, table: Table) -> Invented:
    column = world.column(table, lambda column: column.default)
    return Invented(
        change={"kind": "drop_default", "table": table.display, "column": column.name},
        naive=(written("ALTER TABLE {} ALTER {} DROP DEFAULT", table.sql, column.name),),
        last=True,
        # until contract newer code gets the default
        arbitrary=frozenset({(table.display, column.name)}),
        loosens=True,
    )


def _set_comment(world: World, table: Table) -> Invented:
    column = world.column(table)
    comment = world.one(None, "100 % of 'it' {}")
    name = Identifier(table.schema, table.name, column.name)
    return Invented(
        change={"kind": "set_comment", "table": table.display, "column": column.name, "comment": comment},
        naive=(written("COMMENT ON COLUMN {} IS {}", name, Literal(comment)),),
    )


def _add_check(world: World, table: Table) -> Invented:
    column, name = world.column(table, lambda column: column.type in CONDITIONS), world.relations.one()
    condition = written(world.one(CONDITIONS[column.type], "{} IS NOT NULL"), column.name)
    return Invented(
        change={"kind": "add_check", "table": table.display, "name": name, "check": condition},
        naive=(written("ALTER TABLE {} ADD CONSTRAINT {} CHECK ({})", table.sql, name, SQL(condition)),),
        tightens=Phase.CONSTRAIN,
    )


def _add_key(world: World, table: Table) -> Invented:
    kind = world.one("add_unique", "add_unique", "add_primary_key")
    assume(kind == "add_unique" or all(each.kind != "PRIMARY KEY" for each in table.objects))
    columns = [world.column(table).name for _ in range(world.one(1, 1, 2))]
    name = world.relations.one()
    what = SQL("UNIQUE" if kind == "add_unique" else "PRIMARY KEY")
    return Invented(
        change={"kind": kind, "table": table.display, "name": name, "columns": columns},
        naive=(written("ALTER TABLE {} ADD CONSTRAINT {} {} ({})", table.sql, name, what, listed(columns)),),
        tightens=Phase.CONSTRAIN,
    )


def _add_foreign_key(world: World, table: Table) -> Invented:
    other = world.one(*world.tables)
    column = world.column(table, lambda column: _refers(column, other))
    assert other.key is not None
    name = world.relations.one()
    action = world.one("no action", "cascade")
    change = {
        "kind": "add_foreign_key",
        "table": table.display,
        "name": name,
        "columns": [column.name],
        "references": {"table": other.display, "columns": list(other.key)},
        "on_delete": action,
    }
    key = _foreign_key(name, column.name, other, other.key[0], action.upper())
    naive = written(ADD["FOREIGN KEY"], table.sql, name, key.definition)
    return Invented(change=change, naive=(naive,), tightens=Phase.CONSTRAIN)


def _drop_constraint(world: World, table: Table) -> Invented:
    found = world.object(table, "CHECK", "UNIQUE", "FOREIGN KEY")
    when = world.one("contract", "expand") if found.kind != "UNIQUE" else "contract"
    return Invented(
        change={"kind": "drop_constraint", "table": table.display, "name": found.name, "when": when},
        naive=(written("ALTER TABLE {} DROP CONSTRAINT {}", table.sql, found.name),),
        last=True,
        loosens=True,
        unties=found.kind == "FOREIGN KEY",
    )


def _rename_constraint(world: World, table: Table) -> Invented:
    found, to = world.object(table, "CHECK", "UNIQUE", "PRIMARY KEY", "FOREIGN KEY"), world.relations.one()
    return Invented(
        change={"kind": "rename_constraint", "table": table.display, "from": found.name, "to": to},
        naive=(written("ALTER TABLE {} RENAME CONSTRAINT {} TO {}", table.sql, found.name, to),),
        last=True,
    )


def _definition(world: World, table: Table) -> tuple[dict[str, Any], Composed]:
    """An index over a column, as a plan describes it, and as PostgreSQL does."""
    column = world.column(table)
    match world.one("plain", "descending", "expression", "partial"):
        case "descending":
            return {"columns": [{"column": column.name, "order": "desc"}]}, composed("({} DESC)", column.name)
        case "expression" if column.type in EXPRESSIONS:
            expression = composed(EXPRESSIONS[column.type], column.name)
            return {"columns": [{"expression": expression.as_string(None)}]}, composed("(({}))", expression)
        case "partial":
            condition = composed("{} IS NOT NULL", column.name)
            described = {"columns": [column.name], "where": condition.as_string(None)}
            return described, composed("({}) WHERE {}", column.name, condition)
    return {"columns": [column.name]}, composed("({})", column.name)


def _create_index(world: World, table: Table) -> Invented:
    name, unique = world.relations.one(), world.one(False, False, True)
    described, definition = _definition(world, table)
    kind = "UNIQUE INDEX" if unique else "INDEX"
    return Invented(
        change={"kind": "create_index", "table": table.display, "name": name, "unique": unique, **described},
        naive=(written(ADD[kind], table.sql, name, definition),),
        tightens=Phase.CONSTRAIN if unique else None,
    )


def _replace_index(world: World, table: Table) -> Invented:
    found = world.object(table, "INDEX")
    described, definition = _definition(world, table)
    return Invented(
        change={"kind": "replace_index", "table": table.display, "name": found.name, **described},
        naive=(_drop_index_of(table, found), written(ADD["INDEX"], table.sql, found.name, definition)),
    )


def _drop_index_of(table: Table, found: Object) -> str:
    return written("DROP INDEX {}", Identifier(table.schema, found.name))


def _drop_index(world: World, table: Table) -> Invented:
    found = world.object(table, "INDEX")
    return Invented(
        change={"kind": "drop_index", "table": table.display, "name": found.name},
        naive=(_drop_index_of(table, found),),
        last=True,
    )


def _reindex(world: World, table: Table) -> Invented:
    found = world.object(table, "INDEX", "UNIQUE", "PRIMARY KEY")
    return Invented(change={"kind": "reindex", "table": table.display, "name": found.name}, naive=())


def _create_table(world: World, table: Table) -> Invented:
    new = Table(schema=table.schema, name=world.relations.one(), columns=tuple(_columns(world.draw)))
    columns = {
        column.name: {
            "type": column.type,
            "not_null": column.not_null,
            **({"default": value(column.type, 0).as_string(None)} if column.default else {}),
            **({"identity": column.identity.lower()} if column.identity else {}),
        }
        for column in new.columns
    }
    plain = tuple(replace(column, comment=False, granted=False) for column in new.columns)
    return Invented(
        change={"kind": "create_table", "table": new.display, "columns": columns},
        naive=tuple(replace(new, columns=plain).statements),
    )


def _drop_table(world: World, table: Table) -> Invented:
    naive = [
        written("ALTER TABLE {} DROP CONSTRAINT {}", other.sql, each.name)
        for other in world.tables
        for each in other.objects
        if other is not table and each.kind == "FOREIGN KEY"
    ]
    return Invented(
        change={"kind": "drop_table", "table": table.display},
        naive=(*naive, written("DROP TABLE {}", table.sql)),
        last=True,
        loosens=True,
        unties=True,
    )


def _rename_table(world: World, table: Table) -> Invented:
    to = world.relations.one()
    return Invented(
        change={"kind": "rename_table", "table": table.display, "to": to},
        naive=(written("ALTER TABLE {} RENAME TO {}", table.sql, to),),
        last=True,
    )


def _add_enum_value(world: World, table: Table) -> Invented:
    enum = world.enum(table)
    label, place, neighbour = world.one("new", "ö%s ☃"), world.one("before", "after"), world.one(*enum.labels)
    add = composed("ALTER TYPE {} ADD VALUE IF NOT EXISTS {}", enum.sql, Literal(label))
    naive = written("{} {} {}", add, SQL(place.upper()), Literal(neighbour))
    return Invented(
        change={"kind": "add_enum_value", "type": enum.display, "value": label, place: neighbour},
        naive=(naive,),
        stays=(naive,),
    )


def _rename_enum_value(world: World, table: Table) -> Invented:
    enum = world.enum(table)
    renames = tuple((each.display, column.name, world.new_column(each)) for each, column in world.users(enum))
    label, to, new_type = world.one(*enum.labels), world.one("new", "ö%s ☃"), world.relations.one()
    return Invented(
        change={
            "kind": "rename_enum_value",
            "type": enum.display,
            "from": label,
            "to": to,
            "new_type": new_type,
            "columns": {f"{display}.{old}": new for display, old, new in renames},
        },
        naive=(
            written("ALTER TYPE {} RENAME VALUE {} TO {}", enum.sql, Literal(label), Literal(to)),
            written("ALTER TYPE {} RENAME TO {}", enum.sql, new_type),
            *(
                written("ALTER TABLE {} RENAME {} TO {}", Identifier(*display.split(".", 1)), old, new)
                for display, old, new in renames
            ),
        ),
        last=True,
        renames=renames,
    )


def _remove_enum_value(world: World, table: Table) -> Invented:
    enum = world.enum(table)
    users = world.users(enum)
    label, to = world.one(*enum.labels[1:]), world.one(None, *enum.labels)
    change = {"kind": "remove_enum_value", "type": enum.display, "value": label}
    naive: list[str] = []
    for each, column in users:
        array = column.type == enum.array
        if to is not None:
            replaced = composed("array_replace({}, {}, {})", column.name, Literal(label), Literal(to))
            new = replaced if array else composed("{}", Literal(to))
            has = composed("{} = ANY ({})" if array else "{} = {}", Literal(label), column.name)
            naive.append(written("UPDATE {} SET {} = {} WHERE {}", each.sql, column.name, new, has))
        else:
            lacks = composed("{} <> ALL ({})" if array else "{} <> {}", Literal(label), column.name)
            naive.append(written("ALTER TABLE {} ADD CONSTRAINT gone CHECK ({})", each.sql, lacks))
            naive.append(written("ALTER TABLE {} DROP CONSTRAINT gone", each.sql))
    # what PostgreSQL has no statement for: whatever is about the type stays as it is
    oid = Literal(enum.sql.as_string(None))
    gone = written("DELETE FROM pg_enum WHERE enumtypid = {}::regtype AND enumlabel = {}", oid, Literal(label))
    return Invented(
        change=change if to is None else {**change, "replace": to},
        naive=(*naive, gone),
        tightens=Phase.CONSTRAIN,
        late=frozenset((each.display, column.name) for each, column in users),
        defaults=frozenset((each.display, column.name) for each, column in users if column.default),
    )


def _extract_table(world: World, table: Table) -> Invented:
    key, to, there = world.key(table), world.relations.one(), world.one("id", "order", 'we"ird%1')
    columns = [world.column(table, lambda column: _moves(column, table)) for _ in range(world.one(1, 1, 2))]
    moved = [column.name for column in columns]
    new = Identifier(table.schema, to)
    checks = [each for each in table.objects if each.kind == "CHECK" and set(each.columns) <= set(moved)]
    foreign_key = composed(
        "FOREIGN KEY ({}) REFERENCES {} ({}) ON UPDATE CASCADE ON DELETE CASCADE", there, table.sql, key.name
    )
    definition = SQL(", ").join(
        [composed("{} {}", there, SQL(key.type)), *(composed("{} {}", c.name, SQL(c.type)) for c in columns)]
    )
    some = SQL(" OR ").join(composed("{} IS NOT NULL", name) for name in moved)
    return Invented(
        change={
            "kind": "extract_table",
            "table": table.display,
            "columns": moved,
            "to": f"{table.schema}.{to}",
            "key": {key.name: there},
            "foreign_key": {"on_delete": "cascade", "on_update": "cascade"},
        },
        naive=(
            written("CREATE TABLE {} ({})", new, definition),
            written("GRANT ALL ON {} TO CURRENT_USER", new),
            written("INSERT INTO {} SELECT {} FROM {} WHERE {}", new, listed([key.name, *moved]), table.sql, some),
            written(_CONSTRAINT, new, names.fit(f"{to}_pkey"), composed("PRIMARY KEY ({})", there)),
            written(_CONSTRAINT, new, names.fit(f"{to}_{there}_fkey"), foreign_key),
            *(written(_CONSTRAINT, new, each.name, each.definition) for each in checks),
            *(
                written("COMMENT ON COLUMN {} IS 'it''s 100 %'", Identifier(table.schema, to, column.name))
                for column in columns
                if column.comment
            ),
            *(written("ALTER TABLE {} DROP COLUMN {}", table.sql, name) for name in moved),
        ),
        last=True,
        loosens=True,
        # of rows that have no value any more nobody knows whether they are there
        begins=(written("DELETE FROM {} WHERE NOT ({})", new, some),),
    )


def _move_column(world: World, table: Table) -> Invented:
    """To a table in which each row has one. Nobody changes its number: who could say which values that would take?"""
    key = world.column(table, lambda column: bool(column.identity) and (column.name,) == table.key)
    to, ties, there = world.relations.one(), world.relations.one(), world.one("id", "order", 'we"ird%1')
    columns = [world.column(table, lambda column: _moves(column, table)) for _ in range(world.one(1, 1, 2))]
    moved = [column.name for column in columns]
    other = Identifier(table.schema, to)
    checks = [each for each in table.objects if each.kind == "CHECK" and set(each.columns) <= set(moved)]
    taken = SQL(", ").join(composed("{} = {}", name, Identifier("here", name)) for name in moved)
    same = composed("{} = {}", Identifier("here", key.name), Identifier("there", there))
    return Invented(
        change={
            "kind": "move_column",
            "table": table.display,
            "columns": moved,
            "to": f"{table.schema}.{to}",
            "key": {key.name: there},
        },
        naive=(
            *(written("ALTER TABLE {} ADD COLUMN {} {}", other, c.name, SQL(c.type)) for c in columns),
            written("UPDATE {} AS there SET {} FROM {} AS here WHERE {}", other, taken, table.sql, same),
            *(written(_CONSTRAINT, other, each.name, each.definition) for each in checks),
            *(
                statement
                for column in columns
                for statement in replace(table, name=to, columns=(column,), objects=(), comment=False).dressing
            ),
            *(written("ALTER TABLE {} DROP COLUMN {}", table.sql, name) for name in moved),
        ),
        last=True,
        loosens=True,
        # where a row goes, its values stay there
        unties=True,
        needs=(
            written("CREATE TABLE {} ({} {} PRIMARY KEY)", other, there, SQL(key.type)),
            written("INSERT INTO {} SELECT generate_series(1, {})", other, Literal(2 * max(ROWS))),
            written(ADD["FOREIGN KEY"], table.sql, ties, composed("FOREIGN KEY ({}) REFERENCES {}", key.name, other)),
        ),
    )


def _moves(column: Column, table: Table) -> bool:
    """Whether a column can go to another table, and what goes along is known by its name."""
    hanging = [each for each in table.objects if column.name in each.columns]
    alone = [each for each in hanging if len(each.columns) == 1 and each.kind != "CHECK"]
    return not (column.default or column.identity or alone or any(each.kind == "PRIMARY KEY" for each in hanging))


def _partition_table(world: World, table: Table) -> Invented:
    key = world.column(table, lambda column: column.name in (table.key or ()))
    change: dict[str, Any] = {"kind": "partition_table", "table": table.display, "columns": [key.name]}
    method = world.one("range", "list", "hash")
    if method == "hash":
        change["modulus"] = 3
        parts = [(names.fit(f"{table.name}_{n}"), f"WITH (MODULUS 3, REMAINDER {n})") for n in range(3)]
        parts = [(name, f"FOR VALUES {bounds}") for name, bounds in parts]
    else:
        one, two = world.relations.one(), world.relations.one()
        literal = LITERALS[key.type](9)
        at = written("{}", Literal(literal))
        if method == "range":
            change["partitions"] = {one: {"to": literal}, two: {"from": literal}}
            ends = (f"FROM (MINVALUE) TO ({at})", f"FROM ({at}) TO (MAXVALUE)")
            parts = [(one, f"FOR VALUES {ends[0]}"), (two, f"FOR VALUES {ends[1]}")]
        else:
            change["partitions"] = {one: {"values": [literal]}, two: {"default": True}}
            parts = [(one, f"FOR VALUES IN ({at})"), (two, "DEFAULT")]
    all_columns = listed(column.name for column in table.columns)
    counting = [column for column in table.columns if column.identity]
    sequences = [
        composed("pg_get_serial_sequence({}, {})", Literal(table.sql.as_string(None)), Literal(column.name))
        for column in counting
    ]
    return Invented(
        change={**change, "by": method},
        naive=(
            written("CREATE TEMP TABLE kept ON COMMIT DROP AS TABLE {}", table.sql),
            *(
                written("CREATE TEMP TABLE counted ON COMMIT DROP AS SELECT pg_sequence_last_value({}) AS last", each)
                for each in sequences
            ),
            written("DROP TABLE {}", table.sql),
            written("{} PARTITION BY {} ({})", table.ddl, SQL(method), key.name),
            *(
                written("CREATE TABLE {} PARTITION OF {} {}", Identifier(table.schema, name), table.sql, SQL(bounds))
                for name, bounds in parts
            ),
            written(
                "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM kept", table.sql, all_columns, all_columns
            ),
            *(written("SELECT setval({}, last) FROM counted WHERE last IS NOT NULL", each) for each in sequences),
            *table.dressing,
        ),
        partitions=frozenset(f"{table.schema}.{name}" for name, _ in parts),
    )


def _sql(world: World, table: Table) -> Invented:
    view = Identifier(table.schema, world.relations.one())
    create = written("CREATE VIEW {} AS SELECT count(*) FROM {}", view, table.sql)
    step = {"title": "make a view", "run": create, "undo": written("DROP VIEW IF EXISTS {}", view)}
    change = {"kind": "sql", "table": table.display, "expand": [{**step, "lock": "short exclusive"}]}
    return Invented(change=change, naive=(create,))


KINDS: Sequence[Callable[[World, Table], Invented]] = (
    _rename_column,
    _change_type,
    _change_type,
    _split_column,
    _merge_columns,
    _add_column,
    _add_column,
    _drop_column,
    _set_not_null,
    _set_not_null,
    _drop_not_null,
    _set_default,
    _drop_default,
    _set_comment,
    _add_check,
    _add_key,
    _add_foreign_key,
    _drop_constraint,
    _rename_constraint,
    _create_index,
    _replace_index,
    _drop_index,
    _reindex,
    _create_table,
    _drop_table,
    _rename_table,
    _add_enum_value,
    _rename_enum_value,
    _remove_enum_value,
    _extract_table,
    _move_column,
    _partition_table,
    _sql,
)


@st.composite
def inventions(draw: st.DrawFn) -> Invention:
    """A schema, and one to four changes of it."""
    tables = draw(schemas())
    world = World(draw, tables)
    changes = tuple(
        draw(st.sampled_from(KINDS))(world, draw(st.sampled_from(tables)))
        for _ in range(draw(st.integers(min_value=1, max_value=4)))
    )
    return Invention(tables, changes)
