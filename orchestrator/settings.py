"""Settings: from flags and environment (through typer), then orchestrator.toml or pyproject.toml, then defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.errors import UsageError, suggestion


class Settings(BaseModel):
    """One frozen value, read once and passed down. Units are in the names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database_url: str = Field(default="", repr=False, description="libpq connection string; empty: PG* variables")
    direct_url: str = Field(
        default="", repr=False, description="connection without a pooler, for the commands that need one"
    )
    plans: Path = Field(default=Path("plans"), description="folder of the plan files")
    lock_timeout_ms: int = Field(
        default=1000, ge=10, le=60_000, description="how long one attempt may queue for a lock, and others behind it"
    )
    lock_hold_ms: int = Field(
        default=2000, ge=100, le=60_000, description="how long a short exclusive step may hold its lock"
    )
    lock_budget_s: float = Field(
        default=300, ge=0, description="how long a step tries to get its lock before it gives up with exit code 5"
    )
    heartbeat_s: float = Field(default=1.0, ge=0.1, le=60, description="time between two heartbeats")
    stale_after_s: float = Field(
        default=15.0, ge=1, description="a runner whose heartbeat is older counts as stale: it may be taken over"
    )

    @property
    def direct(self) -> str:
        """Where the runner connects."""
        return self.direct_url or self.database_url


def load(flags: Mapping[str, Any], folder: Path | None = None) -> Settings:
    """Merges what the flags and their variables gave over the file over the defaults.

    Raises:
        UsageError: a setting that does not exist, or a value out of its bounds.
    """
    given = {key: value for key, value in flags.items() if value is not None}
    given.setdefault(
        "database_url", os.environ.get("ORCHESTRATOR_DATABASE_URL") or os.environ.get("DATABASE_URL") or None
    )
    given = {key: value for key, value in given.items() if value is not None}
    source, stored = _file(folder or Path.cwd())
    try:
        return Settings.model_validate({**stored, **given})
    except ValidationError as error:
        item = error.errors()[0]
        key = ".".join(map(str, item["loc"]))
        where = f"{source}: " if key in stored and key not in given else ""
        if item["type"] == "extra_forbidden":
            meant = suggestion(key, Settings.model_fields)
            hint = f'did you mean "{meant}"? ' if meant else ""
            raise UsageError(
                f'{where}there is no setting "{key}"', hint + f"the settings are: {', '.join(Settings.model_fields)}"
            ) from error
        raise UsageError(f"{where}{key}: {item['msg']}", Settings.model_fields[key].description) from error


def _file(folder: Path) -> tuple[Path, dict[str, Any]]:
    own, project = folder / "orchestrator.toml", folder / "pyproject.toml"
    try:
        if own.is_file():
            return own, tomllib.loads(own.read_text(encoding="utf-8"))
        if project.is_file():
            tool = tomllib.loads(project.read_text(encoding="utf-8")).get("tool", {})
            return project, dict(tool.get("orchestrator", {}))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{own if own.is_file() else project} is not TOML: {error}") from error
    return own, {}
