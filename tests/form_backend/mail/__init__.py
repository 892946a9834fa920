"""Delivery to relays: their choice, connections, logins, encryption, faults."""
