"""State schema: runs, their steps, progress, intent, signs of life and history.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# (from phase, from status, to phase, to status); a test holds it equal to orchestrator.journal.states
TRANSITIONS = (
    ("expand", "aborting", "expand", "aborted"),
    ("expand", "failed", "expand", "aborting"),
    ("expand", "failed", "expand", "running"),
    ("expand", "paused", "expand", "aborting"),
    ("expand", "paused", "expand", "running"),
    ("expand", "planned", "expand", "aborting"),
    ("expand", "planned", "expand", "running"),
    ("expand", "running", "expand", "aborting"),
    ("expand", "running", "expand", "failed"),
    ("expand", "running", "expand", "paused"),
    ("expand", "running", "expand", "running"),
    ("expand", "running", "expand", "waiting"),
    ("expand", "waiting", "expand", "aborting"),
    ("expand", "waiting", "dual_write", "running"),
    ("dual_write", "aborting", "dual_write", "aborted"),
    ("dual_write", "failed", "dual_write", "aborting"),
    ("dual_write", "failed", "dual_write", "running"),
    ("dual_write", "paused", "dual_write", "aborting"),
    ("dual_write", "paused", "dual_write", "running"),
    ("dual_write", "running", "dual_write", "aborting"),
    ("dual_write", "running", "dual_write", "failed"),
    ("dual_write", "running", "dual_write", "paused"),
    ("dual_write", "running", "dual_write", "running"),
    ("dual_write", "running", "dual_write", "waiting"),
    ("dual_write", "waiting", "dual_write", "aborting"),
    ("dual_write", "waiting", "backfill", "running"),
    ("backfill", "aborting", "backfill", "aborted"),
    ("backfill", "failed", "backfill", "aborting"),
    ("backfill", "failed", "backfill", "running"),
    ("backfill", "paused", "backfill", "aborting"),
    ("backfill", "paused", "backfill", "running"),
    ("backfill", "running", "backfill", "aborting"),
    ("backfill", "running", "backfill", "failed"),
    ("backfill", "running", "backfill", "paused"),
    ("backfill", "running", "backfill", "running"),
    ("backfill", "running", "backfill", "waiting"),
    ("backfill", "waiting", "backfill", "aborting"),
    ("backfill", "waiting", "constrain", "running"),
    ("constrain", "aborting", "constrain", "aborted"),
    ("constrain", "failed", "constrain", "aborting"),
    ("constrain", "failed", "constrain", "running"),
    ("constrain", "paused", "constrain", "aborting"),
    ("constrain", "paused", "constrain", "running"),
    ("constrain", "running", "constrain", "aborting"),
    ("constrain", "running", "constrain", "failed"),
    ("constrain", "running", "constrain", "paused"),
    ("constrain", "running", "constrain", "running"),
    ("constrain", "running", "constrain", "waiting"),
    ("constrain", "waiting", "constrain", "aborting"),
    ("constrain", "waiting", "contract", "running"),
    ("contract", "aborting", "contract", "aborted"),
    ("contract", "failed", "contract", "aborting"),
    ("contract", "failed", "contract", "running"),
    ("contract", "paused", "contract", "aborting"),
    ("contract", "paused", "contract", "running"),
    ("contract", "running", "contract", "aborting"),
    ("contract", "running", "contract", "complete"),
    ("contract", "running", "contract", "failed"),
    ("contract", "running", "contract", "paused"),
    ("contract", "running", "contract", "running"),
)

COLUMNS = ("from_phase", "from_status", "to_phase", "to_status")

CHECK_TRANSITION = """
CREATE FUNCTION orchestrator.check_transition() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF (NEW.phase, NEW.status) <> ('expand', 'planned') THEN
      RAISE EXCEPTION 'a run begins as expand/planned, not as %/%', NEW.phase, NEW.status
        USING ERRCODE = 'check_violation';
    END IF;
  ELSIF (NEW.phase, NEW.status) <> (OLD.phase, OLD.status) AND NOT EXISTS (
      SELECT 1 FROM orchestrator.transition t
      WHERE (t.from_phase, t.from_status) = (OLD.phase, OLD.status)
        AND (t.to_phase, t.to_status) = (NEW.phase, NEW.status)) THEN
    RAISE EXCEPTION 'run % may not go from %/% to %/%', OLD.name, OLD.phase, OLD.status, NEW.phase, NEW.status
      USING ERRCODE = 'check_violation';
  END IF;
  IF TG_OP = 'UPDATE' AND NEW.epoch < OLD.epoch THEN
    RAISE EXCEPTION 'the epoch of run % may not go back', OLD.name USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""
TRANSITION_TRIGGER = """
CREATE TRIGGER check_transition BEFORE INSERT OR UPDATE ON orchestrator.run
FOR EACH ROW EXECUTE FUNCTION orchestrator.check_transition()
"""
REFUSE_CHANGE = """
CREATE FUNCTION orchestrator.refuse_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'orchestrator.% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""
APPEND_ONLY_TRIGGER = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON orchestrator.event
FOR EACH STATEMENT EXECUTE FUNCTION orchestrator.refuse_change()
"""


def upgrade() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("plan", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("release", sa.Text(), nullable=True),
        sa.Column("deltas", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("removes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("adds", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("warnings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("hint", sa.Text(), nullable=True),
        sa.Column("tool_version", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("run_pkey")),
        schema="orchestrator",
    )
    op.create_check_constraint(
        op.f("run_phase_check"),
        "run",
        "phase IN ('expand', 'dual_write', 'backfill', 'constrain', 'contract')",
        schema="orchestrator",
    )
    op.create_check_constraint(
        op.f("run_status_check"),
        "run",
        "status IN ('planned', 'running', 'waiting', 'paused', 'failed', 'aborting', 'aborted', 'complete')",
        schema="orchestrator",
    )
    op.create_index(
        "run_live_name_key",
        "run",
        ["name"],
        unique=True,
        schema="orchestrator",
        postgresql_where=sa.text("status NOT IN ('aborted', 'complete')"),
    )
    op.create_index("run_name_idx", "run", ["name"], unique=False, schema="orchestrator")
    op.create_table(
        "transition",
        sa.Column("from_phase", sa.Text(), nullable=False),
        sa.Column("from_status", sa.Text(), nullable=False),
        sa.Column("to_phase", sa.Text(), nullable=False),
        sa.Column("to_status", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("from_phase", "from_status", "to_phase", "to_status", name=op.f("transition_pkey")),
        schema="orchestrator",
    )
    op.create_table(
        "control",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("pause", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("knobs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["orchestrator.run.id"], name=op.f("control_run_id_fkey")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("control_pkey")),
        schema="orchestrator",
    )
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["orchestrator.run.id"], name=op.f("event_run_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("event_pkey")),
        schema="orchestrator",
    )
    op.create_index("event_run_id_idx", "event", ["run_id", "id"], unique=False, schema="orchestrator")
    op.create_table(
        "heartbeat",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("process", sa.Integer(), nullable=False),
        sa.Column("backend_pid", sa.Integer(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("activity", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["orchestrator.run.id"], name=op.f("heartbeat_run_id_fkey")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("heartbeat_pkey")),
        schema="orchestrator",
    )
    op.create_table(
        "phase",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["orchestrator.run.id"], name=op.f("phase_run_id_fkey")),
        sa.PrimaryKeyConstraint("run_id", "phase", name=op.f("phase_pkey")),
        schema="orchestrator",
    )
    op.create_table(
        "progress",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("pass", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("first_pass", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("estimated_rows", sa.BigInteger(), nullable=False),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["orchestrator.run.id"], name=op.f("progress_run_id_fkey")),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("progress_pkey")),
        schema="orchestrator",
    )
    op.create_table(
        "heap_window",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("pass", sa.Integer(), nullable=False),
        sa.Column("relation", sa.BigInteger(), nullable=False),
        sa.Column("filenode", sa.BigInteger(), nullable=False),
        sa.Column("first_block", sa.BigInteger(), nullable=False),
        sa.Column("end_block", sa.BigInteger(), nullable=False),
        sa.Column("next_block", sa.BigInteger(), nullable=False),
        sa.Column("worker_id", sa.Integer(), nullable=True),
        sa.Column("rows", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("hot_rows", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("skipped", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("differences", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("keys", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("batches", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("batch_blocks", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("stripes", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("busy_ms", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["orchestrator.run.id"], name=op.f("heap_window_run_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("heap_window_pkey")),
        schema="orchestrator",
    )
    op.create_check_constraint(
        op.f("heap_window_next_block_check"),
        "heap_window",
        "next_block BETWEEN first_block AND end_block",
        schema="orchestrator",
    )
    op.create_index(
        "heap_window_run_id_idx", "heap_window", ["run_id", "position", "pass"], unique=False, schema="orchestrator"
    )
    op.create_table(
        "worker",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("process", sa.Integer(), nullable=False),
        sa.Column("backend_pid", sa.Integer(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rows_per_s", sa.Double(), nullable=True),
        sa.Column("throttle_reason", sa.Text(), nullable=True),
        sa.Column("throttled_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("throttled_ms", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("throttled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["orchestrator.run.id"], name=op.f("worker_run_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("worker_pkey")),
        schema="orchestrator",
    )
    op.create_index("worker_run_id_idx", "worker", ["run_id", "position"], unique=False, schema="orchestrator")
    op.create_table(
        "bad_row",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("relation", sa.BigInteger(), nullable=False),
        sa.Column("relation_name", sa.Text(), nullable=False),
        sa.Column("filenode", sa.BigInteger(), nullable=False),
        sa.Column("tid", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sqlstate", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["orchestrator.run.id"], name=op.f("bad_row_run_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("bad_row_pkey")),
        schema="orchestrator",
    )
    op.create_index(
        "bad_row_open_key",
        "bad_row",
        ["run_id", "relation", "tid"],
        unique=True,
        schema="orchestrator",
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "run_table",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("relation", sa.BigInteger()),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["orchestrator.run.id"], name=op.f("run_table_run_id_fkey")),
        sa.PrimaryKeyConstraint("run_id", "table_name", name=op.f("run_table_pkey")),
        schema="orchestrator",
    )
    op.create_index(
        "run_table_active_key",
        "run_table",
        ["table_name"],
        unique=True,
        schema="orchestrator",
        postgresql_where=sa.text("active"),
    )
    op.create_table(
        "step",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("op", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lock_wait_ms", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["orchestrator.run.id"], name=op.f("step_run_id_fkey")),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("step_pkey")),
        schema="orchestrator",
    )
    op.create_check_constraint(
        op.f("step_status_check"),
        "step",
        "status IN ('pending', 'started', 'done', 'undone')",
        schema="orchestrator",
    )
    op.create_table(
        "switch",
        sa.Column("single", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("pause", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("single", name=op.f("switch_pkey")),
        schema="orchestrator",
    )
    op.create_check_constraint(op.f("switch_single_check"), "switch", "single", schema="orchestrator")
    op.create_table(
        "measurement",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("blocks", sa.BigInteger(), nullable=False),
        sa.Column("batches", sa.BigInteger(), nullable=False),
        sa.Column("busy_ms", sa.Double(), nullable=False),
        sa.Column("throttled", sa.Text(), nullable=True),
        sa.Column("throttled_ms", sa.Double(), nullable=False),
        sa.Column("replica_lag_s", sa.Double(), nullable=True),
        sa.Column("wal_position", sa.BigInteger(), nullable=False),
        sa.Column("table_bytes", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["orchestrator.run.id"], name=op.f("measurement_run_id_fkey")),
        sa.PrimaryKeyConstraint("run_id", "position", "at", name=op.f("measurement_pkey")),
        schema="orchestrator",
    )
    transition = sa.table("transition", *(sa.column(name, sa.Text()) for name in COLUMNS), schema="orchestrator")
    op.bulk_insert(transition, [dict(zip(COLUMNS, row, strict=True)) for row in TRANSITIONS])
    for statement in (CHECK_TRANSITION, TRANSITION_TRIGGER, REFUSE_CHANGE, APPEND_ONLY_TRIGGER):
        op.execute(statement)
