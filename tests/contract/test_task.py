"""What every task keeps: how its uploads are read, its answers judged and compared, and its jobs told of.

The engine is the same for all of them. Classification is the product's own; brightness is known to this folder alone
and as different as can be: it has no classes, a lower score is better, it brings stages of its own and no templates.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs import tasks as rows
from jobs.job import Job, Stage, Status
from jobs.limits import Limits
from jobs.mail.letters import Letterhead, compose
from jobs.options import Options
from jobs.render import render
from tests.contract.toys import SIDE, TOYS, Toy
from tests.integration import tiny_network
from tests.unit.intake.pools import shared
from tests.unit.report.pages import Page
from vm_worker.events import Answer, Event, StageOffer, TrialOffer
from vm_worker.exports import files
from vm_worker.exports.formats import FORMATS
from vm_worker.intake.dataset import Dataset, Part
from vm_worker.intake.survey import list_upload
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.spec import Done, Spec
from vm_worker.stages.run import run_stages
from vm_worker.tasks import uploads
from vm_worker.tasks.task import Task, load, recognised

LIMITS = Limits()


@pytest.fixture(autouse=True, scope="module")
def both_are_tasks() -> Iterator[None]:
    """The row of each task is in the table, that of classification last: it takes what no other one recognises."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(rows.TASKS, "classification")
        for name in ("brightness", "classification"):
            patch.setitem(rows.TASKS, name, TOYS[name].row)
        yield


@pytest.fixture(scope="module", params=list(TOYS))
def toy(request: pytest.FixtureRequest) -> Toy:
    return TOYS[request.param]


@pytest.fixture(scope="module")
def task(toy: Toy) -> Task:
    return load(toy.row.name)


@pytest.fixture(scope="module")
def upload(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy.write(tmp_path_factory.mktemp("upload") / "photos.zip")


def taken_in(upload: Path, folder: Path) -> Dataset[Any]:
    folder.mkdir()
    request = IntakeRequest(upload, folder, (SIDE,), seed=1, limits=LIMITS, processes=1)
    return uploads.take_in(request, lambda fraction, message: None, decoders=shared())


@pytest.fixture(scope="module")
def dataset(upload: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset[Any]:
    """The photos of the upload, read once for all tests: none of them changes anything."""
    return taken_in(upload, tmp_path_factory.mktemp("dataset") / "taken")


def test_an_upload_is_recognised_and_a_wish_counts_more(toy: Toy, upload: Path) -> None:
    found = list_upload(upload, LIMITS)
    assert recognised(found).name == toy.row.name
    assert recognised(found, "classification").name == "classification"


def test_the_check_before_an_upload_reads_it_by_its_task(upload: Path) -> None:
    verdict = uploads.verdict(upload, LIMITS)
    assert verdict.accepted and sum(photos for _, photos in verdict.classes) == 80


def test_what_is_known_of_the_photos_goes_with_their_rows(dataset: Dataset[Any]) -> None:
    truth, taken = dataset.truth, dataset.rows(Part.TEST)
    assert truth.names == tuple(sorted(truth.names))
    assert len(truth.strata) == len(dataset.names) == 80
    np.testing.assert_array_equal(truth.take(taken).strata, truth.strata[taken])
    np.testing.assert_array_equal(truth.mirrored().mirrored().strata, truth.strata)
    assert sum(sum(parts.values()) for parts in truth.counts(dataset.parts).values()) == 80


def test_each_stratum_is_split_in_proportion(dataset: Dataset[Any]) -> None:
    counts = dataset.truth.counts(dataset.parts)
    assert {tuple(parts.values()) for parts in counts.values()} == {(24, 8, 8)}


def test_the_same_upload_makes_the_same_bytes(dataset: Dataset[Any], upload: Path, tmp_path: Path) -> None:
    assert taken_in(upload, tmp_path / "again").truth.digest() == dataset.truth.digest()
    some = dataset.truth.take(np.arange(5, dtype=np.int64))
    assert some.digest() != dataset.truth.digest()


def test_no_answer_is_better_than_the_truth(toy: Toy, task: Task, dataset: Dataset[Any]) -> None:
    truth, judge = dataset.truth, task.judge
    best, worst = (judge.score(answers, truth) for answers in (toy.perfect(truth), toy.useless(truth)))
    assert best > worst if judge.better == "higher" else best < worst
    assert judge.ties(toy.perfect(truth), toy.perfect(truth), truth)
    assert not judge.ties(toy.perfect(truth), toy.useless(truth), truth)


def test_answers_for_other_photos_are_not_judged(toy: Toy, task: Task, dataset: Dataset[Any]) -> None:
    with pytest.raises(ValueError, match="photo"):
        task.judge.score(toy.perfect(dataset.truth)[1:], dataset.truth)


@pytest.mark.parametrize("key", list(FORMATS))
def test_a_file_with_the_same_answers_is_delivered(key: str, toy: Toy, task: Task, dataset: Dataset[Any]) -> None:
    answers = toy.perfect(dataset.truth)
    compared = task.agreement.compare(FORMATS[key], answers, answers, dataset.truth)
    assert (compared.fault, compared.warning, compared.agreement, compared.max_difference) == ("", "", 1.0, 0.0)
    assert compared.score == task.judge.score(answers, dataset.truth)


def test_a_file_with_other_answers_is_not(toy: Toy, task: Task, dataset: Dataset[Any]) -> None:
    answers, row = toy.perfect(dataset.truth), FORMATS["keras"]
    assert task.agreement.compare(row, toy.useless(dataset.truth), answers, dataset.truth).fault
    assert task.agreement.compare(row, answers[:, :0], answers, dataset.truth).fault


def test_a_model_has_a_name_for_each_number_that_it_gives(toy: Toy, task: Task, dataset: Dataset[Any]) -> None:
    assert len(task.face.labels(dataset.truth)) == toy.perfect(dataset.truth).shape[1]


class Parent:
    """Takes whatever the stages offer."""

    def __init__(self) -> None:
        self.done: dict[Stage, Done] = {}

    def send(self, event: Event) -> None:
        json.dumps(event.to_json())

    def commit(self, offer: StageOffer | TrialOffer) -> Answer:
        assert isinstance(offer, StageOffer)
        self.done[offer.stage] = Done(json.loads(json.dumps(offer.to_json()))["result"], offer.seconds)
        return Answer(go=offer.stage)


@dataclass(frozen=True)
class Finished:
    """A job whose stages have all run."""

    folder: Path
    done: dict[Stage, Done]
    report: dict[str, Any]


@pytest.fixture
def finished(upload: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Finished:
    """Run all stages with one tiny network, whose weights are random."""
    monkeypatch.setitem(CATALOGUE, tiny_network.KEY, tiny_network.ROW)
    weights = str(tiny_network.save_weights(tmp_path / "weights"))
    options = Options(
        minutes=10, candidates=(tiny_network.KEY,), search="none", trials=0, mirror=False, exports=("h5",)
    )
    began = "2026-01-01T00:00:00+00:00"
    spec = Spec("abcdefgh", upload, tmp_path / "out", options, LIMITS, 600.0, began, began, weights=weights)
    parent = Parent()
    run_stages(spec, parent)
    report = json.loads((spec.folder / "report.json").read_text(encoding="utf-8"))
    return Finished(spec.folder, parent.done, report)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "toy", ["brightness"], indirect=True
)  # tests/integration/test_real_stages.py has the other one
def test_a_job_goes_from_photos_to_a_report_that_people_can_read(toy: Toy, task: Task, finished: Finished) -> None:
    model = files.load(finished.folder / "model.h5")
    assert model.output_shape == (None, len((finished.folder / "labels.txt").read_text("utf-8").splitlines()))
    assert list(finished.done) == [stage for stage in Stage if stage is not Stage.FINISH]
    check_scores(toy, task, finished)
    check_readers(finished)


def check_scores(toy: Toy, task: Task, finished: Finished) -> None:
    """The report gives the score of each candidate, and that is a good one."""
    (candidate,) = (row for row in finished.report["candidates"] if row["state"] == "chosen")
    assert candidate["metric"] == task.judge.metric
    assert toy.good(candidate["validation_score"])
    assert finished.report["winner"]["metric"] == task.judge.metric
    assert finished.report["task"] == toy.row.name


def check_readers(finished: Finished) -> None:
    """The file, the page of the job, the card and the mail all say what was measured, and have no holes."""
    report, headline = finished.report, finished.report["headline"]
    assert headline in Page((finished.folder / "report.html").read_text("utf-8")).text
    assert headline in (finished.folder / "model_card.md").read_text("utf-8")
    row = rows.row_of(report)
    assert headline in Page(render(row.page, report={**report, "files_url": ""}, pictures={}, heading="h2")).text
    job = Job("a" * 22, "ada@example.org", "0" * 64, datetime(2026, 1, 1, tzinfo=UTC), status=Status.DONE)
    head = Letterhead("modelmail@example.org", "operator@example.org", "http://here", "secret")
    mail = compose(job, "report", head, report, {})
    assert mail.subject == report["subject"]
    assert headline in mail.text and headline in Page(mail.html).text
