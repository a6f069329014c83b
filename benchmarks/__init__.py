"""Measurements: side by side in one run, medians of pairs. Never a test: a figure is no verdict."""
