"""The standalone app. Importing this package imports nothing of Qt: `main` chooses the binding first."""
