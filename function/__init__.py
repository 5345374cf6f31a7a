"""The cloud function: the web interface where jobs are submitted, followed and deleted."""
