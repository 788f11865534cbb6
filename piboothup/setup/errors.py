"""Error of root's helper."""


class Refused(Exception):
    """Refusal of a request, with the reason for the log."""
