"""Base of the spool's errors, for callers that tell a person about any of them."""


class SpoolError(Exception):
    """Failure of the spool. The text of one that can reach a person is a sentence with a remedy."""
