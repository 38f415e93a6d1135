"""The documents name everything that exists, and what they point to exists."""

import ast
import inspect
import json
import re
from pathlib import Path

import pytest
import typer

from tinymlaas import bench, errors, planfmt
from tinymlaas.cli.app import app
from tinymlaas.ops import OPS
from tinymlaas.target import load_boards

ROOT = Path(__file__).resolve().parents[2]
OURS = [ROOT, ROOT / "docs", ROOT / "device", ROOT / "boards"]
DOCUMENTS = sorted(
    path
    for folder in OURS
    for path in (folder.glob("*.md") if folder == ROOT else folder.rglob("*.md"))
    if "node_modules" not in path.parts
)
README, CLI, API = (ROOT / name for name in ("README.md", "docs/CLI.md", "docs/DEVICE_API.md"))
COMMANDS = typer.main.get_command(app).commands


def section(path: Path, title: str) -> str:
    """The text under a second-level heading."""
    _, found, rest = path.read_text().partition(f"\n## {title}\n")
    assert found, f"{path.name} has no section '{title}'"
    return rest.partition("\n## ")[0]


def words(path: Path) -> set[str]:
    """Names and numbers of a document, with inner dashes."""
    return set(re.findall(r"[\w-]+", path.read_text()))


# What exists is documented


@pytest.mark.parametrize("operator", sorted(set(planfmt.OPERATORS) | set(OPS)))
def test_operator_is_documented(operator):
    assert operator in words(ROOT / "docs/OPERATORS.md")


@pytest.mark.parametrize("board", sorted(b.id for b in load_boards().values()))
def test_board_is_in_the_readme(board):
    assert f"`{board}`" in README.read_text()


@pytest.mark.parametrize("target", planfmt.TARGETS)
def test_kernel_target_is_documented(target):
    assert f"| `{target}` |" in (ROOT / "docs/ADDING_A_BOARD.md").read_text()


def parameters(command):
    """Of a command, and of those of its group."""
    return [*command.params, *(p for c in getattr(command, "commands", {}).values() for p in c.params)]


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_command_is_documented(command):
    text = section(CLI, f"tinymlaas {command}")
    assert f"`tinymlaas {command} " in text
    for parameter in parameters(COMMANDS[command]):
        names = (
            [parameter.metavar]
            if parameter.param_type_name == "argument"
            else parameter.opts + parameter.secondary_opts
        )
        for name in names:
            assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text), f"{command}: {name} is not documented"


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_documented_options_exist(command):
    known = {name for p in parameters(COMMANDS[command]) for name in p.opts + p.secondary_opts}
    rows = [line for line in section(CLI, f"tinymlaas {command}").splitlines() if line.startswith("| `-")]
    documented = {name for row in rows for name in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", row.split("|")[1])}
    assert documented <= known


def error_classes():
    return [c for c in vars(errors).values() if inspect.isclass(c) and issubclass(c, errors.TinymlError)]


@pytest.mark.parametrize("error", error_classes(), ids=lambda c: c.__name__)
def test_error_is_documented_with_its_exit_code(error):
    row = re.search(rf"^\| `{error.__name__}` \|.*\| (\d) \|$", CLI.read_text(), re.MULTILINE)
    assert row, "docs/CLI.md does not list it"
    assert int(row[1]) == error.exit_code


def test_messages_of_the_loader_are_documented():
    header = (ROOT / "native_module/tml_status.h").read_text()
    texts = [text for name, text in re.findall(r'X\((\w+), "([^"]+)"\)', header) if name != "OK"]
    assert len(texts) > 10
    assert [text for text in texts if f"| `{text}` |" not in API.read_text()] == []


# The device package


def message_fragments():
    """Texts of the package's messages, cut where numbers and names are filled in."""
    for path in sorted((ROOT / "device/tinyml").glob("*.py")):
        tree = ast.parse(path.read_text())
        docstrings = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield from (
                    part for part in re.split(r"%(?:\.\d)?[sdrf]", node.value) if len(part) >= 12 and " " in part
                )


def test_messages_of_the_package_are_documented():
    fragments = list(message_fragments())
    assert len(fragments) > 10
    assert [text for text in fragments if text not in API.read_text()] == []


def members(path: Path) -> set[str]:
    """Public names of class Model: methods, properties, annotations, attributes that __init__ sets."""
    model = next(n for n in ast.parse(path.read_text()).body if isinstance(n, ast.ClassDef) and n.name == "Model")
    names = {n.name for n in model.body if isinstance(n, ast.FunctionDef)}
    names |= {n.target.id for n in model.body if isinstance(n, ast.AnnAssign)}
    stored = [n for n in ast.walk(model) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)]
    return {name for name in names | {n.attr for n in stored} if not name.startswith("_")}


def test_stub_has_the_names_of_the_model():
    assert members(ROOT / "device/tinyml/__init__.pyi") == members(ROOT / "device/tinyml/model.py")


def test_names_of_the_model_are_documented():
    assert members(ROOT / "device/tinyml/model.py") <= words(API)


def test_stub_has_the_names_of_the_native_module():
    source = (ROOT / "native_module/mod_tinyml.c").read_text()
    names = set(re.findall(r"X\(MP_QSTR_(\w+),", source))
    tree = ast.parse((ROOT / "device/_tinyml.pyi").read_text())
    stub = members(ROOT / "device/_tinyml.pyi") | {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
    stub |= {n.target.id for n in tree.body if isinstance(n, ast.AnnAssign)}
    assert stub == names
    assert names <= words(API)


def test_mip_package_lists_every_file():
    urls = json.loads((ROOT / "device/package.json").read_text())["urls"]
    files = sorted(f"tinyml/{path.name}" for path in (ROOT / "device/tinyml").glob("*.py"))
    assert sorted(target for target, _ in urls) == files
    assert all((ROOT / "device" / source).is_file() for _, source in urls)


# What the documents point to exists


def anchor(heading: str) -> str:
    """The fragment that a Markdown heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    return {anchor(line.lstrip("#")) for line in path.read_text().splitlines() if line.startswith("#")}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_resolve(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if re.match(r"\w+:", link):
            continue
        name, _, fragment = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), f"{document.name}: {link}"
        assert not fragment or fragment in anchors(target), f"{document.name}: no heading for {link}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_make_targets_exist(document):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = document.read_text()
    named = re.findall(r"`make ([a-z]+)\b", text) + re.findall(r"^\$ make ([a-z]+)\b", text, re.MULTILINE)
    assert set(named) <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_paths_in_backticks_exist(document):
    paths = re.findall(r"`((?:host|device|native_module|boards|tests|docs)/[\w./-]+)`", document.read_text())
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_files_named_by_the_design_exist():
    """There they are named from the package or the native module."""
    names = re.findall(r"`([\w/]+\.(?:py|c|h))`", (ROOT / "docs/DESIGN.md").read_text())
    folders = [ROOT / folder for folder in ("", "host/tinymlaas", "host/tinymlaas/device", "native_module")]
    assert len(names) > 10
    assert [name for name in names if not any((folder / name).exists() for folder in folders)] == []


@pytest.mark.parametrize("path", [bench.DOCS, bench.README], ids=lambda p: p.name)
def test_place_for_figures(path):
    before, begin, rest = path.read_text().partition(bench.BEGIN)
    assert before
    assert begin
    assert bench.END in rest
