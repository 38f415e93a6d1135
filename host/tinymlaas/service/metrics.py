"""Counts in Prometheus' text form."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from .tables import Action, AuditEntry, Build, Device, Rollout, Version


def text(session: Session) -> str:
    """One gauge per kind of thing, by state where it has one."""
    lines: list[str] = []
    for name, table in (("devices", Device), ("model_versions", Version), ("audit_entries", AuditEntry)):
        count = session.scalar(select(func.count()).select_from(table))
        lines += [f"# TYPE tinymlaas_{name} gauge", f"tinymlaas_{name} {count}"]
    states: tuple[tuple[str, InstrumentedAttribute[str]], ...] = (
        ("builds", Build.state),
        ("actions", Action.state),
        ("rollouts", Rollout.state),
    )
    for name, column in states:
        lines.append(f"# TYPE tinymlaas_{name} gauge")
        for state, count in session.execute(select(column, func.count()).group_by(column).order_by(column)):
            lines.append(f'tinymlaas_{name}{{state="{state}"}} {count}')
    return "\n".join(lines) + "\n"
