"""The command line: arguments in; tables or JSON on stdout, notes and errors on stderr, an exit
code out.

0 done · 1 one of our errors, said in one line (silently where the reader of our output went away) ·
2 wrong usage · 130 interrupted. Anything else is a bug and shows its traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from kg.errors import KgError

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    from kg.cli.app import app
    from kg.cli.output import error, spell_out

    spell_out(sys.stdout, sys.stderr)
    try:
        code = _run(app, argv)
        sys.stdout.flush()
    except BrokenPipeError:
        # what is still buffered has no reader either: keep the interpreter from trying again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except _expected() as e:
        error(str(e))
        return 1
    return code


def _run(app: object, argv: Sequence[str] | None) -> int:
    try:
        app(argv, prog_name="kg")  # type: ignore[operator]  # Typer's __call__ takes anything
    except SystemExit as e:
        return e.code if isinstance(e.code, int) else int(e.code is not None)
    return 0


def _expected() -> tuple[type[Exception], ...]:
    """Asked for only when something was raised, so a command that needs no model imports none."""
    from gnn.errors import GnnError

    return (KgError, GnnError)
