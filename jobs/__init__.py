"""What the function and the worker agree on: the job, its record, its limits, its mails."""
