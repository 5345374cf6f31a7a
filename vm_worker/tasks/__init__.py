"""The tasks, which are the kinds of model that a job can train: each is a folder here and a row in jobs/tasks.py."""
