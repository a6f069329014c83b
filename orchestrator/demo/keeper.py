"""Keeps the demo's server: starts it, and when the demo has ended, however it ended, stops it and removes its folder.

A process of its own, because kill -9 gives the demo no chance to clean up. Its standard input is a pipe that the demo
holds open and never writes to: the end of that file is the end of the demo. It prints the folder once the server is up.
"""

from __future__ import annotations

import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

START_S = 60
STOP_S = 20
POLL_S = 0.02
INITDB = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
# no TCP: only who may enter the folder may connect
SETTINGS = {"listen_addresses": "", "shared_buffers": "256MB", "max_wal_size": "4GB", "logging_collector": "off"}


class NoServer(Exception):
    """The server did not come up; the text says why."""


class DemoEnded(Exception):
    """Nobody waits for the server any more."""


@dataclass(frozen=True)
class Account:
    """Who runs the server: PostgreSQL refuses root, so root hands over to a user that every system has."""

    user: int | None = None
    group: int | None = None
    groups: tuple[int, ...] | None = None

    @classmethod
    def current(cls) -> Account:
        """This process's own, unless that is root."""
        if os.geteuid() != 0:
            return cls()
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid, ())

    def start(self, *command: str | Path, output: Path) -> subprocess.Popen[bytes]:
        """Starts a program of the server; what it prints goes to a file."""
        with output.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd="/",
                env=_environment(),
                user=self.user,
                group=self.group,
                extra_groups=self.groups,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def own(self, path: Path) -> None:
        """Gives a folder and all that is in it to the account."""
        if self.user is not None and self.group is not None:
            for each in (path, *path.rglob("*")):
                os.chown(each, self.user, self.group, follow_symlinks=False)

    def can_enter(self, folder: Path) -> bool:
        """Whether everybody, and so the account, may go there."""
        return self.user is None or all(each.stat().st_mode & 0o001 for each in (folder, *folder.resolve().parents))


def _environment() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def main(bin_dir: Path) -> int:
    """Keeps a server until standard input ends."""
    signal.signal(signal.SIGTERM, _leave)
    account = Account.current()
    folder = _make_folder(account)
    server: subprocess.Popen[bytes] | None = None
    try:
        server = _start(account, folder, _reachable(account, folder, bin_dir))
        print(folder, flush=True)
        sys.stdin.buffer.read()
    except NoServer as error:
        print(error, file=sys.stderr)
        return 1
    except DemoEnded:
        pass  # before the server was up: nothing to hand over
    finally:
        if server is not None:
            _stop(server)
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _leave(number: int, frame: object) -> None:
    sys.exit(1)


def _make_folder(account: Account) -> Path:
    """Under TMPDIR if the account may go there and a socket's path, of 103 bytes at most, fits; else under /tmp."""
    wished = Path(tempfile.gettempdir())
    fits = len(os.fsencode(wished)) < 60 and account.can_enter(wished)
    folder = Path(tempfile.mkdtemp(prefix="orchestrator-demo-", dir=wished if fits else "/tmp"))
    account.own(folder)
    return folder


def _reachable(account: Account, folder: Path, bin_dir: Path) -> Path:
    """The programs, or a copy of their installation where the account may not enter their folder."""
    try:
        if account.start(bin_dir / "postgres", "--version", output=folder / "log").wait() == 0:
            return bin_dir
    except PermissionError:
        pass  # as below
    copy = folder / "install"
    shutil.copytree(bin_dir.parent, copy, symlinks=True)
    account.own(copy)
    return copy / bin_dir.name


def _start(account: Account, folder: Path, bin_dir: Path) -> subprocess.Popen[bytes]:
    data, log = folder / "data", folder / "log"
    initdb = account.start(bin_dir / "initdb", f"--pgdata={data}", *INITDB, output=log)
    if initdb.wait():
        raise NoServer(f"initdb failed:\n{_tail(log)}")
    options = [f"--{name}={value}" for name, value in SETTINGS.items()]
    server = account.start(bin_dir / "postgres", "-D", data, "-k", folder, *options, output=log)
    try:
        _await_ready(server, data / "postmaster.pid", log)
    except BaseException:
        _stop(server)
        raise
    return server


def _await_ready(server: subprocess.Popen[bytes], pid_file: Path, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while not (pid_file.exists() and pid_file.read_text().rstrip().endswith("ready")):
        if server.poll() is not None:
            raise NoServer(f"the server did not start:\n{_tail(log)}")
        if time.monotonic() > deadline:
            raise NoServer(f"the server did not start within {START_S} s:\n{_tail(log)}")
        if select.select([sys.stdin], [], [], POLL_S)[0]:
            raise DemoEnded


def _stop(server: subprocess.Popen[bytes]) -> None:
    """At once, without a last checkpoint: nobody needs the data."""
    server.send_signal(signal.SIGQUIT)
    try:
        server.wait(STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-10:])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
