"""The pages in a real browser, and their accessibility."""
