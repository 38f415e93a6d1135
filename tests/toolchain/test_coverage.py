"""No branch between a file and the kernels is left out by the tests."""

from tinymlaas.toolchain import coverage


def test_every_branch_of_loader_checks_and_fixed_point():
    missing = {f.path: f.missing for f in coverage.measure() if f.missing}
    assert missing == {}
