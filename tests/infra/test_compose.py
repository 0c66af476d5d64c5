"""The compose file as far as it can be judged without containers: form, structure, commands."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.__main__ import main

HOME = Path(__file__).parents[2] / "infra" / "compose"
COMPOSE: dict[str, Any] = yaml.safe_load((HOME / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONCE = {"topics", "migrate", "ingest"}


def test_compose_itself_reads_it() -> None:
    command = ["docker-compose", "--file", str(HOME / "compose.yaml"), "config"]
    read = subprocess.run(command, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    services = yaml.safe_load(read.stdout)["services"]
    assert services.keys() == SERVICES.keys()
    assert services["grafana"]["volumes"][-1].startswith(str(HOME.parents[1] / "dashboards"))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_bounded_and_has_no_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["cpus"]
    assert not service["user"].startswith(("0", "root"))
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert (name in ONCE) == (service["restart"] == "no")
    assert name in ONCE or service["healthcheck"]["test"][0] == "CMD"
    image, _, tag = service["image"].partition(":")
    assert image == "goldpan" or (tag and tag != "latest")


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_those_of_the_loopback_address(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert bool(ports) == ("outside" in SERVICES[name]["networks"])
    assert COMPOSE["networks"]["inside"] == {"internal": True}


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_needs_is_there(name: str) -> None:
    service = SERVICES[name]
    for other in service.get("depends_on", {}):
        assert other in SERVICES
    assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys()
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert (HOME / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
    if "build" in service:
        assert (HOME / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_secrets_are_files_and_are_in_no_environment(tmp_path: Path) -> None:
    shutil.copy(HOME / "secrets.sh", tmp_path)
    for _ in range(2):
        subprocess.run(["sh", tmp_path / "secrets.sh"], check=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert {f"secrets/{name}" for name in made} == {s["file"] for s in COMPOSE["secrets"].values()}
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    assert len(made["writer_password"]) == 48
    assert made["store"] == (
        f"clickhouse://goldpan:{made['writer_password']}@clickhouse:9000/goldpan"
    )
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            assert "PASSWORD" not in key or value.startswith("/run/secrets/")


@pytest.mark.parametrize("name", [n for n, s in SERVICES.items() if s["image"] == "goldpan"])
def test_goldpans_own_commands_exist(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = SERVICES[name].get("command") or SERVICES[name]["entrypoint"][3:]
    with pytest.raises(SystemExit):
        main([words[0], "--help"])
    shown = capsys.readouterr().out
    assert all(word in shown for word in words if word.startswith("--"))


def test_a_stores_address_may_be_in_a_file(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "store").write_text(database + "\n")
    assert main(["migrate", "--clickhouse", f"@{tmp_path / 'store'}"]) == 0
    with pytest.raises(SystemExit):
        main(["migrate", "--clickhouse", f"@{tmp_path / 'nowhere'}"])
    assert "nowhere cannot be read" in capsys.readouterr().err
