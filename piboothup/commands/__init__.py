"""The commands: one module for each group of them. Argument parsing is in `cli`."""
