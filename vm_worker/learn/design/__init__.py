"""Networks that a search designs for the photos of one job."""
