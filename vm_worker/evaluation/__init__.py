"""How good the model is, in numbers and in pictures."""
