"""What sqlfluff needs to render the models without dbt and without a database: dbt's `var`, `adapter.dispatch` and `execute`.

sqlfluff's own stand-ins know neither the values of vars (a loop over one would be empty) nor macros that dispatch.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from jinja2 import pass_context
from jinja2.runtime import Context

from warehouse.dbt import measured_signals

_PROJECT = Path(__file__).resolve().parent.parent / "dbt_project.yml"
_VARS: dict[str, Any] = yaml.safe_load(_PROJECT.read_text(encoding="utf-8"))["vars"] | {"measured_signals": measured_signals()}


def var(name: str, default: Any = None) -> Any:
    """The value dbt_project.yml gives a var. Raises KeyError when it gives none and there is no default."""
    return _VARS[name] if default is None else _VARS.get(name, default)


@pass_context
def _dispatch(context: Context, name: str, package: str) -> Any:
    """The macro dbt would choose for DuckDB where no adapter has a body of its own."""
    return context.resolve(f"default__{name}")


adapter = SimpleNamespace(dispatch=_dispatch)
execute = False
