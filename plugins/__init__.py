"""Pelican plugins, one folder per job; pyproject.toml says which may import which."""
