"""Everything at once, in short: scripts/soak has the long forms, and says what is held to what."""

import os
import subprocess

from harness import IS_SANITIZED, PATIENCE, PROGRAM, ROOT


def test_under_all_kinds_of_requests_and_swaps_every_body_is_right_and_the_end_is_clean():
    is_threaded = b"__tsan_init" in PROGRAM.read_bytes()
    kind = "asan" if IS_SANITIZED else "tsan" if is_threaded else "plain"
    done = subprocess.run(["/usr/bin/python3", ROOT / "scripts" / "soak", kind, "1500" if is_threaded else "4000", "--program", PROGRAM], cwd=ROOT, capture_output=True, text=True,
                          timeout=300 * PATIENCE, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0 and "soak: all is well" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
