"""What the statements before have done: a file is read from top to bottom, and what it made itself nobody uses yet."""

from __future__ import annotations

from postgast import nodes
from postgast import pg_query_pb2 as pb

from orchestrator.lint.operation import Operation
from orchestrator.lint.rules import AX, SHARE, SRX
from phases.delta import Table

_STRONG = (AX, SRX, SHARE)
"""Locks that stop writers until the transaction ends."""


class Memory:
    """Grows with each statement of one file."""

    def __init__(self, *, in_transaction: bool) -> None:
        self.in_transaction = in_transaction
        self.strong = ""
        """What took a strong lock in this transaction, on a table that was there before."""
        self.created: set[Table] = set()
        self.types: set[str] = set()
        self.made: set[str] = set()
        """Views, functions, sequences and schemas of this file, by their bare names."""
        self.checks: dict[tuple[Table, str], frozenset[str]] = {}
        """Constraints of this file, and the columns whose NOT NULL they prove once they are valid."""
        self.proven: dict[tuple[Table, str], str] = {}
        self.dropped_indexes: set[str] = set()

    def transaction(self, node: nodes.TransactionStmt) -> None:
        """BEGIN, COMMIT and the like; a file that somebody else wraps may end that transaction as well."""
        match node.kind:
            case pb.TRANS_STMT_BEGIN | pb.TRANS_STMT_START:
                self.in_transaction, self.strong = True, ""
            case pb.TRANS_STMT_COMMIT | pb.TRANS_STMT_ROLLBACK:
                self.in_transaction, self.strong = bool(node.chain), ""

    def create(self, table: Table, *, surely: bool) -> None:
        """IF NOT EXISTS may find a table that is in use."""
        if surely:
            self.created.add(table)

    def locked(self, operation: Operation) -> None:
        """Remembers a lock that stops writers of a table that was there before."""
        if self.in_transaction and operation.table and not operation.fresh and operation.taken in _STRONG:
            self.strong = self.strong or operation.does

    def constrained(self, table: Table, name: str, columns: frozenset[str], *, valid: bool) -> None:
        """Remembers a constraint that proves columns NOT NULL, now or when it is validated."""
        self.checks[table, name] = columns
        if valid:
            self.validated(table, name)

    def validated(self, table: Table, name: str) -> None:
        """Remembers that a constraint of this file is valid from here on."""
        for column in self.checks.get((table, name), ()):
            self.proven[table, column] = f"check {name}, valid by then, proves it"
