"""A graph and a model → a candidate's tables."""

import json
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
import pytest

from gnn.categories import categories_of
from gnn.config import TrainConfig
from gnn.features import past_of
from gnn.fitted import final_window, fit_profiles
from gnn.graph import Seen, events
from gnn.profile import moment_of, profile_graph, vector_figures
from gnn.split import split
from gnn.windows import Window
from tests.gnn.planted import DAY, Planted, acts, shop, tables

SHOP = shop(n_users=300, days=300)
GRAPH = SHOP.graph
MODEL = Planted.of(GRAPH)
FITTED = fit_profiles(
    MODEL, GRAPH, None, split(GRAPH, TrainConfig(), seed=0), sensitive=frozenset(), seed=0
)


def profiles(**more):
    given = {"version": "v1", "as_of": SHOP.end, "seed": 0}
    return profile_graph(MODEL, FITTED, GRAPH, None, **{**given, **more})


PROFILES = profiles()


def rows(table, **where):
    kept = PROFILES.edges[table].to_pylist()
    return [r for r in kept if all(r[k] == v for k, v in where.items())]


def test_every_user_has_a_row():
    """With or without events, in the graph's order."""
    assert PROFILES.users["userId"].equals(GRAPH.users["userId"])


def test_claims_carry_their_moment_horizon_and_version():
    """So that a reader knows which claim this is."""
    row = PROFILES.edges["INTERESTED_IN.Category"].slice(0, 1).to_pylist()[0]
    expected = (SHOP.end, FITTED.horizon_days, "v1")
    assert (row["asOf"], row["horizonDays"], row["modelVersion"]) == expected


def test_a_user_nothing_is_known_of_has_nothing_claimed():
    """No embedding, no interests, no similar users; cold start says why."""
    graph = tables(
        GRAPH.users.num_rows + 1,
        GRAPH.items.num_rows,
        GRAPH.behaviour,
        category_of=GRAPH.item_category["dst"].to_numpy(),
        social=GRAPH.social,
    )
    found = profile_graph(MODEL, FITTED, graph, None, version="v1", as_of=SHOP.end, seed=0)
    last = found.users.slice(GRAPH.users.num_rows).to_pylist()[0]
    assert (last["embedding"], last["segment"], last["coldStart"]) == (None, None, "nothing")
    assert (last["evidenceCount"], last["frequency"]) == (0, 0)
    new = last["userId"]
    assert all(new not in t["src"].to_pylist() for t in found.edges.values())


def test_the_top_evidence_of_an_observed_interest_lies_in_it():
    """The strongest edge of a user's first observed leaf is an event in that leaf, or a friend."""
    bought = GRAPH.behaviour["PURCHASED"]
    item = dict(zip(bought["eventId"].to_pylist(), bought["dst"].to_pylist(), strict=True))
    firsts = {}
    for r in rows("INTERESTED_IN.Category", basis="observed"):
        if int(r["dst"][1:]) < 6:
            firsts.setdefault(r["src"], r)
    inside = [
        r["topEvidence"][0].startswith("FOLLOWS:")
        or item[r["topEvidence"][0].removeprefix("PURCHASED:")] // 8 == int(r["dst"][1:])
        for r in firsts.values()
    ]
    assert np.mean(inside) > 0.97


def test_an_interest_that_nothing_may_be_cited_for_is_left_out():
    """Users whose every event is in a sensitive category have no interests, inferred ones
    neither; the ranks of the others have no gaps."""
    alone = replace(GRAPH, social={})
    found = profile_graph(
        MODEL,
        FITTED,
        alone,
        None,
        version="v1",
        as_of=SHOP.end,
        seed=0,
        sensitive=frozenset({"c0"}),
    ).edges["INTERESTED_IN.Category"]
    bought = GRAPH.behaviour["PURCHASED"]
    item, user = bought["dst"].to_numpy(), bought["src"].to_numpy()
    only = set(user[item < 8]) - set(user[item >= 8])
    assert only
    assert not {f"u{u}" for u in only} & set(found["src"].to_pylist())
    first = found.filter(pc.equal(found["src"], found["src"][0]))
    assert first["rank"].to_pylist() == list(range(1, first.num_rows + 1))


def test_an_observed_interest_always_stands_on_its_events():
    """Where the calibration takes nothing from vectors, history and friends, the user's own events
    in the category are cited, and no interest is inferred."""
    nothing = (0.0,) * len(FITTED.interest.features)
    deaf = FITTED.interest.model_copy(update={"coefficient": nothing})
    found = profile_graph(
        MODEL, replace(FITTED, interest=deaf), GRAPH, None, version="v1", as_of=SHOP.end, seed=0
    ).edges["INTERESTED_IN.Category"]
    bought = GRAPH.behaviour["PURCHASED"]
    item = dict(zip(bought["eventId"].to_pylist(), bought["dst"].to_pylist(), strict=True))
    leaves = [r for r in found.to_pylist() if int(r["dst"][1:]) < 6]
    cited = [(e, int(r["dst"][1:])) for r in leaves for e in r["topEvidence"]]
    assert set(found["basis"].to_pylist()) == {"observed"}
    assert all(r["topEvidence"] for r in leaves)
    assert all(item[e.removeprefix("PURCHASED:")] // 8 == leaf for e, leaf in cited)


def test_shares_are_shares():
    """Between 0 and 1, and above 0 where something is cited."""
    for r in rows("INTERESTED_IN.Category"):
        assert 0 <= r["evidenceShare"] <= 1
        assert (r["evidenceShare"] > 0) == bool(r["topEvidence"])
        assert r["evidenceCount"] >= min(1, len(r["topEvidence"]))


def logits(left_out):
    """[U, C] of the calibrated score, without some purchases."""
    window = final_window(events(GRAPH), SHOP.end, FITTED.horizon_days)
    seen = Seen(until=SHOP.end, exclude={"PURCHASED": left_out})
    window = Window(seen, window.at, events(GRAPH).seen(seen), window.after)
    encoded = MODEL.scorer(GRAPH, None, seen).encoded
    known = past_of(
        GRAPH, window, encoded, categories_of(GRAPH), half_life_days=FITTED.half_life_days
    )
    return FITTED.interest.logit(known.block(np.arange(GRAPH.users.num_rows)))


def test_removing_what_is_cited_lowers_the_score_more_than_removing_as_much_at_random():
    """Faithfulness: the model and the calibration, run again without the cited events, think less
    of the category than without as many others of the user's events."""
    bought = GRAPH.behaviour["PURCHASED"]
    place = {e: k for k, e in enumerate(bought["eventId"].to_pylist())}
    user = bought["src"].to_numpy()
    rng = np.random.default_rng(0)
    none, cited, random = (np.zeros(len(user), bool) for _ in range(3))
    judged = []
    for r in rows("INTERESTED_IN.Category", rank=1):
        u = int(r["src"][1:])
        named = [place[e.split(":")[1]] for e in r["topEvidence"] if e.startswith("PURCHASED:")]
        mine = np.flatnonzero(user == u)
        if 0 < 2 * len(named) <= len(mine):
            judged.append((u, int(r["dst"][1:])))
            cited[named] = True
            random[rng.choice(mine, len(named), replace=False)] = True
    who, what = np.array(judged).T
    before, without, without_random = (logits(m)[who, what] for m in (none, cited, random))
    assert len(judged) > 50
    assert (before - without).mean() > 1.5 * (before - without_random).mean()
    assert (before - without > 0).mean() > 0.9


def test_sensitive_categories_leave_no_trace():
    """Not as an interest, an item, a segment's name or a cited event."""
    found = profiles(sensitive=frozenset({"c0"}))
    bought = GRAPH.behaviour["PURCHASED"]
    private = set(bought.filter(bought["dst"].to_numpy() < 8)["eventId"].to_pylist())
    cited = {
        e.split(":")[1]
        for name in ("INTERESTED_IN.Category", "INTERESTED_IN.Item")
        for row in found.edges[name]["topEvidence"].to_pylist()
        for e in row
    }
    assert "c0" not in found.edges["INTERESTED_IN.Category"]["dst"].to_pylist()
    offered = set(found.edges["INTERESTED_IN.Item"]["dst"].to_pylist())
    assert not {f"i{k}" for k in range(8)} & offered
    for column in ("segment", "nextCategory"):
        assert not any("name0" in s for s in found.users[column].to_pylist() if s)
    assert not private & cited


def test_missing_inputs_are_null_with_a_reason():
    """No prices and no texts here: the properties are null, and the card says why."""
    assert PROFILES.users["monetary"].null_count == PROFILES.users.num_rows
    assert PROFILES.users["sentiment"].null_count == PROFILES.users.num_rows
    assert set(PROFILES.metrics["unavailable"]) == {
        "monetary", "basketValue", "returnRate", "priceBand", "brandAffinity", "seasonality",
        "sentiment", "sentimentTrend", "likes", "dislikes", "interestTags", "aversionTags",
        "expectedValue",
    }  # fmt: skip


def test_the_figures_are_json():
    """No NaN, nothing numpy."""
    json.dumps([PROFILES.metrics, PROFILES.health], allow_nan=False)


def test_broken_vectors_show_in_the_health_figures():
    """A NaN in any vector is told to the gates."""
    encoded = MODEL.scorer(GRAPH).encoded
    assert vector_figures(encoded)["finite"]
    encoded.item[3, 0], kept = np.nan, encoded.item[3, 0]
    assert not vector_figures(encoded)["finite"]
    encoded.item[3, 0] = kept


def test_nothing_from_after_the_moment_is_used():
    """Profiles as of day 200 are the same when everything later is gone."""
    cut = 200 * DAY
    bought = GRAPH.behaviour["PURCHASED"]
    earlier = type(GRAPH)(
        **{**vars(GRAPH), "behaviour": {"PURCHASED": bought.filter(bought["at"].to_numpy() < cut)}}
    )
    whole, cropped = (
        profile_graph(MODEL, FITTED, graph, None, version="v1", as_of=cut, seed=0)
        for graph in (GRAPH, earlier)
    )
    assert whole.users.drop_columns(["embedding"]).equals(cropped.users.drop_columns(["embedding"]))
    for name, table in whole.edges.items():
        assert table.num_rows == cropped.edges[name].num_rows
        assert table["score"].to_numpy() == pytest.approx(cropped.edges[name]["score"].to_numpy())


def test_the_moment_is_just_after_the_last_event():
    """And never in the future, whatever the events say."""
    flat = events(tables(1, 1, {"VIEWED": acts([0, 0], [0, 0], [50, 70])}))
    assert (moment_of(flat, 1000), moment_of(flat, 60)) == (71, 60)


def test_without_times_there_is_no_moment():
    """Then claims have none either."""
    assert moment_of(events(tables(1, 1, {"VIEWED": acts([0], [0])})), 1000) is None
