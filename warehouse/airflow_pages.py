"""The report and Data Docs behind Airflow's log-in: what the API server mounts for the plugin.

The pages are plain HTML, read from the home of the warehouse and never written. They are those of the newest build.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from warehouse.page_script import page_script

# Pages hold text of providers: whatever it is, the browser runs nothing but the report's own script, loads nothing from elsewhere and sends nothing.
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; script-src '{page_script()[1]}'; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    # the next build writes other pages under the same names
    "Cache-Control": "private, no-cache",
}


def pages_app(folders: Mapping[str, Path]) -> FastAPI:
    """An application that serves the HTML pages of each folder under its name, to users who may read runs of `warehouse_refresh`.

    Who is not logged in is sent to Airflow's log-in and comes back.
    """
    app = FastAPI(title="Ebbtide", docs_url=None, redoc_url=None, openapi_url=None)
    # it resolves links and looks below its folder only
    files = {name: StaticFiles(directory=folder, html=True, check_dir=False) for name, folder in folders.items()}
    may_read = Depends(requires_access_dag("GET", DagAccessEntity.RUN, param_dag_id="warehouse_refresh"))

    @app.api_route("/{name}/{path:path}", methods=["GET", "HEAD"], dependencies=[may_read], response_model=None)
    async def page(request: Request, name: str, path: str) -> Response:
        # a folder is asked for by its index, and nothing but pages is served
        if name not in files or not (path == "" or path.endswith(("/", ".html"))):
            raise HTTPException(404)
        return await files[name].get_response(path or ".", request.scope)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        if error.status_code == 401:
            return RedirectResponse(get_auth_manager().get_url_login(next_url=str(request.url)))
        said = "There is no such page, or no refresh has written it yet." if error.status_code == 404 else error.detail
        return PlainTextResponse(said, error.status_code)

    @app.middleware("http")
    async def with_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        answer = await call_next(request)
        answer.headers.update(HEADERS)
        return answer

    return app
