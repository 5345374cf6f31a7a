"""The service's answers, read by a client of this version from services of any."""

from __future__ import annotations

import json

from function.wire import ErrorShown, FileShown, StatusAnswer, SubmissionAnswer, Upload
from jobs.shown import CandidateShown, PointShown
from jobs.storage.links import Link

STATUS = StatusAnswer(
    status="running",
    job_id="A" * 22,
    stage="select",
    progress=0.5,
    minutes=5,
    candidates=(
        CandidateShown("vgg16", validation_accuracy=0.9, validation_score=0.9, validation_interval=(0.8, 1.0)),
    ),
    curve=(PointShown("select", epoch=1, validation_accuracy=0.9, validation_score=0.9),),
    error=ErrorShown("internal", "It broke."),
    files=(FileShown("model.h5", "https://models.example.org/model.h5", 7),),
)
START = Link("POST", "https://storage.example.org/start", {"x-goog-resumable": "start"})


def test_a_status_survives_json() -> None:
    assert StatusAnswer.from_json(json.loads(json.dumps(STATUS.to_json()))) == STATUS


def test_a_status_of_the_version_before_has_its_scores_filled_in() -> None:
    data = json.loads(json.dumps(STATUS.to_json()))
    for row in (*data["candidates"], *data["curve"]):
        del row["validation_score"], row["metric"]
    assert StatusAnswer.from_json(data) == STATUS


def test_what_a_later_service_adds_is_passed_over() -> None:
    data = json.loads(json.dumps(STATUS.to_json())) | {"colour": "blue"}
    data["candidates"][0]["colour"] = data["error"]["colour"] = data["files"][0]["colour"] = "blue"
    assert StatusAnswer.from_json(data) == STATUS


def test_what_a_worker_keeps_for_itself_does_not_leave_the_service() -> None:
    row = CandidateShown("vgg16", title="VGG16", validation_loss=0.1, parameters=5, note="a note")
    (shown,) = json.loads(json.dumps(StatusAnswer(status="running", candidates=(row,)).to_json()))["candidates"]
    assert not {"title", "validation_loss", "parameters", "note"} & set(shown)


def test_a_submission_survives_json_with_and_without_an_upload_in_parts() -> None:
    for resumable in (START, None):
        upload = Upload("https://storage.example.org/put", {"content-type": "application/zip"}, 100, resumable)
        answer = SubmissionAnswer("id", upload, "status", "delete")
        data = json.loads(json.dumps(answer.to_json()))
        assert SubmissionAnswer.from_json(data) == answer
        assert ("resumable" in data["upload"]) is (resumable is not None)
