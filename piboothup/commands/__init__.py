"""The commands, one module per group. `cli` parses their arguments."""
