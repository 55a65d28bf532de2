"""The synthetic shop: a clean staged source, and a truth that its log follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from kg.errors import ConfigError, NotFound
from kg.schema import BEHAVIOURS, EDGE_TABLES, NODE_BY_LABEL, table_schema
from loaders import synthetic, synthetic_catalogue, synthetic_people
from loaders.interface import Staged
from loaders.synthetic import Truth, read_truth, stage_synthetic
from loaders.synthetic_catalogue import DEPARTMENTS
from loaders.synthetic_events import Log
from loaders.synthetic_options import DAY, LEAVES, parse
from loaders.synthetic_process import Calendar, chance, looks
from loaders.synthetic_spend import expected_spend

NOW = 1_790_000_000
END = 1_767_225_600  # 2026-01-01
Tables = dict[str, pa.Table]


def make(into: Path, **options: object) -> tuple[Staged, Tables, Truth]:
    staged = stage_synthetic(into, now=NOW, options={k: str(v) for k, v in options.items()})
    tables = {name: pa.concat_tables(map(pq.read_table, p)) for name, p in staged.tables.items()}
    return staged, tables, read_truth(into)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Staged, Tables, Truth]:
    return make(tmp_path_factory.mktemp("shop"), users=1_500)


@pytest.fixture(scope="module")
def staged(shop: tuple[Staged, Tables, Truth]) -> Staged:
    return shop[0]


@pytest.fixture(scope="module")
def tables(shop: tuple[Staged, Tables, Truth]) -> Tables:
    return shop[1]


@pytest.fixture(scope="module")
def truth(shop: tuple[Staged, Tables, Truth]) -> Truth:
    return shop[2]


def column(table: pa.Table, name: str) -> NDArray[Any]:
    return np.asarray(table[name].to_numpy())


def rows(tables: Tables, label: str, keys: pa.ChunkedArray) -> NDArray[np.int64]:
    """Row numbers of external ids."""
    known = tables[label][NODE_BY_LABEL[label].key].combine_chunks()
    return np.asarray(pc.index_in(keys, known).to_numpy())


def leaf_of_item(tables: Tables) -> NDArray[np.int64]:
    leaf = np.empty(len(tables["Item"]), np.int64)
    edges = tables["IN_CATEGORY"]
    at = rows(tables, "Category", edges["dst"]) - DEPARTMENTS
    leaf[rows(tables, "Item", edges["src"])] = at
    return leaf


def by_leaf(truth: Truth, name: str) -> NDArray[np.float64]:
    """[U, 40] of the truth."""
    values = column(truth.interests, name).reshape(-1, DEPARTMENTS + LEAVES)
    return np.asarray(values[:, DEPARTMENTS:])


# ------------------------------------------------------------------ a source like any other


def test_tables_are_as_the_schema_declares_them(staged: Staged, tables: Tables) -> None:
    """Names, order and types of columns; what the source adds is said in `attributes`."""
    for name, table in tables.items():
        extra = staged.attributes.get(name, pa.schema([]))
        assert table.schema == pa.schema([*table_schema(name), *extra]), name


def test_the_report_sums(staged: Staged, tables: Tables) -> None:
    """Rows are written, none merged or rejected, and the tables hold what the report says."""
    assert all(f.rows == f.written + f.merged + f.rejected for f in staged.report.files)
    assert staged.report.tables == {name: len(table) for name, table in tables.items()}
    assert staged.report.written == sum(len(table) for table in tables.values())


def test_keys_are_unique(tables: Tables) -> None:
    """No node and no edge is there twice."""
    for name, table in tables.items():
        key = [NODE_BY_LABEL[name].key] if name in NODE_BY_LABEL else [*EDGE_TABLES[name].key]
        assert len(table.group_by(key).aggregate([])) == len(table), name


def test_both_ends_of_every_edge_are_there(tables: Tables) -> None:
    """No edge hangs in the air."""
    for name in tables.keys() & EDGE_TABLES.keys():
        edge = EDGE_TABLES[name]
        for end, label in (("src", edge.src), ("dst", edge.dst)):
            known = tables[label][NODE_BY_LABEL[label].key].combine_chunks()
            assert pc.all(pc.is_in(tables[name][end], known)).as_py(), (name, end)


def test_friendships_are_stored_once_and_without_loops(tables: Tables) -> None:
    """src < dst for friends, src ≠ dst for followers."""
    assert pc.all(pc.less(tables["FRIEND_OF"]["src"], tables["FRIEND_OF"]["dst"])).as_py()
    assert pc.all(pc.not_equal(tables["FOLLOWS"]["src"], tables["FOLLOWS"]["dst"])).as_py()


def test_categories_are_two_levels_deep(tables: Tables) -> None:
    """Forty leaves, each under one of eight departments, whose path their id is."""
    level = column(tables["Category"], "level")
    assert np.bincount(level).tolist() == [8, 40]
    child = tables["CHILD_OF"]
    assert len(child) == 40
    assert all(row["src"].startswith(row["dst"] + " > ") for row in child.to_pylist())


def test_every_leaf_has_items(tables: Tables) -> None:
    """No category is empty, and each item is in one."""
    assert np.bincount(leaf_of_item(tables), minlength=LEAVES).min() >= 1
    assert len(tables["IN_CATEGORY"]) == len(tables["Item"])


def test_times_lie_within_the_history_and_the_membership(tables: Tables) -> None:
    """No event before its user joined, none in the shop's future."""
    joined = column(tables["User"], "createdAt")
    for name in set(BEHAVIOURS) & tables.keys():
        at = column(tables[name], "at")
        assert at.max() < END
        assert (at >= joined[rows(tables, "User", tables[name]["src"])]).all()


def test_the_same_options_give_the_same_shop(tmp_path: Path) -> None:
    """Bit for bit, whatever the day; another seed gives another."""
    first, second = (make(tmp_path / k, users=60)[1] for k in "ab")
    later = stage_synthetic(tmp_path / "c", now=NOW + 9 * DAY, options={"users": "60"})
    assert first == second
    assert pq.read_table(later.tables["VIEWED"][0]) == first["VIEWED"]
    assert make(tmp_path / "d", users=60, seed=8)[1]["VIEWED"] != first["VIEWED"]


def test_making_users_in_groups_repeats_no_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded by groups; ids, orders and the truth go on from one to the next."""
    monkeypatch.setattr(synthetic, "GROUP_EVENTS", 500)
    told: list[int] = []
    stage_synthetic(
        tmp_path,
        now=NOW,
        options={"users": "100"},
        progress=lambda _label, done, _total: told.append(done),
    )
    assert told == list(range(10, 101, 10))
    views = pq.read_table(tmp_path / "VIEWED" / "part-0.parquet")
    assert pc.count_distinct(views["eventId"]).as_py() == len(views)
    orders = pq.read_table(tmp_path / "PURCHASED" / "part-0.parquet")
    assert orders.group_by("orderId").aggregate([("src", "count_distinct")])[
        "src_count_distinct"
    ].unique().to_pylist() == [1]
    assert len(read_truth(tmp_path).interests) == 100 * (DEPARTMENTS + LEAVES)


@pytest.mark.parametrize("wanted", [30_000, 200_000])
def test_the_number_of_events_is_as_asked(tmp_path: Path, wanted: int) -> None:
    """`events` is met within a tenth, whatever the number of users."""
    report = make(tmp_path, users=600, events=wanted)[0].report
    made = sum(count for name, count in report.tables.items() if name in BEHAVIOURS)
    assert made == pytest.approx(wanted, rel=0.1)


@pytest.mark.parametrize(
    ("option", "match"),
    [
        ({"usres": "9"}, "no option 'usres'; there are users, items"),
        ({"users": "many"}, "users='many'.*integer"),
        ({"homophily": "1.5"}, "homophily='1.5'.*less than or equal to 1"),
        ({"items": "39"}, "items='39'"),
        ({"text": "perhaps"}, "text='perhaps'"),
        ({"end": "2030-01-01"}, "end=2030-01-01 is in the future"),
    ],
)
def test_an_option_that_cannot_be_is_one_line(
    tmp_path: Path, option: dict[str, str], match: str
) -> None:
    """The line names the option and what was given; nothing is written."""
    with pytest.raises(ConfigError, match=match) as caught:
        stage_synthetic(tmp_path, now=NOW, options=option)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_truth_is_said_so(tmp_path: Path) -> None:
    """Only this source leaves a truth."""
    with pytest.raises(NotFound, match="no planted truth"):
        read_truth(tmp_path)


# ------------------------------------------------------------------ the log


def test_a_funnel_narrows(tables: Tables) -> None:
    """More looks than baskets, more baskets than purchases, more purchases than words."""
    sizes = [len(tables[n]) for n in ("VIEWED", "CARTED", "PURCHASED", "REVIEWED")]
    assert sizes == sorted(sizes, reverse=True)


def test_a_purchase_follows_a_look_at_the_item(tables: Tables) -> None:
    """Whoever buys has looked before."""
    first = tables["VIEWED"].group_by(["src", "dst"]).aggregate([("at", "min")])
    joined = tables["PURCHASED"].join(first, ["src", "dst"])
    assert pc.all(pc.less_equal(joined["at_min"], joined["at"])).as_py()
    assert joined["at_min"].null_count == 0


def test_a_return_takes_back_a_purchase(tables: Tables) -> None:
    """Same user, item, pieces and price, later; and the purchase says so."""
    bought = tables["PURCHASED"].rename_columns(
        [f"bought_{n}" for n in tables["PURCHASED"].column_names]
    )
    pairs = tables["RETURNED"].join(bought, "cancels", "bought_eventId", join_type="inner")
    assert len(pairs) == len(tables["RETURNED"]) > 0
    for name in ("src", "dst", "quantity", "price"):
        assert pairs[name] == pairs[f"bought_{name}"]
    assert pc.all(pc.less(pairs["bought_at"], pairs["at"])).as_py()
    assert pairs["quantity"] == pairs["bought_cancelledQuantity"]
    taken_back = pc.sum(bought["bought_cancelledQuantity"]).as_py()
    assert taken_back == pc.sum(tables["RETURNED"]["quantity"]).as_py()


def test_weights_are_the_place_of_the_stars(tables: Tables) -> None:
    """One star is 0, five are 1."""
    stars = column(tables["REVIEWED"], "rating")
    assert set(stars) == {1, 2, 3, 4, 5}
    assert (column(tables["REVIEWED"], "weight") == (stars - 1) / 4).all()


def test_people_come_in_the_evening(tables: Tables) -> None:
    """The busiest hours are after work, the quietest at night."""
    hour = np.bincount(column(tables["VIEWED"], "at") // 3_600 % 24, minlength=24)
    assert hour.argmax() in (19, 20, 21)
    assert hour[:6].sum() < 0.1 * hour.sum()


def test_activity_and_popularity_are_uneven(tables: Tables) -> None:
    """A tenth of the users makes over a third of the looks; so do a tenth of the items get."""
    for end in ("src", "dst"):
        counts = np.sort(tables["VIEWED"].group_by(end).aggregate([("at", "count")])["at_count"])
        assert counts[-len(counts) // 10 :].sum() > 0.33 * counts.sum()


def test_a_price_level_shows_in_what_is_bought(tables: Tables, truth: Truth) -> None:
    """Premium users pay more than budget users for things of one category."""
    bought = tables["PURCHASED"]
    leaf = leaf_of_item(tables)[rows(tables, "Item", bought["dst"])]
    tier = truth.users["tier"].to_numpy()[rows(tables, "User", bought["src"])]
    price = np.log(column(bought, "price"))
    level = np.bincount(leaf, price, LEAVES) / np.maximum(np.bincount(leaf, minlength=LEAVES), 1)
    above = price - level[leaf]
    means = [above[tier == name].mean() for name in ("budget", "middle", "premium")]
    assert means == sorted(means)
    assert means[2] - means[0] > 0.4


def test_consumables_are_looked_at_again(tmp_path: Path) -> None:
    """With many items to choose from, users come back to the same pet food, not the same camera."""
    tables = make(tmp_path, users=300, items=4_000, events=60_000)[1]
    views = tables["VIEWED"]
    leaf = leaf_of_item(tables)[rows(tables, "Item", views["dst"])]
    consumable = synthetic_catalogue.build(LEAVES, np.random.default_rng(0)).consumable[leaf]

    def again(chosen: NDArray[np.bool_]) -> float:
        some = views.filter(pa.array(chosen))
        return 1 - len(some.group_by(["src", "dst"]).aggregate([])) / len(some)

    assert again(consumable) > again(~consumable) + 0.1


# ------------------------------------------------------------------ the words


def test_the_tone_follows_the_stars(tables: Tables) -> None:
    """Five stars never blame, one star never praises, in any language."""
    said = synthetic_catalogue.words()
    aspects = [*said["aspect"], *(a for d in said["department"] for a in d["aspect"])]
    for tone, stars in (("bad", 5.0), ("good", 1.0)):
        phrases = [s for a in aspects for s in a[tone]]
        phrases += said["german"][tone] + said["chinese"][tone]
        texts = tables["REVIEWED"].filter(pc.equal(tables["REVIEWED"]["rating"], stars))["text"]
        assert not [t for t in texts.to_pylist() if any(p in t for p in phrases)]


def test_a_review_names_its_product(tables: Tables) -> None:
    """The word for the item stands in its title in the shop and in its English reviews."""
    reviews = tables["REVIEWED"].join(
        tables["Item"].select(["itemId", "title"]).rename_columns(["dst", "item"]), "dst"
    )
    texts, items = reviews["text"].to_pylist(), reviews["item"].to_pylist()
    nouns = [
        n for d in synthetic_catalogue.words()["department"] for k in d["leaf"] for n in k["nouns"]
    ]
    english = [(t, i) for t, i in zip(texts, items, strict=True) if any(n in t for n in nouns)]
    assert len(english) > 0.85 * len(texts)
    assert all(any(n in t and n in i for n in nouns) for t, i in english)


def test_some_reviews_are_german_chinese_or_carry_emoji(tables: Tables) -> None:
    """The text is as mixed as real text is, and short."""
    texts = tables["REVIEWED"]["text"]
    for pattern in ("Qualität|Preis|Lieferung", "质量|价格|发货", "😍|👍|🎉|⭐|😡|👎"):
        share = pc.mean(pc.match_substring_regex(texts, pattern).cast(pa.float64())).as_py()
        assert 0.01 < share < 0.2
    assert pc.max(pc.utf8_length(texts)).as_py() < 220


def test_without_text_the_opinions_are_stars(tmp_path: Path) -> None:
    """text=false: no REVIEWED, and as many opinions as there were."""
    words, stars = (make(tmp_path / k, users=300, text=k)[1] for k in ("true", "false"))
    assert "REVIEWED" not in stars
    assert len(stars["RATED"]) == pytest.approx(
        len(words["RATED"]) + len(words["REVIEWED"]), rel=0.1
    )


# ------------------------------------------------------------------ the truth


def test_interests_are_shares(truth: Truth, tables: Tables) -> None:
    """A user's leaves sum to 1; a department is the sum of its leaves."""
    leaves = by_leaf(truth, "probability")
    assert leaves.shape == (len(tables["User"]), LEAVES)
    assert leaves.sum(1) == pytest.approx(1, abs=1e-5)
    values = column(truth.interests, "probability").reshape(-1, DEPARTMENTS + LEAVES)
    assert values[:, 0] == pytest.approx(leaves[:, :5].sum(1))


def test_who_has_left_does_nothing(truth: Truth, tables: Tables) -> None:
    """Churners have no event from their day on, and no chance of one."""
    day = truth.users["churnDay"].fill_null(10_000).to_numpy()
    start = END - 360 * DAY
    for name in set(BEHAVIOURS) & tables.keys():
        left = start + day[rows(tables, "User", tables[name]["src"])] * DAY
        assert (column(tables[name], "at") < left).all()
    gone = truth.users["churned"].to_numpy()
    assert 0.1 < gone.mean() < 0.2
    assert not by_leaf(truth, "eventProbability")[gone].any()
    assert (by_leaf(truth, "eventProbability")[~gone] > 0).all()


def test_who_leaves_comes_less_and_less(truth: Truth, tables: Tables) -> None:
    """The last 15 days before leaving hold fewer looks than the 15 days two months earlier."""
    day = truth.users["churnDay"].fill_null(10_000).to_numpy()
    views = tables["VIEWED"]
    before = day[rows(tables, "User", views["src"])] - (column(views, "at") - END + 360 * DAY) / DAY
    assert (before < 15).sum() < 0.6 * ((before >= 60) & (before < 75)).sum()


def similarity_of_friends(tables: Tables, truth: Truth, name: str = "FRIEND_OF") -> float:
    """Mean cosine of interests over ties, less that over the same users paired at random."""
    interest = by_leaf(truth, "probability")
    unit = interest / np.linalg.norm(interest, axis=1, keepdims=True)
    src, dst = (rows(tables, "User", tables[name][end]) for end in ("src", "dst"))
    others = np.random.default_rng(0).permutation(dst)
    return float(((unit[src] * unit[dst]).sum(1) - (unit[src] * unit[others]).sum(1)).mean())


def test_friends_share_interests(tables: Tables, truth: Truth) -> None:
    """Ties join users of like interests, friendships and followings alike."""
    assert similarity_of_friends(tables, truth) > 0.08
    assert similarity_of_friends(tables, truth, "FOLLOWS") > 0.08


def test_without_homophily_ties_say_nothing(tmp_path: Path) -> None:
    """homophily=0: friends are no more alike than strangers."""
    _, tables, truth = make(tmp_path, users=1_500, homophily=0)
    assert abs(similarity_of_friends(tables, truth)) < 0.02


def test_drift_moves_interests(tmp_path: Path) -> None:
    """drift=0 leaves them where they were, drift=1 moves half and more."""
    still, moved = (make(tmp_path / k, users=300, drift=k)[2].users for k in "01")
    assert column(still, "drift").max() == pytest.approx(0, abs=1e-6)
    assert column(moved, "drift").mean() > 0.45


def hits(score: NDArray[np.float64], seen: NDArray[np.bool_]) -> float:
    """Precision at 3."""
    top = np.argsort(-score, 1)[:, :3]
    return float(np.take_along_axis(seen, top, 1).mean())


def test_the_truth_predicts_best_and_history_beats_popularity(tmp_path: Path) -> None:
    """On the categories of the last 30 days: popularity < own history before < planted interest."""
    _, tables, truth = make(tmp_path, users=1_500, events=150_000)
    views = tables["VIEWED"]
    user = rows(tables, "User", views["src"])
    leaf = leaf_of_item(tables)[rows(tables, "Item", views["dst"])]
    past = column(views, "at") < END - 30 * DAY
    counts = np.zeros((2, len(tables["User"]), LEAVES))
    np.add.at(counts, (past.astype(int), user, leaf), 1)
    future, history = counts
    judged = (future.sum(1) > 0) & (history.sum(1) > 0)
    seen = future[judged] > 0
    popularity = np.broadcast_to(history.sum(0), seen.shape)
    by_popularity = hits(popularity, seen)
    by_history = hits(history[judged] + popularity / popularity.sum(), seen)
    by_truth = hits(by_leaf(truth, "probability")[judged], seen)
    assert by_popularity + 0.03 < by_history < by_truth - 0.03


def test_the_planted_chances_come_true() -> None:
    """Playing the next 30 days 30 times, looks and purchases happen as often as the truth says, in
    each fifth of the claims, for leaves and departments; so do silence and spend, by user."""
    options = parse({"users": "300", "churn": "0"})
    start, end = options.period(NOW)
    catalogue = synthetic_catalogue.build(options.item_count, np.random.default_rng(1))
    people = synthetic_people.build(options, start, end, np.random.default_rng(2))
    people.activity[:] *= 0.2
    calendar = Calendar.build(start, end + 30 * DAY)
    everyone = np.arange(300)
    visits = people.activity * (calendar.mass[-1] - calendar.until(np.array([end]))[0])
    claims = chance(people, everyone, catalogue, visits)
    happened = np.zeros((2, 300, DEPARTMENTS + LEAVES))
    silent, spent = np.zeros(300), np.zeros(300)
    for play in range(30):
        rng = np.random.default_rng([3, play])
        log = Log(catalogue, people, options, end + 30 * DAY)
        seen = looks(people, everyone, catalogue, calendar, end, end + 30 * DAY, (start, end), rng)
        made = log.tables(seen, rng)
        for k, name in enumerate(("VIEWED", "PURCHASED")):
            user = pc.index_in(made[name]["src"], people.ids).to_numpy()
            leaf = catalogue.leaf[pc.index_in(made[name]["dst"], catalogue.item_ids).to_numpy()]
            met = np.zeros((300, DEPARTMENTS + LEAVES), bool)
            met[user, DEPARTMENTS + leaf] = met[user, leaf // 5] = True
            happened[k] += met
            silent += (~met.any(1)) if name == "VIEWED" else 0
        money = column(made["PURCHASED"], "price") * column(made["PURCHASED"], "quantity")
        spent += np.bincount(user, money, 300)
    people_claims = (
        (np.exp(-visits), silent / 30, 0.05),
        (expected_spend(people, everyone, catalogue, visits), spent / 30, 0.12),
    )
    for claim, mean, off in people_claims:
        for part in np.array_split(np.argsort(claim), 5):
            assert mean[part].mean() == pytest.approx(claim[part].mean(), rel=off, abs=0.02)
    for claim, often in zip(claims, happened / 30, strict=True):
        for part in np.array_split(np.argsort(claim.ravel()), 5):
            said, found = claim.ravel()[part].mean(), often.ravel()[part].mean()
            assert found == pytest.approx(said, rel=0.12, abs=0.002)
