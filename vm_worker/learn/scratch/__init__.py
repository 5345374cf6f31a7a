"""Small networks that are trained from scratch."""
