"""Hunts one driver with several seeds, a JSON line each: run where its package is installed."""

from __future__ import annotations

import importlib.util
import json
import sys

from lab.hunt import Settings, hunt


def main(driver: str, package: str, model: str, seeds: str, executions: str) -> None:
    spec = importlib.util.spec_from_file_location("driver", driver)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["driver"] = module
    spec.loader.exec_module(module)
    for seed in range(int(seeds)):
        asked = Settings(model=model, executions=int(executions), trace=(package,), seed=seed)
        result = hunt(module.run, asked)
        line = {
            "found": result.found,
            "kind": result.kind,
            "message": result.message,
            "executions": result.executions,
            "switches": result.switches,
            "stuck": not result.conclusive,
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
