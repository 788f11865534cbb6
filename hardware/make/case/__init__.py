"""The case: sizes, what fits, solids, lengths of the wires in it."""
