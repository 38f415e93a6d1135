"""What builds rest on: fingerprints, locks, quiet processes, packages, the C formatter and the Makefile."""

import subprocess
import sys
import tomllib

import pytest

from tinymlaas.errors import ToolchainError
from tinymlaas.toolchain import codeformat, packages, paths, process, stamps, uf2


def test_fingerprint_sees_contents_names_and_settings(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    two.write_text("a")
    keys = {stamps.fingerprint([one]), stamps.fingerprint([two]), stamps.fingerprint([one], "stock")}
    one.write_text("b")
    assert len(keys | {stamps.fingerprint([one])}) == 4


def test_stamp_is_current_only_while_outputs_exist(tmp_path):
    output = tmp_path / "firmware.elf"
    output.write_text("")
    stamps.write(tmp_path / "stamp", "key")
    assert stamps.is_current(tmp_path / "stamp", "key", [output])
    assert not stamps.is_current(tmp_path / "stamp", "other", [output])
    output.unlink()
    assert not stamps.is_current(tmp_path / "stamp", "key", [output])


LOCKED_STEPS = """
import sys, time
from tinymlaas.toolchain import stamps
with stamps.lock("test"):
    for _ in range(20):
        open(sys.argv[1], "a").write(sys.argv[2])
        time.sleep(0.01)
"""


def test_lock_keeps_processes_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYML_BUILD", str(tmp_path / "build"))
    target = tmp_path / "written"
    running = [subprocess.Popen([sys.executable, "-c", LOCKED_STEPS, target, name]) for name in "abc"]
    assert [child.wait(timeout=60) for child in running] == [0, 0, 0]
    assert sorted(target.read_text()[at : at + 20] for at in (0, 20, 40)) == ["a" * 20, "b" * 20, "c" * 20]


def test_failure_shows_the_end_of_the_log_only(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYML_BUILD", str(tmp_path))
    with pytest.raises(ToolchainError) as caught:
        process.run(["sh", "-c", "seq 1 100; exit 3"], what="counting", log="counting")
    message = str(caught.value)
    assert "counting failed with exit code 3" in message
    assert message.endswith("\n".join(str(n) for n in range(61, 101)))


def test_program_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYML_BUILD", str(tmp_path))
    with pytest.raises(ToolchainError, match="no-such-compiler is not installed; run: make deps"):
        process.run(["no-such-compiler"], what="x", log="x")


def test_all_packages_are_here_after_deps():
    assert [need.package for need in packages.NEEDS if not need.is_met()] == []
    assert packages.node_version() >= packages.NODE_MINIMUM


def test_missing_package_is_found_missing():
    assert not packages.Need("nothing", "no-such-program").is_met()
    assert not packages.Need("nothing", "cc", "no-such-library.a").is_met()
    assert not packages.Need("nothing", "cc", header="no-such-header.h").is_met()


def test_uf2_pads_the_last_block():
    image = bytes(range(256)) + b"end"
    data = uf2.from_bin(image)
    assert len(data) == 2 * uf2.BLOCK_BYTES
    assert data[32:288] == image[:256]
    assert data[512 + 32 : 512 + 288] == b"end".ljust(256, b"\0")


def test_directives_before_an_else_are_dedented_as_micropython_does():
    lines = [
        "void f(void) {\n",
        "    if (a) {\n",
        "        #if B\n",
        "    } else if (b) {\n",
        "        #endif\n",
        "    }\n",
    ]
    assert list(codeformat.dedent_directives(lines))[2::2] == ["    #if B\n", "    #endif\n"]


def test_formatter_finds_and_mends_style(tmp_path):
    source = tmp_path / "f.c"
    source.write_text("int f( int a ){\n  if(a) return 1;\n    return 0;\n}\n")
    assert codeformat.format_c([source], check=True) == [source]
    assert codeformat.format_c([source], check=False) == [source]
    assert source.read_text().startswith("int f(int a) {\n    if (a) {\n")
    assert codeformat.format_c([source], check=True) == []


def test_make_help_lists_the_commands():
    listed = subprocess.run(["make", "help"], cwd=paths.REPO, capture_output=True, text=True, check=True).stdout
    names = {line.split()[0] for line in listed.splitlines()}
    assert names >= {"help", "deps", "test", "demo", "lint", "format", "firmware", "natmod", "bench", "size", "clean"}


def test_requirements_are_pinned_by_hash_and_name_no_index():
    for path in paths.REPO.glob("requirements*.txt"):
        text = path.read_text()
        assert "--hash=sha256:" in text
        assert "index-url" not in text
        assert "find-links" not in text


def test_every_runtime_dependency_is_pinned():
    project = tomllib.loads((paths.REPO / "pyproject.toml").read_text())["project"]
    pinned = (paths.REPO / "requirements.txt").read_text()
    assert [name for name in project["dependencies"] if f"{name.split('>=')[0]}==" not in pinned] == []
