"""Networks that no worker has are neither offered nor taken."""

from __future__ import annotations

import re

import pytest

from jobs import catalogue
from jobs.catalogue import Stock
from jobs.options import CANDIDATES
from tests.unit.function.conftest import HTML, Down, Front

LITE = ("efficientnet_lite0", "efficientnet_lite1")


def boxes(front: Front) -> tuple[str, ...]:
    return tuple(re.findall(r'name="candidates" value="([^"]+)"', front.call("GET", "/", headers=HTML).text))


def test_page_and_description_offer_what_the_workers_have(front: Front) -> None:
    assert boxes(front) == CANDIDATES
    catalogue.tell(front.buckets.emails, "host", Stock(LITE))
    assert boxes(front) == LITE
    said = front.call("GET", "/").get_json()["options"]["candidates"]
    assert said == "some of efficientnet_lite0, efficientnet_lite1; all of them if not given"
    catalogue.tell(front.buckets.emails, "host", Stock())
    assert boxes(front) == ()
    assert "Networks to try" not in front.call("GET", "/", headers=HTML).text


@pytest.mark.parametrize("asked", ["vgg16", "vgg16,efficientnet_lite0", ["efficientnet_lite1", "vgg16"]])
def test_a_network_that_is_not_there_is_refused_by_name(front: Front, asked: object) -> None:
    catalogue.tell(front.buckets.emails, "host", Stock(LITE))
    answer = front.call("POST", "/", json={"email": "ada@example.org", "options": {"candidates": asked}})
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "bad_option")
    assert "no weights for vgg16." in answer.get_json()["error"]["message"]
    # A refusal makes no job and takes none of the day's slots.
    assert [stat.name for stat in front.buckets.emails.list()] == ["catalogue/host"]


def test_what_is_there_or_not_known_yet_is_taken(front: Front) -> None:
    body = {"email": "ada@example.org", "options": {"candidates": "vgg16"}}
    assert front.call("POST", "/", json=body).status_code == 201
    catalogue.tell(front.buckets.emails, "host", Stock(LITE, ("vgg16",)))
    assert front.call("POST", "/", json=body).status_code == 201
    assert front.call("POST", "/", json={"email": "ada@example.org"}).status_code == 201


def test_the_page_is_there_though_the_storage_is_not(front: Front) -> None:
    down = front.on(Down())
    assert down.call("GET", "/").status_code == 200
    assert boxes(down) == CANDIDATES
