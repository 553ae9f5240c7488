"""What an attacker, or an accident, may not do: secrets in no file, hostile files refused, the published build locked, exports that run nothing."""

from __future__ import annotations

import ast
import io
import json
import logging
import os
import re
import struct
import traceback
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from provider import Answer, Provider

import ingest.client
import ingest.source
from ingest.feeds.fred import API_KEY
from ingest.landing import Landing
from ingest.load import load_landed
from ingest.reader import MAX_CELLS, MAX_MEMBERS, expanded, sheets_of
from ingest.secrets import forms, holds_secret, masked
from ingest.source import FetchFailed, LiveSource
from tests.raw_store import RawStore
from tests.test_cli import run
from tests.test_dags import in_fresh_process
from tests.test_live_source import AS_OF, OBSERVATIONS, pauses, vintages
from tests.test_readers import fsi, zipped
from warehouse.connection import connect_published
from warehouse.notify import notifier_paths
from warehouse.settings import REPOSITORY, Settings, UnreadableFile, load_settings  # type: ignore[attr-defined]
