"""Small networks that are trained from nothing."""
