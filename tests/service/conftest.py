"""The service on SQLite and on a real PostgreSQL, with a folder or a real S3 server as its store."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings

import pytest

from tests.support import postgres
from tests.support.service import DIGITS, LABELS, Keys, free_port, wait_until
from tinymlaas.service import tokens
from tinymlaas.service.app import create_app
from tinymlaas.service.database import writing
from tinymlaas.service.settings import local

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient


@pytest.fixture(scope="session")
def postgres_server():
    """URL of a PostgreSQL server, without a database's name."""
    if postgres.binaries() is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    with postgres.server() as url:
        yield url


@pytest.fixture(scope="session")
def s3():
    """The environment that leads to an S3 server with the bucket ``modules``."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s"}
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys).create_bucket(Bucket="modules")
    yield {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
    }
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """URL of an empty database, one test on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'service.db'}"
    return postgres.new_database(request.getfixturevalue("postgres_server"))


@pytest.fixture
def settings(database, tmp_path):
    """Of an instance that ticks fast and compiles on demand."""
    return dataclasses.replace(
        local(tmp_path), database=database, compile_workers=1, tick_interval=0.05, operator_rate=100_000
    )


class Service:
    """A running app, and clients of it by role."""

    def __init__(self, app):
        self.app = app
        self.instance = app.state.instance
        self.stranger = TestClient(app, raise_server_exceptions=False)
        with writing(self.instance.engine) as session:
            self.admin_token = tokens.first_admin(session)
        self.admin = self.client(self.admin_token)

    def client(self, token):
        """A client with a token."""
        headers = {"Authorization": f"Bearer {token}"}
        return TestClient(self.app, headers=headers, raise_server_exceptions=False)

    def role(self, role):
        """A client with a new token of a role."""
        made = self.admin.post("/api/v1/tokens", json={"name": f"a-{role}", "role": role}).json()
        return self.client(made["token"])

    def upload(self, data=DIGITS, name="digits", labels=LABELS, **form):
        """The answer to an upload."""
        form = {"name": name, "labels": labels, **form}
        return self.admin.post("/api/v1/models", data=form, files={"file": ("m.tflite", data)})

    def builds(self, *states):
        """All builds, once each is in one of these states."""

        def done():
            found = self.admin.get("/api/v1/builds", params={"limit": 500}).json()["items"]
            return found if all(b["state"] in states for b in found) else None

        return wait_until(done)


@pytest.fixture
def service(settings):
    """The service with its workers running."""
    with contextlib.ExitStack() as stack:
        app = create_app(settings)
        stack.enter_context(TestClient(app))
        yield Service(app)


@pytest.fixture
def idle(settings):
    """The service, with nothing running in the background: the test does it."""
    found = Service(create_app(dataclasses.replace(settings, compile_workers=0)))
    yield found
    found.instance.engine.dispose()


@pytest.fixture
def keys():
    """A release key."""
    return Keys()
