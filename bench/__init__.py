"""How fast the website is, measured beside the machine's limits and beside others; `make bench` runs it."""
