"""Settings: from flags and environment (through typer), then orchestrator.toml or pyproject.toml, then defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Interval

from orchestrator.errors import UsageError, suggestion


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One frozen value, read once and passed down. Units are in the names; `about` is shown with an error."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    database_url: str = field(
        default="", repr=False, metadata={"about": "a libpq connection string; empty: the PG* variables"}
    )
    direct_url: str = field(
        default="", repr=False, metadata={"about": "a connection without a pooler, for the commands that need one"}
    )
    plans: Path = field(default=Path("plans"), metadata={"about": "the folder of the plan files"})
    lock_timeout_ms: Annotated[int, Interval(ge=10, le=60_000)] = field(
        default=1000, metadata={"about": "how long one attempt may queue for a lock, and others behind it"}
    )
    lock_hold_ms: Annotated[int, Interval(ge=100, le=60_000)] = field(
        default=2000, metadata={"about": "how long a short exclusive step may hold its lock"}
    )
    lock_budget_s: Annotated[float, Ge(0)] = field(
        default=300, metadata={"about": "how long a step tries to get its lock before it gives up with exit code 5"}
    )
    heartbeat_s: Annotated[float, Interval(ge=0.1, le=60)] = field(
        default=1.0, metadata={"about": "time between two heartbeats"}
    )
    stale_after_s: Annotated[float, Ge(1)] = field(
        default=15.0, metadata={"about": "a runner whose heartbeat is older may be taken over"}
    )
    duplicates_s: Annotated[float, Ge(0.1)] = field(
        default=300, metadata={"about": "how long plan --check-data may read a whole table for duplicates"}
    )

    @property
    def direct(self) -> str:
        """Where the runner connects."""
        return self.direct_url or self.database_url


_ABOUT = {each.name: each.metadata["about"] for each in fields(Settings)}
_TEXT = {"database_url", "direct_url", "plans"}


def load(flags: Mapping[str, Any], folder: Path | None = None) -> Settings:
    """Merges what the flags and their variables gave over the file over the defaults.

    Raises:
        UsageError: a setting that does not exist, or a value out of its bounds.
    """
    given = {key: value for key, value in flags.items() if value is not None}
    from_environment = os.environ.get("ORCHESTRATOR_DATABASE_URL") or os.environ.get("DATABASE_URL")
    if from_environment:
        given.setdefault("database_url", from_environment)
    source, stored = _file(folder or Path.cwd())
    if not stored and given.keys() <= _TEXT:
        # nothing to check, so nothing to import for it: `status` must start at once
        return Settings(**given)
    return _checked({**stored, **given}, str(source), stored.keys() - given.keys())


def _checked(values: Mapping[str, Any], source: str, from_file: set[str]) -> Settings:
    from pydantic import TypeAdapter, ValidationError

    from orchestrator.knobs import complaint

    try:
        return TypeAdapter(Settings).validate_python(values)
    except ValidationError as error:
        item = error.errors()[0]
        key = str(item["loc"][0])
        where = f"{source}: " if key in from_file else ""
        if key not in _ABOUT:
            meant = suggestion(key, _ABOUT)
            hint = f'did you mean "{meant}"? ' if meant else ""
            raise UsageError(
                f'{where}there is no setting "{key}"', hint + f"the settings are: {', '.join(_ABOUT)}"
            ) from error
        raise UsageError(f"{where}{key} {complaint(item)}", f"it is {_ABOUT[key]}") from error


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
