"""The interface does what its description says, whatever a fuzzer sends; contracts validate."""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from pipeline.__main__ import main
from schemas.events import EVENT_TYPES
from schemas.json_schema import all_schemas, event_schema
from tests.gateway.support import Gateway, queued

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
]


@pytest.fixture(scope="module")
def api(gateway: Gateway) -> Any:
    """The interface as it describes itself."""
    return schemathesis.openapi.from_url(f"{gateway.url}/openapi.json")


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("operation", ["POST /v1/events", "POST /v1/sources/{adapter}"])
def test_it_does_what_it_says(
    gateway: Gateway, api: Any, operation: str, mode: GenerationMode
) -> None:
    method, path = operation.split()
    strategy = api[path][method].as_strategy(generation_mode=mode)
    headers = {"Authorization": f"Bearer {gateway.token}"}

    @settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def holds(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS, timeout=30)

    holds()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_what_only_tells_does_what_it_says(api: Any, path: str) -> None:
    api[path]["GET"].Case().call_and_validate(checks=CHECKS, timeout=30)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_contract_is_a_json_schema(event_type: str) -> None:
    Draft202012Validator.check_schema(event_schema(event_type))


def test_a_schema_tells_good_events_from_bad_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "call.queued"]) == 0
    one = Draft202012Validator(json.loads(capsys.readouterr().out))
    assert main(["schema"]) == 0
    whole = Draft202012Validator(json.loads(capsys.readouterr().out))
    good, bad = queued(1, phone="13812345678"), queued(1, queue=7)
    for validator in (one, whole):
        assert validator.is_valid(good)
        assert not validator.is_valid(bad)
    assert "subject" not in all_schemas()["call.queued"]["properties"]


def test_an_event_type_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "call.quued"]) == 1
    assert "did you mean call.queued" in capsys.readouterr().err
