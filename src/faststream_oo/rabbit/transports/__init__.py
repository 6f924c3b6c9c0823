"""RabbitMQ clients, one folder each."""
