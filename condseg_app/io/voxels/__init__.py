"""Lazy reading: layouts, boxes, unpacking and scratch files."""
