"""How a detector is trained: views and their maps, targets, losses, the course of a training, and the search."""
