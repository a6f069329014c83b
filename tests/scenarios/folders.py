"""Plans to live through, found by themselves: examples/<kind>/ and tests/scenarios/cases/<case>/.

A folder holds schema.sql, plan.yaml, expected.sql and workload.yaml.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from psycopg.sql import SQL

from orchestrator.plan import Plan, parse

CHECKOUT = Path(__file__).parents[2]
FOLDERS = sorted(
    path.parent for folder in ("examples", "tests/scenarios/cases") for path in (CHECKOUT / folder).glob("*/plan.yaml")
)


def sql(path: Path) -> SQL:
    return SQL(path.read_text(encoding="utf-8"))


def filed(folder: Path, plans: Path, backfill: Mapping[str, int]) -> Plan:
    """The folder's plan, put where the orchestrator looks for it, with a backfill as the test wants it."""
    path = folder / "plan.yaml"
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    text = yaml.safe_dump({**data, "backfill": dict(backfill)}, allow_unicode=True, sort_keys=False)
    plans.mkdir(exist_ok=True)
    (plans / f"{data['name']}.yaml").write_text(text, encoding="utf-8")
    return parse(text, str(path))
