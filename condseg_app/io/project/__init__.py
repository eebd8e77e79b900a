"""A project on disk, and the journal of unsaved work."""
