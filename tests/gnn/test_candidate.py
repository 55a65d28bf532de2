"""The whole way: a graph in, the model trained, a candidate release out."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gnn.checkpoint import load_trained, save_model
from gnn.config import TrainConfig
from gnn.fitted_files import load_fitted
from gnn.profile import make_candidate, profile_graph
from gnn.tables import TextVectors
from tests.gnn.planted import acts, shop

SHOP = shop(n_users=300, days=300)
CONFIG = TrainConfig.preset("small").model_copy(update={"epochs": 15})


def candidate(graph=SHOP.graph, text=None, **more):
    given = {"version": "v1", "seed": 3, "now": SHOP.end + 1}
    return make_candidate(graph, text, CONFIG, **{**given, **more})


@pytest.fixture(scope="module")
def made():
    return candidate()


def test_all_tables_are_there(made):
    """Every user and item, and claims of each kind."""
    assert made.users.num_rows == SHOP.graph.users.num_rows
    assert made.items.num_rows == SHOP.graph.items.num_rows
    assert all(table.num_rows for table in made.edges.values())


def test_the_gates_have_their_figures(made):
    """None is missing where there is a test period."""
    health = made.metrics["health"]
    assert health["finite"]
    assert all(
        isinstance(health[name], float)
        for name in ("effective_rank", "mean_cosine", "ndcg20_model", "ndcg20_popularity", "ece")
    )


def test_scores_are_calibrated(made):
    """With vectors that were learned, too."""
    row = {r["model"]: r for r in made.metrics["interests"]}["profile"]
    assert row["ece"] < row["ece_by_chance"] + 0.03
    assert row["auc"] > {r["model"]: r for r in made.metrics["interests"]}["popularity"]["auc"]


def test_the_card_can_be_written(made):
    """Figures and settings are JSON without NaN."""
    json.dumps([made.metrics, made.config, made.weights], allow_nan=False)


def test_it_says_as_of_when(made):
    """Just after the last event, with the horizon of its claims."""
    last = int(np.asarray(SHOP.graph.behaviour["PURCHASED"]["at"]).max())
    assert made.as_of == last + 1
    assert made.horizon_days == made.metrics["horizon_days"]


def test_two_runs_agree(made):
    """The same seed on one machine: the same tables."""
    again = candidate()
    assert again.users.equals(made.users)
    assert all(again.edges[name].equals(table) for name, table in made.edges.items())


def test_what_was_saved_profiles_a_graph_the_same(made, tmp_path):
    """Model and calibrations from their files give the candidate's tables again."""
    save_model(made, tmp_path)
    again = profile_graph(
        load_trained(tmp_path),
        load_fitted(tmp_path, SHOP.graph.items["itemId"]),
        SHOP.graph,
        None,
        version="v1",
        as_of=made.as_of,
        seed=3,
    )
    assert again.users.equals(made.users)
    assert all(again.edges[name].equals(table) for name, table in made.edges.items())


def test_without_categories_some_are_derived():
    """From the vectors, where there is no text either; the claims end in them."""
    bare = replace(
        SHOP.graph,
        categories=SHOP.graph.categories.slice(0, 0),
        item_category=SHOP.graph.item_category.slice(0, 0),
        category_parent=SHOP.graph.category_parent.slice(0, 0),
    )
    made = candidate(bare)
    ids = set(made.categories["categoryId"].to_pylist())
    claims = made.edges["INTERESTED_IN.Category"]["dst"].to_pylist()
    assert claims
    assert set(claims) <= ids


def test_without_times_there_is_no_moment():
    """Scores are then chances of a held-out event, and carry neither moment nor horizon."""
    bought = SHOP.graph.behaviour["PURCHASED"]
    timeless = acts(bought["src"].to_numpy(), bought["dst"].to_numpy())
    made = candidate(replace(SHOP.graph, behaviour={"VIEWED": timeless}))
    claims = made.edges["INTERESTED_IN.Category"]
    assert claims.num_rows
    assert claims["asOf"].null_count == claims["horizonDays"].null_count == claims.num_rows
    assert made.as_of is None


def test_reviews_give_a_tone():
    """Vectors that point up for praise and down for blame: users are told apart by them."""
    bought = SHOP.graph.behaviour["PURCHASED"]
    user, n = bought["src"].to_numpy(), bought.num_rows
    good = user % 2 == 0
    reviews = acts(
        user, bought["dst"].to_numpy(), bought["at"].to_numpy(),
        rating=np.where(good, 5.0, 1.0), weight=np.where(good, 1.0, 0.0),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    vectors = (np.where(good, 1, -1)[:, None] * np.eye(8)[0] + rng.normal(0, 0.1, (n, 8))) / 1.1
    graph = replace(SHOP.graph, behaviour={"PURCHASED": bought, "REVIEWED": reviews})
    made = candidate(graph, TextVectors(reviews=vectors.astype(np.float32)))
    tone = made.users["sentiment"].to_numpy()
    even = np.arange(len(tone)) % 2 == 0
    assert np.nanmin(tone[even]) > np.nanmax(tone[~even])
