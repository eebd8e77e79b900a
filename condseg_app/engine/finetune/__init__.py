"""Teaching a trained model another class."""
