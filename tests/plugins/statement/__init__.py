"""The versions of the privacy statement, and its contract with the code."""
