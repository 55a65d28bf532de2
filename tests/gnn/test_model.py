"""The encoder: what its vectors are made of, and whom it can score."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
import torch.nn.functional as F

from gnn.encode import first_level, item_states, snapshot, takers_of
from gnn.graph import Seen, events
from gnn.inputs import Vocabulary, inputs
from gnn.model import TAKERS, Encoder, WeightedSum, spans
from gnn.split import Part
from gnn.tables import TextVectors
from gnn.train import train
from tests.gnn.boards import QUICK, communities, rich, without_users
from tests.gnn.planted import DAY, acts, keys, tables

GRAPH, TEXT = rich()
EVERYONE = np.arange(GRAPH.users.num_rows)


@pytest.fixture(scope="module")
def trained():
    return train(GRAPH, TEXT, QUICK, seed=0)


@pytest.fixture(scope="module")
def encoded(trained):
    return trained.encode(GRAPH, TEXT)


def test_a_user_is_the_sum_of_their_edges(encoded):
    """Coefficient times message over all hops, to 1e-5."""
    total = np.zeros_like(encoded.user)
    for hop in encoded.hops:
        np.add.at(total, hop.user, hop.coefficient[:, None] * hop.message[hop.other])
    assert total == pytest.approx(encoded.user, abs=1e-5)


def test_every_kind_of_edge_has_its_hop(encoded):
    """Behaviour, ties and the text of reviews."""
    assert {hop.kind for hop in encoded.hops} == {*GRAPH.behaviour, *GRAPH.social, "text"}


def test_a_hop_names_the_edges_it_came_from(encoded):
    """Rows of the type's own table, with its users and its items."""
    for hop in encoded.hops:
        if hop.kind in GRAPH.behaviour:
            table = GRAPH.behaviour[hop.kind]
            assert np.array_equal(table["src"].to_numpy()[hop.edge], hop.user)
            assert np.array_equal(table["dst"].to_numpy()[hop.edge], hop.other)


def test_a_friendship_is_one_edge_for_both(encoded):
    """Each of the two listens to the other."""
    hop = next(h for h in encoded.hops if h.kind == "FRIEND_OF")
    table = GRAPH.social["FRIEND_OF"]
    ends = np.stack([table[c].to_numpy()[hop.edge] for c in ("src", "dst")])
    assert np.array_equal(np.sort(ends, 0), np.sort(np.stack([hop.user, hop.other]), 0))
    assert np.bincount(hop.edge).tolist() == [2] * table.num_rows


def test_a_text_hop_names_reviews_with_text(encoded):
    """And none of those without."""
    hop = next(h for h in encoded.hops if h.kind == "text")
    assert np.array_equal(np.sort(hop.edge), np.flatnonzero(TEXT.reviews.any(1)))


def test_a_score_is_a_product_and_a_prior(trained, encoded):
    """user . item + bias, whichever way it is asked for."""
    scores = trained.scorer(GRAPH, TEXT).encoder(EVERYONE)
    assert scores == pytest.approx(encoded.user @ encoded.item.T + encoded.bias, abs=1e-4)


def test_users_without_friends_are_unit_vectors(trained):
    """However few events they have."""
    user = trained.encode(replace(GRAPH, social={}), TEXT).user
    assert np.linalg.norm(user, axis=1) == pytest.approx(np.ones(len(EVERYONE)), abs=1e-5)


def test_the_length_of_users_with_friends_grows_with_their_events(trained, encoded):
    """From that of users without any to 1."""
    told = np.bincount(events(GRAPH).user, minlength=len(EVERYONE))
    tied = np.isin(EVERYONE, next(h.user for h in encoded.hops if h.kind in GRAPH.social))
    assert tied.any()
    alone, half = (trained.weights[f"length_{n}"] for n in ("without_events", "half_events"))
    expected = (alone * half + told) / (told + half)
    norm = np.linalg.norm(encoded.user, axis=1)
    assert norm[tied] == pytest.approx(expected[tied], abs=1e-3)


def test_friends_pass_from_all_to_little_with_the_number_of_events():
    """Without events their weight is the one of users alone, at `half` the mean of both, with many
    the other."""
    model = Encoder(Vocabulary.of(GRAPH, None), 4, 0.1)
    friends = SimpleNamespace(row=1)
    with torch.no_grad():
        model.social_alone.fill_(0.6)
        model.social_weight.fill_(-0.2)
        model.social_half.fill_(math.log(5))
        got = model.friend_weight(friends, torch.tensor([0, 5, 10**6]))
    assert got.tolist() == pytest.approx([0.6, 0.2, -0.2], abs=1e-4)


def test_one_event_beside_friends_is_not_yet_taken_for_taste():
    """Without friends there is nothing to pass from."""
    model = Encoder(Vocabulary.of(GRAPH, None), 4, 0.1)
    model.set_length_alone(0.2)
    with torch.no_grad():
        model.length_half.fill_(math.log(3))
        got = model.length(torch.tensor([0, 3, 10**6, 3]), torch.tensor([True, True, True, False]))
    assert got.tolist() == pytest.approx([0.2, 0.6, 1, 1], abs=1e-4)


def test_the_prior_is_the_logarithm_of_popularity():
    """Of users so far; without times nothing fades."""
    plain = communities(at=False)
    model = train(plain, None, QUICK, seed=0)
    users = np.asarray(events(plain).matrix().sum(0)).ravel()
    assert model.encode(plain).bias == pytest.approx(np.log1p(users), rel=1e-6)


def test_a_user_with_nothing_is_a_zero_and_gets_what_is_popular(trained):
    """No vector, and the scores are the prior's."""
    more = replace(GRAPH, users=pa.table({"userId": keys("u", len(EVERYONE) + 1)}))
    scorer = trained.scorer(more, TEXT)
    assert not scorer.encoded.user[-1].any()
    assert scorer.encoder(np.array([len(EVERYONE)]))[0] == pytest.approx(scorer.encoded.bias)
    assert np.isfinite(scorer.fused(np.array([len(EVERYONE)]))).all()


def test_a_stranger_changes_nobody(trained, encoded):
    """A user without edges, added to the graph."""
    more = replace(GRAPH, users=pa.table({"userId": keys("u", len(EVERYONE) + 1)}))
    assert np.array_equal(trained.encode(more, TEXT).user[:-1], encoded.user)


def test_a_user_is_told_by_friends_alone(trained):
    """A newcomer who follows ten of one kind is scored for that kind."""
    n = len(EVERYONE)
    ties = pa.table({"src": [n] * 10, "dst": np.arange(10) * 2, "since": [0] * 10})
    more = replace(
        GRAPH,
        users=pa.table({"userId": keys("u", n + 1)}),
        social={**GRAPH.social, "FOLLOWS": pa.concat_tables([GRAPH.social["FOLLOWS"], ties])},
    )
    taste = trained.encode(more, TEXT)
    even, odd = ((taste.user[-1] @ taste.item.T)[k::2].mean() for k in (0, 1))
    assert even > odd


def own_share(model, graph, users):
    """Of the twenty best of each user, the share of the user's own kind (of 20 there are)."""
    scores = model.scorer(graph).fused(users)
    top = np.argsort(-scores, axis=1)[:, :20]
    return (top % 2 == users[:, None] % 2).mean()


def test_a_user_never_trained_on_is_scored_like_one_who_was():
    """A tenth of the users is removed from training altogether, then scored from their edges."""
    graph = communities(n_users=200, per_user=6)
    unseen = np.arange(20)
    with_them = train(graph, None, QUICK, seed=0)
    without = train(without_users(graph, unseen), None, QUICK, seed=0)
    seen = own_share(with_them, graph, unseen)
    assert seen > 0.9
    assert own_share(without, graph, unseen) > 0.95 * seen


def newcomers(**of):
    """Two items nobody ever touched: the first for even users, the second for odd ones."""
    n = GRAPH.items.num_rows
    rows = {"src": [n, n + 1], "dst": of.get("category", [0, 1])}
    graph = replace(
        GRAPH,
        items=pa.table({"itemId": keys("i", n + 2)}),
        item_category=pa.concat_tables([GRAPH.item_category, pa.table(rows)])
        if "category" in of
        else GRAPH.item_category,
    )
    titles = np.concatenate([TEXT.items, np.array(of.get("text", [[0, 0]] * 2), np.float32)])
    return graph, TextVectors(titles, TEXT.reviews)


@pytest.mark.parametrize("of", [{"category": [0, 1]}, {"text": [[1, 0], [0, 1]]}])
def test_a_new_item_is_scored_by_what_it_is(trained, of):
    """By its category, or by its text, without ever having been trained on."""
    graph, text = newcomers(**of)
    scores = trained.scorer(graph, text).encoder(EVERYONE)
    first_is_better = scores[:, -2] > scores[:, -1]
    assert (first_is_better == (EVERYONE % 2 == 0)).mean() > 0.95


def test_a_new_item_nothing_is_known_of_is_like_nobody(trained):
    """Its vector is zero: it scores as its popularity, which is none."""
    graph, text = newcomers()
    item = trained.encode(graph, text)
    assert not item.item[-2:].any()
    assert item.bias[-2:].tolist() == [0, 0]


def test_what_a_moment_hides_is_as_if_it_never_was(trained):
    """Looking at the graph as of a moment, or at a graph cut off there, is the same."""
    until = 60 * DAY
    seen = Seen(until=until)
    behaviour, reviews = {}, TEXT.reviews
    for kind, table in GRAPH.behaviour.items():
        kept = table["at"].to_numpy() < until
        behaviour[kind] = table.filter(pa.array(kept))
        reviews = reviews[kept] if kind == "REVIEWED" else reviews
    social = dict(GRAPH.social)
    social["FOLLOWS"] = social["FOLLOWS"].filter(
        pa.array(social["FOLLOWS"]["since"].to_numpy() < until)
    )
    cut = replace(GRAPH, behaviour=behaviour, social=social)
    whole = trained.encode(GRAPH, TEXT, seen)
    past = trained.encode(cut, TextVectors(TEXT.items, reviews), seen)
    for name in ("user", "item", "bias"):
        assert np.array_equal(getattr(whole, name), getattr(past, name))


def test_the_order_of_rows_decides_nothing(trained, encoded):
    """The same edges in another order give the same vectors."""
    rng = np.random.default_rng(0)
    order = {k: rng.permutation(t.num_rows) for k, t in GRAPH.behaviour.items()}
    mixed = replace(GRAPH, behaviour={k: t.take(order[k]) for k, t in GRAPH.behaviour.items()})
    again = trained.encode(mixed, TextVectors(TEXT.items, TEXT.reviews[order["REVIEWED"]]))
    assert again.user == pytest.approx(encoded.user, abs=1e-5)


def test_an_edge_type_it_never_saw_is_left_out(trained, encoded):
    """A shop may log more than when it trained; scores stay until it trains again."""
    wished = acts(EVERYONE, EVERYONE % 7, EVERYONE)
    more = replace(
        GRAPH,
        behaviour={**GRAPH.behaviour, "WISHED": wished},
        social={**GRAPH.social, "BLOCKS": pa.table({"src": [0], "dst": [1]})},
    )
    assert np.array_equal(trained.encode(more, TEXT).user, encoded.user)


def test_an_edge_type_that_is_gone_is_missed_by_nobody(trained):
    """Without reviews, returns, ties: purchases alone still make users."""
    less = replace(GRAPH, behaviour={"PURCHASED": GRAPH.behaviour["PURCHASED"]}, social={})
    assert np.linalg.norm(trained.encode(less, None).user, axis=1) == pytest.approx(1, abs=1e-5)


def test_items_in_another_order_keep_their_vectors(trained, encoded):
    """A model knows items by their ids, not by their rows."""
    turned = replace(
        GRAPH,
        items=GRAPH.items.take(np.arange(GRAPH.items.num_rows)[::-1]),
        behaviour={},
        item_category=pa.table(
            {
                "src": GRAPH.items.num_rows - 1 - GRAPH.item_category["src"].to_numpy(),
                "dst": GRAPH.item_category["dst"],
            }
        ),
    )
    bare = replace(GRAPH, behaviour={})
    one, other = (
        trained.encode(g, TextVectors(t, None)).item
        for g, t in ((bare, TEXT.items), (turned, TEXT.items[::-1]))
    )
    assert one == pytest.approx(other[::-1], abs=1e-6)


def test_learned_weights_can_be_read(trained):
    """By the names of edge types."""
    read = trained.weights
    assert set(read["type_weight"]) == {
        "PURCHASED", "RATED", "RATED:low", "REVIEWED", "REVIEWED:low", "RETURNED",
    }  # fmt: skip
    assert set(read["social_weight"]) == {"FOLLOWS", "FRIEND_OF"}


def test_the_weighted_sum_is_what_it_says_and_has_its_gradients():
    """Against a plain sum over edges."""
    torch.manual_seed(0)
    user = torch.tensor([0, 0, 2, 2, 2])
    other = torch.tensor([1, 0, 1, 1, 2])
    plain, fused = (
        (torch.randn(3, 4, generator=torch.Generator().manual_seed(1)).requires_grad_(),
         torch.arange(5.0).requires_grad_())
        for _ in range(2)
    )  # fmt: skip
    total = torch.zeros(4, 4).index_add(0, user, plain[1][:, None] * plain[0][other])
    got = WeightedSum()(fused[0], fused[1], other, user, 4)
    assert torch.allclose(got, total)
    for out in (total, got):
        (out * torch.arange(16.0).view(4, 4)).sum().backward()
    assert all(torch.allclose(a.grad, b.grad) for a, b in zip(plain, fused, strict=True))


def test_spans_are_the_members_of_ranges():
    """An empty range has none."""
    owner, place = spans(torch.tensor([5, 9, 2]), torch.tensor([7, 9, 3]))
    assert owner.tolist() == [0, 0, 2]
    assert place.tolist() == [5, 6, 2]


def test_with_two_hops_an_item_knows_who_took_it_up():
    """The mean of their vectors by their own events, nobody counted in once more."""
    graph = tables(3, 3, {"PURCHASED": acts([0, 1, 1], [0, 0, 1])})
    known = Vocabulary.of(graph, None)
    torch.manual_seed(0)
    model = Encoder(known, 4, 0.1, hops=2)
    given = inputs(graph, None, Seen(), known, torch.device("cpu"))
    now = snapshot(given, None, None)
    plain = model.items(torch.arange(3), given, None)
    users = F.normalize(first_level(model, given, now, plain), dim=1)
    got = takers_of(model, given, now)
    expected = torch.stack([(users[0] + users[1]) / 3, users[1] / 2, torch.zeros(4)])
    assert torch.allclose(got, expected, atol=1e-6)
    assert not torch.allclose(item_states(model, given, now)[:2], plain[:2])


def test_a_second_hop_learns():
    """Its weight moves, and evidence still adds up."""
    model = train(GRAPH, TEXT, QUICK.model_copy(update={"hops": 2}), seed=0)
    assert model.model.takers_weight.item() != pytest.approx(TAKERS, abs=1e-3)
    got = model.encode(GRAPH, TEXT)
    total = np.zeros_like(got.user)
    for hop in got.hops:
        np.add.at(total, hop.user, hop.coefficient[:, None] * hop.message[hop.other])
    assert total == pytest.approx(got.user, abs=1e-5)


def test_there_is_no_parameter_of_any_user():
    """Ten users or a thousand: the same tensors."""
    shapes = [
        {
            n: tuple(p.shape)
            for n, p in Encoder(Vocabulary.of(graph, None), 8, 0.1).state_dict().items()
        }
        for graph in (communities(n_users=10), communities(n_users=1000))
    ]
    assert shapes[0] == shapes[1]


def test_old_events_count_less_where_the_model_learned_to_forget(trained):
    """An event's coefficient falls with its age."""
    model = trained.model
    with torch.no_grad():
        kept = model.decay.clone()
        model.decay.fill_(1.0)
        two = tables(1, 2, {"PURCHASED": acts([0, 0], [0, 1], [0, 99 * DAY])})
        hop = trained.encode(two).hops[0]
        model.decay.copy_(kept)
    assert 0 < hop.coefficient[0] < hop.coefficient[1]


def test_the_test_sees_no_more_than_it_should(trained):
    """Scoring as the test did reads only what came before its cut."""
    look = trained.scorer(GRAPH, TEXT, trained.split.before(Part.TEST))
    assert look.inputs.flat.at.max() < trained.split.val_until
