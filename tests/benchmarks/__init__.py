"""Benchmarks, printed as tables: `python -m tests.benchmarks.booth`. Ratios within one run; nothing here asserts."""
