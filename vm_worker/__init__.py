"""The trainer: polls for datasets, trains, reports."""
