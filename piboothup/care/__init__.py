"""Care for a box: what `piboothup doctor` checks. No service imports it."""
