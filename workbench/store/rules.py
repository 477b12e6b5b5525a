"""The alert rules of the desk, each a document with its versions."""

from typing import Any
from uuid import uuid4

from sqlalchemy import and_, insert, select, update

from workbench.errors import RuleError
from workbench.store.database import Database
from workbench.store.models import rule_versions, rules
from workbench.store.types import plain

__all__ = ["Rules"]


class Rules:
    """Rules by name: saving a name again makes its next version."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, document: dict[str, Any]) -> str:
        """Save a rule document under its `name`; an unchanged document makes no new version.

        Parameters
        ----------
        document : dict
            Has a `name`; `enabled` is true where it is missing.

        Returns
        -------
        str
            The rule's id, the same for all versions of a name.

        Raises
        ------
        RuleError
            If the document has no name.
        """
        body = plain({key: value for key, value in document.items() if key != "id"})
        name = body.get("name")
        if not isinstance(name, str) or not name.strip():
            raise RuleError("A rule document needs a `name`; add one, it tells the desk's rules apart.")
        enabled = bool(body.get("enabled", True))
        with self._database.write() as connection:
            found = connection.execute(
                select(rules.c.id, rules.c.version, rule_versions.c.document)
                .join(
                    rule_versions,
                    and_(rule_versions.c.rule_id == rules.c.id, rule_versions.c.version == rules.c.version),
                )
                .where(rules.c.name == name)
            ).one_or_none()
            if found is None:
                rule_id, version = uuid4().hex, 1
                connection.execute(insert(rules).values(id=rule_id, name=name, enabled=enabled, version=1))
            else:
                rule_id, version = found.id, found.version + 1
                if found.document == body:
                    return str(rule_id)
                connection.execute(
                    update(rules).where(rules.c.id == rule_id).values(enabled=enabled, version=version)
                )
            connection.execute(insert(rule_versions).values(rule_id=rule_id, version=version, document=body))
        return str(rule_id)

    def documents(self, enabled_only: bool = True) -> list[dict[str, Any]]:
        """Return the newest version of each rule in order of name, with its `id` added."""
        query = (
            select(rules.c.id, rule_versions.c.document)
            .join(
                rule_versions,
                and_(rule_versions.c.rule_id == rules.c.id, rule_versions.c.version == rules.c.version),
            )
            .order_by(rules.c.name)
        )
        if enabled_only:
            query = query.where(rules.c.enabled)
        return [{**row["document"], "id": row["id"]} for row in self._database.rows(query)]

    def versions(self, rule_id: str) -> list[dict[str, Any]]:
        """Return every document that a rule has had, oldest first."""
        query = (
            select(rule_versions.c.document)
            .where(rule_versions.c.rule_id == rule_id)
            .order_by(rule_versions.c.version)
        )
        return [row["document"] for row in self._database.rows(query)]
