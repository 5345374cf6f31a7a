"""What is said of a model of brightness: by its stages, its report and its service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jobs.json_values import JsonObject
from tests.contract.brightness.truth import BrightnessTruth
from vm_worker.as_json import AsJson
from vm_worker.exports.service.runtime.bundle import About
from vm_worker.report_facts import Facts
from vm_worker.results.evaluated import ModelFigures


@dataclass(frozen=True)
class Measured(AsJson):
    """The result of the evaluate stage."""

    rmse: float
    images: int
    model: ModelFigures


class BrightnessFace:
    """One number, by its name."""

    def labels(self, truth: BrightnessTruth) -> tuple[str, ...]:
        """What the number is."""
        return ("brightness",)

    def about(self, evaluated: Measured) -> About:
        """Nothing that a service knows how to show."""
        return {}


class BrightnessSections:
    """Sentences and one table; no templates."""

    task = "brightness"
    mail_pictures = ()

    def subject(self, facts: Facts) -> str:
        """The error."""
        return f"Your model is ready: it is off by {_measured(facts).rmse:.2f}"

    def headline(self, facts: Facts) -> str:
        """The error."""
        return f"A model that tells how bright a photo is, off by {_measured(facts).rmse:.2f}"

    def cautions(self, facts: Facts) -> list[str]:
        """Few photos."""
        return [f"Only {_measured(facts).images} photos were kept for the test."]

    def next_steps(self, facts: Facts) -> list[str]:
        """Use it."""
        return ["Try the model on a photo."]

    def figures(self, facts: Facts) -> JsonObject:
        """One section."""
        section: JsonObject = {
            "title": "How far it is off",
            "paragraphs": ["On photos it had not seen."],
            "columns": ["error", "photos"],
            "rows": [[f"{_measured(facts).rmse:.3f}", str(_measured(facts).images)]],
        }
        return {"sections": [section]}

    def draw(self, facts: Facts, folder: Path) -> list[str]:
        """Nothing."""
        return []

    def shown(self, facts: Facts) -> tuple[str, ...]:
        """Nothing."""
        return ()


def _measured(facts: Facts) -> Measured:
    assert isinstance(facts.evaluate, Measured)
    return facts.evaluate
