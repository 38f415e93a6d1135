"""Blobs, in a folder and on a real S3 server."""

from __future__ import annotations

import pytest

from tests.support.service import free_port
from tinymlaas.errors import ServiceError, TinymlError
from tinymlaas.service.store import open_store


@pytest.fixture(params=["folder", "s3"])
def where(request, tmp_path, monkeypatch):
    """Where a store may be opened."""
    if request.param == "folder":
        return str(tmp_path / "store")
    for name, value in request.getfixturevalue("s3").items():
        monkeypatch.setenv(name, value)
    return "s3://modules/some/prefix"


def test_what_is_put_is_got_also_by_another_process(where):
    sha256 = open_store(where).put("source", b"0123456789")
    store = open_store(where)
    assert store.put("source", b"0123456789") == sha256
    assert store.get("source", sha256) == b"0123456789"
    assert store.get_range("source", sha256, 2, 5) == b"234"
    assert b"".join(store.chunks("source", sha256, 1, 9)) == b"12345678"
    assert store.size("source", sha256) == 10


def test_what_is_deleted_is_gone(where):
    store = open_store(where)
    sha256 = store.put("module", b"x")
    store.delete("module", sha256)
    store.delete("module", sha256)
    assert not store.exists("module", sha256)
    with pytest.raises(ServiceError, match="there is no module/") as refused:
        store.get("module", sha256)
    assert refused.value.status == 404


@pytest.mark.parametrize("key", ["../../etc/passwd", "", "A" * 64, "0" * 63])
def test_a_key_is_a_hash_and_nothing_else(where, key):
    with pytest.raises(ServiceError, match="there is no"):
        open_store(where).get("module", key)


def test_a_damaged_blob_is_not_given_out(tmp_path):
    store = open_store(str(tmp_path))
    sha256 = store.put("module", b"whole")
    (tmp_path / "module" / sha256).write_bytes(b"wh0le")
    with pytest.raises(TinymlError, match="damaged"):
        store.get("module", sha256)


@pytest.mark.parametrize("url", ["nothing://x", "/proc/no/such/place"])
def test_a_store_that_cannot_be_opened_is_named(url):
    with pytest.raises(TinymlError, match=f"store {url}: .*check the URL"):
        open_store(url)


def test_an_s3_server_that_is_away_is_named(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    with pytest.raises(TinymlError, match="s3://modules"):
        open_store("s3://modules")
