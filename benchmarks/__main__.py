"""CPU per message on real brokers: a careful loop on each client, and this framework, in interleaved rounds.

`python -m benchmarks [CLIENT]… [--servers ADDRESS] [--messages N] [--rounds N] [--only TEXT]`
"""

import argparse
import asyncio
from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from benchmarks import clients
from benchmarks.runner import measure, report

CLIENTS = [module.name for module in iter_modules(clients.__path__)]


async def compare(client: str, servers: str | None, messages: int | None, rounds: int, only: str) -> None:
    """Run the comparisons of one client and print what came out."""
    module: Any = import_module(f"{clients.__name__}.{client}")
    count = messages or module.MESSAGES
    async with module.comparisons(servers or module.SERVERS, count) as every:
        chosen = [one for one in every if only in one.name]
        figures = await measure(chosen, count, rounds)
    print(f"\n{client}: {count:,} messages, median of {rounds} interleaved rounds\n")
    for comparison, found in zip(chosen, figures, strict=True):
        print("\n".join(report(comparison, found)), end="\n\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare the clients that are named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=f"some of {', '.join(CLIENTS)}; all by default")
    parser.add_argument("--servers", help="of the one client that is named")
    parser.add_argument("--messages", type=int, help="of each round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="comparisons whose name has this in it")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.clients if name not in CLIENTS]:
        parser.error(f"no such client: {', '.join(unknown)}; there are {', '.join(CLIENTS)}")
    if given.messages is not None and given.messages < 2:
        parser.error("--messages: 2 or more, as the first of them are not measured")
    for client in given.clients or CLIENTS:
        asyncio.run(compare(client, given.servers, given.messages, given.rounds, given.only))


if __name__ == "__main__":
    main()
