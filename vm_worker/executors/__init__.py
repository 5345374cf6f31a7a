"""Where candidate trials run."""
