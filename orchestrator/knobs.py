"""What may be tuned while a plan runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.errors import UsageError, suggestion

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


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
        description="passes over each window of blocks, so that most updates are HOT; 0: found out by itself",
    )
    pause_between_batches_ms: int = Field(
        default=0, ge=0, le=60_000, description="rest after each batch, in ms: a simple way to go easier on the server"
    )

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
        case "int_type" | "int_parsing" | "int_from_float":
            return "must be a whole number"
        case "float_type" | "float_parsing":
            return "must be a number"
        case "greater_than_equal":
            return f"must be at least {limits['ge']}"
        case "less_than_equal":
            return f"must be at most {limits['le']}"
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
