"""An Alembic revision as its offline SQL: `upgrade()` runs against a context that writes SQL and never connects."""

from __future__ import annotations

import importlib.util
import io
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType

from orchestrator.lint.source import Problem, Source, Unreadable


def offline_sql(path: Path) -> Source:
    """What `alembic upgrade PREVIOUS:THIS --sql` would print, without the version table.

    Raises:
        Unreadable: it is no revision, or `upgrade()` wants a database.
    """
    from alembic.config import Config
    from alembic.operations import Operations
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    output = _Output(path)
    # what `from alembic import context` answers to: a revision may ask it whether it is offline
    answering = EnvironmentContext(Config(), ScriptDirectory(path.parent), as_sql=True)
    # what it prints is no result of lint
    with answering as environment, redirect_stdout(sys.stderr):
        environment.configure(
            dialect_name="postgresql", output_buffer=output, literal_binds=True, transaction_per_migration=True
        )
        context = environment.get_context()
        module = _load(path)
        try:
            # the buffer must know the line of upgrade() from which each statement comes, so it is called from here
            with Operations.context(context), context.begin_transaction(_per_migration=True):
                module.upgrade()
        # anything may go wrong in somebody's upgrade(), sys.exit() too: it is told, and the next file is read
        except (Exception, SystemExit) as error:
            failed = f"upgrade() failed: {_text(error)}"
            hint = "offline SQL cannot be made of a revision that reads the database; lint its SQL instead"
            raise Unreadable(Problem(str(path), _line(path, error), failed, hint)) from error
    return Source(file=str(path), sql=output.getvalue(), marks=tuple(output.marks))


class _Output(io.StringIO):
    """Collects SQL, and for each piece the line of the revision that was running."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.marks: list[tuple[int, int]] = []
        self._path = str(path.resolve())
        self._bytes = 0

    def write(self, text: str) -> int:
        frame = sys._getframe(1)
        line = 1 if not self.marks else self.marks[-1][1]
        walk = frame
        while walk is not None:
            if walk.f_code.co_filename == self._path:
                line = walk.f_lineno
                break
            walk = walk.f_back  # type: ignore[assignment]  # None at the end of the stack
        self.marks.append((self._bytes, line))
        self._bytes += len(text.encode())
        return super().write(text)


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"_linted_{path.stem}", path.resolve())
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        with _importable(Path.cwd()):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever somebody's module raises
        raise Unreadable(
            Problem(str(path), _line(path, error), f"cannot be imported: {_text(error)}", "run lint where alembic runs")
        ) from error
    if not (hasattr(module, "revision") and callable(getattr(module, "upgrade", None))):
        raise Unreadable(Problem(str(path), 1, "is no Alembic revision: it has no `revision` or no `upgrade()`"))
    return module


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """As Alembic's own `prepend_sys_path = .` does, and without leaving byte code behind."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.dont_write_bytecode = before


def _line(path: Path, error: BaseException) -> int:
    if isinstance(error, SyntaxError):
        return error.lineno or 1
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path.resolve())
    ]
    return lines[-1] or 1 if lines else 1


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}".rstrip(": ")
