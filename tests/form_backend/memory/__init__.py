"""Rate limits and delivered messages, shared by several processes."""
