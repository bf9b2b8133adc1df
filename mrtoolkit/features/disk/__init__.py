"""Bytes on disk: rows of features in families, committed whole or not at all."""
