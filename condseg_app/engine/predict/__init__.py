"""Prediction by windows, encoded once for all classes."""
