"""A release of the demo's application, seen from outside: started, watched, stopped."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import deque
from dataclasses import asdict
from pathlib import Path

from orchestrator.demo.application import Orders
from orchestrator.demo.server import DemoFailed

STOP_S = 20
RECENT = 400
"""So many of the latest requests make the numbers on the screen: about two seconds of a release."""
EXAMPLES = 3


class Release:
    """A process of the application. What it did is read as it goes, so that it is known even if the process dies."""

    def __init__(self, orders: Orders, folder: Path) -> None:
        self.name = orders.release
        self.column = orders.column
        self.samples: list[tuple[float, float]] = []
        """When each request was due, on the monotonic clock, and how many ms it took from then."""
        self.recent: deque[float] = deque(maxlen=RECENT)
        self.errors: list[str] = []
        self.ledger: dict[int, str | None] | None = None
        self._log = folder / f"release-{orders.release}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "orchestrator.demo.application"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, name=f"release-{self.name}", daemon=True)
        self._reader.start()
        assert self._process.stdin
        self._process.stdin.write(json.dumps(asdict(orders)) + "\n")
        self._process.stdin.flush()

    @property
    def running(self) -> bool:
        """Whether it serves."""
        return self._process.poll() is None

    def stop(self) -> dict[int, str | None]:
        """Lets every client finish its statement; returns what they have written, by id, None where they deleted.

        Raises:
            DemoFailed: the process had died.
        """
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(STOP_S)
        self._reader.join()
        if self.ledger is None:
            log = "\n".join(self._log.read_text().splitlines()[-5:])
            raise DemoFailed(f"release {self.name} of the demo's application died:\n{log}")
        return self.ledger

    def kill(self) -> None:
        """In a hurry, or stopped already."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdin
        self._process.stdin.close()

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as lines:
            for line in lines:
                news = json.loads(line)
                self.samples += [(due, took) for due, took in news.get("samples", [])]
                self.recent.extend(took for _, took in news.get("samples", []))
                self.errors += news.get("errors", [])
                if "ledger" in news:
                    self.ledger = dict(news["ledger"])
