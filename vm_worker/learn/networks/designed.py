"""Networks that come as text: their rows, and how Keras builds them for pictures of 0 to 255."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vm_worker.designs.delivery import deliverable
from vm_worker.designs.grammar import parse
from vm_worker.designs.layers import Given, Network, network
from vm_worker.designs.shapes import Cost
from vm_worker.learn.networks.catalogue import OUTPUT, Backbone, Preprocessing
from vm_worker.results.designs import NetworkPlan

if TYPE_CHECKING:
    import keras

DESIGNED, OWN = "designed_network", "own_network"  # keys
TITLES: Mapping[str, str] = {DESIGNED: "Designed network", OWN: "Your own network"}
# Of a network that a job trains: what it needs for a batch fits into 4 GB, and a step into some seconds of two cores.
# At 64 pixels VGG16 has 44 million parameters, 1.3 thousand million multiply-adds and 1.2 million values.
LIMITS = Cost(50_000_000, 2_000_000_000, 5_000_000)
__all__ = ["DESIGNED", "LIMITS", "OWN", "TITLES", "built", "drawn", "row"]


def drawn(plan: NetworkPlan, classes: int, limits: Cost = LIMITS) -> Network:
    """Return the layers of a network as a job builds it. Raises ArchitectureError."""
    return network(deliverable(parse(plan.architecture))[0], Given(plan.side, classes), limits)


def row(key: str, plan: NetworkPlan, classes: int) -> Backbone:
    """Return the network's row, like those of the pretrained ones. Raises ArchitectureError."""
    whole = drawn(plan, classes)
    features = whole.layers[whole.layers[-1].inputs[0]].shape[-1]
    return Backbone(
        key=key,
        title=TITLES[key],
        application="",
        size=plan.side,
        features=features,
        parameters=whole.cost.parameters - whole.layers[-1].cost.parameters,
        gflops=whole.cost.multiply_adds / 1e9,
        preprocessing=Preprocessing.PLUS_MINUS_ONE,
        cuts=(),
        licence="yours",
        attribution=f"{TITLES[key]}: trained on your photos alone, without pretrained weights.",
    )


def built(plan: NetworkPlan, classes: int, name: str = DESIGNED) -> tuple[keras.Model, keras.Model]:
    """Build a network: whole, and without its last layer. Both share their weights.

    The whole takes raw RGB (None, s, s, 3) in 0..255 and gives probabilities (None, classes). Raises ArchitectureError.
    """
    import keras

    from vm_worker.designs.builder import build

    def prepared(image: Any) -> Any:
        return keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocessing")(image)

    whole = build(drawn(plan, classes), prepared, OUTPUT)
    return whole, keras.Model(whole.input, whole.get_layer(OUTPUT).input, name=name)
