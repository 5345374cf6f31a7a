"""What the stages commit: frozen rows and figures that become JSON in a job's manifests, and are read back from it."""
