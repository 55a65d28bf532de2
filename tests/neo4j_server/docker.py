"""Neo4j from the project's docker-compose.yml, under a name, ports and a password of its own."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.neo4j_server.local import free_port

COMPOSE_FILE = Path(__file__).parents[2] / "docker-compose.yml"


class CannotCompose(Exception):
    """No Docker, no Compose, no daemon, or an image that could not be had."""


@dataclass(frozen=True)
class Project:
    """One throw-away Compose project: its commands, its environment, where it will answer."""

    url: str
    password: str = field(repr=False)
    command: list[str]
    environment: dict[str, str] = field(repr=False)
    folder: Path
    """Holds the password file; to be removed at the end."""

    @property
    def closing(self) -> list[str]:
        return [*self.command, "down", "--volumes", "--timeout", "5"]


def available() -> str | None:
    """None where `docker compose` can be used, else why not."""
    docker = shutil.which("docker")
    if docker is None:
        return "no `docker` on PATH"
    for question, no in (
        (["compose", "version"], "`docker compose` is not installed"),
        (["info", "--format", "{{.ServerVersion}}"], "no Docker daemon answers"),
    ):
        try:
            done = subprocess.run(
                [docker, *question], stdin=subprocess.DEVNULL, capture_output=True, timeout=20
            )
        except subprocess.TimeoutExpired:
            return no
        if done.returncode != 0:
            return no
    return None


def project(version: str) -> Project:
    """A project that is not started yet."""
    folder = Path(tempfile.mkdtemp(prefix="kg-tests-docker-"))
    password = secrets.token_urlsafe(18)
    auth = folder / "neo4j_auth"
    auth.touch(mode=0o600)
    auth.write_text(f"neo4j/{password}", encoding="utf-8")
    bolt, http = free_port(), free_port()
    return Project(
        url=f"bolt://127.0.0.1:{bolt}",
        password=password,
        command=[
            "docker",
            "compose",
            "--project-name",
            f"kg-tests-{secrets.token_hex(4)}",
            "--file",
            str(COMPOSE_FILE),
        ],
        environment={
            **os.environ,
            "KG_NEO4J_VERSION": version,
            "KG_NEO4J_BOLT_PORT": str(bolt),
            "KG_NEO4J_HTTP_PORT": str(http),
            "KG_NEO4J_AUTH_FILE": str(auth),
        },
        folder=folder,
    )


def up(p: Project, timeout_s: float = 600.0) -> None:
    """Pulls the image, starts it and waits until it is healthy. Raises CannotCompose."""
    try:
        done = subprocess.run(
            [*p.command, "up", "--detach", "--wait"],
            env=p.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as e:
        raise CannotCompose(f"`docker compose up` took more than {timeout_s:.0f} s") from e
    if done.returncode != 0:
        last = (done.stdout.strip().splitlines() or ["no output"])[-1]
        raise CannotCompose(f"`docker compose up` failed: {last[:300]}")
