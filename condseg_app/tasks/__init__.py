"""Use cases: one a file, the same for a click, a command and a Python call."""
