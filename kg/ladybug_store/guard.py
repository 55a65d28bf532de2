"""What a query's text would do, read from its tokens before the engine sees it.

A read-only transaction refuses changes to the graph; it does not refuse `LOAD FROM` any file,
`COPY … TO`, `EXPORT DATABASE` or a changed setting. So a reader's text must start as a reading, and
hold no clause that writes or touches files. Verbs are looked for among the tokens, so text and
comments cannot hold one nor hide one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from kg.errors import QueryError, WriteRefused

_TOKEN = re.compile(
    r"""
    (?P<space>   \s+ | //[^\r\n]* | /\*.*?\*/ )
  | (?P<text>    '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" )
  | (?P<name>    `(?:[^`]|``)*` )
  | (?P<param>   \$(?:[^\W\d]\w*|\d+|`(?:[^`]|``)*`) )
  | (?P<number>  0[xX][0-9a-fA-F]+ | \d+(?:\.\d*(?!\.))?(?:[eE][+-]?\d+)? | \.\d+ )
  | (?P<word>    [^\W\d]\w* )
  | (?P<mark>    . )
    """,
    re.VERBOSE | re.DOTALL,
)

STARTS = {"MATCH", "OPTIONAL", "UNWIND", "WITH", "RETURN", "CALL"}
STATEMENTS = {
    "ALTER", "ATTACH", "BEGIN", "CHECKPOINT", "COMMENT", "COMMIT", "COPY", "CREATE", "DELETE",
    "DETACH", "DROP", "EXPORT", "FORCE", "IMPORT", "INSTALL", "LOAD", "MERGE", "REMOVE", "ROLLBACK",
    "SET", "UNINSTALL", "UPDATE", "USE",
}  # fmt: skip
CLAUSES = {"CREATE", "MERGE", "SET", "DELETE", "DETACH", "REMOVE", "INSERT", "FOREACH", "DROP"}
LOOKS = {
    "CURRENT_SETTING", "DB_VERSION", "SHOW_CONNECTION", "SHOW_FUNCTIONS", "SHOW_INDEXES",
    "SHOW_TABLES", "SHOW_WARNINGS", "STATS_INFO", "STORAGE_INFO", "STORAGE_VERSION", "TABLE_INFO",
}  # fmt: skip
"""Table functions that only look."""


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    start: int

    @property
    def upper(self) -> str:
        return self.text.upper() if self.kind == "word" else ""


def tokens(text: str) -> list[Token]:
    """Everything but space and comments. Raises `QueryError` for text or comments left open."""
    found = [
        Token(str(m.lastgroup), m[0], m.start())
        for m in _TOKEN.finditer(text)
        if m.lastgroup != "space"
    ]
    for token in found:
        if token.text in ("'", '"', "`"):
            raise QueryError(f"a quote is left open at character {token.start + 1}")
    for first, second in pairwise(found):
        if first.text == "/" and second.text == "*" and second.start == first.start + 1:
            raise QueryError(f"a comment is left open at character {first.start + 1}")
    return found


def one_statement(found: Sequence[Token]) -> list[Token]:
    """Without the `;` at the end. Raises `QueryError` for none and for several."""
    kept = list(found)
    while kept and kept[-1].text == ";":
        kept.pop()
    if not kept:
        raise QueryError("the query is empty")
    if any(t.text == ";" for t in kept):
        raise QueryError("one statement at a time: there is a ';' in the middle")
    return kept


def refuse_writes(found: Sequence[Token]) -> None:
    """Raises `WriteRefused` for a text that would do more than read."""
    for at, token in enumerate(found):
        verb = token.upper
        before = found[at - 1].text if at else ";"
        after = found[at + 1] if at + 1 < len(found) else None
        starts = before == ";" or (before.upper() in ("EXPLAIN", "PROFILE") and at == 1)
        if starts and verb in STATEMENTS:
            raise _refused(verb)
        if before in (".", ":", "|") or before.upper() == "AS" or (after and after.text == ":"):
            continue  # a property, label, alias or map key of that name
        if verb in CLAUSES:
            raise _refused(verb)
        if verb == "LOAD" and after is not None and after.upper in ("FROM", "WITH", "CSV"):
            raise _refused("LOAD FROM")
        if verb == "CALL" and (after is None or after.upper not in LOOKS):
            called = after.text if after else ""
            raise WriteRefused(f"CALL {called}: not among the functions that only look")


def _refused(verb: str) -> WriteRefused:
    return WriteRefused(f"{verb}: refused, a query here only reads")


def must_read(found: Sequence[Token]) -> None:
    """Raises `QueryError` where the text starts as no reading does: a misspelt word, or a command
    this module does not know."""
    start = found[1] if found[0].upper in ("EXPLAIN", "PROFILE") and len(found) > 1 else found[0]
    if start.upper not in STARTS:
        raise QueryError(f"{start.text[:40]!r}: a query starts with {', '.join(sorted(STARTS))}")


def brings_no_edges(found: Sequence[Token]) -> bool:
    """Whether this text, which may write, surely leaves all edges what they are but for those it
    deletes: it names no verb that could make one, and changes properties where no edge is named."""
    words = {t.upper for t in found}
    makes = (STATEMENTS | CLAUSES | {"CALL"}) - {"SET", "REMOVE", "DELETE", "DETACH"}
    if found[0].upper not in STARTS or words & makes:
        return False
    return "SET" not in words or not any(t.text == "[" for t in found)


def parameters(found: Sequence[Token]) -> set[str]:
    """Names after `$`."""
    return {_name(t) for t in found if t.kind == "param"}


def _name(token: Token) -> str:
    name = token.text[1:]
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def with_literals(text: str, found: Sequence[Token], literals: dict[str, str]) -> str:
    """The text with some parameters written out."""
    for token in reversed(found):
        if token.kind == "param" and _name(token) in literals:
            end = token.start + len(token.text)
            text = text[: token.start] + literals[_name(token)] + text[end:]
    return text


def limited(text: str, found: Sequence[Token], rows: int) -> str:
    """The text with a LIMIT, where its last RETURN has none: the engine would compute all rows
    before it gives the first. A UNION or a nested query is left as it is."""
    depth, last_return, last_limit = 0, -1, -1
    for at, token in enumerate(found):
        depth += (token.text in "([{") - (token.text in ")]}")
        if depth == 0 and token.upper == "RETURN":
            last_return = at
        if depth == 0 and token.upper == "LIMIT":
            last_limit = at
        if token.upper == "UNION":
            return text
    if last_return < 0 or last_limit > last_return or found[0].upper in ("EXPLAIN", "PROFILE"):
        return text
    end = found[-1].start + len(found[-1].text)
    return f"{text[:end]}\nLIMIT {rows}"
