"""A policy says what becomes of each field; its mistakes have a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from kg.errors import ConfigError
from loaders.policy import read_policy


@pytest.mark.parametrize(
    "field",
    ["User.name", "User.firstName", "User.userName", "User.email", "User.eMail", "User.phoneNumber",
     "User.homeAddress", "User.zip", "User.postCode", "User.dateOfBirth", "User.latitude",
     "PURCHASED.shippingAddress", "REVIEWED.customerEmail"],
)  # fmt: skip
def test_personal_fields_of_users_are_dropped(field: str) -> None:
    assert read_policy().action(*field.split(".")) == "drop"


@pytest.mark.parametrize(
    "field", ["REVIEWED.text", "REVIEWED.title", "Item.title", "Item.brandName", "TAGGED.tag",
              "User.country", "PURCHASED.note"],
)  # fmt: skip
def test_other_texts_are_masked(field: str) -> None:
    assert read_policy().action(*field.split(".")) == "mask"


@pytest.mark.parametrize("key", ["User.userId", "RATED.src", "RATED.eventId", "PURCHASED.orderId"])
def test_keys_are_kept(key: str) -> None:
    assert read_policy().action(*key.split(".")) == "keep"


def policy(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_ones_own_rules_come_first(tmp_path: Path) -> None:
    path = policy(tmp_path, '[fields]\n"User.firstName" = "keep"\n"User|event.note" = "hash"\n')
    found = read_policy(path)
    assert found.action("User", "firstName") == "keep"
    assert found.action("User", "lastName") == "drop"
    assert {found.action(t, "note") for t in ("User", "CARTED")} == {"hash"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[fields]\n"User.a" = "keep"\n"User.b" = "burn"\n', r"toml:3: User.b: 'burn' is not one"),
        ('[fields]\n"Usr.a" = "keep"\n', r"toml:2: 'Usr.a': 'Usr' is not one of User, Item"),
        ('[fields]\n"name" = "keep"\n', r"toml:2: 'name' is not table.property"),
        ('[fields]\n"User.userId" = "hash"\n', r"toml:2: 'User.userId' is a key"),
        ('[field]\n"User.a" = "keep"\n', r"policy.toml:1: field"),
        ("[fields", r"policy.toml: "),
    ],
)
def test_a_mistake_has_a_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_policy(policy(tmp_path, text))


def test_a_policy_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_policy(tmp_path / "none.toml")
