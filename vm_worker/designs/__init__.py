"""Networks as text: read an architecture, know its shapes and its cost, build it, draw it, design it."""
