"""Root's part: one-shot work, some of which the booth requests. No service imports it, and it imports none."""
