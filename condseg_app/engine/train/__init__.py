"""Training from single-class and partly labelled data."""
