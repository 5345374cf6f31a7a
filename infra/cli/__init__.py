"""The command line: `modelmail`."""
