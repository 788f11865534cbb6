"""A stick labelled PIBOOTHUP: mounted by a one-shot unit of root's at the booth's request, its file taken."""
