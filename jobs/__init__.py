"""The parts that the cloud function and the worker share: the job, its record, its limits and its mails."""
