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


def test_only_the_jobs_own_token_lets_a_later_job_continue() -> None:
    job_id = "Qm3xT9aZ_0123456789abc"
    link = tokens.continue_link("https://models.example.org", "secret", job_id)
    assert tokens.continuing("secret", link) == job_id
    assert tokens.continuing("secret", link.partition(tokens.CONTINUE)[2]) == job_id
    token = link.rpartition(":")[2]
    assert tokens.continuing("other secret", link) is None
    assert tokens.continuing("secret", f"{'b' * 22}:{token}") is None
    assert tokens.continuing("secret", f"{job_id}:{tokens.delete_token('secret', job_id)}") is None
    assert not tokens.check_delete_token("secret", job_id, token)  # whoever may continue may not delete
    assert [tokens.continuing("secret", wrong) for wrong in ("", job_id, f"{job_id}:", "naïve:x", link[:-1])] == [
        None
    ] * 5
