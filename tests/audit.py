"""Audit `requirements.lock` for known vulnerabilities with pip-audit: `make audit`.

Exit code 1 when one is found. Where the service that knows them cannot be reached, pip-audit skips every package and ends well: that is said
here in so many words, and is no failure, so that a build without the internet can pass.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"


def audit(program: str) -> tuple[int, list[str]]:
    """Exit code and what to say, for the report of a pip-audit program."""
    command = [program, "--requirement", str(LOCK), "--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        why = done.stderr.strip().splitlines()[-1:] or ["pip-audit gave no report"]
        return 0, [f"THE AUDIT DID NOT RUN: {why[0]}"]
    audited = [package for package in packages if "skip_reason" not in package]
    skipped = len(packages) - len(audited)
    if not audited:
        return 0, [f"THE AUDIT DID NOT RUN: the service knew none of {len(packages)} packages; run `make audit` where it can be reached"]
    found = [
        f"{package['name']} {package['version']}: {known['id']}, "
        + (f"fixed in {', '.join(known['fix_versions'])}" if known["fix_versions"] else "not fixed yet")
        for package in audited
        for known in package["vulns"]
    ]
    said = [f"{len(audited)} packages audited, " + (f"{len(found)} known vulnerabilities" if found else "no known vulnerability"), *found]
    if skipped:
        said.append(f"{skipped} of {len(packages)} packages could not be audited")
    return (1 if found else 0), said


if __name__ == "__main__":
    code, lines = audit(sys.argv[1] if len(sys.argv) > 1 else str(Path(sys.executable).with_name("pip-audit")))
    print("\n".join(lines))
    sys.exit(code)
