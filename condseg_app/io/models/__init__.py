"""Model files, class files and checkpoints."""
