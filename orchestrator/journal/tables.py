"""The tables of the state schema. Intent, progress and sign of life have rows of their own: none waits for another."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB

from orchestrator.journal.states import Status
from phases.step import Phase

SCHEMA = "orchestrator"
HEAD = "0001"
"""The Alembic revision that this version of the program works with."""

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    },
)

_NOW = text("now()")


def _words(column: str, words: type[Phase] | type[Status]) -> str:
    return f"{column} IN ({', '.join(repr(str(word)) for word in words)})"


def _run_id() -> Column[int]:
    return Column("run_id", BigInteger, ForeignKey("orchestrator.run.id"), nullable=False)


run = Table(
    "run",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("phase", Text, CheckConstraint(_words("phase", Phase), name="phase"), nullable=False),
    Column("status", Text, CheckConstraint(_words("status", Status), name="status"), nullable=False),
    Column("epoch", BigInteger, nullable=False, server_default=text("0")),
    # not JSONB: the order of keys in a plan is the order of columns in the table
    Column("plan", JSON, nullable=False),
    Column("release", Text),
    Column("deltas", JSONB, nullable=False),
    Column("removes", JSONB, nullable=False),
    Column("adds", JSONB, nullable=False),
    Column("warnings", JSONB, nullable=False),
    Column("withdrawn", Boolean, nullable=False, server_default=text("false")),
    Column("error", Text),
    Column("hint", Text),
    Column("tool_version", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    # one live run a name; ended ones stay for the history
    Index("run_live_name_key", "name", unique=True, postgresql_where=text("status NOT IN ('aborted', 'complete')")),
    Index("run_name_idx", "name"),
)

run_table = Table(
    "run_table",
    metadata,
    _run_id(),
    Column("table_name", Text, nullable=False),
    # its oid, where it was there when the run was compiled
    Column("relation", BigInteger),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    PrimaryKeyConstraint("run_id", "table_name"),
    Index("run_table_active_key", "table_name", unique=True, postgresql_where=text("active")),
)

phase = Table(
    "phase",
    metadata,
    _run_id(),
    Column("phase", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("finished_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("run_id", "phase"),
)

step = Table(
    "step",
    metadata,
    _run_id(),
    Column("position", Integer, nullable=False),
    Column("phase", Text, nullable=False),
    Column("op", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("payload", JSONB, nullable=False),
    Column(
        "status",
        Text,
        CheckConstraint("status IN ('pending', 'started', 'done', 'undone')", name="status"),
        nullable=False,
        server_default=text("'pending'"),
    ),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("lock_wait_ms", Double, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("run_id", "position"),
)

# a batched step; its counters are the sums of those of its windows
progress = Table(
    "progress",
    metadata,
    _run_id(),
    Column("position", Integer, nullable=False),
    Column("pass", Integer, nullable=False, server_default=text("1")),
    Column("first_pass", Integer, nullable=False, server_default=text("1")),
    Column("estimated_rows", BigInteger, nullable=False),
    Column("remark", Text),
    Column("started_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("finished_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("run_id", "position"),
)

heap_window = Table(
    "heap_window",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _run_id(),
    Column("position", Integer, nullable=False),
    Column("pass", Integer, nullable=False),
    Column("relation", BigInteger, nullable=False),
    Column("filenode", BigInteger, nullable=False),
    Column("first_block", BigInteger, nullable=False),
    Column("end_block", BigInteger, nullable=False),
    Column("next_block", BigInteger, nullable=False),
    # no foreign key: its check would lock the worker's row with each claim
    Column("worker_id", Integer),
    Column("rows", BigInteger, nullable=False, server_default=text("0")),
    Column("hot_rows", BigInteger, nullable=False, server_default=text("0")),
    Column("skipped", BigInteger, nullable=False, server_default=text("0")),
    Column("differences", BigInteger, nullable=False, server_default=text("0")),
    Column("keys", JSONB),
    Column("batches", BigInteger, nullable=False, server_default=text("0")),
    Column("batch_blocks", BigInteger, nullable=False, server_default=text("0")),
    Column("stripes", Integer, nullable=False, server_default=text("1")),
    Column("busy_ms", Double, nullable=False, server_default=text("0")),
    Column("updated_at", DateTime(timezone=True)),
    Column("done_at", DateTime(timezone=True)),
    CheckConstraint("next_block BETWEEN first_block AND end_block", name="next_block"),
    Index("heap_window_run_id_idx", "run_id", "position", "pass"),
)

worker = Table(
    "worker",
    metadata,
    # the second key of its advisory lock
    Column("id", Integer, Identity(always=True), primary_key=True),
    _run_id(),
    Column("position", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("process", Integer, nullable=False),
    Column("backend_pid", Integer, nullable=False),
    Column("joined_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("beat_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("left_at", DateTime(timezone=True)),
    Column("rows_per_s", Double),
    Column("throttle_reason", Text),
    Column("throttled_since", DateTime(timezone=True)),
    Column("throttled_ms", Double, nullable=False, server_default=text("0")),
    Column("throttled_at", DateTime(timezone=True)),
    Index("worker_run_id_idx", "run_id", "position"),
)

bad_row = Table(
    "bad_row",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _run_id(),
    Column("position", Integer, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("relation", BigInteger, nullable=False),
    Column("relation_name", Text, nullable=False),
    Column("filenode", BigInteger, nullable=False),
    Column("tid", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("sqlstate", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("found_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("tried_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("resolved_at", DateTime(timezone=True)),
    Index("bad_row_open_key", "run_id", "relation", "tid", unique=True, postgresql_where=text("resolved_at IS NULL")),
)

control = Table(
    "control",
    metadata,
    _run_id(),
    Column("pause", Boolean, nullable=False, server_default=text("false")),
    Column("knobs", JSONB, nullable=False),
    Column("actor", Text, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    PrimaryKeyConstraint("run_id"),
)

# the switch for everything: at most one row
switch = Table(
    "switch",
    metadata,
    Column("single", Boolean, CheckConstraint("single", name="single"), nullable=False, server_default=text("true")),
    Column("pause", Boolean, nullable=False),
    Column("actor", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    PrimaryKeyConstraint("single"),
)

heartbeat = Table(
    "heartbeat",
    metadata,
    _run_id(),
    Column("epoch", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("process", Integer, nullable=False),
    Column("backend_pid", Integer, nullable=False),
    Column("claimed_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("beat_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("released_at", DateTime(timezone=True)),
    Column("activity", JSONB),
    PrimaryKeyConstraint("run_id"),
)

event = Table(
    "event",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _run_id(),
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("actor", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("from_state", Text),
    Column("to_state", Text),
    Column("message", Text, nullable=False),
    Column("detail", JSONB),
    Index("event_run_id_idx", "run_id", "id"),
)

# the time series of a batched step: counters as they were at a moment, from which rates follow
measurement = Table(
    "measurement",
    metadata,
    _run_id(),
    Column("position", Integer, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("epoch", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("blocks", BigInteger, nullable=False),
    Column("batches", BigInteger, nullable=False),
    Column("busy_ms", Double, nullable=False),
    Column("throttled", Text),
    Column("throttled_ms", Double, nullable=False),
    Column("replica_lag_s", Double),
    Column("wal_position", BigInteger, nullable=False),
    Column("table_bytes", BigInteger),
    PrimaryKeyConstraint("run_id", "position", "at"),
)

transition = Table(
    "transition",
    metadata,
    Column("from_phase", Text, nullable=False),
    Column("from_status", Text, nullable=False),
    Column("to_phase", Text, nullable=False),
    Column("to_status", Text, nullable=False),
    PrimaryKeyConstraint("from_phase", "from_status", "to_phase", "to_status"),
)
