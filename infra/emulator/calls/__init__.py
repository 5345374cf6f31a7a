"""One request as a handler of either API receives it."""
