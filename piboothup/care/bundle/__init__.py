"""The support bundle: what it holds, and what is removed from it."""
