"""One document per item."""

from gnn.graph import events
from gnn.words import documents
from tests.gnn.planted import acts, tables


def test_an_item_nothing_is_said_of_has_no_document():
    """And keeps its place among the others."""
    graph = tables(1, 3, {"VIEWED": acts([0], [0])}, titles=["lamp", None, "rug"])
    assert documents(graph, events(graph)).to_pylist() == ["lamp", None, "rug"]


def test_a_document_holds_what_is_said_of_the_item():
    """Its title and its reviews."""
    reviews = acts([0, 0], [1, 1], text=["bright", None])
    graph = tables(1, 2, {"REVIEWED": reviews}, titles=["lamp", "rug"])
    assert documents(graph, events(graph)).to_pylist() == ["lamp", "rug \nbright"]
