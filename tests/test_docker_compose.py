"""docker-compose.yml keeps its promises."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.neo4j_server.choice import DEFAULT

FILE = Path(__file__).parents[1] / "docker-compose.yml"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load(FILE.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def neo4j(compose: dict[str, Any]) -> dict[str, Any]:
    return dict(compose["services"]["neo4j"])


def test_the_image_is_an_exact_version(neo4j: dict[str, Any]) -> None:
    """The one the tests run on."""
    assert neo4j["image"] == f"neo4j:${{KG_NEO4J_VERSION:-{DEFAULT}}}"
    assert re.fullmatch(r"\d+\.\d+\.\d+", DEFAULT)


def test_ports_are_this_machine_s_only(neo4j: dict[str, Any]) -> None:
    """Nothing is offered to the network."""
    assert len(neo4j["ports"]) == 2
    assert all(port.startswith("127.0.0.1:") for port in neo4j["ports"])


def test_the_password_is_in_a_file(compose: dict[str, Any], neo4j: dict[str, Any]) -> None:
    """Git ignores it, and no variable of the container holds it."""
    assert neo4j["environment"]["NEO4J_AUTH_FILE"] == "/run/secrets/neo4j_auth"
    assert "NEO4J_AUTH" not in neo4j["environment"]
    assert neo4j["secrets"] == ["neo4j_auth"]
    assert compose["secrets"]["neo4j_auth"]["file"].endswith(":-./secrets/neo4j_auth}")
    assert "secrets/" in (FILE.parent / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("part", ["heap_initial__size", "heap_max__size", "pagecache_size"])
def test_memory_is_set(neo4j: dict[str, Any], part: str) -> None:
    """Not guessed from the machine's."""
    assert re.fullmatch(r"\d+[gm]", neo4j["environment"][f"NEO4J_server_memory_{part}"])
    assert neo4j["mem_limit"] == "4g"


@pytest.mark.parametrize(
    "setting",
    [
        "NEO4J_dbms_usage__report_enabled",
        "NEO4J_client_allow__telemetry",
        "NEO4J_server_bolt_telemetry_enabled",
        "NEO4J_dbms_security_allow__csv__import__from__file__urls",
    ],
)
def test_nothing_is_reported_and_no_files_are_read(neo4j: dict[str, Any], setting: str) -> None:
    """Switched off by name."""
    assert neo4j["environment"][setting] == "false"


def test_health_is_checked(neo4j: dict[str, Any]) -> None:
    """So that `up --wait` returns when it answers."""
    assert "7474" in neo4j["healthcheck"]["test"][1]


def test_data_outlives_the_container(compose: dict[str, Any], neo4j: dict[str, Any]) -> None:
    """In named volumes."""
    assert "data:/data" in neo4j["volumes"]
    assert "data" in compose["volumes"]
