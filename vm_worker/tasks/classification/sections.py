"""The sections of the report that only classification has: accuracy, confused classes, calibration."""

from __future__ import annotations

from pathlib import Path

from jobs.json_values import JsonObject
from vm_worker.learn import imbalance
from vm_worker.report_facts import Facts
from vm_worker.results.evaluated import Evaluated

SHEET = "doubts.jpg"  # of vm_worker.evaluation.doubts, which is loaded only where it is drawn
CONFUSION, RELIABILITY, LEARNING = "confusion.png", "reliability.png", "learning.png"


class ClassSections:
    """The parts of the report that only classification has. Plots are drawn by modules that are loaded when needed."""

    task = "classification"
    mail_pictures = (CONFUSION,)

    def subject(self, facts: Facts) -> str:
        """Return the mail's subject: whether the model can be used, and how often it is right."""
        from vm_worker.evaluation import advice

        return advice.subject(_evaluated(facts).test, _balanced(facts))

    def headline(self, facts: Facts) -> str:
        """Return a sentence with the number of classes, the accuracy and its interval."""
        from vm_worker.evaluation import advice

        return advice.headline(_evaluated(facts).test, len(facts.dataset.classes), _balanced(facts))

    def cautions(self, facts: Facts) -> list[str]:
        """Return sentences about small test sets, and models no better than always naming the commonest class."""
        from vm_worker.evaluation import advice

        return [*advice.too_good(facts.dataset), *advice.cautions(_evaluated(facts).test, _balanced(facts))]

    def next_steps(self, facts: Facts) -> list[str]:
        """Return advice about more photos, doubtful labels and uncertain answers."""
        from vm_worker.evaluation import advice, designing

        evaluated, select = _evaluated(facts), facts.select
        found = (select.learning_curve, select.suspects_count, evaluated.unsure)
        design = designing.suggestion(select.candidates, select.design is not None)
        return [*advice.next_steps(evaluated.test, *found, balanced=_balanced(facts)), *([design] if design else [])]

    def figures(self, facts: Facts) -> JsonObject:
        """Return the keys `test`, `calibration`, `unsure`, `pictures`, and how many classes a matrix shows.

        `good_enough` is false for a model that the test cannot tell from guessing: the page's title then says so.
        """
        from vm_worker.evaluation import actions, chance, designing, matrix, plain

        evaluated = _evaluated(facts)
        evaluate = evaluated.to_json()
        keys = ("test", "calibration", "unsure", "pictures", "doubts", "sureness")
        shown = {key: evaluate[key] for key in keys if key in evaluate}
        found = (facts.select.learning_curve, facts.select.suspects_count, evaluated.unsure)
        shown["actions"] = actions.actions(evaluated.test, *found, balanced=_balanced(facts))
        shown["plain"] = plain.answers(evaluated.test, evaluated.unsure, _balanced(facts))
        shown["good_enough"] = not chance.guesses(evaluated.test, _balanced(facts))
        if facts.select.design is not None:
            search = facts.select.design, facts.select.candidates, _validation(facts)
            shown["design"] = designing.figures(*search, evaluated.beside)
        return {**shown, "matrix_classes": matrix.MATRIX_CLASSES, "shares_classes": matrix.SHARES_CLASSES}

    def draw(self, facts: Facts, folder: Path) -> list[str]:
        """Draw the confusion matrix, the calibration, and the learning curve where there is one; return the files."""
        from vm_worker.evaluation import matrix, plots

        evaluated = _evaluated(facts)
        matrix.confusion(folder / CONFUSION, evaluated.test.confusion, facts.dataset.classes)
        plots.reliability(folder / RELIABILITY, evaluated.calibration)
        drawn, curve = [CONFUSION, RELIABILITY], facts.select.learning_curve
        if curve is not None and curve.points:  # an empty picture would lie among the files
            plots.learning(folder / LEARNING, curve)
            drawn.append(LEARNING)
        if facts.select.design is None:
            return drawn
        from vm_worker.evaluation import designing

        return [*drawn, *designing.draw(facts.select.design, len(facts.dataset.classes), _validation(facts), folder)]

    def shown(self, facts: Facts) -> tuple[str, ...]:
        """Return the pictures of wrong answers, of confused classes and of where the network looked."""
        evaluated = _evaluated(facts)
        return (*evaluated.pictures, *([SHEET] if evaluated.doubts else []))


def _validation(facts: Facts) -> int:
    """Return the number of validation photos."""
    return sum(counts.validation for counts in facts.dataset.counts.values())


def _balanced(facts: Facts) -> bool:
    """Return whether classes are so unequal that the balanced accuracy chose the model."""
    return facts.tune.metric == imbalance.BALANCED


def _evaluated(facts: Facts) -> Evaluated:
    """Return the committed figures of a classification. Raises TypeError for those of another task."""
    if not isinstance(facts.evaluate, Evaluated):
        raise TypeError(f"{type(facts.evaluate).__name__} are no figures of a classification")
    return facts.evaluate
