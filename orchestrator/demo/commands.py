"""The demo's operator: types the commands of the story, each a process of its own, as in real life."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from orchestrator.demo.interrupt import Interrupt
from orchestrator.demo.screen import Screen
from orchestrator.demo.server import DemoFailed, Stage
from orchestrator.errors import ExitCode

# -P: a folder phases/ or migrations/ where the demo is started is not ours to import
ORCHESTRATOR = (sys.executable, "-P", "-m", "orchestrator")
POLL_S = 0.02


class Command:
    """A command under way; its lines are shown as they come."""

    def __init__(self, process: subprocess.Popen[str], show: Callable[[str], None]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._show = show
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    @property
    def text(self) -> str:
        """All it printed."""
        return "\n".join(self.lines)

    def kill(self) -> None:
        """kill -9: no handler runs, no transaction is ended. Safe to call more than once."""
        self.process.kill()
        self.finish()

    def finish(self) -> int:
        """Waits for the end of its output too."""
        code = self.process.wait()
        self._reader.join()
        return code

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                self.lines.append(line.rstrip("\n"))
                self._show(self.lines[-1])


class Operator:
    """Types commands in the demo's own folder, so that neither plans nor settings of the user's play a part."""

    def __init__(self, stage: Stage, screen: Screen, interrupt: Interrupt) -> None:
        self._stage = stage
        self._screen = screen
        self._interrupt = interrupt

    def run(self, *words: str, expect: ExitCode = ExitCode.OK) -> str:
        """Runs a command to its end; returns what it printed.

        Raises:
            DemoFailed: it answered with another exit code than expected.
        """
        with self.start(*words) as command:
            self.await_end(command, expect=expect)
            return command.text

    def await_end(
        self, command: Command, *, expect: ExitCode = ExitCode.OK, look: Callable[[], object] = lambda: None
    ) -> None:
        """Waits for the end of a command, having a look now and then."""
        while command.running:
            look()
            self._interrupt.pause(POLL_S)
        code = command.finish()
        if code != expect:
            typed = shlex.join(command.process.args[len(ORCHESTRATOR) :])  # type: ignore[arg-type,index]  # a sequence, as we gave it
            raise DemoFailed(
                f"orchestrator {typed} ended with exit code {code}, expected {expect:d}:\n{command.text}",
                "this is not how the story goes: please report it",
            )

    @contextmanager
    def start(self, *words: str) -> Iterator[Command]:
        """Starts a command, which does not outlive the block."""
        self._screen.command(shlex.join(("orchestrator", *words)))
        process = subprocess.Popen(
            [*ORCHESTRATOR, *words],
            cwd=self._stage.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C is for the demo alone
        )
        command = Command(process, (lambda line: None) if "--json" in words else self._screen.output)
        try:
            yield command
        finally:
            command.kill()

    def _environment(self) -> Mapping[str, str]:
        """Ours, without what else would lead the commands away from the demo's database and plans."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("ORCHESTRATOR_")}
        if self._stage.own_server:
            ours = {name: value for name, value in ours.items() if not name.startswith("PG")}
        return {**ours, "ORCHESTRATOR_DATABASE_URL": self._stage.dsn, "PYTHONUNBUFFERED": "1"}
