"""The names of the private files that stages leave for later ones, in the attempt's folder."""

from __future__ import annotations

HEAD = "head.npz"  # the selected head
BAR = "bar.npy"  # probabilities for the validation part by the selected form of head, which had not seen it
UNSEEN_HEAD = "unseen_head.npz"  # the selected form of head of all depths, which had not seen the validation part
PARTNER = "partner.npz"  # the head of the network that is delivered beside the selected one
SCRATCH_WEIGHTS = "grown.weights.h5"  # a network that was trained from scratch: all its layers but the last
TUNED = "tuned.weights.h5"  # the whole network; written when tuning made it better
# Probabilities for the validation part, by a model with the delivered settings that had not seen it.
JUDGED = "judged.npz"
UNSEEN = "unseen.npz"  # out-of-fold probabilities for train+validation, by heads with the selected settings
PROBABILITIES = "test.npz"  # probabilities of model.h5 for the test photos
BEFORE = "before.npz"  # digests of what the earlier model had seen, by which the photos were split
START = "start.weights.h5"  # the winner's weights before this job, where they are an earlier model's
# The best designed network and the best pretrained one, where they are not selected: they answer the test photos, too.
CONTENDER_HEAD = "{}.head.npz"  # by kind
CONTENDER_WEIGHTS = "contender.weights.h5"  # of the designed one: all its layers but the last
