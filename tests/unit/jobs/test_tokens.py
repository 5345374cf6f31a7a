"""Pseudonyms and capabilities."""

from __future__ import annotations

import pytest

from jobs import tokens

SAME = ["ada@example.org", "ADA@Example.Org", " ada+cats@example.org ", "ada+a+b@EXAMPLE.org"]


@pytest.mark.parametrize("address", SAME)
def test_one_person_is_one_pseudonym(address: str) -> None:
    assert tokens.address_hmac("secret", address) == tokens.address_hmac("secret", "ada@example.org")


def test_a_pseudonym_depends_on_the_secret_and_on_what_it_names() -> None:
    one = tokens.address_hmac("secret", "ada@example.org")
    assert one != tokens.address_hmac("other", "ada@example.org")
    assert one != tokens.client_hmac("secret", "ada@example.org")
    assert "ada" not in one


def test_only_the_jobs_own_token_deletes_it() -> None:
    token = tokens.delete_token("secret", "a" * 22)
    assert tokens.check_delete_token("secret", "a" * 22, token)
    assert not tokens.check_delete_token("secret", "b" * 22, token)
    assert not tokens.check_delete_token("secret", "a" * 22, "")
    assert not tokens.check_delete_token("secret", "a" * 22, "naïve")
