"""Staged transfer: one network learns several data sets in turn, and what that saves is measured."""
