"""The executors, which run the trials of candidates in this process, in child processes or on a cluster."""
