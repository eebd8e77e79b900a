"""Drawing tools: pure functions from a mask in a box of an image to another mask."""
