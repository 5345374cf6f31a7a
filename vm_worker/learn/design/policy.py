"""The settings of a search for a network."""

from __future__ import annotations

from dataclasses import dataclass

ENTRY = "vm_worker.learn.design.tasks:work"


@dataclass(frozen=True)
class DesignPolicy:
    """How long networks are trained and compared, and which parts of the time what takes."""

    space: str = "layers"
    # Epochs after which networks are compared. The best third of those that came so far trains on: asynchronous
    # successive halving (Li et al., MLSys 2020, algorithm 2).
    rungs: tuple[int, ...] = (3, 9, 27)
    eta: int = 3
    epoch_steps: int = 30  # of an epoch at least: with few photos a pass over them teaches next to nothing
    epoch_most: int = 60  # steps of an epoch at most: of many photos it sees a part, and the next one sees others
    slow: float = 3.0  # times the median: a network whose epochs take longer than that does not train on
    later_times: float = 0.5  # times the seconds of first trainings, that those which go on may take beside them
    finalists: int = 5  # at most
    finalists_least: int = 2  # with fewer nothing is compared
    judgements: int = 2  # of each finalist, on other halves of the photos
    judged_epochs: int = 9
    judging_share: float = 0.2  # of the time, for judging the finalists again
    final_share: float = 0.2  # of the time, for training the best network once more, for longer
    training_seconds: float = 30.0  # expected for a network, from which the size of the space follows
    isolated_seconds: float = 150.0  # of time from which trainings run in a process of their own
    processes: int = 2  # that train at a time, each on its share of the cores; one on a GPU, whose memory it takes
    entry: str = ENTRY  # the function that an executor's process runs


POLICY = DesignPolicy()
