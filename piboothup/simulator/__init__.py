"""Simulator: the booth without hardware, a local EventPics, the demos, and the gallery of screens.

Only the commands and the tests come in here; no service depends on it.
"""
