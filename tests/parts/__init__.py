"""The real parts that tests run: the build, the form backend, relays, web servers, a long fault run."""
