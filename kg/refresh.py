"""Users whose edges changed → new profiles by the live release's model; nobody else is touched, and
the work grows with these users, not with the graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.arrays import EDGE_COLUMNS, graph_tables
from kg.errors import ConfigError, NotFound, ReleaseError
from kg.extras import needs_training_packages
from kg.guesses import declaring, is_sensitive, with_guesses, without_guesses
from kg.heap import giving_back
from kg.new_items import with_new_items
from kg.privacy.consent import objectors
from kg.publish import live_version
from kg.releases import Card, read_card, verify
from kg.schema import BEHAVIOURS, SOCIAL
from kg.stale import clear, marks, with_listeners
from kg.store import GraphStore, Snapshot, WriteCount
from kg.text_vectors import item_text, of_release
from kg.training import Progress, Training

if TYPE_CHECKING:
    from gnn.refresh import Kept, Renewed
    from gnn.tables import GraphTables, TextVectors
    from gnn.text import ReviewEncoder

AT_ONCE = 5_000
"""Users profiled together; their neighbourhood is held in memory."""
MANY = 100
"""Users, from which memory counts more than a few milliseconds."""
MOST_NEIGHBOURS = 200_000
"""Users among whom similar ones are looked for, exactly."""
EVENTS = (*BEHAVIOURS, *SOCIAL)


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did."""

    version: str
    users: int
    as_of: int | None
    new_items: int
    """Items of their events that came after the release: they count by text and category."""
    written: dict[str, WriteCount]


def live_model(store: GraphStore, releases: Path) -> tuple[Card, Kept]:
    """What the live release keeps to profile single users. Raises as `Refresher.open`."""
    version = live_version(store)
    if version is None:
        raise ReleaseError(f"{store.url}: no release is live; run `kg train`, then `kg publish`")
    card = read_card(releases, version)
    verify(releases / version)
    with needs_training_packages():
        from gnn.checkpoint import load_kept_model
    return card, load_kept_model(releases / version / "model")


@dataclass
class Refresher:
    """A live release held ready: opened once, it answers many refreshes."""

    store: GraphStore
    card: Card
    kept: Kept
    training: Training
    _ids: pa.Array
    """Of all users with a vector, and of those refreshed since"""
    _vectors: np.ndarray = field(repr=False)
    """[U, d]"""
    _encoder: ReviewEncoder | None = field(default=None, repr=False)

    @classmethod
    def open(cls, store: GraphStore, releases: Path, training: Training) -> Refresher:
        """`training` says which encoder, cache and sensitive categories; the settings are the
        release's own. Raises ReleaseError (no live release, a folder that was changed), NotFound
        (its folder is not here), ModelError (trained before releases could refresh)."""
        card, kept = live_model(store, releases)
        ids, vectors = _all_vectors(store, kept.trained.config.dim)
        training = of_release(training, releases / card.version)
        return cls(store, card, kept, training, ids, vectors)

    def refresh_stale(self, *, now: int, progress: Progress | None = None) -> Refreshed:
        """All users marked stale, and those who read them."""
        found = marks(self.store)
        users = with_listeners(self.store, found["userId"].combine_chunks())
        done = self.refresh(users.to_pylist(), now=now, progress=progress)
        clear(self.store, found)
        return done

    def refresh_all(self, *, now: int, progress: Progress | None = None) -> Refreshed:
        """Everyone in the store: after a training on a sample, say."""
        found = marks(self.store)
        users = self.store.export({"User": ()}, {}).nodes["User"]["userId"].sort()
        done = self.refresh(users.to_pylist(), now=now, progress=progress)
        clear(self.store, found)
        return done

    def refresh(
        self, users: Sequence[str], *, now: int, progress: Progress | None = None
    ) -> Refreshed:
        """These users, as of the last event around them (never after `now`, epoch s, nor before
        the release's own moment), without those who object to being profiled. Raises NotFound for
        users the store does not have."""
        objecting = set(
            objectors(self.store, pa.array(dict.fromkeys(users), pa.string())).to_pylist()
        )
        # in one order, whatever the store's: sums of floats depend on it
        wanted = sorted(u for u in dict.fromkeys(users) if u not in objecting)
        with giving_back() if len(wanted) > MANY else nullcontext():
            return self._refreshed(wanted, now, progress)

    def _refreshed(self, wanted: list[str], now: int, progress: Progress | None) -> Refreshed:
        blocks = [wanted[k : k + AT_ONCE] for k in range(0, len(wanted), AT_ONCE)]
        as_of = self._as_of(blocks, now) if len(blocks) > 1 else None
        written: dict[str, WriteCount] = {}
        new_items = 0
        for n, block in enumerate(blocks):
            if progress:
                progress("refresh", n * AT_ONCE, len(wanted))
            near = _around(self.store, block, self.friend_events)
            moment = as_of or self._moment([near], now)
            renewed, came = self.renewed(near, len(block), moment)
            new_items += came
            self._learn(renewed)
            tables = dict(renewed.edges)
            if len(blocks) == 1:
                tables["SIMILAR_TO"] = self._similar(block)
            _add(written, self.store.renew_profiles(renewed.users, tables))
        for block in blocks if len(blocks) > 1 else ():  # now that all have their vectors
            said = pa.array([self.card.version] * len(block))
            users_ = pa.table({"userId": pa.array(block), "modelVersion": said})
            done = self.store.renew_profiles(users_, {"SIMILAR_TO": self._similar(block)})
            _add(written, {"SIMILAR_TO": done["SIMILAR_TO"]})
        if progress and wanted:
            progress("refresh", len(wanted), len(wanted))
        as_of = as_of or (moment if blocks else self.card.as_of)
        return Refreshed(self.card.version, len(wanted), as_of, new_items, written)

    def _as_of(self, blocks: list[list[str]], now: int) -> int | None:
        times = dict.fromkeys(BEHAVIOURS, ("at",))
        near = (
            self.store.around(block, times, friend_events=self.friend_events) for block in blocks
        )
        return self._moment(near, now)

    @property
    def friend_events(self) -> int | None:
        """As many of a friend's latest events as the release learned from; None is all."""
        learned_from: int | None = self.card.metrics.get("sample", {}).get("friend_events")
        return learned_from

    def _moment(self, near: Iterable[Snapshot], now: int) -> int | None:
        """The second after the last event, between the release's moment and now."""
        if self.card.as_of is None:
            return None
        last = [pc.max(s.edges[name]["at"]).as_py() for s in near for name in BEHAVIOURS]
        return min(now, max([self.card.as_of, *(int(t) + 1 for t in last if t is not None)]))

    def renewed(self, near: Snapshot, asked: int, as_of: int | None) -> tuple[Renewed, int]:
        """The first `asked` users of `near`, whose neighbourhood it is, and how many of its items
        came after the release. Nothing is written."""
        from gnn.refresh import is_new, profile_users

        ids = near.nodes["User"]["userId"].slice(0, asked)
        known = is_new(self.kept, near.nodes["Item"]["itemId"])
        graph = graph_tables(with_new_items(self.store, near, pa.array(known)))
        rows = np.asarray(pc.index_in(ids, graph.users["userId"]).to_numpy(), np.int64)
        renewed = profile_users(
            self.kept,
            graph,
            self._text(graph),
            rows,
            version=self.card.version,
            as_of=as_of,
            sensitive=self.training.sensitive,
        )
        return replace(renewed, users=self._guessed(renewed.users)), int(known.sum())

    def _guessed(self, users: pa.Table) -> pa.Table:
        """Where the release guesses an attribute, anew for those who declare none as of now."""
        model = self.kept.attribute
        if model is None:
            return users
        if is_sensitive(model.attribute, self.training.sensitive):
            return without_guesses(users)
        ids = users["userId"].combine_chunks()
        return with_guesses(users, model, declaring(self.store, model.attribute, ids))

    def _text(self, graph: GraphTables) -> TextVectors | None:
        """Vectors of the reviews, and of the items that have a text here: those that are new."""
        if self.card.encoder is None:
            return None
        from gnn.tables import TextVectors

        reviews = graph.behaviour.get("REVIEWED")
        items = item_text(graph.items)
        return TextVectors(
            items=self.encoder.encode(items) if items.null_count < len(items) else None,
            reviews=None if reviews is None else self.encoder.encode(reviews["text"]),
        )

    @property
    def encoder(self) -> ReviewEncoder:
        """The one the release was trained with. Raises ConfigError where another is named."""
        if self._encoder is None:
            from gnn.text import ReviewEncoder

            opened = ReviewEncoder.open(self.training.encoder, cache=self.training.cache)
            if opened.fingerprint != self.card.encoder:
                raise ConfigError(
                    f"encoder {self.training.encoder!r} is not the one release "
                    f"{self.card.version} was trained with; name that one with --encoder, or train "
                    "again"
                )
            self._encoder = opened
        return self._encoder

    def _learn(self, renewed: Renewed) -> None:
        users = renewed.users["userId"].combine_chunks()
        place = np.asarray(pc.fill_null(pc.index_in(users, self._ids), -1).to_numpy(), np.int64)
        came = np.flatnonzero(place < 0)
        place[came] = len(self._ids) + np.arange(len(came))
        self._ids = pa.concat_arrays([self._ids, users.take(pa.array(came))])
        self._vectors = np.concatenate([self._vectors, renewed.vectors[came]])
        self._vectors[place] = renewed.vectors

    def _similar(self, users: Sequence[str]) -> pa.Table:
        """Among everyone; among some, always the same, where there are very many."""
        from gnn.refresh import similar_users

        asked = pc.index_in(pa.array(users, pa.string()), self._ids)
        place = np.asarray(asked.to_numpy(), np.int64)
        ids, vectors = self._ids, self._vectors
        if len(ids) > MOST_NEIGHBOURS:
            rng = np.random.default_rng(0)
            some = np.union1d(rng.choice(len(ids), MOST_NEIGHBOURS, replace=False), place)
            ids, vectors = ids.take(pa.array(some)), vectors[some]
            place = np.searchsorted(some, place)
        return similar_users(pa.chunked_array([ids]), vectors, place, version=self.card.version)


def _add(written: dict[str, WriteCount], more: Mapping[str, WriteCount]) -> None:
    for name, count in more.items():
        written[name] = written.get(name, WriteCount()) + count


def _around(store: GraphStore, users: Sequence[str], friend_events: int | None) -> Snapshot:
    columns = {name: EDGE_COLUMNS[name] for name in EVENTS}
    near = store.around(users, columns, friend_events=friend_events)
    there = near.nodes["User"]["userId"].slice(0, len(users))
    lost = [u for u, found in zip(users, there.to_pylist(), strict=False) if u != found]
    if lost or len(there) < len(users):
        who = lost[0] if lost else users[len(there)]
        raise NotFound(f"no user {who[:80]!r} in {store.url}")
    known = near.nodes["User"]
    objecting = objectors(store, known["userId"].combine_chunks())
    willing = pc.invert(pc.is_in(known["userId"], objecting))
    return replace(near, nodes={**near.nodes, "User": known.append_column("profiling", willing)})


def _all_vectors(store: GraphStore, dim: int) -> tuple[pa.Array, np.ndarray]:
    users = store.export({"User": ("embedding",)}, {}).nodes["User"]
    users = users.filter(pc.is_valid(users["embedding"]))
    flat = pc.list_flatten(users["embedding"]).to_numpy()
    vectors = np.array(flat, np.float32).reshape(users.num_rows, dim)
    return users["userId"].combine_chunks().cast(pa.string()), vectors
