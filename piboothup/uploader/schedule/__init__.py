"""What to upload next and when: queue, attempts, backoff, and what follows from a failure."""
