"""A directory flows in, Debian's `clickhouse-server` on it flows out: a real server, an old one.

Version 18.16 of 2018 speaks the same protocol, and knows the schema's tables not: no DateTime64,
Map, LowCardinality by default, CODEC, data-skipping indexes, `FINAL` with deletes or WITH clauses.
So it stands for a server at the other end of the wire, not for a store.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import Error

from infra.ports import any_port
from tests.infra.support import wait_for

PASSWORD = "right"
_CONFIG = """<yandex>
<logger><level>warning</level><log>{here}/log</log><errorlog>{here}/errors</errorlog></logger>
<listen_host>127.0.0.1</listen_host><tcp_port>{port}</tcp_port>
<path>{here}/data/</path><tmp_path>{here}/tmp/</tmp_path><users_config>users.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>100000000</mark_cache_size>
</yandex>
"""
_USERS = """<yandex><profiles><default/><reads><readonly>1</readonly></reads>
<asks><readonly>2</readonly></asks></profiles><quotas><default/></quotas><users>
{users}</users></yandex>
"""
_USER = (
    f"<{{name}}><password>{PASSWORD}</password><networks><ip>127.0.0.1</ip></networks>"
    "<profile>{profile}</profile><quota>default</quota></{name}>\n"
)
USERS = {"default": "default", "reads": "reads", "asks": "asks"}
"""Who may log in, with what profile: everything, readonly=1, readonly=2."""


class DebianServer:
    """One server, as a child process of this one."""

    def __init__(self, directory: Path) -> None:
        program = shutil.which("clickhouse-server")
        if program is None:
            pytest.skip("install clickhouse-server: sh infra/test_packages.sh")
        self._program: str = program
        self._directory = directory
        directory.mkdir()
        self.port = any_port()
        users = "".join(_USER.format(name=n, profile=p) for n, p in USERS.items())
        (directory / "config.xml").write_text(_CONFIG.format(here=directory, port=self.port))
        (directory / "users.xml").write_text(_USERS.format(users=users))

    def url(self, port: int = 0, user: str = "default", password: str = PASSWORD) -> str:
        """Its address, or that of a wire to it."""
        return f"clickhouse://{user}:{password}@127.0.0.1:{port or self.port}/default"

    def start(self) -> None:
        """Start it; it answers when this returns."""
        with (self._directory / "out").open("ab") as out:
            command = [self._program, f"--config-file={self._directory / 'config.xml'}"]
            self.process = subprocess.Popen(command, stdout=out, stderr=out)
        self.pid = self.process.pid
        wait_for(self._answers, 60)

    def kill(self) -> None:
        """As a crash does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self._directory / "out").read_text()
        try:
            with Client.from_url(self.url()) as client:
                return bool(client.execute("SELECT 1"))
        except (Error, OSError, EOFError):
            return False
