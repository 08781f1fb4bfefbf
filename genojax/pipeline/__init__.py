"""Flows: several acts in a row, each resuming where it stopped."""
