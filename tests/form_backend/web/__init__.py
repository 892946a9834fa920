"""Requests as no browser sends them, and clients that are slow."""
