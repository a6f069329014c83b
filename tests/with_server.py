"""`python -m tests.with_server COMMAND...`: runs a command with an empty database in ORCHESTRATOR_DATABASE_URL."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing

from tests.fixtures.local_server import Nursery, quickest
from tests.fixtures.server import embedded_bin_dir


def run(command: Sequence[str]) -> int:
    with closing(Nursery(quickest())) as nursery:
        server = nursery.server(embedded_bin_dir())
        server.start()
        exit_code = subprocess.run(command, env={**os.environ, "ORCHESTRATOR_DATABASE_URL": server.dsn()}).returncode
        server.delete()
    return exit_code


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
