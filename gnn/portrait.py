"""One look at a graph → interests with their evidence, and what is said of everyone together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gnn.attributes import Fifths, activity_of, fifths_of
from gnn.calibration import Calibration
from gnn.categories import Categories, categories_of
from gnn.evidence import Evidence, Sources, evidence_of, sources_of
from gnn.facts import Facts, facts_of
from gnn.features import Past, Usual, decay, past_of
from gnn.fitted import Fitted, Scorer
from gnn.graph import Events
from gnn.history import Own, friend_parts, history_lift, own_events, own_parts
from gnn.interests import Interests, drawn_users, known_users, mean_chance, top_interests
from gnn.item_interests import Shelf, shelf_of, top_items
from gnn.orders import monetary
from gnn.profile_tables import Claim, interest_table
from gnn.segments import Groups, Names, Segments, segments_of
from gnn.tables import GraphTables, TextVectors
from gnn.tags import Lexicon, fit_lexicon
from gnn.windows import Window

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Standing:
    """What a release says of all users together. It holds until the next one, so that a user whose
    edges changed can be profiled anew while nobody else is."""

    usual: Usual
    average: Floats | None
    """[C] the average user's chance; None where none could be calibrated"""
    share: Floats
    """[I] of all recent positive events"""
    fifths: Fifths
    groups: Groups
    """The segments"""
    facts: Facts
    lexicon: Lexicon | None
    """Words of all users' choices; None without any"""


@dataclass(frozen=True)
class Look:
    """A graph as a model sees it at one moment."""

    graph: GraphTables
    text: TextVectors | None
    window: Window
    scorer: Scorer
    past: Past
    categories: Categories
    sources: Sources
    own: Own
    claim: Claim

    @property
    def shown(self) -> Events:
        """What was seen, but for private items."""
        seen = self.window.before
        return seen.where(~self.categories.private_items[seen.item])


def look_at(
    graph: GraphTables,
    text: TextVectors | None,
    window: Window,
    scorer: Scorer,
    fitted: Fitted,
    claim: Claim,
    *,
    sensitive: frozenset[str],
    usual: Usual | None = None,
    categories: Categories | None = None,
) -> Look:
    """`usual` is what the whole graph said, where `graph` holds but some of its users; `categories`
    are its own, where they stand already."""
    encoded, half_life = scorer.encoded, fitted.half_life_days
    if categories is None:
        categories = categories_of(graph, sensitive)
    past = past_of(graph, window, encoded, categories, half_life_days=half_life, usual=usual)
    sources = sources_of(encoded, graph, categories.private_items)
    own = own_events(window.before, decay(window.before, window.at, half_life), sources)
    return Look(graph, text, window, scorer, past, categories, sources, own, claim)


def stand(
    look: Look, fitted: Fitted, *, seed: int, segments_before: Names | None = None
) -> tuple[Standing, Segments]:
    """From a look at everyone. `segments_before` [U] are the users' in the last release, None for
    those it did not have."""
    average = None
    if fitted.interest is not None:
        known = known_users(look.past, look.graph.users, look.window.at)
        drawn = drawn_users(known, np.random.default_rng(seed))
        average = mean_chance(look.past, fitted.interest, drawn, look.categories)
    as_of = look.claim.as_of
    activity = activity_of(look.window.before, look.graph, as_of)
    fifths = fifths_of(activity, monetary(look.graph, as_of))
    segments = segments_of(
        look.past.user,
        look.past.share,
        look.categories,
        seed,
        number=fitted.segments,
        method=fitted.grouping,
        before=segments_before,
    )
    share = _shelf(look, fitted, None).share
    return Standing(
        usual=look.past.usual,
        average=average,
        share=share,
        fifths=fifths,
        groups=segments.groups,
        facts=facts_of(look.graph, look.window.before),
        lexicon=fit_lexicon(look.graph, look.shown),
    ), segments


def category_interests(look: Look, fitted: Fitted, standing: Standing, rows: Ints) -> pa.Table:
    """INTERESTED_IN.Category of some users; no rows where no chance could be calibrated."""
    found, evidence = claims_of(look, fitted, standing, rows)
    return _table(look, found, evidence, look.graph.categories["categoryId"])


def claims_of(
    look: Look, fitted: Fitted, standing: Standing, rows: Ints
) -> tuple[Interests, Evidence]:
    """Interests in categories, and what speaks for each. One that nothing speaks for is left
    out."""
    found, evidence = Interests.none(), Evidence.none()
    if fitted.interest is not None and standing.average is not None:
        found = top_interests(
            look.past, fitted.interest, rows, look.categories, average=standing.average
        )
        evidence = _of_categories(look, found, fitted.interest)
        keep = found.observed | (evidence.count > 0)
        found, evidence = found.where(keep), evidence.where(keep)
    return found, evidence


def _of_categories(look: Look, found: Interests, calibration: Calibration) -> Evidence:
    """Evidence in logits of the calibrated score: of the vectors' part, of the user's own events in
    the category, and of friends'. Where nothing has a positive part, an observed interest still
    stands on the user's own events, equally but for their age."""
    past, user, category = look.past, found.user, found.target
    lift = history_lift(past, user, category, calibration)
    friends = friend_parts(
        past, look.graph, look.window.seen, look.sources, user, category, calibration
    )

    def of(weight: Floats, lift: Floats) -> Evidence:
        more = own_parts(look.own, user, category, lift, look.categories.has) + friends
        return evidence_of(
            look.sources, user, category, past.centre, weight=weight, more=more.in_order()
        )

    weight = np.full(len(found), calibration.weight("affinity"), np.float32)
    evidence = of(weight, lift)
    bare = found.observed & (evidence.count == 0)
    if not bare.any():
        return evidence
    return of(np.where(bare, 0, weight), np.where(bare, 1, lift))


def item_interests(
    look: Look, fitted: Fitted, standing: Standing, rows: Ints, usual: Floats | None = None
) -> pa.Table:
    """INTERESTED_IN.Item of some users; no rows where no chance could be calibrated. `usual` is
    `usual_item`, where it stands already."""
    found, evidence = Interests.none(), Evidence.none()
    if fitted.item is not None:
        shelf = _shelf(look, fitted, standing.share)
        known = rows[look.past.has_evidence[rows]]
        found = top_items(look.scorer, shelf, look.past, known, fitted.item)
        evidence = _of_items(look, found, usual)
    return _table(look, found, evidence, look.graph.items["itemId"])


def _shelf(look: Look, fitted: Fitted, share: Floats | None) -> Shelf:
    return shelf_of(
        look.window,
        look.categories.private_items,
        repeats=fitted.repeats,
        half_life_days=fitted.half_life_days,
        share=share,
    )


def usual_item(item: Floats, bias: Floats) -> Floats:
    """[d] mean of the items' vectors [I, d], by popularity"""
    popularity = np.exp(bias - bias.max())
    return np.asarray(popularity @ item / popularity.sum())


def _of_items(look: Look, found: Interests, usual: Floats | None) -> Evidence:
    """What the vectors take from each edge towards a new item; for a known one, the user's own
    events with it."""
    encoded = look.scorer.encoded
    usual = usual_item(encoded.item, encoded.bias) if usual is None else usual
    again = found.observed.astype(np.float32)
    more = own_parts(look.own, found.user, found.target, again, np.equal)
    claimed, target = np.unique(found.target, return_inverse=True)  # few, of very many
    return evidence_of(
        look.sources,
        found.user,
        target,
        encoded.item[claimed] - usual,
        weight=1 - again,
        more=more.in_order(),
    )


def _table(look: Look, found: Interests, evidence: Evidence, targets: pa.ChunkedArray) -> pa.Table:
    users = look.graph.users["userId"]
    return interest_table(found, evidence, look.sources, users, targets, look.claim)
