"""One directory gives one server, whoever asks and however often; failures say what to do."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import Error, ServerException

from infra import clickhouse
from infra.clickhouse import EmbeddedServerError
from tests.infra.support import client_of, wait_for

ROOT = Path(__file__).resolve().parents[2]
STARTER = (
    "import sys; from pathlib import Path; from infra import clickhouse; "
    "server = clickhouse.start(Path(sys.argv[1])); print(server.pid, server.port)"
)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield int(sock.getsockname()[1])


def run_server(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infra.clickhouse", "--path", str(directory), *options]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_package_exports_exactly_its_interface() -> None:
    assert set(clickhouse.__all__) == {
        "EmbeddedServerError",
        "NotReadyError",
        "Server",
        "start",
        "status",
        "stop",
    }


def test_start_status_stop_and_start_again(data_dir: Path) -> None:
    assert clickhouse.status(data_dir) is None
    assert clickhouse.stop(data_dir) is False

    first = clickhouse.start(data_dir)

    assert clickhouse.status(data_dir) == first
    assert clickhouse.start(data_dir) == first
    assert first.url == f"clickhouse://default:{first.password}@127.0.0.1:{first.port}/goldpan"
    assert os.getsid(first.pid) == first.pid, "it must not hear Ctrl-C of our terminal"
    client = client_of(first)
    client.execute("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
    client.execute("INSERT INTO t VALUES", [(1,), (2,)])
    client.disconnect()

    assert clickhouse.stop(data_dir) is True
    assert clickhouse.status(data_dir) is None
    assert clickhouse.stop(data_dir) is False

    again = clickhouse.start(data_dir)
    assert (again.port, again.password) == (first.port, first.password)
    assert again.pid != first.pid
    with client_of(again) as client:
        assert client.execute("SELECT sum(a) FROM t") == [(3,)]
        assert client.execute("SELECT engine FROM system.databases WHERE name = 'goldpan'") == [
            ("Atomic",)
        ]


def test_the_password_stays_secret(server: clickhouse.Server) -> None:
    state = server.path / "server.json"

    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o700
    assert json.loads(state.read_text())["password"] == server.password
    assert len(server.password) >= 24
    assert server.password not in repr(server)
    assert server.password not in (server.path / "server.log").read_text()
    command = Path(f"/proc/{server.pid}/cmdline").read_text()
    assert server.password not in command


def test_four_processes_start_one_server(data_dir: Path) -> None:
    command = [sys.executable, "-c", STARTER, str(data_dir)]
    starters = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    said = {starter.communicate(timeout=60)[0].strip() for starter in starters}

    server = clickhouse.status(data_dir)
    assert server is not None, "it must outlive the processes that started it"
    assert said == {f"{server.pid} {server.port}"}


def test_a_named_port_that_is_taken(data_dir: Path, taken_port: int) -> None:
    with pytest.raises(EmbeddedServerError, match=rf"port {taken_port} .* name another port"):
        clickhouse.start(data_dir, port=taken_port)

    assert clickhouse.status(data_dir) is None


def test_a_remembered_port_that_is_taken_is_replaced(data_dir: Path) -> None:
    first = clickhouse.start(data_dir)
    clickhouse.stop(data_dir)
    # Not SO_REUSEADDR alone: connections of the first server may still be in TIME_WAIT.
    with socket.create_server(("127.0.0.1", first.port)):
        second = clickhouse.start(data_dir)

        assert second.port != first.port
        assert second.password == first.password


def test_a_port_that_does_not_exist(data_dir: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="port 70000"):
        clickhouse.start(data_dir, port=70000)


def test_a_second_server_process_on_the_path(server: clickhouse.Server) -> None:
    second = run_server(server.path)

    assert second.returncode == 1
    error = json.loads(second.stdout)["error"]
    assert f"in use by process {server.pid}" in error
    assert "choose another directory" in error
    assert clickhouse.status(server.path) == server


def test_another_database_than_the_running_one(server: clickhouse.Server) -> None:
    with pytest.raises(EmbeddedServerError, match="'goldpan', not 'other'"):
        clickhouse.start(server.path, database="other")


@pytest.mark.parametrize("birth", ["another boot/1", ""])
def test_a_recycled_process_number_is_not_taken_for_the_server(data_dir: Path, birth: str) -> None:
    first = clickhouse.start(data_dir)
    clickhouse.stop(data_dir)
    path = data_dir / "server.json"
    state = json.loads(path.read_text())
    state["process"] = {"pid": os.getpid(), "birth": birth}
    path.write_text(json.dumps(state))
    (data_dir / "server.lock").write_text(json.dumps(state["process"]))

    assert clickhouse.status(data_dir) is None
    assert clickhouse.stop(data_dir) is False
    assert clickhouse.start(data_dir).password == first.password


@pytest.mark.parametrize("text", ["", "{", "[]", '{"port": "x"}'])
def test_a_damaged_state_file_is_replaced(data_dir: Path, text: str) -> None:
    data_dir.mkdir()
    (data_dir / "server.json").write_text(text)

    with client_of(clickhouse.start(data_dir)) as client:
        assert client.execute("SELECT 1") == [(1,)]


def test_chdb_is_not_installed(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "chdb").mkdir()
    (tmp_path / "chdb" / "__init__.py").write_text("raise ImportError('no chdb')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with pytest.raises(EmbeddedServerError, match=r"pip install 'chdb-core==26\.9\.0'"):
        clickhouse.start(data_dir)


def test_a_server_that_crashes_at_start_shows_its_log(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "chdb").mkdir()
    (tmp_path / "chdb" / "__init__.py").write_text("raise SystemError('a broken wheel')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with pytest.raises(EmbeddedServerError, match=r"(?s)server\.log ends with:.*a broken wheel"):
        clickhouse.start(data_dir)


def test_a_server_that_is_too_slow(data_dir: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="did not start in time"):
        clickhouse.start(data_dir, timeout_s=0.01)

    assert clickhouse.start(data_dir).path == data_dir.resolve()


def test_files_that_are_not_the_engines(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "data").write_text("not a directory")

    with pytest.raises(EmbeddedServerError, match="the engine refuses the directory"):
        clickhouse.start(data_dir)


def test_a_data_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(EmbeddedServerError, match="cannot make the data directory"):
        clickhouse.start(tmp_path / "file")


def test_one_client_too_many_is_told(data_dir: Path) -> None:
    command = [sys.executable, "-m", "infra.clickhouse", "--path", str(data_dir)]
    process = subprocess.Popen(
        [*command, "--max-clients", "2"], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    with process.stdout:
        assert json.loads(process.stdout.readline())["pid"] == process.pid
    server = clickhouse.start(data_dir)
    clients = [client_of(server) for _ in range(3)]
    wait_for(lambda: answers(clients[0]))
    wait_for(lambda: answers(clients[1]))

    assert clickhouse.status(data_dir) == server, "full is not dead"
    with pytest.raises(ServerException, match="Too many clients: at most 2") as caught:
        clients[2].execute("SELECT 1")

    assert caught.value.code == 202
    clients[0].disconnect()
    wait_for(lambda: answers(clients[2]))
    for client in clients:
        client.disconnect()
    process.terminate()
    assert process.wait(20) == 0


def answers(client: Client) -> bool:
    try:
        return bool(client.execute("SELECT 1") == [(1,)])
    except ServerException:
        return False


@pytest.mark.parametrize(
    "data",
    [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 50, b"\x00\xff\xff\xff\xff\xff", b"\xff" * 40],
)
def test_strangers_do_no_harm(server: clickhouse.Server, data: bytes) -> None:
    with socket.create_connection((server.host, server.port), timeout=20) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(4096):
            pass

    assert clickhouse.status(server.path) == server


def test_stop_lets_a_running_query_finish(data_dir: Path) -> None:
    server = clickhouse.start(data_dir)
    results: list[object] = []

    def ask() -> None:
        with client_of(server) as client:
            results.extend(client.execute("SELECT sleepEachRow(0.5) AS slow FROM numbers(3)"))

    thread = threading.Thread(target=ask)
    with client_of(server) as watcher:
        thread.start()
        running = "SELECT count() FROM system.processes WHERE query LIKE '%AS slow%'"
        wait_for(lambda: watcher.execute(running)[0][0] >= 2)
        assert clickhouse.stop(data_dir)
    thread.join()

    assert results == [(0,)] * 3


def test_stop_ends_a_query_that_does_not_finish(data_dir: Path) -> None:
    server = clickhouse.start(data_dir, max_memory=2 << 30)
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            with client_of(server) as client:
                client.execute("SELECT count() AS endless FROM system.numbers WHERE number % 7 = 8")
        except (Error, OSError, EOFError) as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    with client_of(server) as watcher:
        limit = "SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage'"
        assert watcher.execute(limit) == [(str(2 << 30),)]
        thread.start()
        running = "SELECT count() FROM system.processes WHERE query LIKE '%AS endless%'"
        wait_for(lambda: watcher.execute(running)[0][0] >= 2)
        assert clickhouse.stop(data_dir)
    thread.join()

    assert [getattr(error, "code", None) for error in errors] == [394]
    assert (data_dir / "server.log").read_text().rstrip().endswith("stopped")


def test_the_log_is_bounded(tmp_path: Path) -> None:
    program = (
        "import sys, logging, os; from pathlib import Path\n"
        "from infra.clickhouse.logs import set_up\n"
        "set_up(Path(sys.argv[1])); log = logging.getLogger('x')\n"
        "for i in range(6000): log.info('%d %s', i, 'x' * 1000)\n"
        "os.write(2, b'the last words of native code')"
    )
    path = tmp_path / "server.log"
    subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, check=True)

    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 5 << 20
    assert path.read_text().endswith("the last words of native code")
