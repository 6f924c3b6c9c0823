"""What every Kafka client library below a broker needs, once: its transport adds the calls of the library alone."""
