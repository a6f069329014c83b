"""What the text of a statement that somebody else wrote shows: what must not be in it, and what does it safely.

The parser and the table of operations are those of `orchestrator lint`, docs/refuse-or-do.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

Refusal = tuple[str, str]

OF_TRANSACTIONS = "each step is one transaction, which belongs to the orchestrator"
_STRONG = ("ACCESS EXCLUSIVE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "SHARE")


def refusals(where: str, statement: str, lock: str, known: Collection[str]) -> Iterator[Refusal]:
    """What stands against a statement in a step of that lock; `known`: the kinds that are used in its place."""
    # of the extra `lint`, and slow to load
    try:
        from postgast import nodes

        from orchestrator.lint import operations, rules, syntax
        from orchestrator.lint.source import Source, Unreadable
    except ImportError:
        yield "raw SQL cannot be read without a parser", "install it: pip install 'pg-expand-contract[lint]'"
        return
    source = Source(file="plan", sql=statement, in_transaction=lock != "concurrently")
    try:
        found = syntax.statements(source)
    except Unreadable as error:
        yield f"{where}: {error}", "write it as psql would take it"
        return
    if len(found) != 1:
        yield f"{where}: {len(found)} statements in one text", "make a list of them, one statement each"
        return
    match found[0].node:
        case nodes.TransactionStmt():
            yield f"{where}: a statement about transactions", OF_TRANSACTIONS
        case nodes.VariableSetStmt() | nodes.DiscardStmt():
            yield f"{where}: a setting", "lock_timeout and the like are set by the step's lock; qualify names"
        case nodes.CopyStmt(is_program=False, filename=""):
            yield f"{where}: COPY from or to the client", "there is no client: INSERT, or load it before"
        case nodes.DropStmt(missing_ok=False) if where.endswith("undo"):
            yield f"{where}: it fails when it runs a second time", "write DROP … IF EXISTS"
    for operation in operations.operations(source, found):
        rule = rules.BY_NAME[operation.rule]
        kinds = [kind for kind in operation.kinds or rule.kinds if kind != "sql" and kind in known]
        if kinds and not operation.harmless:
            yield (
                f"{where}: {operation.does} is done safely by {' or '.join(kinds)}",
                f'use that kind; or give the reason why not: unsafe: "…" ({rule.advice})',
            )
        if rule.name == "concurrently_in_transaction":
            yield f"{where}: {operation.does} cannot run in a transaction", "lock: concurrently"
        taken = operation.lock or rule.lock
        if lock != "short exclusive" and taken in _STRONG and not operation.harmless:
            yield (
                f"{where}: {operation.does} takes {taken}, and would wait for it without a bound",
                "lock: short exclusive",
            )
