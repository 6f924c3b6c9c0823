"""Clients of NATS, one package each."""
