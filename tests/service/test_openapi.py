"""Schemathesis plays what the OpenAPI document allows, and what it forbids, against the real application."""

from __future__ import annotations

import dataclasses

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.service.conftest import Service
from tinymlaas.service.app import create_app

# What fits the schema may still be refused for what it means: a file that is no model, a gateway or a curve's point that is none.
JUDGED = {
    "POST /api/v1/models",
    "POST /api/v1/devices/bulk",
    "POST /api/v1/devices",
    "POST /api/v1/keys",
    "POST /api/v1/rollouts",
}
EXAMPLES = 10  # of each operation and mode
BOUNDED = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True
)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "forbidden"])
def test_every_answer_is_as_documented(settings, mode):
    idle = Service(create_app(dataclasses.replace(settings, compile_workers=0, login_rate=10**6)))
    idle.upload()
    idle.admin.post("/api/v1/devices", json={"id": "p1", "groups": ["lab"]})
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", idle.app)
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) > 30
    failed = [found for operation in operations if (found := _play(operation, mode, idle.admin_token))]
    assert not failed, "\n".join(failed)


def _play(operation, mode, token):
    """What went wrong, or nothing."""

    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode))
    def play(case):
        excluded = [positive_data_acceptance] if operation.label in JUDGED else []
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, excluded_checks=excluded)

    try:
        play()
    except Unsatisfiable:  # nothing about a request without parameters can be forbidden
        return ""
    except BaseException as error:  # Schemathesis groups its findings
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"{operation.label}: {getattr(error, 'exceptions', [error])!r}"
    return ""
