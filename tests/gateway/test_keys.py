"""Only who has a valid key may send, and only what the key says; changes count at once."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.errors import ConfigError
from pipeline.gateway.keys import KeyRing, digest, read_keys, write_keys
from tests.gateway.support import Gateway, queued
from tests.infra.support import wait_for

Typed = Callable[..., str]


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Type a `goldpan keys` command; what it printed."""

    def run(*words: str) -> str:
        capsys.readouterr()
        place = () if "--data-dir" in words else ("--data-dir", str(tmp_path))
        status = main(["keys", *words, *place])
        out, err = capsys.readouterr()
        return out.strip() if status == 0 else err.strip()

    return run


def test_no_key_and_a_wrong_one(gateway: Gateway) -> None:
    body = json.dumps(queued("nobody")).encode()
    bare = gateway.ask("POST", "/v1/events", body, Content_Type="application/json")
    assert (bare.status, bare.code) == (401, "no_key")
    assert bare.headers["WWW-Authenticate"] == 'Bearer realm="goldpan"'
    assert "Authorization: Bearer KEY" in bare.message
    for token in ("gp_first_" + 43 * "x", "hello", "gp_first_\udcff"):
        wrong = gateway.post(body, token=token.encode("latin-1", "replace").decode("latin-1"))
        assert (wrong.status, wrong.code) == (401, "bad_key")


def test_keys_are_added_rotated_and_revoked_while_it_runs(gateway: Gateway, typed: Typed) -> None:
    place = ("--data-dir", str(gateway.directory))
    token = typed("add", "desk", "--site", "example", "--source", "desk", *place)
    body = json.dumps(queued("desk", source="desk")).encode()

    def answer(token: str) -> int:
        return gateway.post(body, token=token).status

    wait_for(lambda: answer(token) == 202)
    second = typed("rotate", "desk", "--hours", "1", *place)
    wait_for(lambda: answer(second) == 202)
    assert answer(token) == 202
    assert "revoked" in typed("revoke", "desk", *place)
    wait_for(lambda: answer(token) == 401)
    assert answer(second) == 401


def test_a_key_writes_its_own_site_and_source_only(gateway: Gateway, typed: Typed) -> None:
    place = ("--data-dir", str(gateway.directory))
    token = typed("add", "narrow", "--site", "example", "--source", "pbx-7", *place)
    event = queued("narrow")
    del event["site"], event["source"]
    wait_for(lambda: gateway.post(json.dumps(event).encode(), token=token).status == 202)

    other = gateway.post(json.dumps(queued("other", source="crm")).encode(), token=token)

    assert other.status == 403
    (result,) = other.json["results"]
    assert (result["status"], result["field"], result["value"]) == ("refused", "source", "'crm'")
    assert result["detail"] == (
        "source is 'crm', but this key may only write pbx-7; use another key"
    )


def test_nobody_may_change_the_configuration_by_an_event(gateway: Gateway) -> None:
    event = queued("config") | {"event_type": "config.changed", "who": "me"}
    answer = gateway.send(event)
    assert (answer.status, answer.json["results"][0]["field"]) == (403, "event_type")


def test_a_key_is_told_with_what_it_is_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("--data-dir", str(tmp_path))
    assert main(["keys", "add", "pbx", "--site", "example", "--days", "3", *place]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(r"gp_pbx_\S+\n", out)
    assert "the key of pbx, for events of site example and any source, until 20" in err
    assert "-H 'Authorization: Bearer KEY'" in err
    assert out.strip() not in err


def test_an_expired_key_says_so(tmp_path: Path, typed: Typed) -> None:
    token = typed("add", "short", "--days", "1")
    ring = KeyRing(tmp_path / "keys.yaml")
    now = datetime.now(UTC)
    assert ring.find(token, now)[0] is not None
    key, problem = ring.find(token, now + timedelta(days=1, seconds=1))
    assert key is None
    assert problem.startswith("the key short expired at 20")


def test_the_gateway_refuses_an_expired_key(gateway: Gateway, typed: Typed) -> None:
    place = ("--data-dir", str(gateway.directory))
    token = typed("add", "old", *place)
    file = gateway.directory / "keys.yaml"
    over = datetime.now(UTC) - timedelta(hours=1)
    write_keys(
        file,
        (
            key.model_copy(update={"expires_at": over}) if key.name == "old" else key
            for key in read_keys(file)
        ),
    )
    body = json.dumps(queued("old")).encode()
    wait_for(lambda: gateway.post(body, token=token).status == 401)
    wait_for(lambda: "expired at" in gateway.post(body, token=token).message)
    assert "old" in typed("revoke", "old", *place)


def test_files_hold_hashes_and_are_the_owners_alone(tmp_path: Path, typed: Typed) -> None:
    token = typed("add", "pbx")
    text = (tmp_path / "keys.yaml").read_text()
    assert token not in text
    assert digest(token) in text
    assert stat.S_IMODE((tmp_path / "keys.yaml").stat().st_mode) == 0o600


def test_rotation_leaves_two_valid_keys_for_a_while(tmp_path: Path, typed: Typed) -> None:
    first = typed("add", "pbx", "--days", "90", "--rate", "50")
    second = typed("rotate", "pbx", "--hours", "2")
    ring, now = KeyRing(tmp_path / "keys.yaml"), datetime.now(UTC)
    for at, valid in ((now, [True, True]), (now + timedelta(hours=3), [False, True])):
        assert [ring.find(token, at)[0] is not None for token in (first, second)] == valid
    newest = ring.find(second, now)[0]
    assert newest is not None
    assert newest.events_per_second == 50
    assert newest.valid(now + timedelta(days=89))
    assert "pbx" in typed("list")


def test_what_cannot_be_done_is_said(tmp_path: Path, typed: Typed) -> None:
    assert typed("list") == "no keys; 'goldpan keys add NAME' makes one"
    assert "there is no key 'pbx'" in typed("revoke", "pbx")
    assert "there is no key 'pbx'" in typed("rotate", "pbx")
    assert "is no name for a key" in typed("add", "PBX 1")
    typed("add", "pbx")
    assert "there is a key 'pbx' already" in typed("add", "pbx")
    (tmp_path / "keys.yaml").write_text("keys: 7")
    with pytest.raises(ConfigError, match="is no file of keys"):
        read_keys(tmp_path / "keys.yaml")


def test_a_broken_file_leaves_the_keys_as_they_were(
    tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.gateway.keys.LOOK_AGAIN_S", 0.0)
    token = typed("add", "pbx")
    ring, now = KeyRing(tmp_path / "keys.yaml"), datetime.now(UTC)
    (tmp_path / "keys.yaml").write_text("keys: [")
    assert ring.find(token, now)[0] is not None
    assert "is no file of keys" in ring.problem
