"""Updates over https: the device knows the server by its certificate, and tells its token to nobody else."""

import pytest

from tests.support.certificate import self_signed
from tests.support.ota import fleet


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def world(tmp_path_factory, certificate):
    with fleet(tmp_path_factory.mktemp("ota"), *certificate.options) as made:
        assert made.server.url.startswith("https://")
        yield made


def test_an_update_arrives_over_https(world, certificate):
    number = world.version()
    with world.device() as device, device.runs(server=world.server.url, ca=str(certificate.der)) as unix:
        world.assign(device, number)
        unix.until(lambda now: now["version"] == number and now["told"])
        unix.infers()
        assert world.ends(device, number)["state"] == "confirmed"


def test_a_server_with_another_certificate_learns_no_token(world, tmp_path):
    other = self_signed(tmp_path)
    with world.device() as device, device.runs(server=world.server.url, ca=str(other.der)) as unix:
        said = unix.until(lambda now: now["error"])
    assert "certificate" in said["error"].lower(), said
    assert world.api.get(f"/devices/{device.id}").json()["last_seen"] is None
