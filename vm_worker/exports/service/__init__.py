"""The self-contained service: a model, its runtime and the libraries that it needs in one file."""
