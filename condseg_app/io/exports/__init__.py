"""Export formats, and the record that goes with each."""
