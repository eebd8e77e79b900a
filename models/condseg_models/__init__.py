"""Networks that are told which class to look for. torch only; no files, no GUI."""
