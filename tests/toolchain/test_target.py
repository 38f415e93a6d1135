"""board.toml files: all of ours load, mistakes are named, boards are found by what people type."""

import pytest

from tinymlaas import planfmt
from tinymlaas.errors import BoardError
from tinymlaas.target import KERNEL_TARGETS, accepts, board_by_name, load_board, load_boards
from tinymlaas.toolchain import paths


def test_all_boards_load_and_are_distinct():
    boards = load_boards()
    assert set(boards) == {path.parent.name for path in paths.BOARDS.glob("*/board.toml")}
    assert len({board.id for board in boards.values()}) == len(boards)
    assert {"HOST", "UNIX", "RPI_PICO", "ESP32_GENERIC", "PYBV11"} <= set(boards)


@pytest.mark.parametrize("board", load_boards().values(), ids=lambda board: board.name)
def test_figures_are_plausible(board):
    assert board.heap_bytes <= board.ram_bytes or board.ram_bytes == 0
    assert board.filesystem_bytes + board.romfs_bytes <= board.flash_bytes or board.transport == "qemu"
    assert board.title
    assert board.source


@pytest.mark.parametrize("text", ["pico", "RPI_PICO", "rpi-pico", "Rpi_Pico"])
def test_board_is_found_by_id_and_name(text):
    assert board_by_name(text).name == "RPI_PICO"


def test_unknown_board_lists_the_near_ones():
    with pytest.raises(BoardError, match="unknown board 'picco'; did you mean: pico"):
        board_by_name("picco")
    with pytest.raises(BoardError, match=r"known are: .*esp32.*unix"):
        board_by_name("zzzzzzzz")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "pico"', "", "missing: id"),
        ('id = "pico"', 'id = "pico"\ncolour = "red"', "unknown keys: colour"),
        ('kernel_target = "m0plus"', 'kernel_target = "m0"', "kernel_target = 'm0' is not one of: any"),
        ("dsp = false", "dsp = 0", "dsp = 0 is not of type bool"),
        ('name = "RPI_PICO"', 'name = "PICO"', "differs from its folder 'RPI_PICO'"),
        ("dsp = false", "dsp =", "cannot be read"),
    ],
)
def test_mistakes_in_board_toml_are_named(tmp_path, old, new, message):
    folder = tmp_path / "RPI_PICO"
    folder.mkdir()
    text = (paths.BOARDS / "RPI_PICO" / "board.toml").read_text()
    assert old in text
    (folder / "board.toml").write_text(text.replace(old, new))
    with pytest.raises(BoardError, match=message):
        load_board(folder)


def test_modules_for_any_run_everywhere_and_others_only_where_they_belong():
    assert KERNEL_TARGETS == planfmt.TARGETS
    for board_target in KERNEL_TARGETS:
        assert [t for t in KERNEL_TARGETS if accepts(board_target, t)] == list(dict.fromkeys(["any", board_target]))
