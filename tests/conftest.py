"""Fixtures by topic, and the random seed by which a failure can be repeated."""

import os
import random

import pytest

pytest_plugins = [
    "tests.fixtures.server",
    "tests.fixtures.matrix",
    "tests.fixtures.database",
    "tests.fixtures.processes",
    "tests.fixtures.in_process",
    "tests.fixtures.shops",
    "tests.fixtures.lint",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seed",
        type=int,
        default=os.environ.get("ORCHESTRATOR_TEST_SEED"),
        help="seed of the random choices in tests, printed at the start of every run",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if config.option.seed is None:
        config.option.seed = random.SystemRandom().randrange(2**32)
    # the workers of pytest-xdist, which are not told of an option that nobody gave, find it there
    os.environ["ORCHESTRATOR_TEST_SEED"] = str(config.option.seed)


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed: {config.option.seed} (repeat a failure with --seed={config.option.seed})"


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Random choices that depend on the seed and the test's name only, whichever tests ran before."""
    return random.Random(f"{request.config.option.seed} {request.node.nodeid}")
