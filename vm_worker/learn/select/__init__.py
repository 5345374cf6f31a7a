"""Which network suits the photos: candidates, their validation, their ranking."""
