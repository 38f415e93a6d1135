"""The schema that migrations make is the one of the tables; opening is safe at any time."""

from __future__ import annotations

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text

from tinymlaas.errors import TinymlError
from tinymlaas.service.database import open_database, reading, writing
from tinymlaas.service.tables import Base, Model, now


def test_migrations_make_the_tables(database):
    engine = open_database(database)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_servers_that_start_at_once_make_one_schema(database):
    found, failed = [], []

    def start():
        try:
            found.append(open_database(database))
        except TinymlError as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    for engine in found:
        with reading(engine) as session:
            assert session.scalar(text("SELECT count(*) FROM alembic_version")) == 1
        engine.dispose()


def test_times_are_aware_and_exact(database):
    engine, at = open_database(database), now()
    with writing(engine) as session:
        session.add(Model(name="m", created_at=at))
    with reading(engine) as session:
        assert session.scalar(select(Model.created_at)) == at
    engine.dispose()


def test_what_fails_half_way_leaves_nothing(database):
    engine = open_database(database)

    def half():
        with writing(engine) as session:
            session.add(Model(name="m"))
            session.flush()
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        half()
    with reading(engine) as session:
        assert session.scalar(select(Model)) is None
    engine.dispose()


def test_readers_do_not_wait_for_a_writer(database):
    engine = open_database(database)
    with writing(engine) as writer:
        writer.add(Model(name="m"))
        writer.flush()
        with reading(engine) as reader:
            assert reader.scalar(select(Model)) is None
    engine.dispose()
