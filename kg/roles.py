"""KG_ROLES, a TOML file → may this person run this command?

    [roles]
    analyst = ["query", "profile", "recommend"]
    operator = ["*"]

    [people]
    ada = "analyst"
    deploy = "operator"
    "*" = "analyst"

People are users of the operating system; `"*"` is everybody not named. `query` alone is the named
queries; Cypher of one's own is `query --cypher`. This guards the command line: whoever has the
store's password or file can pass it by. A server of several users needs Neo4j Enterprise's roles,
or a proxy before it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from kg.errors import ConfigError, Forbidden

ALL = "*"


class Roles(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: dict[str, list[str]]
    """Commands by role."""
    people: dict[str, str]
    """Role by person."""

    @model_validator(mode="after")
    def _known(self) -> Roles:
        for person, role in self.people.items():
            if role not in self.roles:
                raise ValueError(f"{person} is {role!r}, and [roles] has no such role")
        return self

    def check(self, person: str, command: str) -> None:
        """Raises Forbidden."""
        role = self.people.get(person, self.people.get(ALL))
        may = self.roles[role] if role is not None else []
        if command not in may and ALL not in may:
            who = f"{person} is {role}" if role else f"{person} has no role"
            raise Forbidden(f"`kg {command}` is not for you: {who} in KG_ROLES")


def read_roles(path: Path) -> Roles:
    """Raises ConfigError: a file that cannot be read lets nobody in."""
    try:
        return Roles.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise ConfigError(f"KG_ROLES={path}: {e}") from e
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        what = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"KG_ROLES={path}: {where}: {what}") from e
