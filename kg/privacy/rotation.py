"""A store, its releases and files → the same under one more key; plain ids become pseudonyms.

Releases first, a folder at a time, each all or nothing; then the files; then the store: a Neo4j in
place, an embedded one into a new file that takes the old one's place. A run that is cut off is
finished by the same command; until then nothing is loaded into the store.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kg.errors import ConfigError
from kg.export import read_tables
from kg.privacy.keys import Keyring, configured, new_key, read_ring, write_ring
from kg.privacy.rekey import CITED, raised
from kg.privacy.rekey_files import Rekeyed, rekey_files
from kg.privacy.state import Pseudonyms, pseudonyms, write
from kg.releases import KEPT, exchange, read_card, verify, versions
from kg.schema import BEHAVIOURS, DST, EDGE_TABLES, NODE_BY_LABEL, SRC, load_order
from kg.store import GraphStore, open_store

if TYPE_CHECKING:
    from loaders.interface import Progress

AT_ONCE = 5_000
_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Rotated:
    """What was re-keyed."""

    key_id: str
    users: int
    releases: tuple[str, ...]
    files: Rekeyed


def rotate(
    url: str,
    releases: Path,
    file: Path,
    *,
    files: Iterable[Path] = (),
    now: int | None = None,
    progress: Progress | None = None,
) -> Rotated:
    """Put a new key on top of a store's. `file` will hold the new ring, which the next commands
    need; where it holds the store's ring and one key more, an earlier run is finished. `files` are
    audiences, arms, exports and results to re-key. Raises ConfigError, InputError, ReleaseError,
    StoreError."""
    moment = int(time.time()) if now is None else now
    with open_store(url) as store:
        store.ensure_schema()
        said = pseudonyms(store)
        old = _ring(store, said)
        new = _next(file, old)
        if said is not None and said.next_key_id not in (None, new.id):
            raise ConfigError(
                f"{url}: a rotation to key {said.next_key_id} was cut off; run it again with its "
                f"file, not {file}"
            )
        write(store, Pseudonyms(said.key_id if said else None, new.id, said.since if said else 0))
        done = [v for v in versions(releases) if _rekey_release(releases, v, new)]
        rekeyed = rekey_files(files, new)
        users = store.counts().get("User", 0)
        after = Pseudonyms(new.id, None, moment)
        if store.dialect == "neo4j":
            _in_place(store, new, progress)
            write(store, after)
    if url.startswith("ladybug:"):
        _into_a_new_file(url, new, after, progress)
    return Rotated(new.id, users, tuple(done), rekeyed)


def _ring(store: GraphStore, said: Pseudonyms | None) -> Keyring:
    """The keys the store's ids have gone through."""
    if said is None or said.key_id is None:
        return Keyring(())
    ring = configured()
    if ring is None or ring.id != said.key_id:
        raise ConfigError(
            f"{store.url} holds pseudonyms of key {said.key_id}: KG_PSEUDONYM_KEY_FILE must name it"
        )
    return ring


def _next(file: Path, old: Keyring) -> Keyring:
    if not file.exists():
        ring = Keyring((*old.keys, new_key()))
        write_ring(file, ring)
        return ring
    ring = read_ring(file)
    if ring.keys[:-1] != old.keys:
        raise ConfigError(f"{file} exists and is not the store's keys with one more; name another")
    return ring


def _rekey_release(releases: Path, version: str, ring: Keyring) -> bool:
    card = read_card(releases, version)
    folder = releases / version
    verify(folder)
    if read_card(releases, version).pseudonym_key == ring.id:
        return False
    tables = {}
    named = [folder / "users.parquet", *sorted((folder / "edges").glob("*.parquet"))]
    for path in [*named, *(p for p in [folder / KEPT] if p.is_file())]:
        table = "User" if path.stem in ("users", Path(KEPT).stem) else path.stem
        name = path.relative_to(folder).with_suffix("").as_posix()
        tables[name] = raised(table, pq.read_table(path), ring)
    exchange(folder, tables, card.model_copy(update={"pseudonym_key": ring.id}))
    return True


def _into_a_new_file(url: str, ring: Keyring, after: Pseudonyms, progress: Progress | None) -> None:
    path = Path(url.removeprefix("ladybug://"))
    beside = path.with_name(f"{path.name}.rekeyed")
    for left in path.parent.glob(f"{beside.name}*"):
        left.unlink()
    with open_store(url) as store, open_store(f"ladybug://{beside}") as made:
        made.ensure_schema(store.attributes())
        names = load_order(tuple(store.counts()))
        for n, (name, table) in enumerate(read_tables(store, names)):
            if progress:
                progress("re-key", n, len(names))
            if name != "Protection":
                made.bulk_load(name, raised(name, table, ring))
        write(made, after)
    seal, its_seal = (p.with_name(p.name + ".sum") for p in (path, beside))
    seal.unlink(missing_ok=True)  # first: it is not that of the file to come
    beside.replace(path)
    if its_seal.exists():
        its_seal.replace(seal)
    for left in path.parent.glob(f"{beside.name}*"):
        left.unlink()


def _in_place(store: GraphStore, ring: Keyring, progress: Progress | None) -> None:
    """Each statement says what to change by what is there, so all can be run again."""
    counts = store.counts()
    added = store.attributes()
    texts = [f.name for f in added.get("User", ()) if f.type == pa.string()]
    users = store.export({"User": texts}, {}).nodes["User"]
    _set(
        store, users, raised("User", users, ring),
        "MATCH (u:User {userId: r.userId})", "u", progress,
    )  # fmt: skip
    for name in (n for n in BEHAVIOURS if counts.get(n)):
        more = [f.name for f in added.get(name, ()) if f.type == pa.string()]
        columns = ["eventId", *(["cancels"] if name == "RETURNED" else []), *more]
        events = store.export({}, {name: columns}).edges[name].select(columns)
        _set(
            store, events, raised(name, events, ring),
            f"MATCH ()-[e:{name} {{eventId: r.eventId}}]->()", "e", progress,
        )  # fmt: skip
    for name in (n for n, t in EDGE_TABLES.items() if t.type.undirected and counts.get(n)):
        while _turned(store, name):
            continue
    for name in (n for n, t in EDGE_TABLES.items() if t.type.written_by_us and counts.get(n)):
        edge = EDGE_TABLES[name]
        if CITED not in {p.name for p in edge.type.properties}:
            continue
        found = store.export({edge.src: (), edge.dst: ()}, {name: (CITED,)})
        table = found.edges[name]
        keys = {
            end: found.nodes[label][NODE_BY_LABEL[label].key].take(table[end])
            for end, label in ((SRC, edge.src), (DST, edge.dst))
        }
        before = pa.table({**keys, CITED: table[CITED]})
        after = before.set_column(2, CITED, raised(name, before.select([CITED]), ring)[CITED])
        a, b = NODE_BY_LABEL[edge.src], NODE_BY_LABEL[edge.dst]
        _set(
            store, before, after,
            f"MATCH (:{a.label} {{{a.key}: r.src}})-[e:{edge.type.name}]->"
            f"(:{b.label} {{{b.key}: r.dst}})", "e", progress,
        )  # fmt: skip


def _turned(store: GraphStore, name: str) -> int:
    """Ties whose ends no longer stand in the order of their ids, the lesser first; some at a
    time."""
    found = store.query(
        f"MATCH (a:User)-[e:{name}]->(b:User) WHERE a.userId > b.userId "
        f"WITH a, e, b LIMIT {AT_ONCE} "
        f"CREATE (b)-[n:{name}]->(a) SET n += properties(e) DELETE e RETURN count(*) AS turned",
        read_only=False,
        timeout_s=_TIMEOUT_S,
    )
    return int(found.rows[0][0])


def _set(
    store: GraphStore, before: pa.Table, after: pa.Table, match: str, what: str,
    progress: Progress | None,
) -> None:  # fmt: skip
    """Rows that changed, some at a time. `match` finds a row by the columns as they were."""
    changed = [c for c in before.column_names if not before[c].equals(after[c])]
    if not changed:
        return
    differs = reduce(pc.or_, (_differs(before[c], after[c]) for c in changed))
    old, new = before.filter(differs), after.filter(differs)
    keys = [c for c in old.column_names if f"r.{c}" in match]
    rows = pa.table({**{c: old[c] for c in keys}, **{f"new_{c}": new[c] for c in changed}})
    sets = ", ".join(f"{what}.`{c}` = r.`new_{c}`" for c in changed)
    for start in range(0, rows.num_rows, AT_ONCE):
        if progress:
            progress("re-key", start, rows.num_rows)
        part = rows.slice(start, AT_ONCE).to_pylist()
        store.query(
            f"UNWIND $rows AS r {match} SET {sets}",
            {"rows": part},
            read_only=False,
            timeout_s=_TIMEOUT_S,
        )


def _differs(before: pa.ChunkedArray, after: pa.ChunkedArray) -> pa.Array:
    a, b = before.combine_chunks(), after.combine_chunks()
    if pa.types.is_list(a.type):
        a, b = pc.binary_join(a, "\0"), pc.binary_join(b, "\0")
    return pc.fill_null(pc.not_equal(a, b), False)
