"""Updates over the air: a real server, MicroPython's unix port as the device, a network that can be cut. Inference always goes on."""

import hashlib

import pytest

from tests.device.test_slots import damaged_vectors
from tests.support.ota import fleet
from tests.support.service import DIGITS
from tinymlaas import sign
from tinymlaas.compile import compile_model
from tinymlaas.planfmt import HEADER

MODULE = compile_model(DIGITS, "digits", "x64").module


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with fleet(tmp_path_factory.mktemp("ota")) as made:
        yield made


@pytest.fixture
def device(world):
    with world.device() as made:
        yield made


@pytest.fixture
def initial(world, tmp_path):
    """A properly signed first module, as if put on the device over a cable."""
    path = tmp_path / "initial.tml"
    path.write_bytes(sign.sign(MODULE, world.release, 1))
    return str(path)


def runs_version(number):
    return lambda now: now["version"] == number and now["told"]


@pytest.mark.parametrize("how", ["run", "asyncio"])
def test_updates_arrive_and_the_operator_sees_them_run(world, device, how):
    first, second = world.version(), world.version()
    with device.runs(asyncio=how == "asyncio") as unix:
        world.assign(device, first)
        unix.until(runs_version(first))
        unix.infers()
        world.assign(device, second)
        unix.until(runs_version(second))
        unix.infers()
        assert world.ends(device, second)["state"] == "confirmed"
        seen = world.api.get(f"/devices/{device.id}").json()
    health = seen["health"]
    assert (health["model"], health["version"], health["selftest"]) == ("digits", second, True)
    assert health["inference_us"] > 0
    assert health["heap_free"] > 0
    assert seen["capabilities"]["board_id"] == "UNIX"
    assert seen["capabilities"]["verifies"] is True
    assert len(seen["capabilities"]["keys"]) == 1
    with device.runs() as unix:  # switched off and on
        unix.until(lambda now: now["version"] == second and now["inferences"] > 20)


def test_nothing_new_costs_few_bytes(world, device):
    with device.runs() as unix:
        unix.until(lambda _: len(device.link.asked("GET")) > 5)
    idle = [seen for seen in device.link.asked("GET") if seen.header("if-none-match")]
    assert idle
    last = idle[-1]
    print(f"a poll: {len(last.request)} B up, {last.down} B down")
    assert len(last.request) + last.down < 600
    assert len(device.link.asked("configData")) == 1
    with device.runs() as unix:  # what it is has not changed: it is not said again
        unix.until(lambda _: len(device.link.asked("GET")) > 12)
    assert len(device.link.asked("configData")) == 1


def test_a_download_goes_on_after_kill_9(world, device, initial):
    number = world.version()
    device.link.stall = 5000
    world.assign(device, number)
    with device.runs(initial=initial) as unix:
        unix.until(lambda _: device.link.asked("/artifacts/") and device.link.asked("/artifacts/")[0].down > 4500)
        unix.infers()  # while the network hangs
        unix.kill()
    device.link.stall = None
    with device.runs(initial=initial) as unix:
        assert unix.until(lambda now: now["inferences"] > 0)["version"] == 1
        unix.until(runs_version(number))
    ranges = [seen.header("range") for seen in device.link.asked("/artifacts/")]
    assert ranges[0] == "bytes=0-"
    assert len(ranges) == 2
    assert 4096 <= int(ranges[1][6:-1]) < len(MODULE)
    assert world.ends(device, number)["state"] == "confirmed"


def refused(world, device, number, initial, words, **settings):
    """The version is offered, fails with these words, and the initial module goes on."""
    world.assign(device, number)
    with device.runs(initial=initial, **settings) as unix:
        unix.until(lambda now: words in now["reason"] and now["told"])
        unix.infers()
        assert unix.said[-1]["version"] == 1
        assert unix.said[-1]["next"] is None
    ended = world.ends(device, number)
    assert ended["state"] == "failed"
    assert words in ended["reason"]
    with device.runs(initial=initial) as unix:
        assert unix.until(lambda now: now["inferences"] > 20)["version"] == 1


def substitute(world, module):
    """The number of a version with other bytes."""
    number = world.version()
    world.substitute(number, module, hashlib.sha256(module).hexdigest())
    return number


def test_what_was_damaged_on_its_way_is_fetched_twice_and_then_given_up(world, device, initial):
    number = world.version()
    path = world.signed_path(number)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    refused(world, device, number, initial, "SHA-256 is ")
    assert len(device.link.asked("/artifacts/")) == 2


def test_a_failing_self_test(world, device, initial):
    refused(
        world, device, substitute(world, sign.sign(damaged_vectors(MODULE), world.release, 99)), initial, "self-test"
    )


def test_a_module_that_needs_too_much_memory(world, device, initial):
    header = HEADER.unpack(MODULE) | {"arena_bytes": 1 << 24}
    large = HEADER.pack(header) + MODULE[HEADER.nbytes :]
    refused(world, device, substitute(world, sign.sign(large, world.release, 99)), initial, "arena needs 16777216 B")


def test_an_older_version(world, device, initial):
    newer, older = world.version(), world.version()
    with device.runs(initial=initial) as unix:
        world.assign(device, newer)
        unix.until(runs_version(newer))
    module = sign.sign(compile_model(DIGITS, "digits", "x64", {"labels": list("abcdefghij")}).module, world.release, 1)
    world.substitute(older, module, hashlib.sha256(module).hexdigest())
    world.assign(device, older)
    with device.runs(initial=initial) as unix:
        unix.until(lambda now: f"release counter 1 is older than {newer}, refused" in now["reason"] and now["told"])
        unix.infers()
        assert unix.said[-1]["version"] == newer
    assert world.ends(device, older)["state"] == "failed"


@pytest.mark.parametrize("kind", ["unsigned", "stranger", "altered"])
def test_forged_modules(world, device, initial, kind):
    signed = sign.sign(MODULE, world.release, 99)
    module, words = {
        "unsigned": (MODULE, "not signed, and this device has release keys"),
        "stranger": (sign.sign(MODULE, sign.new_key(), 99), "no release key of this device vouches for"),
        "altered": (signed[:400] + bytes([signed[400] ^ 1]) + signed[401:], "not what was signed"),
    }[kind]
    refused(world, device, substitute(world, module), initial, words)


@pytest.mark.parametrize("accept", ["no", "raise"])
def test_a_module_that_the_app_does_not_take(world, device, initial, accept):
    words = {"no": "the app did not accept it", "raise": "IndexError: label 11 of 10"}[accept]
    refused(world, device, world.version(), initial, words, accept=accept)


def test_a_device_without_keys_takes_what_is_not_signed(world):
    number = substitute(world, MODULE)
    with world.device(keys=False) as device, device.runs() as unix:
        world.assign(device, number)
        unix.until(runs_version(number))
        assert world.ends(device, number)["state"] == "confirmed"


def test_what_is_called_off_while_it_comes_leaves_no_trace(world, device, initial):
    called_off, wanted = world.version(), world.version()
    device.link.stall = 3000
    world.assign(device, called_off)
    with device.runs(initial=initial) as unix:
        unix.until(lambda _: device.link.asked("/artifacts/") and device.link.asked("/artifacts/")[0].down > 2500)
        world.assign(device, wanted)  # the newer one stops the older one, and the device is asked to let go
        unix.until(lambda now: "canceled by the operator" in now["reason"])
        device.link.stall = None
        unix.until(runs_version(wanted))
    assert world.ends(device, called_off)["state"] == "canceled"
    assert world.ends(device, wanted)["state"] == "confirmed"


def test_inference_goes_on_without_a_server_and_updates_when_it_is_back(world, device, initial):
    number = world.version()
    device.link.close()
    with device.runs(initial=initial) as unix:
        unix.until(lambda now: "ECONNREFUSED" in now["error"])
        unix.infers(200)
        world.assign(device, number)
        device.link.open()
        unix.until(runs_version(number))
        assert unix.said[-1]["error"] == ""


def test_the_last_word_is_repeated_after_a_reset_until_it_is_heard(world, device, initial):
    number = world.version()
    world.assign(device, number)
    device.link.swallow = "/feedback"
    with device.runs(initial=initial) as unix:  # not even the first word is answered: it is not installed
        unix.until(lambda _: len(device.link.asked("/feedback")) > 0)
        assert unix.until(lambda now: now["error"])["version"] == 1
    device.link.swallow = ""
    with device.runs(initial=initial) as unix:
        unix.until(lambda now: now["version"] == number)
        device.link.close()  # the last word may have been heard or not
        unix.infers()
    device.link.open()
    with device.runs(initial=initial) as unix:
        unix.until(runs_version(number))
    assert world.ends(device, number)["state"] == "confirmed"
    rollout = world.action(device, number)["rollout_id"]
    events = world.api.get(f"/rollouts/{rollout}/actions/{device.id}").json()
    assert [event["state"] for event in events["events"]].count("confirmed") == 1


def test_a_wrong_token_stops_nothing(world, device, initial):
    device.token = "tml_wrong"
    with device.runs(initial=initial) as unix:
        assert "unknown device or wrong token" in unix.until(lambda now: now["error"])["error"]
        unix.infers()


def test_another_model_is_rejected(world, device, initial):
    form = {"name": "letters", "labels": "\n".join("abcdefghij")}
    world.api.post("/models", data=form, files={"file": ("m.tflite", DIGITS)}).raise_for_status()
    world.api.post(f"/devices/{device.id}/assign", json={"model": "letters"}).raise_for_status()
    with device.runs(initial=initial) as unix:
        ended = world.ends(device, 1)
        unix.infers()
    assert (ended["model"], ended["state"]) == ("letters", "rejected")
    assert ended["reason"] == "this device runs digits, not letters"
