"""A machine without work leaves its group, over a small server that stands for metadata and Compute Engine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from vm_worker.idle import INSTANCE, Leave

ANSWERS = {
    "attributes/created-by": "projects/12/zones/europe-west4-b/instanceGroupManagers/modelmail-worker",
    "zone": "projects/12/zones/europe-west4-b",
    "name": "modelmail-worker-x1",
    "service-accounts/default/token": '{"access_token": "secret", "expires_in": 3599}',
}


class Cloud(BaseHTTPRequestHandler):
    """Metadata by GET, the removal by POST."""

    status: ClassVar[int] = 200
    removed: ClassVar[list[tuple[str, object, str]]] = []

    def do_GET(self) -> None:
        known = self.path.startswith(INSTANCE) and self.headers["Metadata-Flavor"] == "Google"
        text = ANSWERS.get(self.path.removeprefix(f"{INSTANCE}/")) if known else None
        self._answer(404 if text is None else 200, text or "")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Cloud.removed.append((self.path, body, self.headers["Authorization"]))
        self._answer(Cloud.status, "{}")

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Cloud.status, Cloud.removed = 200, []
    with ThreadingHTTPServer(("127.0.0.1", 0), Cloud) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_after_its_time_the_machine_is_removed_from_its_group(url: str) -> None:
    leave = Leave(300, url, f"{url}/compute/v1")
    assert leave(299.0) is False and Cloud.removed == []
    assert leave(300.0) is True
    group = "/compute/v1/projects/12/zones/europe-west4-b/instanceGroupManagers/modelmail-worker/deleteInstances"
    body = {"instances": ["zones/europe-west4-b/instances/modelmail-worker-x1"]}
    assert Cloud.removed == [(group, body, "Bearer secret")]


@pytest.mark.parametrize("after", [0, 300])
def test_a_machine_outside_of_the_cloud_stays(after: float) -> None:
    assert Leave(after, "", "http://127.0.0.1:9")(1e9) is False
    assert Leave(0, "http://127.0.0.1:9", "http://127.0.0.1:9")(1e9) is False


def test_a_refusal_is_logged_without_the_token_and_tried_again(url: str, caplog: pytest.LogCaptureFixture) -> None:
    leave = Leave(300, url, url)
    Cloud.status = 403
    assert leave(301.0) is False
    assert "cannot take itself away" in caplog.text and "secret" not in caplog.text
    Cloud.status = 200
    assert leave(331.0) is True


def test_metadata_that_does_not_answer_is_no_end(url: str) -> None:
    assert Leave(300, f"{url}/elsewhere", url)(301.0) is False
    assert Leave(300, "http://127.0.0.1:9", url)(301.0) is False
