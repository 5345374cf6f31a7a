"""The choice of the network that suits the photos: candidates, their validation, their ranking."""
