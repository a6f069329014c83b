"""What can go wrong, one class a situation that a caller may handle; each carries its hint and its exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """The public exit codes."""

    OK = 0
    FAILED = 1
    USAGE = 2
    GATE = 3
    HELD = 4
    LOCK = 5
    STOPPED = 6


class OrchestratorError(Exception):
    """Base of all errors meant for the user: a message that names the object and a hint that names the next step."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(OrchestratorError):
    """Wrong words on the command line or in a settings file."""

    exit_code = ExitCode.USAGE


class DatabaseUnreachable(OrchestratorError):
    """No connection to the database could be made."""


class DirectConnectionNeeded(OrchestratorError):
    """A pooler stands between us and PostgreSQL, and session-level locks would not hold."""


class StateSchemaMissing(OrchestratorError):
    """The database has no state schema yet."""

    def __init__(self) -> None:
        super().__init__('the database has no schema "orchestrator" yet', "create it with: orchestrator init")


class StateSchemaMismatch(OrchestratorError):
    """The state schema is of another version than this program."""


class PlanError(OrchestratorError):
    """The plan file is not what it should be."""

    exit_code = ExitCode.USAGE


class PlanNotFound(PlanError):
    """There is no such plan file."""


class PlanRefused(PlanError):
    """The plan is well-formed, but cannot be carried out safely on this database."""

    def __init__(self, name: str, refusals: Sequence[tuple[str, str]]) -> None:
        self.refusals = tuple(refusals)
        lines = [f"{reason}\n    → {advice}" for reason, advice in self.refusals]
        super().__init__(
            f'plan "{name}" cannot be carried out:\n' + "\n".join(f"  {n}. {line}" for n, line in enumerate(lines, 1))
        )


class NotInDatabase(PlanError):
    """A table or column that the plan names is not there."""


class NoLongerPossible(NotInDatabase):
    """PostgreSQL rejects what a plan says, which it took when the plan was compiled."""

    def __init__(self, table: str, message: str) -> None:
        super().__init__(f'the plan no longer fits table "{table}": {message}')


class TableNotFound(NotInDatabase):
    """The plan names a table that the database does not have."""

    def __init__(self, table: str, known: Iterable[str]) -> None:
        known = tuple(known)
        super().__init__(f'there is no table "{table}"', _did_you_mean(table, known, "the tables are"))


class SchemaNotFound(NotInDatabase):
    """A table is to be made where there is no schema."""

    def __init__(self, schema: str, table: str) -> None:
        where = f'there is no schema "{schema}"' if schema else "no schema of the search_path exists"
        super().__init__(f'{where} for table "{table}"', "create the schema first, or write schema.table")


class EnumNotFound(NotInDatabase):
    """The plan names an enum that the database does not have."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        known = tuple(known)
        super().__init__(f'there is no enum "{name}"', _did_you_mean(name, known, "the enums are"))


class EnumUnused(NotInDatabase):
    """No table has a column of an enum that the plan names."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f'no table has a column of enum "{name}"', "nobody writes it: change it with ALTER TYPE, without a plan"
        )


class ColumnNotFound(NotInDatabase):
    """The plan names a column that the table does not have."""

    def __init__(self, table: str, column: str, known: Iterable[str]) -> None:
        known = tuple(known)
        super().__init__(f'table "{table}" has no column "{column}"', _did_you_mean(column, known, "its columns are"))


class PlanChanged(PlanError):
    """The plan file is no longer what the run was started with."""


class CatalogDrifted(OrchestratorError):
    """The database has changed since the program was compiled."""

    exit_code = ExitCode.GATE


class RunNotFound(OrchestratorError):
    """No run of that name."""

    exit_code = ExitCode.USAGE

    def __init__(self, name: str, known: Iterable[str]) -> None:
        known = tuple(known)
        hint = _did_you_mean(name, known, "the runs are") if known else "nothing has been started in this database"
        super().__init__(f'there is no run "{name}"', hint)


class TableTaken(OrchestratorError):
    """Another run already works on one of the tables."""

    exit_code = ExitCode.GATE

    def __init__(self, table: str, run: str) -> None:
        super().__init__(
            f'run "{run}" already works on table "{table}"',
            f"finish it (orchestrator advance {run}) or undo it (orchestrator abort {run}) first",
        )


class IllegalTransition(OrchestratorError):
    """What was asked for cannot be done in the state the run is in."""

    exit_code = ExitCode.GATE


class GateClosed(OrchestratorError):
    """A phase may not begin yet, or code may not go out."""

    exit_code = ExitCode.GATE


class RunHeld(OrchestratorError):
    """Another runner holds the run."""

    exit_code = ExitCode.HELD


class ClaimLost(OrchestratorError):
    """The claim is gone: another runner has taken over, or its connection died. Nothing was written since."""

    exit_code = ExitCode.HELD

    def __init__(self, message: str, hint: str | None = None, *, connection_died: bool = False) -> None:
        super().__init__(message, hint)
        self.connection_died = connection_died


class LockNotObtained(OrchestratorError):
    """The lock budget is spent; nothing was changed by the step that waited."""

    exit_code = ExitCode.LOCK


class StoppedOnRequest(OrchestratorError):
    """Stopped by pause, SIGTERM or SIGINT; `advance` goes on."""

    exit_code = ExitCode.STOPPED


class StepFailed(OrchestratorError):
    """A step failed in a way that trying again would not mend."""


class NotVerified(StepFailed):
    """Rows of the old and the new shape differ and could not be set right."""


class PartitionAttached(StepFailed):
    """A partition has come since all of them were prepared by the steps that `guard` names."""

    def __init__(self, message: str, guard: str) -> None:
        super().__init__(message, "nothing was changed; try again")
        self.guard = guard


class LossNoticed(OrchestratorError):
    """An undo would lose what newer code has just written, or may have: it has to be counted again."""

    def __init__(self, column: str) -> None:
        super().__init__(f"newer code has written to {column} since it was counted", "try again")


class NothingMeasured(OrchestratorError):
    """There is no time series to draw."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f'nothing was measured in run "{name}" yet',
            "a run is measured while it backfills: draw it once orchestrator status shows progress",
        )


class PlotUnavailable(OrchestratorError):
    """The optional package that draws is missing."""

    def __init__(self) -> None:
        super().__init__(
            "drawing takes matplotlib, which is not installed",
            "install it with: pip install 'pg-expand-contract[plot]'",
        )


def suggestion(word: str, known: Iterable[str]) -> str | None:
    """The known word that the writer most likely meant."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def _did_you_mean(word: str, known: Sequence[str], otherwise: str) -> str:
    meant = suggestion(word, known)
    listing = f"{otherwise}: {', '.join(known)}" if known else "there are none"
    return f'did you mean "{meant}"? {listing}' if meant else listing
