"""Images made by formulas, with their labels: for tests, and for machines without data."""
