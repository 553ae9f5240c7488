# The images of docker-compose.yml: `ebbtide` for Airflow's services, `superset` for the service of that name.
ARG PYTHON=python:3.13.14-slim-bookworm
ARG SUPERSET=apache/superset:6.1.0

FROM ${PYTHON} AS build
WORKDIR /opt/ebbtide
COPY requirements.lock pyproject.toml README.md ./
# uv as it is locked; then what the package asks for, each in the version and with a hash of the lock, wheels only: nothing is compiled
RUN sed -n '/^uv==/,/[^\\]$/p' requirements.lock > /tmp/uv.lock \
    && python -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement /tmp/uv.lock \
    && python -m venv --without-pip /opt/venv \
    && /opt/uv/bin/uv pip install --python /opt/venv/bin/python --no-cache --only-binary :all: --compile-bytecode \
        --require-hashes --constraint requirements.lock --requirement pyproject.toml
COPY dags dags
COPY dbt_project dbt_project
COPY expectations expectations
COPY ingest ingest
COPY warehouse warehouse
RUN /opt/uv/bin/uv pip install --python /opt/venv/bin/python --no-cache --no-deps --build-constraint requirements.lock --editable . \
    && /opt/venv/bin/python -m compileall -q dags expectations ingest warehouse

FROM ${SUPERSET} AS superset
USER root
# the image has no driver for DuckDB: both packages as they are locked, so that it reads the file format that the warehouse is written in
RUN --mount=type=bind,from=build,source=/opt,target=/opt/build \
    /opt/build/uv/bin/uv pip install --python "$(command -v python)" --no-cache --no-deps --only-binary :all: --compile-bytecode \
        --require-hashes --constraint /opt/build/ebbtide/requirements.lock duckdb duckdb-engine \
    && groupadd --gid 10001 ebbtide \
    && useradd --uid 10001 --gid ebbtide --no-create-home --home-dir /tmp --shell /usr/sbin/nologin ebbtide \
    && install --directory --owner ebbtide --group ebbtide --mode 0750 /var/lib/superset
COPY --from=build /opt/ebbtide/warehouse/superset_setup.py /opt/ebbtide/
ENV HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /var/lib/superset
USER 10001:10001

FROM ${PYTHON} AS ebbtide
# the running image installs nothing
RUN pip uninstall --yes --quiet --root-user-action ignore pip \
    && groupadd --gid 10001 ebbtide \
    && useradd --uid 10001 --gid ebbtide --no-create-home --home-dir /tmp --shell /usr/sbin/nologin ebbtide \
    # a new volume takes owner and mode from the folder it is mounted on
    && install --directory --owner ebbtide --group ebbtide --mode 0750 /var/lib/ebbtide /var/lib/ebbtide/airflow
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/ebbtide /opt/ebbtide
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /var/lib/ebbtide
USER 10001:10001
CMD ["ebbtide", "--help"]
