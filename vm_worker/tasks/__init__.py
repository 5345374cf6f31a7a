"""The tasks that a model can learn: each task is a folder here and a row in jobs/tasks.py."""
