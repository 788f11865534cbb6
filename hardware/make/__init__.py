"""What this folder shows, made of its tables: bills, diagrams, the case, pictures and cards.

`python -m hardware.make` makes all of it anew, `--check` says what is stale. Bills, diagrams and the text's tables
need nothing besides piboothup; pictures, the case and PDFs need the extra `hardware` of pyproject.toml.
"""
