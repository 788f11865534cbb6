"""Diagrams, sheets and cards, as SVG."""
