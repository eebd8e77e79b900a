"""Folders of images and labels."""
