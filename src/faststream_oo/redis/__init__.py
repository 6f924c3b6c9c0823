"""Redis, through redis-py or embedded in the process: streams with groups, lists, channels and patterns, pipelines."""
