"""The model as files: written here, proved in a clean process."""
