"""One look at a graph → every attribute of every user, in columns, and why some cannot be given."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from gnn.attributes import Activity, activity_of, cold_start, rfm_score, value_tier
from gnn.bg_nbd import visits_of
from gnn.churn import churn_risk
from gnn.features import own_acts
from gnn.fitted import Fitted
from gnn.goods import PLACE, brand_affinity, price_band
from gnn.graph import Events
from gnn.next_category import narrowest, next_category
from gnn.orders import Lines, basket_size, basket_value, lines_of, monetary, return_rate
from gnn.portrait import Look, Standing
from gnn.rhythm import TREND_DAYS, YEAR, activity_hours, moments, seasonality, trend, weekend_share
from gnn.tags import choices, tags
from gnn.tone import likes_and_dislikes, reviews_with_text, tone_trend, tones_of, user_tone
from gnn.value import expected_value
from gnn.variety import explorer, interest_drift
from gnn.waiting import comings, expected_days
from gnn.windows import DAY

Doubles = NDArray[np.float64]
Array = NDArray[Any]
Columns = dict[str, Array]
"""[U] by property; NaN and None where there is nothing to say"""


@dataclass(frozen=True)
class Material:
    """What the columns are made of."""

    look: Look
    fitted: Fitted
    standing: Standing

    @property
    def seen(self) -> Events:
        return self.look.window.before

    @property
    def n_users(self) -> int:
        return self.seen.n_users

    @property
    def as_of(self) -> int | None:
        return self.look.claim.as_of

    @property
    def history_days(self) -> float:
        """How far back the source goes; 0 without times."""
        start = self.look.past.start
        return 0 if self.as_of is None or start is None else (self.as_of - start) / DAY

    @cached_property
    def activity(self) -> Activity:
        return activity_of(self.seen, self.look.graph, self.as_of)

    @cached_property
    def money(self) -> Doubles | None:
        """None where the source has no prices; 0 for users who bought nothing."""
        if not self.standing.facts.prices:
            return None
        found = monetary(self.look.graph, self.as_of)
        return np.zeros(self.n_users) if found is None else found

    @cached_property
    def lines(self) -> Lines | None:
        return lines_of(self.look.graph, self.as_of)

    @cached_property
    def acts(self) -> Events:
        """The users' own dated doing."""
        return self.seen.where(own_acts(self.seen, self.look.graph) & self.seen.dated)

    @cached_property
    def liked(self) -> Events:
        """Positive events; none with private items."""
        shown = self.look.shown
        return shown.where(shown.positive)

    @property
    def share(self) -> sp.csr_array:
        """[I, C]"""
        return self.look.categories.share

    @property
    def unknown(self) -> Doubles:
        return np.full(self.n_users, np.nan)

    @property
    def unsaid(self) -> Array:
        return np.full(self.n_users, None, object)


def attributes(look: Look, fitted: Fitted, standing: Standing) -> tuple[Columns, dict[str, str]]:
    """Columns [U] of the profile by property; and reasons for properties not given."""
    m = Material(look, fitted, standing)
    columns: Columns = {}
    for part in (_activity, _money, _taste, _mood, _risk):
        columns |= part(m)
    return columns, _reasons(m)


def _activity(m: Material) -> Columns:
    out: Columns = {
        "recencyDays": m.activity.recency_days,
        "frequency": m.activity.frequency,
        "tenureDays": m.activity.tenure_days,
        "trend": m.unknown,
        "activityHours": m.unsaid,
        "weekendShare": m.unknown,
        "seasonality": m.unsaid,
    }
    if m.as_of is None:
        return out
    user, at = moments(m.acts)
    out["weekendShare"] = weekend_share(user, at, m.n_users)
    if m.history_days >= 2 * TREND_DAYS:
        out["trend"] = trend(m.acts, m.as_of)
    if m.standing.facts.hours:
        out["activityHours"] = activity_hours(user, at, m.n_users)
    if m.history_days >= YEAR:
        out["seasonality"] = seasonality(user, at, m.n_users, m.as_of)
    return out


def _money(m: Material) -> Columns:
    facts, lines, fifths = m.standing.facts, m.lines, m.standing.fifths
    baskets = lines is not None and facts.orders
    value, start = m.fitted.value, m.look.past.start
    return {
        "expectedValue": expected_value(value, m.look.graph, m.as_of, start)
        if value is not None and m.as_of is not None and start is not None
        else m.unknown,
        "monetary": m.unknown if m.money is None else m.money,
        "basketValue": basket_value(lines, m.n_users)
        if lines is not None and baskets and facts.prices
        else m.unknown,
        "basketSize": basket_size(lines, m.n_users) if lines is not None and baskets else m.unknown,
        "returnRate": return_rate(m.look.graph, lines, m.as_of)
        if lines is not None and facts.returns
        else m.unknown,
        "rfmScore": rfm_score(m.activity, m.money, fifths),
        "valueTier": value_tier(m.activity, m.money, fifths),
    }


def _taste(m: Material) -> Columns:
    items = m.look.graph.items
    return {
        "nextCategory": _next_category(m),
        "segment": m.standing.groups.of(m.look.past.user),
        "explorer": explorer(m.liked, m.share),
        "interestDrift": interest_drift(m.liked, m.share),
        "priceBand": price_band(m.liked, items),
        "brandAffinity": brand_affinity(m.liked, items, m.standing.share),
    }


def _next_category(m: Material) -> Array:
    past, categories, interest = m.look.past, m.look.categories, m.fitted.interest
    if interest is None:
        return m.unsaid
    narrow = narrowest(m.share, categories)
    found = next_category(past, interest, np.arange(m.n_users), categories, narrow)
    names = np.array([*categories.names.to_pylist(), None], object)
    return np.asarray(names[found], object)


def _mood(m: Material) -> Columns:
    tones = tones_of(m.fitted.tone, m.look.graph, m.look.text, m.seen)
    likes, dislikes = likes_and_dislikes(tones, m.share, m.look.categories.names)
    out: Columns = {
        "sentiment": user_tone(tones),
        "sentimentTrend": tone_trend(tones),
        "likes": likes,
        "dislikes": dislikes,
        "interestTags": m.unsaid,
        "aversionTags": m.unsaid,
    }
    lexicon = m.standing.lexicon
    if lexicon is not None:
        found = choices(m.look.graph, m.look.shown, lexicon)
        out["interestTags"] = tags(found, found.good, lexicon, m.n_users)
        out["aversionTags"] = tags(found, found.bad, lexicon, m.n_users)
    return out


def _risk(m: Material) -> Columns:
    churn = m.fitted.churn
    _, writers = reviews_with_text(m.look.graph, m.look.text, m.seen)
    wrote = np.bincount(writers, minlength=m.n_users) > 0
    expected = m.unknown
    if m.fitted.waiting is not None and m.as_of is not None:
        user, at = comings(m.seen, m.look.graph, orders=m.standing.facts.orders)
        visits = visits_of(user, at, m.n_users, m.as_of)
        expected = expected_days(m.fitted.waiting, visits)
    return {
        "expectedDays": expected,
        "churnRisk": m.unknown if churn is None else churn_risk(churn, m.activity, m.money),
        "coldStart": cold_start(m.activity, wrote),
        "evidenceCount": m.activity.events + m.activity.ties,
    }


def _reasons(m: Material) -> dict[str, str]:
    facts, items = m.standing.facts, m.look.graph.items
    timed = ("recencyDays", "tenureDays", "valueTier", "rfmScore", "trend", "activityHours",
             "weekendShare", "seasonality", "interestDrift")  # fmt: skip
    brands = "brand" in items.column_names and items["brand"].null_count < items.num_rows
    by_rule = (
        (m.standing.lexicon is None, ("interestTags", "aversionTags"),
         "no item has a title, and no review a text"),
        (not brands, ("brandAffinity",), "no item has a brand"),
        (items[PLACE].null_count == items.num_rows, ("priceBand",),
         "no category has enough items with a price"),
        (not m.look.categories.allowed.any(), ("explorer", "interestDrift"), "no categories"),
        (m.fitted.interest is None, ("nextCategory",), "no interest could be calibrated"),
        (not facts.returns, ("returnRate",), "nothing was sent back or cancelled"),
        (not facts.orders, ("basketValue", "basketSize"), "no purchase has an order or a time"),
        (not facts.prices, ("monetary", "basketValue"), "no purchase has a price"),
        (m.history_days < 2 * TREND_DAYS, ("trend",), f"less than {2 * TREND_DAYS} days of data"),
        (m.history_days < YEAR, ("seasonality",), "less than a year of data"),
        (not facts.hours, ("activityHours",), "the source's times are days"),
        (m.as_of is None, timed, "the source has no times"),
    )  # fmt: skip
    reasons: dict[str, str] = {}
    if (why := m.fitted.metrics["unavailable"].get("sentiment")) is not None:
        reasons |= dict.fromkeys(("sentimentTrend", "likes", "dislikes"), why)
    for missing, names, reason in by_rule:
        if missing:
            reasons |= dict.fromkeys(names, reason)
    return reasons
