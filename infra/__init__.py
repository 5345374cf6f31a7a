"""Everything around the service: the local stack, the command line, deployment."""
