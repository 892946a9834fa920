"""The tests, one file per capability."""
