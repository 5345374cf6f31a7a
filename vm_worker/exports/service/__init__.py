"""The self-contained service, which is one file with a model, its runtime and the libraries that it needs."""
