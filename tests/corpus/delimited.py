"""CSV and TSV: delimiters, quotes, lines, encodings, headers, cells."""

from __future__ import annotations

from tests.corpus.case import (
    HEAD,
    NOT_TEXT,
    NOTE_HEAD,
    OPEN,
    ROW,
    SECOND,
    Case,
    fails,
    loads,
    noted,
    said,
)

_NUMBER, _TIME = "rating is not a number", "at is not a time"
_OLD, _LATE, _OFF = "time before 1990", "time in the future", "rating off the scale 1 to 5"
_UTF16 = said(encoding='"utf-16"')
_TABS = said(delimiter='"\\t"')


def _rating(cell: str, reason: str) -> Case:
    return loads(f"rating {cell}", ROW + f"v,j,{cell},1600000001\n".encode(), 1, {3: reason})


def _moment(cell: str, reason: str) -> Case:
    return loads(f"time {cell}", ROW + f"v,j,5,{cell}\n".encode(), 1, {3: reason})


def _iso(cell: str, reason: str) -> Case:
    mapping = said().replace('time = "s"', 'time = ["iso", "s"]')
    body = ROW + f"v,j,5,{cell}\n".encode()
    return loads(f"date {cell}", body, 1, {3: reason}, mapping=mapping)


def _delimiter(name: str, text: str, escaped: str) -> Case:
    """A row, one without a user, and nothing lost."""
    body = text.join(["", "i", "4", "1600000000"]) + "\n"
    good = text.join(["u", "i", "4", "1600000000"]) + "\n"
    head = text.join(["user", "item", "rating", "at"]) + "\n"
    mapping = said(delimiter=f'"{escaped}"')
    return loads(name, (good + body).encode(), 1, {3: "no user"}, head=head.encode(),
                 mapping=mapping)  # fmt: skip


LINES: tuple[Case, ...] = (
    loads("no newline at the end", ROW + SECOND[:-1], 2),
    loads("CR LF", (ROW + SECOND).replace(b"\n", b"\r\n"), 2, head=HEAD[:-1] + b"\r\n"),
    loads("mixed line ends", ROW[:-1] + b"\r\n" + SECOND, 2),
    fails("CR line ends", (HEAD + ROW + SECOND).replace(b"\n", b"\r"), "end in a carriage return"),
    loads("a CR inside a line", ROW + b"v\rw,j,5,1600000001\n", 2),
    loads("blank lines at the end", ROW + b"\n\r\n\n", 1),
    loads("a blank line between rows", ROW + b"\n" + SECOND, 2, {3: "no user"}),
    loads("a line of spaces", ROW + b"   \n", 1, {3: "1 cells, not 4"}),
    loads("line separators of Unicode end no line",
          ROW + "v\u2028\u0085\x0b\x0c,j,5,1600000001\n,k,5,1600000001\n".encode(), 2,
          {4: "no user"}),
    loads("ten MB in one cell", ROW + b"x" * 10_000_000 + b",i,4,1600000000\n" + SECOND, 2,
          {3: "a key of more than 8,000 bytes"}),
    loads("ten MB in an attribute", b"u,i,4,1600000000," + b"x" * 10_000_000 + b"\n", 1,
          head=NOTE_HEAD, mapping=noted()),
    loads("ten MB that are no row", ROW + b"x" * 10_000_000 + b"\n" + SECOND, 2,
          {3: "1 cells, not 4"}),
    loads("ten thousand cells", ROW + b"," * 10_000 + b"\n" + SECOND, 2,
          {3: "10001 cells, not 4"}),
)  # fmt: skip

HEADERS: tuple[Case, ...] = (
    fails("empty file", b"", "line 1 is empty"),
    fails("only newlines", b"\n\n\n", "line 1 is empty"),
    fails("only a header", HEAD, "no row to load"),
    fails("only a header, no newline", HEAD[:-1], "no row to load"),
    fails("no header", ROW + SECOND, "has no column 'user'"),
    fails("missing column", b"user,item,rating\nu,i,4\n", r"no column 'at', which shop.toml:14"),
    fails("renamed column", b"user,product,rating,at\n" + ROW, "has no column 'item'"),
    fails("capitals", HEAD.upper() + ROW, "has no column 'user'"),
    fails("wrong delimiter", (HEAD + ROW).replace(b",", b";"), "it has user;item;rating;at"),
    fails("tabs in a CSV", (HEAD + ROW).replace(b",", b"\t"), "has no column 'user'"),
    fails("column twice", b"user,item,rating,at,user\nu,i,4,1600000000,v\n", "'user' twice"),
    fails("our own name for a column", b"user,item,rating,at,__line\n" + ROW, "'__line'"),
    fails("our own name for a hash", b"user,item,rating,at,__row\n" + ROW, "'__row'"),
    fails("a quote open in the header", b'user,item,rating,at,"no\nte"\n' + ROW, "quote open"),
    fails("a header of 10 MB", b"x" * 10_000_000 + b"\n" + ROW, "line 1 has 10,000,000 char"),
    fails("a header of 30,000 names", b",".join(b"c%d" % n for n in range(15_000)) + b"\n",
          r"no column 'user'.*…$"),
    fails("a header that is no text", b"user,item,rating,at,\xff\n" + ROW, "line 1 is not text"),
    fails("a NUL in the header", b"user,item,rating,at,\0\n" + ROW, "line 1 is not text"),
    loads("extra column", b"u,i,4,1600000000,x\n", 1, head=NOTE_HEAD),
    loads("columns in another order", b"1600000000,4,i,u\n", 1, head=b"at,rating,item,user\n"),
    loads("spaces about names", ROW, 1, head=b" user , item, rating ,at \n"),
    loads("a name without a name", b"u,i,4,1600000000,\n", 1, head=b"user,item,rating,at,\n"),
    loads("swapped ids are ids", b"i,u,4,1600000000\n", 1, head=b"item,user,rating,at\n"),
    loads("rating and time swapped", b"u,i,1600000000,4\n" + SECOND, 1, {2: _OLD}),
    loads("the header again in the middle", ROW + HEAD + SECOND, 2, {3: _TIME}),
)  # fmt: skip

QUOTES: tuple[Case, ...] = (
    loads("open to the end", b'v,j,4,1600000000,"good\n' + b"u,k,3,1600000000,x\n" * 3, 0,
          {2: OPEN}, head=NOTE_HEAD, mapping=noted()),
    loads("open in the last cell", ROW + b'v,j,4,"1600000000\n' + SECOND, 1, {3: OPEN}),
    loads("open, and closed by another row's quote",
          b'v,j,4,1600000000,"good\nu,k,3,1600000000,"y"\nz,z,4,1600000000,fine\n', 1, {2: OPEN},
          head=NOTE_HEAD, mapping=noted()),
    loads("open in the first cell", b'"u,i,4,1600000000\n' + SECOND, 0, {2: OPEN}),
    loads("text behind a closing quote, one line", b'"u"x,i,4,1600000000\n' + SECOND, 2),
    loads("a stray quote inside a cell", b'u,i 5" pipe,4,1600000000\n' + SECOND, 2),
    loads("a quoted cell of three lines", b'u,i,4,1600000000,"a\nb\nc"\n,k,4,1600000000,x\n', 1,
          {5: "no user"}, head=NOTE_HEAD, mapping=noted()),
    loads("doubled quotes over lines", b'u,i,4,1600000000,"a ""b""\n""c"""\n', 1, head=NOTE_HEAD,
          mapping=noted()),
    loads("quotes turned off", b'"u,i,4,1600000000\n' + SECOND, 2, mapping=said(quote='""')),
    loads("single quotes are letters", b"'u,i',4,1600000000\n" + SECOND, 2),
    loads("backslash quotes are no CSV",
          b'u,i,4,1600000000,"say \\"hi, you\\""\nv,j,5,1600000001,x\n', 1,
          {2: "6 cells, not 5"}, head=NOTE_HEAD, mapping=noted()),
)  # fmt: skip

ENCODINGS: tuple[Case, ...] = (
    loads("UTF-8 byte order mark", ROW, 1, head=b"\xef\xbb\xbf" + HEAD),
    loads("Latin-1 in UTF-8", ROW + b"caf\xe9,i,4,1600000000\n" + SECOND, 2, {3: NOT_TEXT}),
    loads("mixed encodings", ROW + "é,i,4,1600000000\n".encode() + b"\xe9,i,4,1600000000\n", 2,
          {4: NOT_TEXT}),
    loads("overlong UTF-8", ROW + b"\xc0\x80,i,4,1600000000\n", 1, {3: NOT_TEXT}),
    loads("half a surrogate pair in UTF-8", ROW + b"\xed\xa0\xbd,i,4,1600000000\n", 1,
          {3: NOT_TEXT}),
    loads("UTF-8 cut in a letter", ROW + "v,j,5,1600000001é".encode()[:-1], 1, {3: NOT_TEXT}),
    loads("a NUL", ROW + b"v\0,j,5,1600000001\n", 1, {3: NOT_TEXT}),
    loads("a row of NULs", ROW + b"\0" * 500 + b"\n" + SECOND, 2, {3: NOT_TEXT}),
    loads("our mark for damage", ROW + "\ufdd0,j,5,1600000001\n".encode(), 1, {3: NOT_TEXT}),
    fails("UTF-16 unsaid", (HEAD + ROW).decode().encode("utf-16"), "byte order mark of UTF-16"),
    fails("UTF-16 BE unsaid", b"\xfe\xff" + (HEAD + ROW).decode().encode("utf-16-be"), "UTF-16"),
    fails("UTF-32 unsaid", (HEAD + ROW).decode().encode("utf-32"), "mark of UTF-32"),
    fails("UTF-16 without a mark, unsaid", (HEAD + ROW).decode().encode("utf-16-le"),
          "line 1 is not text"),
    loads("UTF-16", b"", 1, head=(HEAD + ROW).decode().encode("utf-16"), mapping=_UTF16),
    loads("UTF-16 cut in a letter", b"1", 1, {3: NOT_TEXT},
          head=(HEAD + ROW).decode().encode("utf-16"), mapping=_UTF16),
    loads("UTF-16 with half a pair", b"\x00\xd8" + ",j,5,1600000001\n".encode("utf-16-le"), 1,
          {3: NOT_TEXT}, head=(HEAD + ROW).decode().encode("utf-16"), mapping=_UTF16),
    fails("UTF-8 said to be UTF-16", HEAD + ROW, "not text in the encoding", mapping=_UTF16),
    loads("UTF-32 with what is no letter", b"\x01\x02\x03\x04", 1, {3: NOT_TEXT},
          head=(HEAD + ROW).decode().encode("utf-32"), mapping=said(encoding='"utf-32"')),
    loads("UTF-7 cut short", ROW + b"+Zm\xff,j,5,1600000001\n", 1, {3: NOT_TEXT},
          mapping=said(encoding='"utf-7"')),
    loads("GBK cut in a letter", ROW + b"\x81", 1, {3: NOT_TEXT}, mapping=said(encoding='"gbk"')),
    loads("Shift JIS", "日,i,4,1600000000\n".encode("shift_jis") + b"\x80\xff,j,4,1\n", 1,
          {3: NOT_TEXT}, mapping=said(encoding='"shift_jis"')),
    loads("EBCDIC", b"", 1, {3: "no user"}, mapping=said(encoding='"cp037"'),
          head=(HEAD + ROW + b",j,4,1600000000\n").decode().encode("cp037")),
    loads("cp1252 with a byte it has not", ROW + b"\x81,j,5,1600000001\n", 1, {3: NOT_TEXT},
          mapping=said(encoding='"cp1252"')),
    loads("the first encoding that fits", ROW + b"caf\xe9,i,4,1600000000\n", 2,
          mapping=said(encoding='["utf-8", "latin-1"]')),
)  # fmt: skip

DELIMITERS: tuple[Case, ...] = (
    _delimiter("two colons", "::", "::"),
    _delimiter("a section sign", "§", "§"),
    _delimiter("an ideograph", "中", "中"),
    _delimiter("a backslash", "\\", "\\\\"),
    _delimiter("a unit separator", "\x1f", "\\u001f"),
    _delimiter("a bar", "|", "|"),
    _delimiter("a tab", "\t", "\\t"),
    loads("two colons inside quotes", b'"a::b"::i::4::1600000000\n', 1,
          head=b"user::item::rating::at\n", mapping=said(delimiter='"::"'),
          tables={"User": 1, "Item": 1, "RATED": 1}),
    loads("TSV with quotes off", b'"u\ti\t4\t1600000000\n', 1, head=HEAD.replace(b",", b"\t"),
          mapping=said(delimiter='"\\t"', quote='""')),
    loads("commas in a TSV", ROW + b"v\tj\t5\t1600000001\n", 1, {2: "1 cells, not 4"},
          head=HEAD.replace(b",", b"\t"), mapping=_TABS),
    loads("too few cells", ROW + b"v,j,5\n", 1, {3: "3 cells, not 4"}),
    loads("too many cells", ROW + b"v,j,5,1600000001,x\n", 1, {3: "5 cells, not 4"}),
    loads("a decimal comma", ROW + b"v,j,4,5,1600000001\n", 1, {3: "5 cells, not 4"}),
)  # fmt: skip

CELLS: tuple[Case, ...] = (
    *(_rating(cell, _NUMBER) for cell in ("NaN", "Infinity", "-inf", "1e400", "0x4", "five", "４",
                                          "4f", "--4", "TRUE", "1_0", "4;", "null")),
    *(_rating(cell, _OFF) for cell in ("0", "6", "-4", "1e300", "5.0000001", "1e-400", "99999999")),
    _rating("", "no rating"),
    _rating(" ", _NUMBER),
    *(_moment(cell, _TIME) for cell in ("NaN", "inf", "9223372036854775808", "1e30", "soon",
                                        "2020-01-01", "0x5F", "1_600_000_000")),
    *(_moment(cell, _LATE) for cell in ("9223372036854775807", "4102444800", "1600000000000")),
    *(_moment(cell, _OLD) for cell in ("0", "-1", "-9223372036854775808", "1e8")),
    _moment("", "no time"),
    *(_iso(cell, _OLD) for cell in ("0001-01-01", "-0001-01-01", "1970-01-01T00:00:00Z")),
    *(_iso(cell, _LATE) for cell in ("9999-12-31", "9999-12-31T23:59:59+14:00")),
    *(_iso(cell, _TIME) for cell in ("10000-01-01", "2020-02-30", "2020-13-01", "31.12.2020",
                                     "2020-01-01T24:00", "2020-W01", "today")),
    loads("numbers as quoted text", b'"u","i","4","1600000000"\n', 1),
    loads("spaces about numbers", b"u,i, 4 , 1600000000 \n", 1),
    loads("a key of spaces", ROW + b"  ,i,4,1600000000\n", 1, {3: "no user"}),
    loads("a key of 7,900 bytes", b"x" * 7900 + b",i,4,1600000000\n", 1),
    loads("a key of 8,001 bytes", ROW + b"x" * 8001 + b",i,4,1600000000\n", 1,
          {3: "a key of more than 8,000 bytes"}),
    loads("a key twice", ROW + b"u,i,5,1600000001\n" + ROW, 1, merged=2),
    loads("a row twice", ROW + ROW, 1, merged=1),
    loads("leading zeros are kept", b"007,i,4,1600000000\n7,i,4,1600000000\n", 2,
          tables={"User": 2, "Item": 1, "RATED": 2}),
    loads("spreadsheet numbers are other keys", b"7,i,4,1600000000\n7.0,i,4,1600000000\n", 2),
    loads("a million's factor too far", b"u,i,4,1600000000,1e308\n", 1, head=NOTE_HEAD,
          mapping=noted('{ column = "note", type = "double", times = 1e10 }')),
    loads("an attribute that overflows", b"u,i,4,1600000000,99999999999999999999\n", 1,
          head=NOTE_HEAD, mapping=noted('{ column = "note", type = "int" }')),
    loads("an attribute called reason", b"u,i,4,1600000000,late\n,j,4,1600000000,x\n", 1,
          {3: "no user"}, head=NOTE_HEAD, mapping=noted().replace("set.note", "set.reason")),
)  # fmt: skip

CASES = LINES + HEADERS + QUOTES + ENCODINGS + DELIMITERS + CELLS
