"""The health check of a container: does Airflow's API server report this component as healthy?

    python -m warehouse.airflow_health scheduler

`airflow jobs check` says the same, but starts all of Airflow for it, which costs seconds of a processor every time; this costs a
few hundredths of one. A component counts as healthy while its heartbeat in the metadata database is recent.
"""

from __future__ import annotations

import json
import os
import sys
from urllib.error import URLError
from urllib.parse import urljoin
from urllib.request import ProxyHandler, build_opener

COMPONENTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


def unhealthy(component: str, execution_api: str) -> str | None:
    """Why `component`, one of `COMPONENTS`, is not healthy, or None when it is.

    `execution_api` is the address tasks use, Airflow's `[core] execution_api_server_url`; health stands beside it.
    """
    address = urljoin(execution_api, "../api/v2/monitor/health")
    try:
        # the API server is a neighbour: a proxy for the providers has no part in this
        with build_opener(ProxyHandler({})).open(address, timeout=5) as answer:
            status = json.load(answer)[component]["status"]
    except (URLError, OSError, ValueError, KeyError) as error:
        return f"{component}: no health from {address}: {error}"
    return None if status == "healthy" else f"{component}: {status or 'not running'}, says {address}"


def main() -> None:
    """Exit with 0 when the component named on the command line is healthy, 1 when it is not, 2 on wrong use."""
    if len(sys.argv) != 2 or sys.argv[1] not in COMPONENTS:
        print(f"give one of {', '.join(COMPONENTS)}", file=sys.stderr)
        sys.exit(2)
    if problem := unhealthy(sys.argv[1], os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]):
        print(problem, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
