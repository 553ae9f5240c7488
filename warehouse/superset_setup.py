"""Sets up Superset for the service `superset` of docker-compose.yml: the administrator's password, and the published build as a database.

    SUPERSET_ADMIN_PASSWORD=... python superset_setup.py

It runs in Superset's image, which has none of Ebbtide's packages, after `superset db upgrade` and `superset init`. Running it again
changes the password and leaves charts, dashboards and other databases as they are.
"""

from __future__ import annotations

import json
import os
import sys

NAME = "admin"
SHORTEST = 12  # characters of a password
DATABASE = "Ebbtide"


def set_up(password: str, home: str) -> None:
    """Let the user `admin`, of the role Admin, log in with `password`, and see the build published in `home` as the database `Ebbtide`.

    Raises ValueError when the password is shorter than `SHORTEST` characters, RuntimeError when Superset does not take it.
    """
    if len(password) < SHORTEST:
        raise ValueError(f"SUPERSET_ADMIN_PASSWORD has {len(password)} characters; set one of at least {SHORTEST} in .env, see docs/compose.md")
    from superset.app import create_app

    with create_app().app_context():
        # these need an application to be imported
        from superset import db, security_manager
        from superset.models.core import Database

        user = security_manager.find_user(NAME)
        if user:
            # unlike `add_user`, it answers nothing
            security_manager.reset_password(user.id, password)
        elif not security_manager.add_user(NAME, "Ebbtide", "Administrator", f"{NAME}@ebbtide.invalid", security_manager.find_role("Admin"), password):
            raise RuntimeError(f"Superset did not take the password of {NAME}; its log above says why")

        database = db.session.query(Database).filter_by(database_name=DATABASE).one_or_none()
        if database is None:
            database = Database(database_name=DATABASE, expose_in_sqllab=True)
            db.session.add(database)
        database.set_sqlalchemy_uri(f"duckdb:///{home}/published/current.duckdb")
        database.extra = json.dumps({"engine_params": {"connect_args": {"read_only": True}}})
        db.session.commit()


def main() -> None:
    """Exit with 0 when all is set, 2 when `SUPERSET_ADMIN_PASSWORD` is missing or too short."""
    try:
        set_up(os.environ.get("SUPERSET_ADMIN_PASSWORD", ""), os.environ["EBBTIDE_HOME"])
    except ValueError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
