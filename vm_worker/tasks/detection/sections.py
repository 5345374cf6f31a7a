"""The sections of the report that only detection has: found and missed, counts, sizes, and photos with their boxes."""

from __future__ import annotations

from pathlib import Path

from jobs import wording
from jobs.json_values import Json, JsonObject
from vm_worker.report_facts import Facts
from vm_worker.tasks.detection import sentences, sureness
from vm_worker.tasks.detection.results import DetectionFigures

COUNTS, PRECISION = "counts.png", "precision.png"
PHOTOS_LISTED = 10


class DetectionSections:
    """The parts of the report that only detection has. Plots are drawn by modules that are loaded when needed."""

    task = "detection"
    mail_pictures = (COUNTS,)

    def subject(self, facts: Facts) -> str:
        """Return the mail's subject: what was found."""
        figures = _figures(facts)
        scores, what = figures.scores, sentences.things(figures)
        state = "Your model is ready" if sentences.good_enough(figures) else "Not good enough yet"
        state = state if sentences.solvable(facts.tune) else "Not solvable with these photos"
        return f"{state}: it found {scores.found} of {scores.labelled} {what}"

    def headline(self, facts: Facts) -> str:
        """Return how many objects were found, missed and marked without a label."""
        return sentences.headline(_figures(facts))

    def cautions(self, facts: Facts) -> list[str]:
        """Return sentences about few photos, rare classes and many misses."""
        return [*sentences.not_solvable(facts.tune), *sentences.cautions(_figures(facts))]

    def next_steps(self, facts: Facts) -> list[str]:
        """Return advice about missing labels, small objects and how to count."""
        figures = _figures(facts)
        short = facts.tune.trials[0].note or sentences.hardly_trained(figures, facts.tune)
        more = [f"Give it more minutes: {short}."] if short else []
        return [*more, *sentences.next_steps(figures)]

    def figures(self, facts: Facts) -> JsonObject:
        """Return the keys `detection` (every number), `sections` (what is shown of them), `pictures`, `good_enough`."""
        figures = _figures(facts)
        return {
            "detection": figures.to_json(),
            "sections": _sections(facts, figures),
            "pictures": {name: [] for name in figures.pictures},
            "good_enough": sentences.good_enough(figures) and sentences.solvable(facts.tune),
        }

    def draw(self, facts: Facts, folder: Path) -> list[str]:
        """Draw the counts, and precision and recall; return their file names."""
        from vm_worker.tasks.detection import plots

        figures = _figures(facts)
        plots.counts(folder / COUNTS, figures.photos, sentences.things(figures))
        plots.precision(folder / PRECISION, figures)
        return [COUNTS, PRECISION]

    def shown(self, facts: Facts) -> tuple[str, ...]:
        """Return the sheets of photos with their boxes."""
        return _figures(facts).pictures


def _sections(facts: Facts, figures: DetectionFigures) -> list[Json]:
    return [
        _section(
            "How well it counts",
            [*sentences.counting(figures), *sureness.paragraphs(figures)],
            sureness.columns(figures),
            sureness.rows(figures),
        ),
        _section(
            "The largest errors",
            ["The test photos whose counts are furthest off."],
            ["photo", "labelled", "counted", "found"],
            [
                [wording.name(row.name), str(row.labelled), str(row.counted), str(row.found)]
                for row in figures.photos[:PHOTOS_LISTED]
            ],
        ),
        _section(
            "Class by class",
            [sentences.precision(figures)],
            ["class", "labelled", "found", "missed", "without a label", "AP50", "AP"],
            sentences.class_rows(figures),
        ),
        *_sizes(figures),
        _training(facts, figures),
        _section("Your labels", [_labels(facts), *facts.dataset.warnings]),
    ]


def _sizes(figures: DetectionFigures) -> list[Json]:
    if not figures.sizes:
        return []
    said = ["Thirds of the labelled objects, by the square root of their box's area in the photo."]
    return [_section("By size", said, ["size", "labelled", "found", "share"], sentences.size_rows(figures.sizes))]


def _training(facts: Facts, figures: DetectionFigures) -> Json:
    sides = f"{figures.width} x {figures.height} pixels"
    tiles = f", of tiles of {figures.tile} pixels" if figures.tile else ""
    said = [
        sentences.winner(figures, facts.tune),
        *sentences.search(facts.tune),
        f"Threshold and overlap ({figures.overlap:g}) were searched on the validation photos, without training: the "
        "best F1, and of points that are as good the one with the least error of the count.",
        *sentences.expected(figures),
        f"The network sees {sides}{tiles}. Boxes are cut from its answers outside the model file, by detection.json.",
    ]
    columns = ["training", "epochs", "steps an epoch", "learning rate", "threshold", "count's RMSE", "F1", ""]
    return _section("How it was trained", said, columns, sentences.trial_rows(facts.tune.trials))


def _labels(facts: Facts) -> str:
    dataset = facts.dataset
    boxes = {name: sum(parts.to_json().values()) for name, parts in dataset.counts.items()}
    listed = ", ".join(f"{wording.name(name)} {count:,}" for name, count in boxes.items())
    return f"{wording.plural(dataset.images, 'photo')} with {sum(boxes.values()):,} boxes: {listed}."


def _section(
    title: str, paragraphs: list[str], columns: list[str] | None = None, rows: list[list[str]] | None = None
) -> Json:
    return {
        "title": title,
        "paragraphs": list(paragraphs),
        "columns": list(columns or []),
        "rows": [list(row) for row in rows or []],
    }


def _figures(facts: Facts) -> DetectionFigures:
    """Return the committed figures of a detection. Raises TypeError for those of another task."""
    if not isinstance(facts.evaluate, DetectionFigures):
        raise TypeError(f"{type(facts.evaluate).__name__} are no figures of a detection")
    return facts.evaluate
