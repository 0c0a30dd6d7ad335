"""Goose, in a terminal or on the desktop."""
