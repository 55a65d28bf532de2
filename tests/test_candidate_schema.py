"""A candidate's tables are what the schema and the profile declare."""

import pytest

from gnn.config import TrainConfig
from gnn.fitted import fit_profiles
from gnn.profile import profile_graph
from gnn.split import split
from kg.profile import GUESS, ITEM_PROFILE, USER_PROFILE
from kg.schema import Type, table_schema
from tests.gnn.planted import Planted, shop, tables

SHOP = shop(n_users=80, days=300)
PLAIN = SHOP.graph
MODEL = Planted.of(PLAIN)
UNSORTED = tables(80, PLAIN.items.num_rows, PLAIN.behaviour)


def profiles(graph):
    parts = split(graph, TrainConfig(), seed=0)
    fitted = fit_profiles(MODEL, graph, None, parts, sensitive=frozenset(), seed=0)
    return profile_graph(MODEL, fitted, graph, None, version="v1", as_of=SHOP.end, seed=0)


WITH_CATEGORIES, DERIVED = profiles(PLAIN), profiles(UNSORTED)
FROM_THE_SOCIAL_GRAPH = {"community", "influence"}


def types(table):
    return {f.name: Type.of(f.type) for f in table.schema}


@pytest.mark.parametrize("name", ["INTERESTED_IN.Category", "INTERESTED_IN.Item", "SIMILAR_TO"])
@pytest.mark.parametrize("found", [WITH_CATEGORIES, DERIVED], ids=["given", "derived"])
def test_edge_tables_have_the_declared_columns(found, name):
    """Names, order and types."""
    assert found.edges[name].num_rows
    assert found.edges[name].schema.equals(table_schema(name))


@pytest.mark.parametrize(
    ("table", "key", "declared"),
    [("users", "userId", USER_PROFILE), ("items", "itemId", ITEM_PROFILE)],
)
def test_node_tables_have_the_declared_properties(table, key, declared):
    """Every property of the profile with its type, but those of the social graph, the mark of a
    load and guesses."""
    expected = {key: Type.STRING} | {
        p.name: p.type
        for p in declared
        if p.name not in (*FROM_THE_SOCIAL_GRAPH, "staleSince", *GUESS)
    }
    assert types(getattr(WITH_CATEGORIES, table)) == expected


def test_derived_categories_are_categories():
    """And their items' edges are IN_CATEGORY edges that end in them."""
    assert DERIVED.categories.schema.equals(table_schema("Category"))
    assert DERIVED.item_category.schema.equals(table_schema("IN_CATEGORY"))
    ids = set(DERIVED.categories["categoryId"].to_pylist())
    assert set(DERIVED.item_category["dst"].to_pylist()) <= ids
    assert set(DERIVED.edges["INTERESTED_IN.Category"]["dst"].to_pylist()) <= ids


def test_where_the_source_has_categories_none_are_derived():
    """The tables are absent."""
    assert (WITH_CATEGORIES.categories, WITH_CATEGORIES.item_category) == (None, None)
