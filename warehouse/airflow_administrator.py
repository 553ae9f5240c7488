"""Sets the password of Airflow's administrator, and creates the account when there is none.

    AIRFLOW_ADMIN_PASSWORD=... python -m warehouse.airflow_administrator

`airflow users create` takes the password as an argument, where every user of the machine can read it; here it comes from the
environment. Run after `airflow db migrate`; a changed password holds from then on and ends the sessions of the old one.
"""

from __future__ import annotations

import os
import sys

NAME = "admin"
SHORTEST = 12  # characters of a password


def set_password(password: str) -> None:
    """Let the user `admin`, of the role Admin, log in with `password`.

    Raises ValueError when the password is shorter than `SHORTEST` characters, RuntimeError when Airflow does not take it.
    """
    if len(password) < SHORTEST:
        raise ValueError(f"AIRFLOW_ADMIN_PASSWORD has {len(password)} characters; set one of at least {SHORTEST}")
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as builder:
        users = builder.sm
        user = users.find_user(NAME)
        if user:
            done = users.reset_password(user.id, password)
        else:
            # the account has no mailbox; the address is required, and `.invalid` never resolves
            done = users.add_user(NAME, "Ebbtide", "Administrator", f"{NAME}@ebbtide.invalid", users.find_role("Admin"), password)
        if not done:
            raise RuntimeError(f"Airflow did not take the password of {NAME}; its log above says why")


def main() -> None:
    """Exit with 0 when the password is set, 2 when `AIRFLOW_ADMIN_PASSWORD` is missing or too short."""
    try:
        set_password(os.environ.get("AIRFLOW_ADMIN_PASSWORD", ""))
    except ValueError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
