"""Tools of npm, installed once into build/npm at fixed versions; without npm or a network their tests are skipped."""

import fcntl
import os
import shutil
import subprocess

import pytest

from harness import ROOT

HOME = ROOT / "build" / "npm"
PACKAGES = ["@redocly/cli@1.34.5", "openapi-typescript@7.13.0", "typescript@5.9.3"]


def tools():
    """The folder that holds the tools, each at .bin/NAME."""
    if shutil.which("npm") is None:
        pytest.skip("there is no npm here (apt install npm)")
    HOME.mkdir(parents=True, exist_ok=True)
    stamp = HOME / "installed"
    with open(HOME / "lock", "w", encoding="utf-8") as lock:  # two runs may stand side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text(encoding="utf-8").split() != PACKAGES:
            (HOME / "package.json").write_text('{"private": true}\n', encoding="utf-8")
            done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", *PACKAGES],
                                  cwd=HOME, capture_output=True, text=True, timeout=600)
            if done.returncode != 0:
                pytest.skip(f"npm cannot install {' '.join(PACKAGES)}: {done.stderr.strip()[-300:]}")
            stamp.write_text("\n".join(PACKAGES), encoding="utf-8")
    return HOME / "node_modules" / ".bin"


def run(tool, *args, cwd):
    """Runs one tool to its end, without its notices about newer versions."""
    environment = {**os.environ, "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "REDOCLY_TELEMETRY": "off", "NO_COLOR": "1"}
    return subprocess.run([tools() / tool, *map(str, args)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)
