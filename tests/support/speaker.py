"""A device that speaks the real protocol, one step at a time, as the test wants it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.service import Served
from tinymlaas.service.capabilities import of_board
from tinymlaas.target import board_by_name


def says(board: str = "pico", **other: Any) -> dict[str, Any]:
    """Capabilities of a board of boards/, with some fields changed."""
    said = of_board(board_by_name(board)).model_copy(update={"tinyml": "0.1.0", "micropython": "1.25.0", **other})
    return said.model_dump(mode="json")


@dataclass(slots=True)
class Speaker:
    """An enrolled device."""

    client: httpx.Client
    id: str
    seq: int = 0
    deployment: dict[str, Any] = field(default_factory=dict)

    def declare(self, **capabilities: Any) -> None:
        """Says what it is."""
        body = {"mode": "replace", "data": says(**capabilities)}
        assert self.client.put("/configData", json=body).status_code == 200

    def offered(self) -> bool:
        """Polls; True when there is something to install."""
        links = self.client.get("").json()["_links"]
        if "deploymentBase" not in links:
            return False
        number = links["deploymentBase"]["href"].rsplit("/", 1)[1]
        self.deployment = self.client.get(f"/deploymentBase/{number}").json()
        self.seq = self.deployment["seq"]
        return True

    def tell(self, execution: str, finished: str = "none", detail: str = "", **more: Any) -> None:
        """Feedback on what was offered; ``progress=(count, of)``, ``health={…}``."""
        self.seq += 1
        result: dict[str, Any] = {"finished": finished}
        if progress := more.pop("progress", None):
            result["progress"] = {"cnt": progress[0], "of": progress[1]}
        status = {"execution": execution, "result": result, "details": [detail] if detail else []}
        body = {"id": self.deployment["id"], "seq": self.seq, "status": status, **more}
        answer = self.client.post(f"/deploymentBase/{self.deployment['id']}/feedback", json=body)
        assert answer.status_code == 200, answer.text

    def install(self, **health: Any) -> None:
        """All steps to a self-test that passes."""
        for step in ("download", "downloaded", "proceeding"):
            self.tell(step)
        self.tell("closed", "success", "self-test passed", health=self.health(**health))

    def health(self, **other: Any) -> dict[str, Any]:
        """A report on what it was given."""
        chunk = self.deployment["deployment"]["chunks"][0]
        report = {"model": chunk["name"], "version": int(chunk["version"]), "selftest": True, "errors": 0}
        return {**report, "inference_us": 4230, "heap_free": 151_000, **other}

    def report(self, **health: Any) -> None:
        """Sends a health report."""
        assert self.client.post("/health", json=self.health(**health)).status_code == 200


def speaker(server: Served, device: str, **enrolment: Any) -> Speaker:
    """Enrols a device and returns it."""
    with server.api() as api:
        answer = api.post("/devices", json={"id": device, **enrolment})
        assert answer.status_code == 201, answer.text
    headers = {"Authorization": f"TargetToken {answer.json()['token']}"}
    base = f"{server.url}/default/controller/v1/{device}"
    return Speaker(httpx.Client(base_url=base, headers=headers, timeout=60), device)
