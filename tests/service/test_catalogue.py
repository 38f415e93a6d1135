"""Uploads, versions, builds: what is refused and why, and that nothing is lost when a compiler or the server dies."""

from __future__ import annotations

import hashlib
import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests.host.test_hostile_models import MODELS
from tests.support.service import DIGITS
from tests.support.tflite_writer import TensorSpec, single_op
from tinymlaas.planfmt import RUNTIME_VERSION
from tinymlaas.service import builder, compiler
from tinymlaas.service.compiler import CompilerDied, Job, compile_apart, compile_here
from tinymlaas.service.database import reading, writing
from tinymlaas.service.tables import Build, now

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # what has nothing to do with the database
PROFILES = {f"{target}/f1/r{RUNTIME_VERSION}/*" for target in ("any", "m0plus", "m3", "m4", "rv32", "x64")}


def test_an_upload_is_a_version_with_facts_and_a_build_for_every_kind_of_board(service):
    assert service.upload(note="first").json() == {"model": "digits", "version": 1}
    assert service.upload(name="other").json() == {"model": "other", "version": 1}
    assert service.upload().json() == {"model": "digits", "version": 2}
    newest, first = service.admin.get("/api/v1/models/digits").json()
    assert (newest["number"], first["number"], first["note"]) == (2, 1, "first")
    assert first["source_sha256"] == hashlib.sha256(DIGITS).hexdigest()
    assert first["facts"]["macs"] == 73472
    assert first["labels"] == list("0123456789")
    assert [m["newest"] for m in service.admin.get("/api/v1/models").json()["items"]] == [2, 1]
    assert {b["profile"] for b in service.builds("unsigned") if b["model"] == "other"} == PROFILES


def test_a_build_is_what_the_compiler_makes_and_says_why(service):
    service.upload()
    builds = {b["profile"]: b for b in service.builds("unsigned")}
    build = builds[f"m0plus/f1/r{RUNTIME_VERSION}/*"]
    expected = compile_here(DIGITS, Job("digits", "m0plus", list("0123456789"))).module
    assert service.admin.get(f"/api/v1/builds/{build['id']}/module").content == expected
    assert build["module_sha256"] == hashlib.sha256(expected).hexdigest()
    assert any("CONV_2D: swar" in line and "plain would take" in line for line in build["trace"])
    assert build["facts"]["predicted"]["pico"]["time_us"] > 1000


def test_the_same_source_is_not_compiled_again(service, monkeypatch):
    service.upload()
    first = {b["profile"]: b["module_sha256"] for b in service.builds("unsigned")}
    monkeypatch.setattr(builder, "compile_apart", None)
    assert service.admin.post("/api/v1/models/digits/versions/1/again").json()["version"] == 2
    second = [b for b in service.builds("unsigned") if b["version"] == 2]
    assert {b["profile"]: b["module_sha256"] for b in second} == first
    assert all("version 1: its module is taken" in b["trace"][-1] for b in second)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a .tflite file"),
        (b"hello, world", "not a .tflite file"),
        (DIGITS[:5000], "damaged at byte"),
        (bytes(4) + b"TFL3" + b"\xff" * 64, "damaged at byte"),
    ],
)
@SQLITE
def test_what_is_no_model_is_refused_in_the_importers_words(idle, data, reason):
    answer = idle.upload(data)
    assert answer.status_code == 422
    assert reason in answer.json()["error"]
    assert idle.admin.get("/api/v1/models").json()["items"] == []


@SQLITE
def test_an_unsupported_layer_is_named(idle):
    row = TensorSpec((1, 4), 0.5, 3)
    answer = idle.upload(single_op("LOG_SOFTMAX", [row, row]), name="logarithms")
    assert answer.status_code == 422
    assert "LOG_SOFTMAX, which is not supported" in answer.json()["error"]


@SQLITE
def test_models_that_lie_are_refused_with_a_reason(idle):
    """What the command line refuses, the service does: nothing ends in a 5xx, and it answers afterwards."""
    for name, (data, words) in MODELS.items():
        if words and len(data) < 1 << 16:
            answer = idle.upload(data)
            assert 400 <= answer.status_code < 500, (name, answer.text)
            assert words in answer.json()["error"], (name, answer.text)
    assert idle.upload().status_code == 201


@pytest.mark.parametrize("name", ["", "Digits", "a/b", "..", "-x", "x" * 65, "a\0b", "é"])
@SQLITE
def test_a_name_that_is_none_is_refused(idle, name):
    assert idle.upload(name=name).status_code == 422


@pytest.mark.parametrize(
    "form", [{"note": "x" * 3000}, {"labels": "x" * 200}, {"labels": "x\n" * 5000}, {"note": "a\0b"}]
)
@SQLITE
def test_words_beside_a_model_have_limits(idle, form):
    assert idle.upload(**form).status_code == 422


@SQLITE
def test_what_is_too_large_is_refused_before_it_is_read(idle):
    large = idle.instance.settings.max_model_bytes + (1 << 20)
    assert idle.upload(bytes(large)).status_code == 413
    chunks = (bytes(1 << 20) for _ in range(40))
    answer = idle.admin.post(
        "/api/v1/models", content=chunks, headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code == 413
    assert idle.admin.post("/api/v1/devices", content=b" " * 70_000).status_code == 413


def test_uploads_at_once_get_numbers_of_their_own(idle):
    got = []
    threads = [threading.Thread(target=lambda: got.append(idle.upload().json()["version"])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [1, 2, 3, 4]


def _states(idle):
    with reading(idle.instance.engine) as session:
        return {b.profile: b.state for b in session.scalars(select(Build))}


def test_a_build_whose_worker_is_dead_is_taken_up_again(idle):
    idle.upload()
    with writing(idle.instance.engine) as session:
        lost = builder.claim(session, "dead")
    assert lost is not None
    others = []
    while builder.step(idle.instance, "alive"):
        others.append(1)
    assert sorted(_states(idle).values()) == ["running"] + ["unsigned"] * 5
    with writing(idle.instance.engine) as session:
        session.execute(
            update(Build).where(Build.id == lost.build_id).values(leased_until=now() - timedelta(seconds=1))
        )
    assert builder.step(idle.instance, "alive")
    assert set(_states(idle).values()) == {"unsigned"}


def test_a_worker_that_was_given_up_changes_nothing(idle):
    idle.upload()
    with writing(idle.instance.engine) as session:
        slow = builder.claim(session, "slow")
    with writing(idle.instance.engine) as session:
        session.execute(update(Build).where(Build.id == slow.build_id).values(worker="other"))
    assert builder._close(idle.instance, slow, state="failed") is False
    assert "failed" not in _states(idle).values()


def test_a_model_that_kills_the_compiler_fails_after_three_tries_and_can_be_tried_again(idle, monkeypatch):
    idle.upload()

    def die(*_):
        raise CompilerDied("killed by signal 9")

    with monkeypatch.context() as broken:
        broken.setattr(builder, "compile_apart", die)
        while builder.step(idle.instance, "w"):
            pass
    failed = [b for b in idle.builds("unsigned", "failed") if b["state"] == "failed"]
    assert len(failed) == 5
    assert "signal 9 (3 times)" in failed[0]["error"]
    assert idle.admin.post(f"/api/v1/builds/{failed[0]['id']}/retry").json()["state"] == "queued"
    while builder.step(idle.instance, "w"):
        pass
    assert idle.admin.get(f"/api/v1/builds/{failed[0]['id']}").json()["state"] == "unsigned"


def test_a_compiler_that_is_killed_is_told_from_a_model_that_is_refused(monkeypatch):
    monkeypatch.setattr(compiler.sys, "executable", "/bin/false")
    with pytest.raises(CompilerDied, match="x for any"):
        compile_apart(DIGITS, Job("x", "any"))


def test_a_compiler_that_is_not_wanted_any_more_ends(monkeypatch, tmp_path):
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 100\n")
    slow.chmod(0o755)
    monkeypatch.setattr(compiler.sys, "executable", str(slow))
    with pytest.raises(CompilerDied, match="stopped"):
        compile_apart(DIGITS, Job("x", "any"), alive=lambda: False)


def test_two_workers_share_the_queue(idle):
    for name in ("a", "b"):
        idle.upload(name=name)
    done = []

    def work(name):
        while builder.step(idle.instance, name):
            done.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(_states(idle).values()) == {"unsigned"}
    assert len(done) == 10
