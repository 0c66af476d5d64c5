"""What all tests share: which of them can run here, a real ClickHouse server and a
real Kafka broker.

A test that fails keeps its database; the report says how to look into it.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from clickhouse_driver import Client

from infra import clickhouse, kafka
from pipeline.sinks.client import Client as StoreClient
from pipeline.sinks.migrate import migrate

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"
SUITES = ("faults", "real_data", "torture")
_FAILED = pytest.StashKey[bool]()
_NUMBERS = itertools.count(1)


class Suites:
    """Counts what ran of each suite; with ``--no-skips``, what did not run fails the run.

    Counted from the reports, which reach the process that was started whichever of its workers
    (pytest-xdist) ran the test.
    """

    def __init__(self, *, no_skips: bool) -> None:
        self._no_skips = no_skips
        self._begun: Counter[str] = Counter()
        self._ran: Counter[str] = Counter()
        self._skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what was begun, what ran and what did not."""
        suites = [name for name in SUITES if name in report.keywords]
        if report.when == "setup":
            self._begun.update(suites)
        if report.skipped and not hasattr(report, "wasxfail"):
            self._skipped.append(report.nodeid)
        elif report.when == "call":
            self._ran.update(suites)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Fail a run that looks green because something did not run."""
        if self._no_skips and self._skipped and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say it."""
        if not REAL_DATA.is_dir():
            terminalreporter.write_line(
                "left out: the tests marked real_data, whose files are not in shared/data beside "
                "this checkout"
            )
        for name in sorted(self._begun):
            terminalreporter.write_line(f"{name}: {self._ran[name]} of {self._begun[name]} ran")
        if self._no_skips and self._skipped:
            terminalreporter.write_line(
                f"--no-skips: {len(self._skipped)} tests were skipped, so this run has failed",
                red=True,
            )


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `.ci/run` asks for."""
    parser.addoption("--no-skips", action="store_true", help="a skipped test fails the run")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count, where the reports come together."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Suites(no_skips=config.getoption("--no-skips")))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs the real files, where they are not."""
    if REAL_DATA.is_dir():
        return
    absent = [item for item in items if item.get_closest_marker("real_data")]
    items[:] = [item for item in items if item not in absent]
    config.hook.pytest_deselected(items=absent)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note what failed: its database is kept."""
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clickhouse.Server]:
    """One server for all tests that do not kill theirs."""
    directory = tmp_path_factory.mktemp("store") / "数据 dir" / "clickhouse"
    yield clickhouse.start(directory)
    assert clickhouse.stop(directory)
    assert "Traceback" not in (directory / "server.log").read_text()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Broker]:
    """One Kafka broker for all tests that do not kill theirs."""
    directory = tmp_path_factory.mktemp("broker") / "数据 dir" / "kafka"
    yield kafka.start(directory)
    assert kafka.stop(directory)


@pytest.fixture(scope="module")
def store(server: clickhouse.Server, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A database of one module's tests, with the tables as the migrations make them."""
    name = f"m{next(_NUMBERS)}_{request.module.__name__.rpartition('.')[2]}"
    with Client(server.host, server.port, password=server.password) as client:
        client.execute(f"CREATE DATABASE {name} ENGINE = Atomic")
        client.execute(f"USE {name}")
        with StoreClient(lambda: f"{server.url.rpartition('/')[0]}/{name}") as store:
            migrate(store)
        yield client


@pytest.fixture
def database(server: clickhouse.Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty database of this test alone, as `--clickhouse` takes it."""
    letters = "".join(c if c.isalnum() else "_" for c in request.node.name)[:60]
    name = f"t{next(_NUMBERS)}_{letters}"
    with Client(server.host, server.port, password=server.password) as client:
        client.execute(f"CREATE DATABASE `{name}` ENGINE = Atomic")
        yield f"{server.url.rpartition('/')[0]}/{name}"
        if not request.node.stash.get(_FAILED, False):
            client.execute(f"DROP DATABASE `{name}` SYNC")
            return
    data_dir = server.path.parent
    request.node.add_report_section(
        "teardown",
        "database",
        f"kept as {name}; start its store with: goldpan db start --data-dir '{data_dir}'",
    )
