"""Zero-downtime expand/contract migrations for a live PostgreSQL."""

__version__ = "0.1.0"
