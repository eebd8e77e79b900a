"""A comparison's results as a table for people, a table for programs, and a figure."""
