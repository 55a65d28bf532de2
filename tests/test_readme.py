"""The README's commands run as they stand there, and its tables are the declarations'."""

from __future__ import annotations

import gzip
import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest

from kg.cli import main
from kg.reference import rendered

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DAY = 86_400
START = 1_500_000_000


def commands(first: str) -> list[str]:
    """The lines of the shell block that begins with a line starting so, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    block = next(b for b in blocks if b.startswith(first))
    return [line for line in block.splitlines() if line.strip() and not line.startswith("#")]


def run(line: str) -> int:
    argv = shlex.split(line, comments=True)
    assert argv[0] == "kg"
    return main(argv[1:])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small files of our own under the names the README uses."""
    folder = tmp_path_factory.mktemp("desk")
    _amazon(folder)
    _yelp(folder / "yelp")
    _movielens(folder / "ml-latest")
    _sales(folder)
    _ciao(folder / "ciao")
    return folder


@pytest.fixture
def here(desk: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(desk)
    for name in ("KG_STORE", "KG_HOME", "KG_RELEASES", "NEO4J_URI"):
        monkeypatch.delenv(name, raising=False)
    return desk


def test_tables_come_from_the_declarations() -> None:
    """`make readme` would change nothing."""
    assert rendered(README, ROOT) == README


def test_make_targets_exist() -> None:
    """The two commands, and every other target named, are in the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z]+)", README, re.MULTILINE)) <= targets


def test_ci_runs_the_two_commands() -> None:
    """What the README promises of a fresh machine is what CI does."""
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line.split("#")[0].strip() for line in commands("make demo")] == [
        line for line in script if line in ("make demo", "make test")
    ]


def test_a_load_of_each_kind(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every load of "Your own data", then everything that follows it."""
    for line in commands("kg load --list"):
        assert run(line) == 0, line
    _only_amazon(here)
    for line in commands("kg train"):
        assert run(line) == 0, (line, capsys.readouterr().err)
    out = capsys.readouterr().out
    assert "live: release" in out
    assert "removed 1 users" in out


def test_training(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tracked, resumed where nothing was killed, tuned, and trained with what was found."""
    monkeypatch.setenv("KG_STORE", "ladybug://training.lbug")
    assert run("kg load amazon reviews.jsonl.gz meta.jsonl.gz") == 0
    for line in commands("kg train --preset small"):
        assert run(line) == 0, (line, capsys.readouterr().err)
    assert list(here.glob(".kg/runs/*/epochs.csv"))


def test_what_to_look_at_after_the_demo(here: Path) -> None:
    """The demo, smaller, and the queries the README goes on with."""
    assert run("kg demo --users 150") == 0
    for line in commands("kg query --store ladybug://demo.lbug"):
        assert run(line) == 0, line


def test_audiences_and_tests(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a small demo, with seeds out of an audience, an outcome and an account as they are
    described."""
    monkeypatch.setenv("KG_STORE", "ladybug://audience.lbug")
    assert run("kg demo --users 150 --store ladybug://audience.lbug") == 0
    leaving, kitchen, lookalike, counts, assign, report, profile = commands("kg audience where")
    assert run(leaving) == 0
    users = [row.split(",")[0] for row in (here / "leaving.csv").read_text().splitlines()[1:]]
    (here / "buyers.txt").write_text("\n".join(users[:30]))
    described = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    (here / "events.jsonl").write_text(described[0])
    for line in (kitchen, lookalike, counts, assign, profile):
        assert run(line) == 0, line
    assert run(report) == 1  # nobody's thirty days are over yet
    rows = [f"{user},{k % 2}" for k, user in enumerate(users)]
    (here / "out.csv").write_text("\n".join(["userId,value", *rows]))
    assert run(report.split("--event")[0] + "--outcome out.csv") == 0


def test_neo4j_commands(here: Path, empty_neo4j: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Neo4j section, on a server that runs already: secrets file, load, retrain."""
    lines = commands("mkdir -p secrets")
    made, up, export, *rest = lines
    subprocess.run(["bash", "-c", made], check=True, cwd=here)
    secret = here / "secrets" / "neo4j_auth"
    assert secret.read_text() == "neo4j/a-good-password"
    assert secret.stat().st_mode & 0o077 == 0
    assert up == "docker compose up -d --wait"
    assert {pair.split("=")[0] for pair in shlex.split(export)[1:]} == {
        "KG_STORE",
        "NEO4J_PASSWORD",
    }
    monkeypatch.setenv("KG_STORE", empty_neo4j)
    for line in rest:
        assert run(line) == 0, line


def test_offline_commands(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The load says the two commands that the README goes on with."""
    monkeypatch.delenv("NEO4J_HOME", raising=False)
    load, *after = commands("kg load ciao ciao/ --offline")
    assert run(load) == 0
    said = capsys.readouterr().out
    for line in after:
        command = shlex.join(shlex.split(line, comments=True))
        assert command.replace("import/", f"{here}/import/") in said


def test_extras_exist() -> None:
    """What `pip install` is told to add can be added."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {
        extra
        for line in commands("pip install .")
        for group in re.findall(r"\[(.*?)\]", line)
        for extra in group.split(",")
    }
    assert named == set(project["optional-dependencies"])


def test_every_command_is_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """The table of commands names what `kg --help` names."""
    assert main(["--help"]) == 0
    helped = capsys.readouterr().out.split("Commands:")[1]
    there = set(re.findall(r"^  ([a-z-]+) ", helped, re.MULTILINE))
    table = README.split("## Commands")[1].split("Every command")[0]
    named = re.findall(r"`(?:kg )?([a-z-]+)(?: [^`]*)?`", table)
    assert there == set(named)


def _taste(rng: np.random.Generator, user: int) -> list[int]:
    """Eight of sixty items: six of the ten that users of the same taste like, and two others."""
    own = rng.choice(10, 6, replace=False) + 10 * (user % 6)
    return [int(item) for item in rng.permutation([*own, *rng.choice(60, 2, replace=False)])]


def _amazon(folder: Path) -> None:
    """Users of six tastes over sixty items and two years; A1 and A2 among them."""
    rng = np.random.default_rng(7)
    words = (
        ("strings", "guitar"), ("espresso", "grinder"), ("tent", "sleeping bag"),
        ("novel", "cookbook"), ("lipstick", "mascara"), ("keyboard", "mouse"),
    )  # fmt: skip
    reviews = [
        {
            "reviewerID": f"A{user}",
            "asin": f"B{item:02d}",
            "overall": float(rng.integers(3, 6)),
            "reviewText": f"The {words[item // 10][n % 2]} {item} is what I wanted, number {n}.",
            "unixReviewTime": START + int(rng.integers(0, 700)) * DAY,
        }
        for user in range(1, 121)
        for n, item in enumerate(_taste(rng, user))
    ]
    items = [
        {
            "asin": f"B{item:02d}",
            "title": f"{words[item // 10][item % 2]} {item}",
            "category": ["Things", words[item // 10][item % 2].title()],
            "price": f"${5 + item}.50",
            "brand": "Acme",
        }
        for item in range(60)
    ]
    for name, rows in (("reviews.jsonl.gz", reviews), ("meta.jsonl.gz", items)):
        with gzip.open(folder / name, "wt", encoding="utf-8") as f:
            f.writelines(json.dumps(row) + "\n" for row in rows)


def _yelp(folder: Path) -> None:
    folder.mkdir()
    business = {"business_id": "b1", "name": "Café", "stars": 4.5, "categories": "Coffee, Bakery"}
    review = {
        "review_id": "r1", "user_id": "y1", "business_id": "b1", "stars": 5.0,
        "text": "Lovely.", "date": "2019-07-07 22:09:11", "useful": 1, "funny": 0, "cool": 0,
    }  # fmt: skip
    for name, row in (("business.json", business), ("review.json", review)):
        (folder / name).write_text(json.dumps(row) + "\n", encoding="utf-8")


def _movielens(folder: Path) -> None:
    folder.mkdir()
    (folder / "movies.csv").write_text("movieId,title,genres\n1,Toy Story (1995),Comedy|Family\n")
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\nm1,1,4.5,1400000000\n")


def _sales(folder: Path) -> None:
    """The whole example of the mapping language's page."""
    page = (ROOT / "loaders" / "mappings" / "README.md").read_text(encoding="utf-8")
    (folder / "sales").mkdir()
    for name, text in re.findall(r"^`([\w.]+)`\n\n```\w+\n(.*?)```", page, re.M | re.S):
        target = folder if name == "shop.toml" else folder / "sales"
        (target / name).write_text(text, encoding="utf-8")


def _ciao(folder: Path) -> None:
    """The same kind of users, who trust others of their taste."""
    rng = np.random.default_rng(7)
    folder.mkdir()
    rows = ["user,item,category,rating,helpfulness,time"]
    for user in range(120):
        for item in _taste(rng, user):
            at = START + int(rng.integers(0, 700)) * DAY
            rows.append(f"{user},{item},{item // 5},{rng.integers(3, 6)},4,{at}")
    (folder / "ratings.csv").write_text("\n".join(rows) + "\n")
    trust = ["truster,trustee", *(f"{u},{(u + 6) % 120}" for u in range(120))]
    (folder / "trust.csv").write_text("\n".join(trust) + "\n")


def _only_amazon(folder: Path) -> None:
    """The single rows of the other shops are no shop to learn from: start over with one."""
    for path in folder.glob("kg.lbug*"):
        path.unlink()
    assert run("kg load amazon reviews.jsonl.gz meta.jsonl.gz") == 0
