"""Contents on their way in, out, and from one object to another."""
