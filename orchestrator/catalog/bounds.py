"""A table as it would be partitioned, tried on an empty copy: PostgreSQL reads the bounds, compares and prints them."""

from __future__ import annotations

from psycopg.sql import SQL, Composable, Identifier, Literal
from sqlalchemy import Connection

from orchestrator.catalog import queries
from orchestrator.catalog.clone import send
from orchestrator.catalog.wanted import DraftPartition, PartitionedBy, Partitions
from orchestrator.database import fetch, scalar, set_local
from phases.delta import PartitionBound
from phases.sql import names, text

NAME = "orchestrator_partitioned"
TABLE = Identifier("pg_temp", NAME)
CREATE = SQL("CREATE TEMPORARY TABLE {table} (LIKE {like}{including}) PARTITION BY {method} ({columns})")
CREATE_PARTITION = SQL("CREATE TEMPORARY TABLE {partition} PARTITION OF {table} {bound}")
RANGE = SQL("FOR VALUES FROM ({lower}) TO ({upper})")
LIST = SQL("FOR VALUES IN ({values})")
HASH = SQL("FOR VALUES WITH (MODULUS {modulus}, REMAINDER {remainder})")


def partitioned(connection: Connection, question: PartitionedBy, *, like: Identifier) -> Partitions:
    """The key and the bounds for a table with these columns; whatever PostgreSQL does not take raises.

    In UTC, whoever asks: a bound without a time zone means the same instant at plan and weeks later.
    """
    set_local(connection, search_path="pg_catalog, pg_temp", TimeZone="UTC")
    send(connection, creation(question, NAME, like=like))
    for partition in question.partitions:
        made = Identifier("pg_temp", partition.name)
        send(connection, CREATE_PARTITION.format(partition=made, table=TABLE, bound=_bound(question, partition)))
    bounds = {row["name"]: row["bound"] for row in fetch(connection, queries.PARTITION_BOUNDS, {"name": NAME})}
    return Partitions(
        by=str(scalar(connection, queries.PARTITION_KEY, {"name": text(TABLE)})),
        bounds=tuple(PartitionBound(name=each.name, bound=bounds[each.name]) for each in question.partitions),
    )


def creation(question: PartitionedBy, name: str, *, like: Identifier, including: str = "") -> Composable:
    """The statement that makes a temporary table of this name, like another, but partitioned."""
    return CREATE.format(
        table=Identifier("pg_temp", name),
        like=like,
        including=SQL(including),
        method=SQL(question.method.upper()),
        columns=names(question.columns),
    )


def _bound(question: PartitionedBy, partition: DraftPartition) -> Composable:
    if partition.default:
        return SQL("DEFAULT")
    match question.method:
        case "range":
            ends = {"lower": (partition.lower, "MINVALUE"), "upper": (partition.upper, "MAXVALUE")}
            return RANGE.format(
                **{
                    end: SQL(", ").join(map(Literal, given) if given else [SQL(open_)] * len(question.columns))
                    for end, (given, open_) in ends.items()
                }
            )
        case "list":
            return LIST.format(values=SQL(", ").join(map(Literal, partition.values)))
        case "hash":
            return HASH.format(modulus=Literal(len(question.partitions)), remainder=Literal(partition.remainder))
