"""make serve, and the commands that begin a new page."""
