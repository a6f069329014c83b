"""Enums: their values, and new ones that take over from others."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import SQL, Composable, Identifier, Literal

from phases.delta import Delta, EnumValue, NewEnum, Table, TableConstraint
from phases.sql import comment, grants, shown, text
from phases.step import Statement
from phases.take_over import REQUIRE

# IF NOT EXISTS: left by a run that was aborted, it is there
ADD_VALUE = SQL("ALTER TYPE {type} ADD VALUE IF NOT EXISTS {value}{place}")
CREATE_TYPE = SQL("CREATE TYPE {type} AS ENUM ({values})")
OWNER = SQL("ALTER TYPE {type} OWNER TO {owner}")
REVOKE = SQL("REVOKE ALL ON TYPE {type} FROM PUBLIC")
DROP_NEW_TYPE = SQL("DROP TYPE IF EXISTS {type}")
# until the end of the transaction who adds or renames a value waits, and then finds no such type; it goes anyhow
HOLD_TYPE = SQL("COMMENT ON TYPE {type} IS NULL")
REQUIRE_VALUES_BODY = SQL(
    """
BEGIN
  IF ARRAY(SELECT enumlabel::text FROM pg_catalog.pg_enum WHERE enumtypid = {type}::regtype ORDER BY enumsortorder)
     IS DISTINCT FROM ARRAY[{values}]::text[] THEN
    RAISE EXCEPTION {message} USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
END
"""
)
# without CASCADE: what nobody foresaw stops it, unharmed
DROP_TYPE = SQL("DROP TYPE {type}")
RENAME_TYPE = SQL("ALTER TYPE {type} RENAME TO {name}")
AT_ONCE = "enums"
"""The columns of all tables change their types in one transaction."""
# a session keeps what it has compiled until the routine is altered; SECURITY as it is changes nothing, and is what
# procedures have too. As of now, so that nothing is forgotten that came since the plan
COMPILE_ANEW = SQL("DO {body}")
COMPILE_ANEW_BODY = SQL(
    """
DECLARE
  routine record;
BEGIN
  FOR routine IN
    SELECT p.oid::pg_catalog.regprocedure::text AS name, p.prosecdef AS definer
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE l.lanname = 'plpgsql' AND pg_catalog.pg_has_role(p.proowner, 'USAGE') AND {mentions}
    ORDER BY p.oid
  LOOP
    EXECUTE pg_catalog.format(
      'ALTER ROUTINE %s SECURITY %s', routine.name, CASE WHEN routine.definer THEN 'DEFINER' ELSE 'INVOKER' END
    );
  END LOOP;
END
"""
)
# rather one too many: PL/pgSQL cannot be asked which types a routine has compiled in
MENTIONS = SQL("(p.prosrc ~* {type} OR (p.prosrc ~* {table} AND p.prosrc ~* '%[[:space:]]*type'))")
IS_NOT = SQL("CHECK (({column} <> {value}))")
HAS_NOT = SQL("CHECK (({value} <> ALL ({column})))")
IS = SQL("{column} = {value}")
HAS = SQL("{value} = ANY ({column})")


def values(delta: Delta) -> Iterator[Statement]:
    """No lock on any table: only who alters the same type waits. Other sessions know the value once it is committed."""
    for value in delta.enum_values:
        yield Statement(
            title=f"add value {value.value} to {value.type}",
            sql=(text(_add_value(value)),),
            locks=(),
            leaves=f"value {text(Literal(value.value))} of {shown(Table(value.schema, value.type))} stays: "
            "PostgreSQL cannot take it back",
        )


def create(delta: Delta) -> Iterator[Statement]:
    """No lock on any table; nobody uses it yet."""
    for enum in delta.enums:
        drop = DROP_NEW_TYPE.format(type=Identifier(enum.schema, enum.name))
        yield Statement(
            title=f"create type {enum.name}",
            sql=tuple(map(text, _create(enum))),
            locks=(),
            undo=(Statement(title=f"drop type {enum.name}", sql=(text(drop),), locks=()),),
        )


def take_over(delta: Delta) -> Iterator[Statement]:
    """In the transaction in which all columns change: nobody sees two of them with different types of one name.

    Long after the last look for drift, perhaps: a value that is not in the new enum would be gone from the type.
    """
    for enum in delta.enums:
        old, new = Identifier(enum.schema, enum.old_name), Identifier(enum.schema, enum.name)
        rename = RENAME_TYPE.format(type=new, name=Identifier(enum.old_name))
        yield Statement(
            title=f"drop type {enum.old_name}, which {enum.name} replaces",
            sql=tuple(
                map(
                    text,
                    (
                        HOLD_TYPE.format(type=old),
                        _require_values(enum, old),
                        DROP_TYPE.format(type=old),
                        *([rename] if enum.takes_name else []),
                    ),
                )
            ),
            locks=(),
            together=AT_ONCE,
        )


def compile_anew(delta: Delta) -> Iterator[Composable]:
    """For open sessions that have called routines with a variable of the enum, or of a column's type (`%TYPE`).

    Those that our role does not own cannot be altered: they are told when the plan is compiled. Who alters one of them
    at the same moment is waited for, or waits for a few milliseconds.
    """
    for enum in delta.enums:
        if enum.takes_name:
            body = COMPILE_ANEW_BODY.format(mentions=mentions(enum.old_name, delta.table.name))
            yield COMPILE_ANEW.format(body=Literal(text(body)))


def mentions(type_: str, table: str) -> Composable:
    """Condition on a row of pg_proc, `p`: its body may have a variable of the enum."""
    return MENTIONS.format(type=Literal(_as_word(type_)), table=Literal(_as_word(table)))


def _as_word(name: str) -> str:
    """An expression of PostgreSQL's that finds a name in a text, quoted or not, in whichever case."""
    escaped = "".join(each if each.isalnum() or each == "_" else f"\\{each}" for each in name)
    quotes_doubled = escaped.replace('\\"', '\\"\\"?')
    return rf"(?<![[:alnum:]_$]){quotes_doubled}(?![[:alnum:]_$])"


def without(value: str, *, column: str, array: bool, name: str) -> TableConstraint:
    """A check that no row has the value; in an array, that none has it among others."""
    parts = {"column": Identifier(column), "value": Literal(value)}
    return TableConstraint(
        name=name,
        kind="check",
        definition=text((HAS_NOT if array else IS_NOT).format(**parts)),
        violated_by=text((HAS if array else IS).format(**parts)),
        inspected=True,
    )


def _require_values(enum: NewEnum, old: Identifier) -> Composable:
    """Raises unless the old enum has the values it had when the run was compiled."""
    message = (
        f"the values of enum {shown(Table(enum.schema, enum.old_name))} have changed since this run was started: "
        "abort it and start it again, or give them back the names they had"
    )
    body = REQUIRE_VALUES_BODY.format(
        type=Literal(text(old)),
        values=SQL(", ").join(map(Literal, enum.old_values)),
        message=Literal(message.replace("%", "%%")),
    )
    return REQUIRE.format(body=Literal(text(body)))


def _add_value(value: EnumValue) -> Composable:
    place: Composable = SQL("")
    if value.before is not None:
        place = SQL(" BEFORE {}").format(Literal(value.before))
    elif value.after is not None:
        place = SQL(" AFTER {}").format(Literal(value.after))
    return ADD_VALUE.format(type=Identifier(value.schema, value.type), value=Literal(value.value), place=place)


def _create(enum: NewEnum) -> Iterator[Composable]:
    type_ = Identifier(enum.schema, enum.name)
    yield CREATE_TYPE.format(type=type_, values=SQL(", ").join(map(Literal, enum.values)))
    yield from comment("TYPE", type_, enum.comment)
    if enum.grants is not None:
        yield REVOKE.format(type=type_)
        yield from grants(enum.grants, SQL("TYPE {}").format(type_))
    # last: what our role may do by being a member of the owner does not depend on it
    yield OWNER.format(type=type_, owner=Identifier(enum.owner))
