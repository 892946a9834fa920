"""Hand messages to the mail relays: relay after relay, over pooled connections, inside one deadline."""
