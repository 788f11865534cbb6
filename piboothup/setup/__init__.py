"""Root's part: one-shot work that the booth requests. No service imports it, and it imports none."""
