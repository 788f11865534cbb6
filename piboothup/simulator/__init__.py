"""Simulator: the booth without hardware, a local EventPics, the demos, and the gallery of screens.

Imported only by the commands and the tests; no service depends on it.
"""
