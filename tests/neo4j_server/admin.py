"""`bin/neo4j-admin` for a home made of jars: the distribution's script without the distribution."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

_OF_THE_SERVER = ("--home-dir=", "--config-dir=", "--console-mode")
_MAIN = "org.neo4j.cli.AdminTool"


def write_admin(job: dict[str, Any]) -> Path:
    """The script for a server's job (`local.prepare`), with the same Java, jars and settings;
    returns the home it stands in."""
    home = Path(job["cwd"])
    server = [part for part in job["run"] if not part.startswith(_OF_THE_SERVER)]
    script = home / "bin" / "neo4j-admin"
    script.parent.mkdir()
    script.write_text(
        "#!/bin/sh\n"
        "unset JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH\n"
        f"NEO4J_HOME={shlex.quote(str(home))} NEO4J_CONF={shlex.quote(str(home / 'conf'))} "
        f'exec {shlex.join([*server[:-1], _MAIN])} "$@"\n',
        encoding="utf-8",
    )
    script.chmod(0o755)
    return home
