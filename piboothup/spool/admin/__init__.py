"""Operator's work on the photos of a card: inventory, assign, export, wipe."""
