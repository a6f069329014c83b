"""One release of the demo's application: connections that read and write, and a ledger of what they committed.

A process of its own, so that what it measures is not what the demo's screen costs. A line of JSON on standard input
says what to do, the end of that file says stop. On standard output: a line of JSON several times a second with what
happened since the last one, and the ledger as the last.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

FLUSH_S = 0.2
PATIENCE_S = 10
"""How long a client that is told to stop may need for its last statement."""

READ = SQL("SELECT {column} FROM users WHERE id = %s")
FIND = SQL("SELECT id FROM users WHERE {column} = %s")
CHANGE = SQL("UPDATE users SET {column} = %s WHERE id = %s")
TOUCH = SQL("UPDATE users SET seen_at = clock_timestamp() WHERE id = %s")
SIGN_UP = SQL("INSERT INTO users ({column}, city) VALUES (%s, 'Ghent') RETURNING id")
LEAVE = SQL("DELETE FROM users WHERE id = %s")


class WrongAnswer(Exception):
    """The database answered, but not what had been written to it."""


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What a release does. Client k of n, over all releases, alone writes the rows whose id is k modulo n."""

    dsn: str
    release: str
    column: str
    rows: int
    connections: int
    first_client: int
    clients: int
    requests_per_s: float
    """A connection."""


def initial(user: int) -> str:
    """The value a row is made with; each value names its row."""
    return f"user{user}.0@example.com"


class Client(threading.Thread):
    """One connection. Requests come at their own pace, also while one of them is held up."""

    def __init__(self, orders: Orders, number: int, stopping: threading.Event) -> None:
        super().__init__(name=f"client-{number}", daemon=True)
        self.orders = orders
        self.number = number
        self.stopping = stopping
        self.ledger: dict[int, str | None] = {}
        self.signed_up: list[int] = []
        self.samples: list[tuple[float, float]] = []
        self.errors: list[str] = []
        # the traffic looks the same in every demo
        self.random = random.Random(number)
        self._writes = 0
        self._requests: dict[Callable[[psycopg.Connection[Any]], None], int] = {
            self._read: 35,
            self._find: 25,
            self._change: 25,
            self._touch: 5,
            self._sign_up: 7,
            self._leave: 3,
        }

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                name = f"shop {self.orders.release}"
                with psycopg.connect(self.orders.dsn, autocommit=True, application_name=name) as connection:
                    self._serve(connection)
            except psycopg.OperationalError as error:
                self.errors.append(f"no connection: {error}")
                self.stopping.wait(1)

    def _serve(self, connection: psycopg.Connection[Any]) -> None:
        interval = 1 / self.orders.requests_per_s
        due = time.monotonic() + self.random.uniform(0, interval)
        while not connection.closed and not self.stopping.wait(max(0.0, due - time.monotonic())):
            [request] = self.random.choices(list(self._requests), list(self._requests.values()))
            try:
                request(connection)
            except (psycopg.Error, WrongAnswer) as error:
                self.errors.append(f"{type(error).__name__}: {error}")
            # from when it was due: a statement that is held up makes those behind it late, and they count too
            self.samples.append((due, (time.monotonic() - due) * 1000))
            due += interval * self.random.uniform(0.5, 1.5)

    # requests

    def _read(self, connection: psycopg.Connection[Any]) -> None:
        """Anybody's row: its value is its own, whoever wrote it; and mine is the one I wrote."""
        user = self.random.randint(1, self.orders.rows)
        row = self._run(connection, READ, user).fetchone()
        expected = self._value(user) if self._is_mine(user) else f"user{user}."
        if row is None or not str(row[0]).startswith(expected):
            raise WrongAnswer(f"user {user} has {row}, expected {expected}")

    def _find(self, connection: psycopg.Connection[Any]) -> None:
        user = self._mine()
        found = self._run(connection, FIND, self._value(user)).fetchall()
        if found != [(user,)]:
            raise WrongAnswer(f"{self._value(user)} belongs to {found}, expected user {user}")

    def _change(self, connection: psycopg.Connection[Any]) -> None:
        user = self._mine()
        value = f"user{user}.{self._new_value()}"
        self._expect_one(self._run(connection, CHANGE, value, user))
        self.ledger[user] = value

    def _touch(self, connection: psycopg.Connection[Any]) -> None:
        self._expect_one(self._run(connection, TOUCH, self._mine()))

    def _sign_up(self, connection: psycopg.Connection[Any]) -> None:
        value = f"new.{self._new_value()}"
        row = self._run(connection, SIGN_UP, value).fetchone()
        assert row is not None
        self.ledger[row[0]] = value
        self.signed_up.append(row[0])

    def _leave(self, connection: psycopg.Connection[Any]) -> None:
        if not self.signed_up:
            self._sign_up(connection)
        user = self.signed_up.pop(0)
        self._expect_one(self._run(connection, LEAVE, user))
        self.ledger[user] = None

    # what they share

    def _run(self, connection: psycopg.Connection[Any], sql: SQL, *parameters: object) -> psycopg.Cursor[Any]:
        return connection.execute(sql.format(column=Identifier(self.orders.column)), parameters)

    def _expect_one(self, cursor: psycopg.Cursor[Any]) -> None:
        if cursor.rowcount != 1:
            raise WrongAnswer(f"{cursor.rowcount} rows were there to write, expected 1")

    def _is_mine(self, user: int) -> bool:
        return user % self.orders.clients == self.number

    def _mine(self) -> int:
        first = self.number or self.orders.clients
        return self.random.randrange(first, self.orders.rows + 1, self.orders.clients)

    def _value(self, user: int) -> str:
        return self.ledger.get(user) or initial(user)

    def _new_value(self) -> str:
        self._writes += 1
        return f"{self.number}.{self._writes}@example.com"


def main() -> None:
    """Runs a release until standard input ends."""
    orders = Orders(**json.loads(sys.stdin.readline()))
    stopping = threading.Event()
    threading.Thread(target=_await_end, args=(stopping,), daemon=True).start()
    clients = [Client(orders, orders.first_client + number, stopping) for number in range(orders.connections)]
    for client in clients:
        client.start()
    while not stopping.wait(FLUSH_S):
        _flush(clients)
    for client in clients:
        client.join(PATIENCE_S)
    _flush(clients)
    _print({"ledger": [item for client in clients for item in client.ledger.items()]})


def _await_end(stopping: threading.Event) -> None:
    sys.stdin.read()
    stopping.set()


def _flush(clients: list[Client]) -> None:
    """Takes what is there away from under the clients, which go on appending."""
    samples = [client.samples.pop(0) for client in clients for _ in range(len(client.samples))]
    errors = [client.errors.pop(0) for client in clients for _ in range(len(client.errors))]
    _print({"samples": samples, "errors": errors})


def _print(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
