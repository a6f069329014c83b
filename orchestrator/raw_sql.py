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

        from orchestrator import harmless_sql
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
    node = found[0].node
    match node:
        case nodes.TransactionStmt():
            yield f"{where}: a statement about transactions", OF_TRANSACTIONS
        case nodes.VariableSetStmt() | nodes.DiscardStmt():
            yield f"{where}: a setting", "lock_timeout and the like are set by the step's lock; qualify names"
        case nodes.CopyStmt(is_program=False, filename=""):
            yield f"{where}: COPY from or to the client", "there is no client: INSERT, or load it before"
        case nodes.DropStmt(missing_ok=False) if where.endswith("undo"):
            yield f"{where}: it fails when it runs a second time", "write DROP … IF EXISTS"
    does = operations.operations(source, found)
    for operation in does:
        rule = rules.BY_NAME[operation.rule]
        kinds = [kind for kind in operation.kinds or rule.kinds if kind != "sql" and kind in known]
        if rule.name == "concurrently_in_transaction":
            yield f"{where}: {operation.does} fails", "lock: concurrently"
        elif kinds and not operation.fresh:
            yield (
                f"{where}: {operation.does} is done safely by {' or '.join(kinds)}",
                f'use that kind; or give the reason why not: unsafe: "…" ({rule.advice})',
            )
    if isinstance(node, harmless_sql.TRANSACTIONLESS) and lock != "concurrently":
        yield f"{where}: it cannot run in a transaction", "lock: concurrently"
    elif lock != "short exclusive" and not harmless_sql.stops_nobody(found[0], source):
        held = [f"{each.does} takes {each.taken}, and would hold it" for each in does if each.taken in _STRONG]
        unknown = "it may take a lock that stops readers or writers, and would hold it"
        yield f"{where}: {(*held, unknown)[0]} without a bound", "lock: short exclusive"
    elif lock == "concurrently" and (isinstance(node, harmless_sql.ROWS) or any(syntax.changes(node))):
        yield f"{where}: outside a transaction it may change rows twice", "lock: long, harmless"


def locks_rows(statement: str) -> bool:
    """Whether a statement that was not refused keeps rows locked that others may want to change."""
    from orchestrator import harmless_sql
    from orchestrator.lint import syntax
    from orchestrator.lint.source import Source

    source = Source(file="plan", sql=statement)
    return any(harmless_sql.locks_rows(each, source) for each in syntax.statements(source))
