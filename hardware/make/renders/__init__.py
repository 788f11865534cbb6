"""Pictures of the solids, by a renderer of our own."""
