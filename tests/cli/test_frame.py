"""The frame of the command line: exit codes, one-line errors, start-up, output for each reader."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from kg.cli import main
from kg.cli.app import app
from kg.cli.output import cell, json_text, print_table, visible

KG = (sys.executable, "-c", "import sys; from kg.cli import main; sys.exit(main())")

Output = pytest.CaptureFixture[str]


def test_version(capsys: Output) -> None:
    """--version names the package and its version."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("kg-profiles 0.")


def test_no_command_shows_the_commands(capsys: Output) -> None:
    """`kg` alone is a usage error that lists the commands."""
    assert main([]) == 2
    out = "".join(capsys.readouterr())
    assert all(name in out for name in ("load", "query", "profile", "recommend", "export"))


@pytest.mark.parametrize(
    "command",
    [c.name or c.callback.__name__ for c in app.registered_commands if c.callback],
)
def test_every_command_has_help_with_an_example(command: str, capsys: Output) -> None:
    """--help says what a command does, shows it used, and has --store and --json."""
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.count(f"kg {command}") >= 2
    assert "--json" in out


@pytest.mark.parametrize(
    "argv",
    [
        ["nonsense"],
        ["profile"],
        ["profile", "ada", "--colour"],
        ["recommend", "ada", "-k", "0"],
        ["query", "best_users", "k"],
        ["query", "best_users", "k=1", "k=2"],
        ["query", "best_users", "--cypher", "RETURN 1 AS x"],
        ["query", "--format", "parquet", "best_users"],
        ["load"],
        ["load", "tabular", "x.csv", "--option", "mapping"],
    ],
)
def test_wrong_usage_is_2(argv: list[str], capsys: Output) -> None:
    """Wrong usage exits with 2, says so on stderr and leaves stdout empty."""
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert (out, "Error: " in err) == ("", True)


def test_our_errors_are_one_line_and_1(capsys: Output) -> None:
    """An expected error is one line on stderr; no traceback."""
    assert main(["query", "no_such_query"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: no query named 'no_such_query'; `kg query` lists them\n"


def test_an_unknown_scheme(capsys: Output) -> None:
    """A store URL nobody serves is an error that lists those that are."""
    assert main(["profile", "ada", "--store", "mysql://x"]) == 1
    assert "scheme 'mysql' is not one of ladybug://" in capsys.readouterr().err


def test_a_bare_path_is_no_store(capsys: Output) -> None:
    """The error says how the file is written."""
    assert main(["profile", "ada", "--store", "shop.lbug"]) == 1
    assert "a file's is ladybug://shop.lbug" in capsys.readouterr().err


def test_a_store_that_is_not_there(tmp_path: Path, capsys: Output) -> None:
    """Reading a store nobody made says what to run, and makes none."""
    assert main(["profile", "ada", "--store", f"ladybug://{tmp_path}/none.lbug"]) == 1
    assert "kg load" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_store_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """Without --store the store is that of KG_STORE."""
    monkeypatch.setenv("KG_STORE", f"ladybug://{tmp_path}/env.lbug")
    assert main(["profile", "ada"]) == 1
    assert "env.lbug" in capsys.readouterr().err


def test_errors_of_the_model_are_ours(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """GnnError is printed like our own errors."""
    import kg.person
    from gnn.errors import ModelError

    def fail(*_: object, **__: object) -> None:
        raise ModelError("no such\nmodel")

    monkeypatch.setattr(kg.person, "person", fail)
    monkeypatch.setattr("kg.cli.profile.open_chosen", lambda _: nullcontext())
    monkeypatch.setattr("kg.privacy.state.stored_id", lambda _, user: user)
    assert main(["profile", "ada"]) == 1
    assert capsys.readouterr().err == "error: no such model\n"


def test_a_bug_shows_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody expected is not dressed up."""
    monkeypatch.setattr("kg.cli.profile.open_chosen", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["profile", "ada"])


def test_interrupted_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends quietly with the shell's code for it."""

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kg.cli.profile.open_chosen", interrupt)
    assert main(["profile", "ada"]) == 130


def test_letters_that_a_terminal_lacks_are_spelled_out(shop_url: str) -> None:
    """Rather than end in a traceback; JSON stays JSON."""
    argv = ["query", "--cypher", "RETURN 'größer' AS x", "--store", shop_url]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    for options, said in ([], "gr\\xf6\\xdfer"), (["--json"], '[{"x": "gr\\u00f6\\u00dfer"}]'):
        ran = subprocess.run(
            [*KG, *argv, *options], capture_output=True, text=True, env=environment, check=True
        )
        assert ran.stdout.splitlines()[-1] == said


def test_a_question_nobody_can_answer_names_the_option(
    shop_url: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """What asks before it removes says what a script has to say."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert main(["forget", "ada", "--store", shop_url]) == 1
    assert "nobody answered; --yes does it without asking" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_quiet() -> None:
    """`kg … | head -0` leaves no traceback."""
    with subprocess.Popen(
        [*KG, "query", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


@pytest.mark.parametrize("argv", [["--help"], ["query"], ["query", "--describe", "best_users"]])
def test_start_up_imports_nothing_heavy(argv: list[str]) -> None:
    """Help and the list of queries come without torch and the rest of the model's world."""
    code = (
        "import sys; from kg.cli import main; main(sys.argv[1:]); "
        "heavy = {'torch', 'transformers', 'sklearn', 'scipy', 'networkx', 'polars', 'ladybug', "
        "'neo4j'}; sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_imports_no_data_library() -> None:
    """`kg --help` answers before Arrow, numpy and pydantic are there."""
    code = (
        "import sys; from kg.cli import main; main(['--help']); "
        "sys.exit(', '.join({'pyarrow', 'numpy', 'pydantic'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_plain_tables_are_aligned(capsys: Output) -> None:
    """Where stdout is no terminal, a table is aligned text; numbers stand right."""
    print_table(["name", "n"], [["a", 5], ["long", 12], [None, None]])
    assert capsys.readouterr().out == "name   n\na      5\nlong  12\n\n"


def test_nothing_is_cut_in_plain_tables(capsys: Output) -> None:
    """A long cell stays whole on its line."""
    print_table(["text"], [["x" * 5000]])
    assert "x" * 5000 in capsys.readouterr().out


def on_a_terminal(columns: list[str], rows: list[list[object]]) -> str:
    """The table on a terminal of forty columns, without colours."""
    code = f"from kg.cli.output import print_table; print_table({columns!r}, {rows!r})"
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-c", code], stdout=theirs, env={**os.environ, "COLUMNS": "40"}
    )
    assert done.wait() == 0
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\r\n", "\n")


def test_nothing_is_cut_on_a_terminal() -> None:
    """On a narrow terminal a long cell is folded, not shortened."""
    text = "".join(chr(ord("a") + n % 26) for n in range(200))
    plain = on_a_terminal(["text", "#"], [[text, 7]]).replace("text", "")
    assert "".join(c for c in plain if c.islower()) == text


def test_too_many_columns_for_a_terminal_stand_on_end() -> None:
    """A value a line, rather than two letters of each a line; empty ones are left out."""
    shown = on_a_terminal(
        ["category", "evidenceShare", "horizonDays", "asOf"],
        [["Kitchen > Knives", 0.5, 30, None], ["Garden", 0.25, 30, "now"]],
    )
    assert shown == (
        "category       Kitchen > Knives\n"
        "evidenceShare  0.5\n"
        "horizonDays    30\n"
        "\n"
        "category       Garden\n"
        "evidenceShare  0.25\n"
        "horizonDays    30\n"
        "asOf           now\n"
        "\n"
    )


def test_data_cannot_drive_the_terminal() -> None:
    """Escape codes, newlines and marks that reorder text are spelled out."""
    assert visible("a\x1b[31m\nb\u202ec") == "a\\x1b[31m\\nb\\x202ec"


def test_markup_is_text(capsys: Output) -> None:
    """Square brackets in the data are no colours."""
    print_table(["t"], [["[red]x[/red]"]])
    assert "[red]x[/red]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "type_", "shown"),
    [
        (None, "", ""),
        (True, "", "yes"),
        (1688169600, "time", "2023-07-01"),
        (1688169600, "int", "1688169600"),
        (0.123456, "", "0.1235"),
        (123456.789, "", "123456.79"),
        (["a", "b"], "", "a, b"),
        ([0.5] * 64, "", "<64 numbers>"),
        ({"k": 1}, "", "k: 1"),
    ],
)  # fmt: skip
def test_cells(value: object, type_: str, shown: str) -> None:
    """Each kind of value as people read it."""
    assert cell(value, type_) == shown


def test_json_is_strict() -> None:
    """NaN is null; text stays as it is; a list has one object a line."""
    text = json_text([{"a": float("nan")}, {"b": "é😀"}])
    assert text == '[{"a": null},\n {"b": "é😀"}]'
    assert json.loads(text) == [{"a": None}, {"b": "é😀"}]
