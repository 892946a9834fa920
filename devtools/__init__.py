"""The developer's tools: `make serve` and its parts; nothing in production imports them."""
