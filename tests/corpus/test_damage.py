"""Files of every source and format with a few bytes changed, cut out or put in."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kg.errors import KgError
from tests.corpus import delimited, json_lines, packed, parquets, shipped
from tests.corpus.case import Case
from tests.loaders.tables import staged
from tests.loaders.test_stage import consistent

GROUPS = (delimited.CASES, json_lines.CASES, packed.CASES, parquets.CASES, shipped.CASES)
SMALL = 20_000
CASES = [
    case
    for group in GROUPS
    for case in group
    if not case.error and max(map(len, case.files.values())) < SMALL
]
CHANGES = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 8),
        st.one_of(
            st.binary(max_size=4),
            st.sampled_from(
                [b'"', b"\n", b",", b"\t", b"{", b"]", b"\\", b"\xff\xff\xff\x7f", b"NaN"]
            ),
        ),
    ),
    min_size=1,
    max_size=4,
)
"""Where (as a share of the file), how many bytes go, and what comes instead."""


def _changed(data: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    for share, gone, new in changes:
        place = int(share * len(data))
        data = data[:place] + new + data[place + gone :]
    return data


@given(case=st.sampled_from(CASES), which=st.integers(0, 9), changes=CHANGES)
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_damaged_file_is_told_or_accounted_for(
    tmp_path_factory: pytest.TempPathFactory,
    case: Case,
    which: int,
    changes: list[tuple[float, int, bytes]],
) -> None:
    """Every row that is read is written, merged or rejected; or one line says what is wrong, and
    nothing is left behind."""
    folder: Path = tmp_path_factory.mktemp("damage")
    names = [name for name in case.files if name != "shop.toml"]
    name = names[which % len(names)]
    files = {**case.files, name: _changed(case.files[name], changes)}
    try:
        done = staged(folder, case.source, files)
    except KgError as e:
        assert "\n" not in str(e)  # noqa: PT017  # either outcome is right
        assert not (folder / "out").exists()
    else:
        consistent(done)
