"""What a model can learn to do: each task is a folder here and a row in jobs/tasks.py."""
