"""Label maps and their class tables."""
