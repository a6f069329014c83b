"""What may be tuned while a plan runs."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.errors import UsageError, suggestion


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
                f"{key}={value}: {error.errors()[0]['msg']}", Knobs.model_fields[key].description
            ) from error
