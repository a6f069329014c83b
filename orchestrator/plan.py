"""The plan file: YAML, checked strictly, every error with its place in the file and what to write instead."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Union

import yaml
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator

from orchestrator.changes import Entry, kinds
from orchestrator.errors import PlanError, PlanNotFound, suggestion
from orchestrator.knobs import Knobs, complaint
from orchestrator.table_names import split_table as split_table

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_SOAK = re.compile(r"([0-9]{1,6}) *(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class ContractGate(BaseModel):
    """What must hold before contract."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    soak: str | None = Field(
        default=None,
        description="time since constrain finished: 90s, 30m, 24h, 7d",
        json_schema_extra={"pattern": rf"^ *{_SOAK.pattern} *$"},
    )

    @field_validator("soak")
    @classmethod
    def _soak_is_a_duration(cls, value: str | None) -> str | None:
        if value is not None:
            duration(value)
        return value


class Gates(BaseModel):
    """Gates by phase."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    contract: ContractGate = ContractGate()


class Plan(BaseModel):
    """A plan: one or more changes that go through the five phases together."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(
        description="lower-case letters, digits, - and _; the file is called NAME.yaml",
        json_schema_extra={"pattern": f"^{NAME.pattern}$"},
    )
    description: str = ""
    release: str | None = Field(
        default=None, description='first release of the application that uses the new shape; quote it: "2.4"'
    )
    changes: tuple[Entry, ...] = Field(min_length=1)
    backfill: Knobs = Knobs()
    gates: Gates = Gates()

    @field_validator("name")
    @classmethod
    def _name_is_a_word(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError("must be up to 40 lower-case letters, digits, - and _, beginning with a letter or digit")
        return value

    @field_validator("release")
    @classmethod
    def _release_can_be_compared(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                Version(value)
            except InvalidVersion as error:
                raise ValueError(
                    f'must be a version that can be compared, such as "2.4" or "2024.11.1", not "{value}"'
                ) from error
        return value

    @property
    def soak(self) -> timedelta:
        """The time that must pass between constrain and contract."""
        return duration(self.gates.contract.soak) if self.gates.contract.soak else timedelta()

    def canonical(self) -> dict[str, Any]:
        """The plan as stored: what two files must share to be the same plan."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def duration(text: str) -> timedelta:
    """`24h`, `30m`, `90s`, `7d` as a timedelta.

    Raises:
        ValueError: it is none of these.
    """
    match = _SOAK.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'must be a duration such as 90s, 30m, 24h or 7d, not "{text}"')
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


@cache
def _model() -> type[Plan]:
    """The plan with every kind that is installed."""
    known = tuple(kinds().values())
    union: Any = Annotated[Union[known], Field(discriminator="kind")] if len(known) > 1 else known[0]  # noqa: UP007
    return create_model("Plan", __base__=Plan, changes=(tuple[union, ...], Field(min_length=1)))


def json_schema() -> dict[str, Any]:
    """A JSON Schema of plan files, for editors."""
    schema = _model().model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def find(name: str, folder: Path) -> Path:
    """The file of a plan.

    Raises:
        PlanNotFound: with the plans that are there.
    """
    direct = Path(name)
    if direct.suffix in (".yaml", ".yml") and direct.is_file():
        return direct
    for suffix in (".yaml", ".yml"):
        path = folder / f"{name}{suffix}"
        if path.is_file():
            return path
    known = names_in(folder)
    meant = suggestion(name, known)
    hint = f'did you mean "{meant}"? ' if meant else ""
    hint += (
        f"the plans there are: {', '.join(known)}"
        if known
        else "write one with: orchestrator new rename_column " + name
    )
    raise PlanNotFound(f'there is no plan "{name}" in {folder}', hint)


def names_in(folder: Path) -> list[str]:
    """The plans of a folder, by name."""
    if not folder.is_dir():
        return []
    return sorted(path.stem for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))


def load(path: Path) -> Plan:
    """Reads and checks a plan file.

    Raises:
        PlanError: naming the file, the line and what is wrong there.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"cannot read {path}: {error}") from error
    plan = parse(text, str(path))
    if plan.name != path.stem:
        raise PlanError(
            f'{path}: the plan calls itself "{plan.name}"', f"a plan's file is named after it: {plan.name}{path.suffix}"
        )
    return plan


def parse(text: str, source: str) -> Plan:
    """Checks the text of a plan; `source` stands before errors."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.load(text, Loader=_UniqueKeys)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise PlanError(
            f"{place}: {error.problem or 'not YAML'}", "see docs/plan-file.md for the form of a plan"
        ) from error
    if not isinstance(data, Mapping) or node is None:
        raise PlanError(
            f"{source}: a plan is a mapping with at least name and changes", "write one with: orchestrator new"
        )
    _check_kinds(data, node, source)
    try:
        return _model().model_validate(_tuples(data))
    except ValidationError as error:
        raise _plan_error(error, node, source) from error


def restore(stored: Mapping[str, Any]) -> Plan:
    """The plan of a run, as the journal has it."""
    return _model().model_validate(_tuples(stored))


def difference(stored: Mapping[str, Any], current: Plan) -> str | None:
    """A unified diff of two plans, or None where they ask for the same.

    Knobs are left out: they are tuned while a plan runs, with `orchestrator set`.
    """
    # jsonb keeps no order of keys: both in the order of the model
    plans = (restore(stored).canonical(), current.canonical())
    before, after = ({k: v for k, v in plan.items() if k not in _FREE} for plan in plans)
    if before == after:
        return None
    lines = difflib.unified_diff(_lines(before), _lines(after), "the run", "the file", lineterm="", n=2)
    return "\n".join(lines)


_FREE = ("backfill", "description")


def _lines(value: Mapping[str, Any]) -> list[str]:
    return yaml.safe_dump(json.loads(json.dumps(value)), sort_keys=False).splitlines()


class _UniqueKeys(yaml.SafeLoader):
    """Plain YAML lets a second key silently win over the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a word", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f'key "{key.value}" is given twice', key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _tuples(value: Any) -> Any:
    """Strict models take tuples only as tuples; YAML has lists."""
    if isinstance(value, list):
        return tuple(map(_tuples, value))
    if isinstance(value, Mapping):
        return {key: _tuples(item) for key, item in value.items()}
    return value


def _check_kinds(data: Mapping[str, Any], node: yaml.Node, source: str) -> None:
    changes = data.get("changes")
    if not isinstance(changes, list):
        return
    for position, change in enumerate(changes):
        kind = change.get("kind") if isinstance(change, Mapping) else None
        if isinstance(kind, str) and kind in kinds():
            continue
        place = f"{source}:{_line(node, ('changes', position, 'kind'))}"
        meant = suggestion(str(kind), kinds())
        hint = (f'did you mean "{meant}"? ' if meant else "") + f"the kinds are: {', '.join(kinds())}"
        raise PlanError(f"{place}: " + (f'there is no kind "{kind}"' if kind else "a change needs a kind"), hint)


def _plan_error(error: ValidationError, node: yaml.Node, source: str) -> PlanError:
    paths = [_path(item["loc"]) for item in error.errors()]
    found = [
        (_line(node, path), *_explained(item, path, node))
        for path, item in zip(paths, error.errors(), strict=True)
        # a list whose only item is wrong counts as empty as well
        if not any(path == other[: len(path)] for other in paths if other != path)
    ]
    found.sort(key=lambda each: each[0])
    problems = (f"{source}:{line}: {problem}" for line, problem, _ in found)
    hints = dict.fromkeys(hint for _, _, hint in found if hint)
    return PlanError("\n".join(problems), "\n".join(hints) or "see docs/plan-file.md for every key")


def _path(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The way to an error in the file, without the kind that pydantic adds where there are several."""
    return loc[:2] + loc[3:] if len(kinds()) > 1 and loc[0] == "changes" else loc


def _explained(item: ErrorDetails, path: tuple[int | str, ...], node: yaml.Node) -> tuple[str, str | None]:
    """What is wrong, and what to write instead."""
    key = path[-1]
    match item["type"]:
        case "extra_forbidden":
            kind = item["loc"][2] if path[0] == "changes" and len(kinds()) > 1 else None
            allowed = _keys_at(path[:-1], kind)
            meant = suggestion(str(key), allowed)
            hint = (f'did you mean "{meant}"? ' if meant else "") + f"the keys are: {', '.join(allowed)}"
            return f'there is no key "{key}" here', hint
        case "missing":
            return f'"{key}" is missing', None
        case "string_type" if isinstance(written := _at(node, path), yaml.ScalarNode):
            return f'"{key}" must be text', f'put it in quotes: {key}: "{written.value}"'
        case _:
            return f'"{key}" {complaint(item)}', None


def _keys_at(path: tuple[Any, ...], kind: int | str | None) -> list[str]:
    """The keys that a plan may have at a place; in a change of several kinds, one of that kind."""
    schema = json_schema()
    definitions = schema.get("$defs", {})
    here: dict[str, Any] = schema
    for part in path:
        if not isinstance(part, int) and "properties" not in here:
            here = here.get("additionalProperties", {})
        else:
            here = here.get("items", {}) if isinstance(part, int) else here["properties"].get(part, {})
        while "$ref" in here:
            here = definitions[here["$ref"].rsplit("/", 1)[-1]]
        if "oneOf" in here:
            here = definitions[here["discriminator"]["mapping"][kind].rsplit("/", 1)[-1]]
    return list(here.get("properties", {}))


def _line(node: yaml.Node, path: tuple[int | str, ...]) -> int:
    """The line, counted from 1, of the deepest part of `path` that the file has."""
    line = int(node.start_mark.line) + 1
    for part in path:
        found = _child(node, part)
        if found is None:
            return line
        line, node = int(found[0].start_mark.line) + 1, found[1]
    return line


def _at(node: yaml.Node, path: tuple[int | str, ...]) -> yaml.Node | None:
    """What the file has at `path`."""
    for part in path:
        found = _child(node, part)
        if found is None:
            return None
        node = found[1]
    return node


def _child(node: yaml.Node, part: int | str) -> tuple[yaml.Node, yaml.Node] | None:
    """Key and value of a mapping, or an item of a sequence, twice."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def template(kind: str, name: str, release: str = "2.4") -> str:
    """A commented plan file to start from."""
    if not NAME.fullmatch(name):
        raise PlanError(f'"{name}" is not a plan name', "up to 40 lower-case letters, digits, - and _")
    if kind not in kinds():
        meant = suggestion(kind, kinds())
        hint = (f'did you mean "{meant}"? ' if meant else "") + f"the kinds are: {', '.join(kinds())}"
        raise PlanError(f'there is no kind "{kind}"', hint)
    return _TEMPLATE.format(name=name, release=release, changes=kinds()[kind].example.format(release=release))


_TEMPLATE = """\
# A plan of five phases. See what it would do:   orchestrator plan {name}
# and move it one phase at a time:                orchestrator advance {name}
name: {name}
description: ""                # for the people who read status and history
release: "{release}"                 # first release of the application that uses the new shape; check --deploy reads it
changes:
{changes}
# All optional, and all tunable while it runs (orchestrator set {name} target_batch_ms=100):
# backfill:
#   target_batch_ms: 200       # how long one batch may take: the extra wait of a write that meets it
# gates:
#   contract: {{soak: 24h}}      # time between constrain and contract
"""
