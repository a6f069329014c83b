"""What may be tuned while a plan runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, MinLen
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, StringConstraints, ValidationError

from orchestrator.errors import UsageError, suggestion

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def _off(value: Any) -> Any:
    """YAML reads a bare `off` as False and `on` as True, which would pass for the numbers 0 and 1."""
    if value is True:
        raise ValueError("must be a limit, or off")
    return None if value is False or value in ("off", "none") else value


def _seen(value: Any) -> Any:
    return {"on": True, "off": False, "auto": None}.get(value, value) if isinstance(value, str) else value


Off = Literal["off", "none", False] | None

Limit = Annotated[
    Annotated[FiniteFloat, Ge(0)] | None,
    BeforeValidator(_off, json_schema_input_type=Annotated[FiniteFloat, Ge(0)] | Off),
]
"""A limit that only a greater value exceeds; `off`, `none` and null are none at all."""
Count = Annotated[
    Annotated[int, Ge(0)] | None, BeforeValidator(_off, json_schema_input_type=Annotated[int, Ge(0)] | Off)
]
Rate = Annotated[
    Annotated[int, Ge(1)] | None, BeforeValidator(_off, json_schema_input_type=Annotated[int, Ge(1)] | Off)
]
Words = Annotated[
    Annotated[str, MinLen(1)] | None, BeforeValidator(_off, json_schema_input_type=Annotated[str, MinLen(1)] | Off)
]
# what is set is shown by `status` and kept in the journal: no place for a password
HttpUrl = Annotated[str, StringConstraints(pattern="^https?://[^@/?#]+([/?#].*)?$")]
Url = Annotated[HttpUrl | None, BeforeValidator(_off, json_schema_input_type=HttpUrl | Off)]
Seen = Annotated[bool | None, BeforeValidator(_seen, json_schema_input_type=bool | Literal["on", "off", "auto"] | None)]


class Knobs(BaseModel):
    """The `backfill:` part of a plan, and what `orchestrator set` changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target_batch_ms: int = Field(
        default=200,
        ge=10,
        le=700,
        description="time one batch should take, in ms: as long may a write wait for a row of it; 700 keeps a batch "
        "below PostgreSQL's deadlock_timeout",
    )
    stripes: int = Field(
        default=0,
        ge=0,
        le=32,
        description="passes over each window of blocks, so that most updates are HOT; 0: found out by itself; 8 or "
        "more keep indexes small, fewer are faster",
    )
    pause_between_batches_ms: int = Field(
        default=0, ge=0, le=60_000, description="rest after each batch, in ms: a simple way to go easier on the server"
    )
    nice: FiniteFloat = Field(
        default=0,
        ge=0,
        le=100,
        description="rest after each batch, in times of what it took: 1 leaves the server half of the time",
    )
    max_rows_per_s: Rate = Field(
        default=None, description="rows that the backfill may update a second; off: as many as the server takes"
    )
    workers: int = Field(
        default=1, ge=1, le=64, description="workers of the process that advances the run; more may join elsewhere"
    )
    max_bad_rows: Count = Field(
        default=100,
        description="rows that cannot be updated, above which the run stops at once; off: it goes on to the end first",
    )
    max_replica_lag_s: Limit = Field(
        default=10,
        description="replay lag of the slowest streaming replica, in s, above which batches wait; off: whatever it is",
    )
    max_replica_lag_mb: Limit = Field(
        default=None,
        description="WAL that the slowest streaming replica has yet to replay, in MB, above which batches wait",
    )
    ignore_replicas: Words = Field(
        default=None,
        description="replicas whose lag does not count, by application_name, with commas: delayed ones",
    )
    max_active_sessions: Count = Field(
        default=None, description="other sessions of the server that run a statement, above which batches wait"
    )
    max_waiting_sessions: Count = Field(
        default=None, description="sessions that wait for a lock of ours, above which batches wait"
    )
    max_slot_wal_mb: Limit = Field(
        default=None, description="WAL that a replication slot keeps from removal, in MB, above which batches wait"
    )
    max_archive_backlog: Count = Field(
        default=None, description="finished WAL files that are not archived yet, above which batches wait"
    )
    wraparound_vacuum: Seen = Field(
        default=None,
        description="whether batches wait for a vacuum of the table that prevents wraparound; "
        "auto: where this role may see it; on: not being able to see it counts as one; off: never",
    )
    throttle_sql: Words = Field(
        default=None, description="a query; while its first row has a text in its first column, batches wait"
    )
    throttle_file: Words = Field(
        default=None, description="a file on the runner's machine; while it is there, batches wait"
    )
    throttle_http: Url = Field(
        default=None, description="an http or https URL; unless it answers with a status of 200 to 299, batches wait"
    )
    throttle_release: FiniteFloat = Field(
        default=0.8,
        ge=0,
        le=1,
        description="share of its limit to which a signal must have come down before batches go on",
    )

    def shown(self, key: str) -> str:
        """A value as `set` would take it."""
        match getattr(self, key):
            case None:
                return "auto" if key == "wraparound_vacuum" else "off"
            case bool(value):
                return "on" if value else "off"
            case float(value):
                return f"{value:g}"
            case value:
                return str(value)

    def changed(self, key: str, value: str) -> Knobs:
        """These knobs with one of them set.

        Raises:
            UsageError: naming the knobs and their bounds.
        """
        if key not in Knobs.model_fields:
            meant = suggestion(key, Knobs.model_fields)
            hint = f'did you mean "{meant}"? ' if meant else ""
            raise UsageError(f'there is no knob "{key}"', hint + f"the knobs are: {', '.join(Knobs.model_fields)}")
        try:
            return Knobs.model_validate({**self.model_dump(), key: value})
        except ValidationError as error:
            raise UsageError(
                f"{key}={value}: {complaint(error.errors()[0])}", Knobs.model_fields[key].description
            ) from error


def complaint(item: ErrorDetails) -> str:
    """What pydantic found wrong with a value, as a user would say it."""
    limits = item.get("ctx", {})
    match item["type"]:
        case "string_pattern_mismatch":
            return "must be an http or https address, without a password"
        case "bool_type" | "bool_parsing":
            return "must be on, off or auto"
        case "int_type" | "int_parsing" | "int_from_float":
            return "must be a whole number"
        case "float_type" | "float_parsing" | "finite_number":
            return "must be a number"
        case "greater_than_equal":
            return f"must be at least {limits['ge']:g}"
        case "less_than_equal":
            return f"must be at most {limits['le']:g}"
        case "string_type":
            return "must be text"
        case "string_too_short" | "too_short":
            return "must not be empty"
        case "tuple_type":
            return "must be a list"
        case "model_type" | "dict_type":
            return "must be a mapping"
        case _:
            return item["msg"].removeprefix("Value error, ")
