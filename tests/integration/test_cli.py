"""The command line: help, exit codes, what goes to which stream, JSON, settings, and wrong words."""

import json
import re
from pathlib import Path
from time import monotonic

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

import orchestrator as package
from orchestrator.cli import app
from phases.step import Phase
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.locks import holding
from tests.fixtures.processes import Orchestrator
from tests.fixtures.shops import BEHIND_THE_TRIGGER
from tests.integration.command_line import PHASES, CommandLine, OpenCommandLine, hint_of, shop

COMMANDS = [str(command.name or command.callback.__name__) for command in app.registered_commands if command.callback]
RELATIONS = """
SELECT 'class', oid::bigint, relfilenode::bigint FROM pg_class UNION ALL SELECT 'proc', oid::bigint, 0 FROM pg_proc
UNION ALL SELECT 'type', oid::bigint, 0 FROM pg_type UNION ALL SELECT 'namespace', oid::bigint, 0 FROM pg_namespace
UNION ALL SELECT 'trigger', oid::bigint, 0 FROM pg_trigger ORDER BY 1, 2
"""
HOSTILE = """
CREATE SCHEMA "sche""ma %s";
CREATE TABLE "sche""ma %s"."we""ird%1" (
  "order" text COLLATE "C" NOT NULL DEFAULT '100%' CONSTRAINT "uni""que" UNIQUE,
  id int PRIMARY KEY,
  CONSTRAINT "che'ck" CHECK ("order" <> '')
);
CREATE INDEX "idx%s" ON "sche""ma %s"."we""ird%1" (lower("order")) WHERE "order" LIKE '%x%';
COMMENT ON COLUMN "sche""ma %s"."we""ird%1"."order" IS 'it''s 100%';
INSERT INTO "sche""ma %s"."we""ird%1" SELECT 'row ' || n, n FROM generate_series(1, 3000) n
"""


# help and wrong words


def test_help_lists_every_command_in_order_of_use(cli: CommandLine) -> None:
    listed = re.findall(r"^  ([a-z]+)  +[A-Z]", cli.succeed("--help").stdout, re.MULTILINE)
    assert [word for word in listed if word in COMMANDS] == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example_that_it_takes(command: str, cli: CommandLine) -> None:
    shown = cli.succeed(command, "--help").stdout
    example = re.search(r"Example: orchestrator( --database-url \S+)? (\S+)", shown)
    assert example, shown
    assert example[2] == command


@pytest.mark.parametrize(
    "words",
    [
        ["advnace"],
        ["advance"],
        ["advance", "rename-email", "--to", "finish"],
        ["advance", "rename-email", "--force"],
        ["check"],
        ["check", "--deploy", "2.4", "--code", "new"],
        ["check", "--code", "new"],
        ["check", "--at-least", "backfill"],
        ["check", "rename-email", "--code", "newer"],
        ["check", "--deploy", "next"],
        ["plan"],
        ["plan", "rename-emial"],
        ["new", "rename_colum", "x"],
        ["new", "rename_column", "Not A Name"],
        ["new", "rename_column", "rename-email"],
        ["set", "rename-email", "target_batch_ms"],
        ["set", "rename-email", "target_batch_ms=1"],
        ["status", "rename-emial"],
        ["--lock-timeout-ms", "5", "plan", "rename-email"],
        ["--lock-timeout-ms", "soon", "status"],
    ],
    ids=" ".join,
)
def test_wrong_words_end_with_2_and_say_what_is_wrong_on_stderr(words: list[str], cli: CommandLine) -> None:
    cli.advance("expand")
    result = cli(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.search("^(error|Error): ", result.stderr, re.MULTILINE)
    assert "Traceback" not in result.stderr


def test_the_version_is_printed(cli: CommandLine) -> None:
    assert cli.succeed("--version").stdout == f"{package.__version__}\n"


def test_new_writes_a_plan_that_says_what_to_do_next(cli: CommandLine) -> None:
    new = cli.succeed("new", "rename_column", "second-plan")
    assert new.stdout == "plans/second-plan.yaml\n"
    assert new.stderr == "edit it, then: orchestrator plan second-plan\n"
    (cli.folder / new.stdout.strip()).rename(cli.folder / "plans" / "third.yaml")
    assert 'calls itself "second-plan"' in cli("plan", "third").stderr


def test_new_keeps_a_plan_that_is_there(cli: CommandLine) -> None:
    path = cli.plan(new="mail")
    before = path.read_text()
    result = cli("new", "rename_column", "rename-email")
    assert (result.exit_code, path.read_text()) == (2, before)
    assert "plans/rename-email.yaml exists already" in result.stderr


@pytest.mark.parametrize(
    ("change", "error", "hint"),
    [
        ({"table": "user"}, 'there is no table "user"', 'did you mean "users"? the tables are: users'),
        ({"table": "app.users"}, 'there is no table "app.users"', 'did you mean "users"? the tables are: users'),
        (
            {"old": "emial"},
            'table "public.users" has no column "emial"',
            'did you mean "email"? its columns are: id, email, city',
        ),
    ],
)
def test_a_name_that_is_not_there_is_answered_with_the_one_that_was_meant(
    change: dict[str, str], error: str, hint: str, cli: CommandLine
) -> None:
    cli.plan(**change)
    for command in ("plan", "advance"):
        result = cli(command, "rename-email")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == f"error: {error}\nhint: {hint}\n"


def test_a_run_that_is_not_there_is_answered_with_those_that_are(cli: CommandLine) -> None:
    assert hint_of(cli("status", "rename-emial")) == "nothing has been started in this database"
    cli.advance("expand")
    for command in ("status", "history", "pause", "resume", "verify", "abort"):
        result = cli(command, "rename-emial")
        assert result.exit_code == 2
        assert result.stderr == (
            'error: there is no run "rename-emial"\nhint: did you mean "rename-email"? the runs are: rename-email\n'
        )


# connections


@pytest.mark.parametrize(
    ("dsn", "error"),
    [
        ("postgresql://app:s3cret@127.0.0.1:1/shop", 'connection to server at "127.0.0.1", port 1 failed'),
        ("host=127.0.0.1 port=1 password=s3cret", 'connection to server at "127.0.0.1", port 1 failed'),
        ("postgresql+psycopg://app:s3cret@127.0.0.1:1/shop", 'connection to server at "127.0.0.1", port 1 failed'),
        ("postgresql://app:s3cret@[::/shop", "the database URL cannot be read"),
        ("nonsense=1 password=s3cret", "the database URL cannot be read"),
        ("mysql://app:s3cret@localhost/shop", "the database URL cannot be read"),
        ("postgresql://app:s3cret@127.0.0.1:port/shop", ""),
    ],
)
def test_a_database_that_cannot_be_reached_is_told_quickly_and_without_the_password(
    dsn: str, error: str, cli: CommandLine
) -> None:
    started = monotonic()
    result = cli("status", dsn=dsn)
    assert monotonic() - started < 5
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ")
    assert error in result.stderr
    assert hint_of(result)
    assert "s3cret" not in result.stderr
    assert "Traceback" not in result.stderr


def test_a_database_that_is_not_there_is_named(cli: CommandLine) -> None:
    result = cli("status", dsn=cli.database.dsn.replace(cli.database.name, "nowhere"))
    assert result.exit_code == 1
    assert 'database "nowhere" does not exist' in result.stderr


def test_an_error_of_the_server_is_told_without_a_traceback(cli: CommandLine) -> None:
    cli.database.execute("ALTER TABLE orchestrator.run RENAME TO walk")
    result = cli("status")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith('error: relation "orchestrator.run" does not exist')


# streams, exit codes, JSON


def test_results_go_to_stdout_and_messages_to_stderr(cli: CommandLine) -> None:
    advance = cli.succeed("advance", "rename-email", "--to", "constrain")
    assert advance.stdout == "rename-email: constrain waiting\n"
    assert [line for line in advance.stderr.splitlines() if line in PHASES] == list(PHASES[:4])
    status = cli.succeed("status")
    assert "rename-email  constrain waiting" in status.stdout
    assert status.stderr == ""


def test_quiet_leaves_progress_out(cli: CommandLine) -> None:
    assert "done" not in cli.succeed("advance", "rename-email", "--quiet").stderr


def test_every_exit_code_of_a_gate_a_pause_and_a_lock(cli: CommandLine) -> None:
    cli.advance("expand")
    assert cli("check", "--deploy", "2.4").exit_code == 3
    assert cli("check", "--deploy", "2.3").exit_code == 0
    with holding(cli.database, "LOCK TABLE users IN ROW EXCLUSIVE MODE", application_name="nightly job") as holder:
        locked = cli("--lock-timeout-ms", "500", "--lock-budget-s", "0", "advance", "rename-email")
        assert locked.exit_code == 5
        assert f"blocked by pid {holder.pid} (nightly job as postgres, idle in transaction" in locked.stderr
    cli.succeed("pause", "rename-email")
    paused = cli("advance", "rename-email")
    assert paused.exit_code == 6
    assert hint_of(paused) == "lift it with: orchestrator resume rename-email"
    cli.succeed("resume", "rename-email")
    cli.succeed("advance", "rename-email")


def test_the_process_ends_with_the_exit_code(
    create_database: CreateDatabase, orchestrator: Orchestrator, tmp_path: Path
) -> None:
    result = orchestrator("check", "--deploy", "next", database=create_database(shop), cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")


def test_json_is_complete_wherever_a_program_may_read(cli: CommandLine) -> None:
    assert cli.json("status") == []
    plan = cli.json("plan", "rename-email")
    assert [phase["phase"] for phase in plan["phases"]] == list(PHASES)
    steps = [step for phase in plan["phases"] for step in phase["steps"]]
    assert [step["position"] for step in steps] == list(range(1, len(steps) + 1))
    for step in steps:
        assert step["title"] and step["locks"] and step["lock_class"] and step["op"]
        short = step["lock_class"] == "short exclusive"
        assert (step["lock_timeout_ms"], step["hold_ms"]) == ((1000, 2000) if short else (None, None))
    assert plan["tables"] == [
        {"name": "public.users", "rows_estimate": 500.0, "bytes": plan["tables"][0]["bytes"], "index_bytes": 32768}
    ]
    assert (plan["removes"], plan["adds"]) == (["public.users.email"], ["public.users.email_address"])

    assert cli.json("advance", "rename-email") == {"name": "rename-email", "phase": "expand", "status": "waiting"}
    cli.advance("backfill")
    [listed], one = cli.json("status"), cli.json("status", "rename-email")
    assert listed.keys() == one.keys()
    assert (one["phase"], one["status"], one["runner"], one["steps_total"]) == (
        "backfill",
        "waiting",
        "none",
        len(steps),
    )
    assert one["heartbeat"]["released_at"] is not None
    check = cli.json("check", "--deploy", "2.4")
    assert check["allowed"] is False
    assert [run["run"] for run in check["runs"]] == ["rename-email"]
    assert cli.json("verify", "rename-email") == [{"table": "public.users", "rows": 500, "differences": 0, "keys": []}]
    history = cli.json("history", "rename-email")
    assert [event["kind"] for event in history["events"]][:2] == ["created", "state"]
    assert [step["status"] for step in history["steps"]].count("done") == 4
    undone = {"name": "rename-email", "phase": "backfill", "status": "aborted"}
    assert cli.json("plan", "rename-email", "--refresh") == undone | {"status": "waiting"}
    drawn = str(cli.folder / "a.svg")
    assert cli.json("history", "rename-email", "--plot", drawn) == {"name": "rename-email", "file": drawn}
    assert cli.json("abort", "rename-email") == undone
    assert cli.json("abort", "rename-email", "--withdraw") == undone
    assert cli.json("work", "rename-email")["ended"] == "rename-email: backfill aborted, nothing to do"


def test_json_is_all_that_stdout_has_even_when_the_answer_is_no(cli: CommandLine) -> None:
    cli.advance("expand")
    for command in (["check", "--deploy", "2.4"], ["verify", "rename-email"]):
        result = cli(*command, "--json")
        assert result.exit_code != 0
        json.loads(result.stdout)


def test_the_json_schema_of_plans_is_printed_without_a_database(cli: CommandLine) -> None:
    shown = cli.succeed("plan", "--json-schema", dsn="host=127.0.0.1 port=1").stdout
    assert json.loads(shown)["properties"].keys() >= {"name", "release", "changes"}


def test_verify_names_the_rows_that_differ(cli: CommandLine) -> None:
    cli.advance("backfill")
    cli.database.execute(BEHIND_THE_TRIGGER.format(sql=SQL("UPDATE users SET email_address = 'x' WHERE id IN (7, 9)")))
    result = cli("verify", "rename-email")
    assert result.exit_code == 1
    assert result.stdout == "public.users: 500 rows compared, 2 differ; the first:\n  id=7\n  id=9\n"


def test_verify_has_nothing_to_compare_before_expand_and_after_contract(cli: CommandLine) -> None:
    cli.advance("contract")
    result = cli("verify", "rename-email")
    assert result.exit_code == 3
    assert "there are no two shapes to compare" in result.stderr


# plan


def test_a_plan_shows_what_each_step_locks_and_for_how_long(cli: CommandLine) -> None:
    shown = cli.succeed("--lock-timeout-ms", "700", "plan", "rename-email").stdout
    assert shown.startswith("plan rename-email: public.users.email becomes public.users.email_address\n")
    assert "  table public.users: about 500 rows, " in shown
    assert "ACCESS EXCLUSIVE on public.users; waits at most 700 ms a try, holds at most 2000 ms" in shown
    assert [line for line in shown.splitlines() if line in PHASES] == list(PHASES)
    assert shown.rstrip().endswith("nothing was changed; start with: orchestrator advance rename-email")


@pytest.mark.matrix
def test_a_plan_changes_nothing(cli: CommandLine) -> None:
    before = cli.database.fetch(RELATIONS)
    for form in ([], ["--sql"], ["--json"]):
        cli.succeed("plan", "rename-email", *form)
    assert cli.database.fetch(RELATIONS) == before
    assert cli.json("status") == []


def test_a_plan_can_be_looked_at_before_init(database: Database, open_command_line: OpenCommandLine) -> None:
    database.execute("CREATE TABLE users (id int PRIMARY KEY, email text)")
    cli = open_command_line(database)
    cli.plan()
    assert "nothing was changed" in cli.succeed("plan", "rename-email").stdout


@pytest.mark.parametrize("to", ["expand", "constrain"])
def test_a_plan_that_is_under_way_says_where_to_look(to: str, cli: CommandLine) -> None:
    cli.advance(to)
    result = cli("plan", "rename-email")
    assert result.exit_code == 3
    assert f'run "rename-email" is under way, in {to}/waiting' in result.stderr
    assert "orchestrator status rename-email" in hint_of(result)


def test_a_plan_that_was_carried_out_says_so(cli: CommandLine) -> None:
    cli.advance("contract")
    result = cli("plan", "rename-email")
    assert result.exit_code == 3
    assert result.stderr.startswith('error: run "rename-email" is complete: its plan has been carried out\n')


def test_a_plan_that_was_undone_can_be_looked_at_again(cli: CommandLine) -> None:
    cli.advance("backfill")
    cli.succeed("abort", "rename-email")
    assert "nothing was changed" in cli.succeed("plan", "rename-email").stdout


@pytest.mark.matrix
def test_the_sql_of_a_plan_runs_by_itself_and_makes_the_same_schema(
    create_database: CreateDatabase, open_command_line: OpenCommandLine
) -> None:
    by_hand, by_us = create_database(hostile), create_database(hostile)
    cli = open_command_line(by_us)
    cli.plan(table='"sche""ma %s"."we""ird%1"', old="order", new='new"%s')
    script = cli.succeed("plan", "rename-email", "--sql").stdout
    with by_hand.connect() as connection:
        for statement in statements(script):
            connection.execute(statement.encode())
    cli.advance("contract")
    assert by_hand.dump() == by_us.dump()
    rows = SQL("SELECT id, {} FROM {} ORDER BY id").format(Identifier('new"%s'), Identifier('sche"ma %s', 'we"ird%1'))
    assert by_hand.fetch(rows) == by_us.fetch(rows)


def hostile(database: Database) -> None:
    shop(database)
    with database.connect() as connection:
        connection.execute(HOSTILE.encode())


def statements(script: str) -> list[str]:
    """A script for psql, cut where psql would: at semicolons outside of quotes and comments."""
    tokens = re.compile(r"--[^\n]*|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|;|[^'\";-]+|-")
    found, current = [], ""
    for token in tokens.findall(script):
        if token == ";":
            found.append(current.strip())
            current = ""
        elif not token.startswith("--"):
            current += token
    assert not current.strip(), "the script ends within a statement"
    return found


# settings


def lock_timeout(cli: CommandLine, *flags: str) -> int:
    shown = cli.succeed(*flags, "plan", "rename-email", "--json")
    [step] = json.loads(shown.stdout)["phases"][0]["steps"]
    timeout: int = step["lock_timeout_ms"]
    return timeout


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lock_timeout(cli) == 1000
    (cli.folder / "pyproject.toml").write_text("[tool.orchestrator]\nlock_timeout_ms = 300")
    assert lock_timeout(cli) == 300
    (cli.folder / "orchestrator.toml").write_text("lock_timeout_ms = 400")
    assert lock_timeout(cli) == 400
    monkeypatch.setenv("ORCHESTRATOR_LOCK_TIMEOUT_MS", "500")
    assert lock_timeout(cli) == 500
    assert lock_timeout(cli, "--lock-timeout-ms", "600") == 600


def test_a_database_is_found_by_flag_then_our_variable_then_the_common_one_then_libpqs(
    database: Database, create_database: CreateDatabase, orchestrator: Orchestrator
) -> None:
    ready, nowhere = create_database(shop).dsn, "host=127.0.0.1 port=1"
    parts = psycopg.conninfo.conninfo_to_dict(ready)
    libpq = {f"PG{key.upper().replace('DBNAME', 'DATABASE')}": str(value) for key, value in parts.items()}
    ours, common = "ORCHESTRATOR_DATABASE_URL", "DATABASE_URL"
    found = [
        orchestrator("--database-url", ready, "status", env={ours: nowhere, common: nowhere}),
        orchestrator("status", env={ours: ready, common: nowhere}),
        orchestrator("status", env={common: ready, "PGHOST": "nowhere"}),
        orchestrator("status", env=libpq),
    ]
    assert [result.exit_code for result in found] == [0, 0, 0, 0], found


@pytest.mark.parametrize("name", ["ORCHESTRATOR_PLANS", "--plans"])
def test_the_folder_of_plans_can_be_chosen(name: str, cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    (cli.folder / "plans").rename(cli.folder / "elsewhere")
    assert cli("plan", "rename-email").exit_code == 2
    if name.startswith("--"):
        cli.succeed(name, "elsewhere", "plan", "rename-email")
    else:
        monkeypatch.setenv(name, "elsewhere")
        cli.succeed("plan", "rename-email")


def test_a_wrong_setting_names_its_file(cli: CommandLine) -> None:
    (cli.folder / "orchestrator.toml").write_text("lock_timeout = 300")
    result = cli("status")
    assert result.exit_code == 2
    assert result.stderr.startswith(
        f'error: {cli.folder / "orchestrator.toml"}: there is no setting "lock_timeout"\n'
        'hint: did you mean "lock_timeout_ms"?'
    )


def test_status_of_one_run_tells_what_to_do_next_in_every_phase(cli: CommandLine) -> None:
    waits = []
    for phase in PHASES:
        cli.advance(phase)
        waits.append(re.findall("waits for +(.*)", cli.succeed("status", "rename-email").stdout)[0])
    next_step = "orchestrator advance rename-email"
    assert waits == [
        next_step,
        next_step,
        next_step,
        f"release 2.4 everywhere, and none older; then: {next_step} --confirm-contract",
        "nothing: the run is complete",
    ]


def test_an_advance_that_has_nothing_to_do_says_so(cli: CommandLine) -> None:
    cli.advance("backfill")
    for to, told in (("backfill", "has finished backfill already"), ("expand", "is past expand already, in backfill")):
        again = cli.succeed("advance", "rename-email", "--to", to)
        assert told in again.stderr
        assert again.stdout == "rename-email: backfill waiting\n"
    assert [phase["phase"] for phase in cli.json("history", "rename-email")["steps"]].count(Phase.CONSTRAIN) > 0


def test_commands_that_write_something_down_tell_programs_what(cli: CommandLine) -> None:
    assert cli.json("init")["revision"] == cli.json("init")["before"]
    made = cli.json("new", "rename_column", "rename-name")
    assert made == {"name": "rename-name", "file": "plans/rename-name.yaml"}
    cli.advance("expand")
    assert cli.json("pause", "rename-email") == {"paused": True, "all": False, "runs": ["rename-email"]}
    assert cli.json("resume", "rename-email") == {"paused": False, "all": False, "runs": ["rename-email"]}
    assert cli.json("pause", "--all") == {"paused": True, "all": True, "runs": ["rename-email"]}
    assert cli.json("resume", "--all") == {"paused": False, "all": True, "runs": ["rename-email"]}
    changed = cli.json("set", "rename-email", "target_batch_ms=100")
    assert changed == {"name": "rename-email", "knob": "target_batch_ms", "value": 100}
