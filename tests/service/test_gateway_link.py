"""What the gateway asks a real server, and what it keeps of downloads; no board is needed."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.service import DIGITS, Served, served, wait_until
from tinymlaas.errors import ModuleError, ServiceError, UsageError
from tinymlaas.gateway.cache import Cache
from tinymlaas.gateway.link import Link, Offer, Said
from tinymlaas.service.capabilities import of_board
from tinymlaas.target import board_by_name


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("service") / "data", "--poll-interval", "1") as found:
        yield found


@pytest.fixture(scope="module")
def link(server: Served) -> Iterator[Link]:
    """A device that has said it is a Pico."""
    with server.api() as api:
        token = api.post("/devices", json={"id": "d"}).json()["token"]
    with Link(server.url, "d", f"TargetToken {token}") as link:
        assert "configData" in link.poll().links
        link.declare(of_board(board_by_name("pico")).model_dump(exclude={"operators"}) | {"micropython": "1.26.0"})
        yield link


@pytest.fixture(scope="module")
def offer(server: Served, link: Link) -> Offer:
    """A module that is offered to it."""
    with server.api() as api:
        api.post("/models", data={"name": "digits"}, files={"file": ("digits.tflite", DIGITS)})
        api.post("/devices/d/assign", json={"model": "digits"})
    return link.offer(wait_until(lambda: link.poll().links.get("deploymentBase")))


def _nothing(done: int, total: int) -> None:
    pass


def test_an_answer_that_is_the_same(link: Link) -> None:
    first = link.poll()
    assert link.poll() is first  # 304


def test_a_download_goes_on_where_it_was_cut(link: Link, offer: Offer, tmp_path: Path) -> None:
    whole = Cache(tmp_path / "a").fetch(link, offer, _nothing)
    assert hashlib.sha256(whole).hexdigest() == offer.sha256
    cache, told = Cache(tmp_path / "b"), []
    (tmp_path / "b" / f"{offer.sha256}.part").write_bytes(whole[:5000])
    assert cache.fetch(link, offer, lambda done, total: told.append(done)) == whole
    assert all(done > 5000 for done in told)
    told.clear()
    assert cache.fetch(link, offer, lambda done, total: told.append(done)) == whole
    assert told == []  # it was here


def test_damage_on_this_side_is_downloaded_again(link: Link, offer: Offer, tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    (tmp_path / f"{offer.sha256}.part").write_bytes(b"x" * 5000)
    data = cache.fetch(link, offer, _nothing)
    (tmp_path / f"{offer.sha256}.tml").write_bytes(data[:-1] + b"?")
    assert cache.fetch(link, offer, _nothing) == data


def test_feedback_and_withdrawal(server: Served, link: Link, offer: Offer) -> None:
    link.tell(offer.action, 1, Said("download", progress=(1, 2)))
    link.tell(offer.action, 1, Said("download", progress=(1, 2)))  # heard before
    with pytest.raises(ServiceError, match="no action 999"):
        link.tell(999, 1, Said("download"))


def test_other_bytes_than_were_offered(link: Link, offer: Offer, tmp_path: Path) -> None:
    """The server's store, or something on the way, has other bytes under that name."""
    other = dataclasses.replace(offer, sha256=hashlib.sha256(b"something else").hexdigest())
    with pytest.raises(ModuleError, match="altered or damaged"):
        Cache(tmp_path).fetch(link, other, _nothing)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x", "http://"])
def test_urls(url: str) -> None:
    with pytest.raises(UsageError, match="no URL of a server"):
        Link(url, "d", "TargetToken x")


def test_a_server_that_is_not_there() -> None:
    with Link("http://127.0.0.1:9", "d", "TargetToken x") as link, pytest.raises(ServiceError) as caught:
        link.poll()
    assert caught.value.status == 503


def test_a_wrong_token(server: Served) -> None:
    with Link(server.url, "d", "TargetToken x") as link, pytest.raises(ServiceError, match="wrong token"):
        link.poll()
