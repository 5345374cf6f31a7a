"""The job, its record, its limits and its mails: all that the cloud function and the worker agree on."""
