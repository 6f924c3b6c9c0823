"""One module a client library; its name is the argument of `python -m benchmarks`.

Each has `SERVERS`, where its broker is looked for, `MESSAGES`, how many a round takes, and `comparisons(servers, count)`,
an async context manager that makes what the rounds need, and gives the comparisons.
"""
