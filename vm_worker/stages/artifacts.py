"""The names of the private files that stages leave for later ones, in the attempt's folder."""

from __future__ import annotations

HEAD = "head.npz"  # the selected head
SCRATCH_WEIGHTS = "grown.weights.h5"  # all layers but the last of a network that was trained from nothing
TUNED = "tuned.weights.h5"  # the whole network, where tuning made it better
JUDGED = "judged.npz"  # what the delivered setting says of the validation part, by a model that had not seen it
UNSEEN = "unseen.npz"  # what heads like the selected one say of train+validation, out of fold
PROBABILITIES = "test.npz"  # what model.h5 says of the test photos
