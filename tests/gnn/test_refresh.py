"""Single users profiled anew: the same as everyone would be, and no more than they need."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from gnn.checkpoint import load_kept_model, save_model
from gnn.config import TrainConfig
from gnn.errors import ModelError
from gnn.profile import make_candidate
from gnn.refresh import is_new, profile_users, similar_users
from gnn.tables import GraphTables, TextVectors
from kg.profile import GUESS, USER_PROFILE
from tests.gnn.boards import always_ranked
from tests.gnn.planted import DAY, Shop, shop

WORDS = {
    word: np.random.default_rng(n).standard_normal(16).astype(np.float32)
    for n, word in enumerate(["lovely", "awful", *(f"thing{c}" for c in range(6))])
}


def with_everything(plain: Shop) -> Shop:
    """The shop with orders, prices, brands and titles; one purchase in ten is sent back, and one
    in three has a review that says what it is of and how it was."""
    graph = plain.graph
    bought = graph.behaviour["PURCHASED"]
    n, n_items = bought.num_rows, graph.items.num_rows
    rng = np.random.default_rng(1)
    item = bought["dst"].to_numpy()
    price = np.round(rng.lognormal(3, 0.5, n_items), 2)
    orders = [f"o{u}-{t // DAY}" for u, t in zip(*ends(bought, "src", "at"), strict=True)]
    bought = bought.append_column("orderId", pa.array(orders))
    bought = bought.append_column("price", pa.array(price[item]))
    back = bought.filter(pa.array(np.arange(n) % 10 == 0)).drop_columns(["orderId"])
    wrote = np.flatnonzero(np.arange(n) % 3 == 0)
    good = rng.random(len(wrote)) < 0.5 + 0.4 * (item[wrote] % 2)
    texts = [
        f"{'lovely' if g else 'awful'} thing{i // 8}"
        for g, i in zip(good, item[wrote], strict=True)
    ]
    reviews = bought.select(["src", "dst", "at", "eventId"]).take(pa.array(wrote))
    reviews = reviews.append_column("weight", pa.array(good.astype(float)))
    reviews = reviews.append_column("rating", pa.array(1 + 4 * good.astype(float)))
    reviews = reviews.append_column("text", pa.array(texts))
    items = graph.items.append_column("brand", pa.array([f"b{k % 5}" for k in range(n_items)]))
    items = items.append_column(
        "title", pa.array([f"thing{k // 8} no {k}" for k in range(n_items)])
    )
    behaviour = {"PURCHASED": bought, "RETURNED": back, "REVIEWED": reviews}
    return replace(plain, graph=replace(graph, items=items, behaviour=behaviour))


def ends(table: pa.Table, *names: str) -> list[list[int]]:
    return [table[name].to_pylist() for name in names]


def read(reviews: pa.Table) -> np.ndarray:
    """Vectors of texts: the sum of their words'."""
    vectors = [sum(WORDS[word] for word in t.split()) for t in reviews["text"].to_pylist()]
    return np.array(vectors, np.float32).reshape(len(vectors), 16)


SHOP = with_everything(shop(n_users=300, days=400))
CONFIG = TrainConfig.preset("small").model_copy(update={"epochs": 10})
SOME = np.array([3, 17, 40, 41, 250])
SOCIAL = ("community", "influence")


def text_of(graph: GraphTables, titles: int) -> TextVectors:
    """Vectors that tell items of one category from those of another."""
    of = graph.item_category["dst"].to_numpy()[:titles]
    rng = np.random.default_rng(0)
    items = rng.standard_normal((8, 16)).astype(np.float32)[of]
    return TextVectors(items=items, reviews=read(graph.behaviour["REVIEWED"]))


TEXT = text_of(SHOP.graph, SHOP.graph.items.num_rows)


@pytest.fixture(scope="module")
def made():
    with always_ranked():
        made = make_candidate(SHOP.graph, TEXT, CONFIG, version="v1", seed=3, now=SHOP.end + 1)
    assert made.trained.ranker is not None
    return made


@pytest.fixture(scope="module")
def kept(made, tmp_path_factory):
    """From its files."""
    folder = tmp_path_factory.mktemp("model")
    save_model(made, folder)
    return load_kept_model(folder)


def around(graph: GraphTables, rows: np.ndarray) -> GraphTables:
    """What a refresh is given: the users, those they listen to, and what these touch."""
    follows = graph.social["FOLLOWS"]
    ends = [follows[end].to_numpy() for end in ("src", "dst")]
    near = np.isin(ends[0], rows) | np.isin(ends[1], rows)
    users = np.concatenate([rows, np.setdiff1d(np.unique([e[near] for e in ends]), rows)])
    user_row = np.full(graph.users.num_rows, -1)
    user_row[users] = np.arange(len(users))
    behaviour = {
        kind: t.filter(pa.array(user_row[t["src"].to_numpy()] >= 0))
        for kind, t in graph.behaviour.items()
    }
    touched = [t["dst"].to_numpy() for t in behaviour.values()]
    items = np.unique(np.concatenate(touched))
    item_row = np.full(graph.items.num_rows, -1)
    item_row[items] = np.arange(len(items))
    of = graph.item_category.filter(pc.is_in(graph.item_category["src"], pa.array(items)))

    def renumbered(table: pa.Table, **ends: np.ndarray) -> pa.Table:
        for end, row in ends.items():
            at = table.schema.get_field_index(end)
            table = table.set_column(at, end, pa.array(row[table[end].to_numpy()], pa.int64()))
        return table

    return replace(
        graph,
        users=graph.users.take(pa.array(users)),
        items=graph.items.take(pa.array(items)).select(["itemId", "brand", "title"]),
        behaviour={
            kind: renumbered(t, src=user_row, dst=item_row)
            for kind, t in behaviour.items()
            if t.num_rows
        },
        social={"FOLLOWS": renumbered(follows.filter(pa.array(near)), src=user_row, dst=user_row)},
        item_category=renumbered(of, src=item_row),
    )


def renewed(kept, graph: GraphTables, rows: np.ndarray = SOME, at: int = SHOP.end, **more):
    """`rows` of `graph`, from what is around them."""
    near = around(graph, rows)
    first = np.arange(len(rows))
    reviews = near.behaviour.get("REVIEWED")
    text = TextVectors(
        items=TEXT.items[:1].repeat(near.items.num_rows, axis=0),
        reviews=None if reviews is None else read(reviews),
    )
    return profile_users(kept, near, text, first, version="v1", as_of=at, **more)


def of_users(table: pa.Table, ids: pa.Array, key: str) -> list[dict]:
    rows = table.filter(pc.is_in(table[key], ids)).to_pylist()
    return sorted(rows, key=lambda r: (r[key], r.get("rank", 0)))


def close(found: list[dict], wanted: list[dict]) -> None:
    """Equal, numbers to float32's last places."""
    assert len(found) == len(wanted) > 0
    for mine, theirs in zip(found, wanted, strict=True):
        assert mine.keys() == theirs.keys()
        for name, value in theirs.items():
            if isinstance(value, float) or name == "embedding":
                assert mine[name] == pytest.approx(value, rel=2e-4, abs=2e-6), name
            else:
                assert mine[name] == value, name


def with_purchases(graph: GraphTables, user: list[int], item: list[int], at: int) -> GraphTables:
    bought = graph.behaviour["PURCHASED"]
    more = pa.table(
        {
            "src": pa.array(user, pa.int64()),
            "dst": pa.array(item, pa.int64()),
            "at": pa.array([at] * len(user), pa.int64()),
            "eventId": pa.array([f"new{k}" for k in range(len(user))]),
        }
    )
    bought = pa.concat_tables([bought, more], promote_options="default")
    return replace(graph, behaviour={**graph.behaviour, "PURCHASED": bought})


def test_a_user_nothing_happened_to_keeps_the_profile(made, kept):
    """Profiled alone as of the release, a user is what the release says of the user."""
    ids = SHOP.graph.users["userId"].take(pa.array(SOME)).combine_chunks()
    found = renewed(kept, SHOP.graph, at=made.as_of)
    close(of_users(found.users, ids, "userId"), of_users(made.users, ids, "userId"))
    for name, table in found.edges.items():
        close(of_users(table, ids, "src"), of_users(made.edges[name], ids, "src"))


def test_every_property_is_among_those_compared(made):
    """The shop gives each user property a value for somebody, but for those of other makers."""
    ids = SHOP.graph.users["userId"].take(pa.array(SOME)).combine_chunks()
    some = made.users.filter(pc.is_in(made.users["userId"], ids))
    unsaid = {p.name for p in USER_PROFILE} - {
        c for c in some.column_names if some[c].null_count < len(some)
    }
    assert unsaid == {"community", "influence", "staleSince", *GUESS}


def test_few_are_profiled_as_all_would_be(kept):
    """After new events: from the neighbourhood of a few, or in one go with everyone."""
    at = SHOP.end + DAY
    graph = with_purchases(SHOP.graph, [3, 3, 40], [0, 1, 17], SHOP.end + 100)
    ids = graph.users["userId"].take(pa.array(SOME)).combine_chunks()
    everyone = renewed(kept, graph, np.arange(graph.users.num_rows), at)
    few = renewed(kept, graph, SOME, at)
    close(of_users(few.users, ids, "userId"), of_users(everyone.users, ids, "userId"))
    for name, table in few.edges.items():
        close(of_users(table, ids, "src"), of_users(everyone.edges[name], ids, "src"))


def test_new_events_move_the_interests(made, kept):
    """Ten purchases in one category: it is observed, cites them, and is likelier than before."""
    graph = with_purchases(SHOP.graph, [250] * 10, [*range(8, 16), 8, 9], SHOP.end + 100)
    found = renewed(kept, graph, np.array([250]), SHOP.end + DAY)

    def claim(table: pa.Table) -> dict:
        rows = of_users(table, pa.array(["u250"]), "src")
        return next(r for r in rows if r["dst"] == "c1")

    now = claim(found.edges["INTERESTED_IN.Category"])
    assert now["basis"] == "observed"
    assert any(e.startswith("PURCHASED:new") for e in now["topEvidence"])
    before = of_users(made.edges["INTERESTED_IN.Category"], pa.array(["u250"]), "src")
    assert now["score"] > max([r["score"] for r in before if r["dst"] == "c1"], default=0)
    assert found.users["profileAsOf"].to_pylist() == [SHOP.end + DAY]


def test_a_user_who_was_not_there_has_a_profile(kept):
    """The model has no parameters of users: three purchases are enough."""
    graph = replace(
        SHOP.graph,
        users=pa.concat_tables([SHOP.graph.users, pa.table({"userId": ["stranger"]})]),
    )
    graph = with_purchases(graph, [300] * 3, [0, 1, 2], SHOP.end)
    found = renewed(kept, graph, np.array([300]), SHOP.end + DAY)
    assert found.users["userId"].to_pylist() == ["stranger"]
    assert np.linalg.norm(found.vectors[0]) == pytest.approx(1, abs=1e-5)
    assert found.edges["INTERESTED_IN.Category"]["dst"][0].as_py() in ("c0", "c6")


def test_an_item_that_came_later_counts_by_its_text_and_category(kept):
    """A user of new items alone is near to one who bought that category's old items."""
    n = SHOP.graph.items.num_rows
    own = SHOP.graph.item_category
    graph = replace(
        SHOP.graph,
        users=pa.concat_tables([SHOP.graph.users, pa.table({"userId": ["early"]})]),
        items=pa.concat_tables(
            [SHOP.graph.items, pa.table({"itemId": ["late"]})], promote_options="default"
        ),
        item_category=pa.concat_tables([own, pa.table({"src": [n], "dst": [0]})]),
    )
    graph = with_purchases(graph, [300] * 2, [n, n], SHOP.end)
    near = around(graph, np.array([300]))
    assert is_new(kept, near.items["itemId"]).tolist() == [True]
    text = TextVectors(items=TEXT.items[:1])
    found = profile_users(kept, near, text, np.array([0]), version="v1", as_of=SHOP.end + DAY)
    sides = kept.catalogue.vector @ found.vectors[0]
    mean = [sides[of == own["dst"].to_numpy()].mean() for of in range(6)]
    assert int(np.argmax(mean)) == 0
    assert found.users["frequency"].to_pylist() == [1]


def test_a_sensitive_category_stays_unsaid(kept):
    """Nor its items."""
    found = renewed(kept, SHOP.graph, np.arange(300), sensitive=frozenset({"c0"}))
    assert not {"c0"} & set(found.edges["INTERESTED_IN.Category"]["dst"].to_pylist())
    private = {f"i{k}" for k in range(8)}
    assert not private & set(found.edges["INTERESTED_IN.Item"]["dst"].to_pylist())


def test_similar_users_of_a_few_are_those_of_all(made):
    """The same neighbours as when everyone is asked."""
    vectors = np.array(made.users["embedding"].to_pylist(), np.float32)
    ids = made.users["userId"]
    few = similar_users(ids, vectors, SOME, version="v1")
    chosen = ids.take(pa.array(SOME)).combine_chunks()
    close(of_users(few, chosen, "src"), of_users(made.edges["SIMILAR_TO"], chosen, "src"))


def test_files_cut_short_are_named(made, tmp_path):
    """Half a file is a ModelError, not a profile."""
    save_model(made, tmp_path)
    whole = (tmp_path / "kept.npz").read_bytes()
    (tmp_path / "kept.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="train a new release"):
        load_kept_model(tmp_path)


def test_what_stands_still_is_left_as_it_was(kept):
    """Others, an item that is private and one that is new, in between: the same profile after
    them, bit for bit."""
    before = renewed(kept, SHOP.graph, SOME[:1])
    renewed(kept, SHOP.graph, SOME[1:])
    private = frozenset(SHOP.graph.categories["categoryId"][:1].to_pylist())
    assert renewed(kept, SHOP.graph, SOME[:1], sensitive=private).edges != before.edges
    items = SHOP.graph.items
    new = pc.replace_with_mask(
        items["itemId"].combine_chunks(),
        pa.array(np.arange(items.num_rows) == 3),
        pa.array(["one more"]),
    )
    strange = replace(SHOP.graph, items=items.set_column(0, "itemId", new))
    renewed(kept, strange, SOME)
    after = renewed(kept, SHOP.graph, SOME[:1])
    assert after.users == before.users
    assert after.edges == before.edges
    assert np.array_equal(after.vectors, before.vectors)
