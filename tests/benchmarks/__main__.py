"""Run benchmarks: ``python -m tests.benchmarks [NAME...] [-- OPTION...]``; all if none is named."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import tests.benchmarks


def names() -> list[str]:
    """Return the names of all benchmarks."""
    found = pkgutil.iter_modules(tests.benchmarks.__path__)
    return sorted(module.name for module in found if not module.name.startswith("_"))


def main(words: list[str]) -> int:
    """Run benchmarks one after the other; an unknown name is a usage error."""
    cut = words.index("--") if "--" in words else len(words)
    chosen, options = words[:cut] or names(), words[cut + 1 :]
    unknown = sorted(set(chosen) - set(names()))
    if unknown:
        print(
            f"no benchmark {', '.join(unknown)}; there are: {', '.join(names())}", file=sys.stderr
        )
        return 2
    for name in chosen:
        print(f"\n== {name}", flush=True)
        importlib.import_module(f"tests.benchmarks.{name}").main(options)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
