"""What the clients of NATS have in common."""
