"""Security-breach notices on the website."""
