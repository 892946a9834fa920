"""`make machine-test`: a real Debian 13 server, from nothing through a life of operation."""
