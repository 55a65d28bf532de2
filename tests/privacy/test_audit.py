"""Who did what: every writing command leaves a line, no line holds content, a changed one shows.
And who may do what."""

from __future__ import annotations

import json
import os
import pwd
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kg.audit import FILE, Act, acts, append, broken_at, spent
from kg.cli import main
from kg.errors import BudgetSpent, ConfigError
from tests import small_shop
from tests.privacy.conftest import Shop

Output = pytest.CaptureFixture[str]
ME = pwd.getpwuid(os.getuid()).pw_name


def act(command: str = "load", **more: object) -> Act:
    return Act(at="2026-01-01T00:00:00+00:00", user="ada", command=command, store="x", **more)  # type: ignore[arg-type]


def test_every_writing_command_leaves_a_line(shop: Shop) -> None:
    """And exports and Cypher of one's own, which take data out."""
    Path("r.jsonl").write_text(
        '{"reviewerID": "zoe", "asin": "x", "overall": 5.0, "reviewText": "hush",'
        ' "unixReviewTime": 1600000000}\n'
    )
    for line in (
        "load amazon r.jsonl", "export out", f"publish {small_shop.VERSION} --force test",
        f"rollback {small_shop.VERSION}", "export-user ada -o ada.json", "consent withdraw ben",
        "consent give ben", "retain --older-than 100d --yes", "forget ada --yes",
    ):  # fmt: skip
        assert main(line.split()) == 0, line
    assert main(["query", "--cypher", "RETURN 'hush' AS x"]) == 0
    found = acts(shop.home)
    assert [a.command for a in found] == [
        "load", "export", "publish", "rollback", "export-user", "consent withdraw",
        "consent give", "retain", "forget", "query --cypher",
    ]  # fmt: skip
    assert {(a.user, a.store, a.failed) for a in found} == {(ME, shop.url, None)}
    assert found[0].rows == {"User": 1, "Item": 1, "REVIEWED": 1}
    assert found[2].release == small_shop.VERSION
    assert found[8].rows["User"] == 1
    text = (shop.home / FILE).read_text()
    assert not [word for word in ("zoe", "hush", '"ben') if word in text]


def test_reading_leaves_none(shop: Shop) -> None:
    for line in ("profile ada", "recommend ada", "query best_users", "forget --verify ben"):
        main(line.split())
    assert acts(shop.home) == []


def test_a_failed_command_is_there_with_its_error(desk: Path) -> None:
    assert main(["load", "amazon", "none.jsonl"]) == 1
    (found,) = acts(desk / "home")
    assert found.failed == "InputError"


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    append(tmp_path, act())
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("change", ["edited", "removed", "swapped"])
def test_a_change_shows(tmp_path: Path, change: str) -> None:
    for command in ("load", "train", "publish", "forget"):
        append(tmp_path, act(command))
    lines = (tmp_path / FILE).read_text().splitlines()
    if change == "edited":
        lines[1] = lines[1].replace("train", "query")
    elif change == "removed":
        del lines[1]
    else:
        lines[1], lines[2] = lines[2], lines[1]
    (tmp_path / FILE).write_text("\n".join(lines) + "\n")
    assert broken_at(acts(tmp_path)) == 2


def test_a_line_without_an_epsilon_is_hashed_as_ever(tmp_path: Path) -> None:
    """Files that began before there was such a field still hold."""
    append(tmp_path, act())
    assert acts(tmp_path)[0].chain == "125918581006f706d863ac0f78be4a9f"


def test_writers_at_one_time_keep_one_chain(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: append(tmp_path, act(rows={"User": n})), range(40)))
    found = acts(tmp_path)
    assert (len(found), broken_at(found)) == (40, None)


def test_spenders_at_one_time_keep_to_the_budget(tmp_path: Path) -> None:
    """Of forty that ask for a tenth of it, ten get it."""

    def ask(_: int) -> bool:
        try:
            append(tmp_path, act(epsilon=0.1), 1.0)
        except BudgetSpent:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(40))) == 10
    assert spent(acts(tmp_path)) == pytest.approx(1.0)


def test_a_line_longer_than_the_tail_is_followed(tmp_path: Path) -> None:
    """A chain hangs on the whole last line, however long."""
    append(tmp_path, act(files=["/" + "x" * 200_000]))
    append(tmp_path, act())
    assert broken_at(acts(tmp_path)) is None


def test_a_line_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("hello\n")
    with pytest.raises(ConfigError, match=r"audit.jsonl:1: no entry"):
        acts(tmp_path)


def test_the_command(desk: Path, capsys: Output) -> None:
    append(desk / "home", act())
    assert main(["audit", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["command"] == "load"
    assert main(["audit", "--check"]) == 0
    path = desk / "home" / FILE
    path.write_text(path.read_text().replace("ada", "bob"))
    assert main(["audit", "--check"]) == 1
    assert "audit.jsonl:1 does not follow" in capsys.readouterr().err


ROLES = """
[roles]
analyst = ["query", "profile"]
operator = ["*"]
[people]
ME = "analyst"
"*" = "operator"
"""


def roles(desk: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (desk / "roles.toml").write_text(text.replace("ME", f'"{ME}"'))
    monkeypatch.setenv("KG_ROLES", str(desk / "roles.toml"))


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("forget ada --yes", "forget"),
        ("load amazon r.jsonl", "load"),
        ("keys new a.key", "keys"),
        ("query --cypher X", "query --cypher"),
    ],
)
def test_a_command_that_is_not_in_the_role_is_refused(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: Output, line: str, command: str
) -> None:
    """Nothing is done, and the attempt is in the audit file."""
    roles(shop.folder, monkeypatch, ROLES)
    assert main(line.split()) == 1
    assert f"is not for you: {ME} is analyst" in capsys.readouterr().err
    (found,) = acts(shop.home)
    assert (found.command, found.failed) == (command, "Forbidden")
    assert not Path("a.key").exists()


def test_a_command_in_the_role_runs(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    roles(shop.folder, monkeypatch, ROLES)
    assert main(["profile", "ada"]) == 0
    assert main(["query", "best_users"]) == 0


def test_another_name_in_the_environment_changes_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operating system says who it is."""
    roles(shop.folder, monkeypatch, ROLES)
    monkeypatch.setenv("USER", "somebody")
    monkeypatch.setenv("LOGNAME", "somebody")
    assert main(["forget", "ada", "--yes"]) == 1


def test_who_is_not_named_has_no_role(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    roles(shop.folder, monkeypatch, '[roles]\nanalyst = ["query"]\n[people]\nbob = "analyst"\n')
    assert main(["query", "best_users"]) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[roles]\n[people]\nada = "king"\n', "ada is 'king'"),
        ("[roles", "roles.toml"),
        ("[role]\n", "Field required|Extra inputs|role"),
    ],
)
def test_a_broken_file_lets_nobody_in(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output, text: str, says: str
) -> None:
    roles(desk, monkeypatch, text)
    assert main(["query"]) == 1
    assert any(word in capsys.readouterr().err for word in says.split("|"))
