"""International Monetary Fund: series of the data portal in SDMX: currencies of reserves, gold reserves, commodity prices.

Formats: SDMX 2.1 structure-specific data (XML, https://sdmx.org/?page_id=5008) and SDMX-CSV 1.0, as https://api.imf.org/external/sdmx/2.1
answers; a saved answer of the service it replaced, dataservices.imf.org, is read, too. A series is named by its dimensions, which
differ from one dataset to another: in the XML they are the attributes of `Series` up to the frequency, in the CSV the columns between
the dataflow and the period. The values are in units: `SCALE` says how to show them and multiplies nothing.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, Provider, PublicationLag, Records, Request, UnreadableFile
from ingest.reader import LINES, all_blank, blank_lines, header_line, one_by_one, period_end, split_kinds, text_table

if TYPE_CHECKING:
    import duckdb

PROVIDER = Provider(1.0)

DATA = "https://api.imf.org/external/sdmx/2.1/data"

# Who holds most gold, with the buyers of the last years; G001 is the world.
GOLD_HOLDERS = ("G001", "USA", "DEU", "ITA", "FRA", "RUS", "CHN", "CHE", "JPN", "IND", "NLD", "TUR", "POL", "SAU", "GBR", "KAZ", "UZB", "SGP", "BRA", "THA")

# What is asked for, by dataset: currencies of allocated reserves (shares, and in USD), gold reserves in ounces, prices of copper and gold.
SERIES: Mapping[str, str] = {
    "IMF.STA,COFER": "G001.AFXRA.CI_USD+CI_EUR+CI_JPY+CI_GBP+CI_CNY+CI_T.SHRO_PT+NV_USD.Q",
    "IMF.STA,IL": f"{'+'.join(GOLD_HOLDERS)}.RGV_REVS.FTO.M",
    "IMF.RES,PCPS": "G001.PCOPP+PGOLD.USD.M",
}

# Dimensions by our column; the others have no column of their own and stand in the series key.
_DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "country": ("COUNTRY", "REF_AREA"),
    "indicator": ("INDICATOR", "COMMODITY"),
    "currency": ("FXR_CURRENCY",),
    "transformation": ("TYPE_OF_TRANSFORMATION", "DATA_TRANSFORMATION", "UNIT", "UNIT_MEASURE"),
    "frequency": ("FREQUENCY", "FREQ"),
}
_OLD_DIMENSIONS = ("FREQ", "REF_AREA", "INDICATOR", "COMMODITY", "UNIT_MEASURE")
_ABOUT_THE_MESSAGE = ("DATAFLOW", "STRUCTURE", "STRUCTURE_ID", "STRUCTURE_NAME", "ACTION", "KEY", "SERIES_KEY")


def _dataset(dataflow: str) -> str:
    """`COFER` of `IMF.STA:COFER(7.0.1)`, `IMF.STA,COFER,7.0.1` or `COFER`: the version changes and names nothing."""
    return re.sub(r"\(.*\)$", "", dataflow.strip()).split(":")[-1].split(",")[1 if dataflow.count(",") else 0].strip()


def _key_order(names: Iterable[str]) -> list[str]:
    """Dimensions in the order of a series key: country, indicator, others in the order of the dataset, frequency."""
    listed = list(names)
    first = [name for column in ("country", "indicator") for name in _DIMENSIONS[column] if name in listed]
    last = [name for name in _DIMENSIONS["frequency"] if name in listed]
    return [*first, *(name for name in listed if name not in (*first, *last)), *last]


def _dimensions_of(attributes: Mapping[str, str]) -> dict[str, str]:
    """Dimensions among the attributes of a series: those up to the frequency, the last of them; in the old service those it is known to have."""
    names = [name for name in attributes if "}" not in name]
    if "FREQUENCY" in names:
        upto = names[: names.index("FREQUENCY") + 1]
        always = {name for column in ("country", "indicator", "currency") for name in _DIMENSIONS[column]}
        return {name: attributes[name] for name in names if name in upto or name in always}
    return {name: attributes[name] for name in names if name in _OLD_DIMENSIONS}


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat((text or "").strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _known(*texts: str | None) -> datetime | None:
    """The later of the times a message states for its publication and its last update."""
    return max((moment for moment in map(_moment, texts) if moment), default=None)


def _read_xml(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a series and period, as the message is parsed. Periods that end after it was made are projections and counted as such."""
    import pyarrow
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    from warehouse.connection import literal

    dataset, prepared, known = "", None, None
    series: dict[str, str] = {}
    rows: dict[str, list[str | None]] = {column: [] for column in ("series_key", *_DIMENSIONS, "period", "value")}
    try:
        for event, element in iterparse(file.path, events=("start", "end")):
            tag = element.tag.rpartition("}")[2]
            if event == "start":
                if tag == "DataSet":
                    known = _known(element.get("PUBLICATION_DATE"), element.get("UPDATE_DATE"))
                elif tag == "Series":
                    series = _dimensions_of(element.attrib)
                continue
            if tag == "Ref" and not dataset:
                dataset = _dataset(element.get("id", ""))
            elif tag == "DataSetID" and not dataset:
                dataset = _dataset(element.text or "")
            elif tag == "Prepared":
                prepared = _moment(element.text)
            elif tag == "Obs":
                dimensions = series or _dimensions_of(element.attrib)
                rows["series_key"].append(".".join(dimensions[name] for name in _key_order(dimensions)))
                for column, names in _DIMENSIONS.items():
                    rows[column].append(next((dimensions[name] for name in names if name in dimensions), None))
                rows["period"].append(element.get("TIME_PERIOD"))
                rows["value"].append(element.get("OBS_VALUE"))
            elif tag == "Series":
                series = {}
            if tag in ("Obs", "Series", "Group"):
                element.clear()
    except (ParseError, DefusedXmlException) as error:
        raise UnreadableFile(f"not whole XML ({error}); fetch it again") from error
    if not dataset:
        raise UnreadableFile("the message does not say which dataset it is of; the provider may have changed the format")
    table = pyarrow.table({column: pyarrow.array(values, pyarrow.string()) for column, values in rows.items()})
    connection.register("sdmx_rows", table)
    connection.execute(f"create or replace temp table {LINES} as select row_number() over () as _row_number, * from sdmx_rows")
    connection.unregister("sdmx_rows")
    made = known or prepared
    end = period_end("period")
    kinds = {"projection": f"try_cast({end} as date) > date '{made.date()}'"} if made else {"projection": "false"}
    selected = {
        "dataset": literal(dataset),
        **{column: column for column in ("series_key", *_DIMENSIONS)},
        "observation_date": end,
        "value": "nullif(value, 'NaN')",  # SDMX for a value that is missing
        "published_at": f"'{known.isoformat()}'" if known else "null",
    }
    return _dated(split_kinds(connection, LINES, file, kinds, selected, {}), file, known)


def _dated(records: Records, file: LandedFile, known: datetime | None) -> Records:
    return Records(records.sql, records.columns, skipped=records.skipped, edition_dates={file.file_id: known.date()} if known else {})


def _read_csv(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a line. The dimensions are the columns before the period, the rest are attributes."""
    number, line, _ = header_line(file.path, re.compile(r"^\W*(DATAFLOW|STRUCTURE)\b.*\bTIME_PERIOD\b", re.IGNORECASE))
    names = [name.strip().upper() for name in next(csv.reader([line.lstrip("\ufeff")]))]
    missing = [name for name in ("TIME_PERIOD", "OBS_VALUE") if name not in names]
    if missing:
        raise UnreadableFile(f"column {', '.join(missing)} is missing; the file has {', '.join(names)}; the provider may have changed the format")
    table = text_table(connection, file, skip=number + 1, width=len(names), delimiter=",")
    at = {name: f"trim(c{place})" for place, name in enumerate(names)}
    dimensions = {name: at[name] for name in names[: names.index("TIME_PERIOD")] if name not in (*_ABOUT_THE_MESSAGE, "OBS_VALUE")}
    flow = at.get("STRUCTURE_ID") or at["DATAFLOW" if "DATAFLOW" in at else "STRUCTURE"]
    selected = {
        "dataset": rf"regexp_extract({flow}, '^(?:[^:,]*[:,])?\s*([^(,]+)', 1)",
        "series_key": f"concat_ws('.', {', '.join(dimensions[name] for name in _key_order(dimensions))})",
        **{column: next((dimensions[each] for each in known if each in dimensions), "null") for column, known in _DIMENSIONS.items()},
        "observation_date": period_end(at["TIME_PERIOD"]),
        "value": f"nullif({at['OBS_VALUE']}, 'NaN')",
    }
    stated = [at[name] for name in ("PUBLICATION_DATE", "UPDATE_DATE") if name in at]
    known = None
    if stated:
        selected["published_at"] = "greatest(" + ", ".join(f"nullif({each}, '')" for each in stated) + ")"
        found = connection.execute(f"select {', '.join(f'max({each})' for each in stated)} from {table}").fetchone()
        known = _known(*(found or ()))
    above = {"title": number, "header": 1, "blank": blank_lines(file.path, number + 1)}
    # a message without observations has one line of commas
    return _dated(split_kinds(connection, table, file, {"blank": all_blank(range(len(names)))}, selected, above), file, known)


def _requests(window: FetchWindow) -> Iterable[Request]:
    # a release may change any period, so the whole of each series is asked for
    for flow, key in SERIES.items():
        yield Request(f"{DATA}/{flow}/{key}", f"IMF_{_dataset(flow)}.xml")


FEEDS = (
    Feed(
        name="imf_sdmx",
        provider="imf",
        title="International reserves, gold reserves and commodity prices",
        description=(
            "Currency composition of the world's allocated foreign-exchange reserves (COFER, shares in percent and amounts in USD), gold reserves in "
            "fine troy ounces (IL, indicator RGV_REVS), prices of copper and gold (PCPS). Any period may be revised: in 2025 the shares were estimated "
            "anew, with unallocated reserves imputed. A message says when it was published and last updated; the later of the two is when its newest "
            "period became known."
        ),
        url="https://data.imf.org/",
        licence="IMF terms of use: attribution; commercial use needs a look at the terms",
        cadence=Cadence.MONTHLY,
        lag=PublicationLag(75, "24:00", source="monthly reserves appear within about two months; two weeks are added, as no calendar of it was found"),
        lag_by={
            "COFER": PublicationLag(100, "24:00", source="published about three months after the quarter; ten days are added, as no calendar of it was found"),
            "IL": PublicationLag(75, "24:00", source="monthly reserves appear within about two months; two weeks are added, as no calendar of it was found"),
            "PCPS": PublicationLag(15, "24:00", source="published in the first half of the next month; an assumption, no calendar of it was found"),
            "WEO": PublicationLag(300, "24:00", source="World Economic Outlook of April and October: the year before stands in both"),
        },
        bulk_after_days=20,  # a message bears one time: an older period was known by the delay of its own
        key=("dataset", "series_key", "observation_date"),
        published_column="published_at",
        columns=(
            Column("dataset", "TEXT", "Dataset without its version: COFER, IL, PCPS"),
            Column("series_key", "TEXT", "Values of all dimensions joined by dots: country, indicator, others, frequency"),
            Column("country", "TEXT", "Country or group; G001 is the world", required=False),
            Column("indicator", "TEXT", "Indicator or commodity: AFXRA (allocated reserves), RGV_REVS (gold), PCOPP (copper)", required=False),
            Column("currency", "TEXT", "CI_USD, CI_EUR, ...: currency the reserves are held in; CI_T all of them", required=False),
            Column("transformation", "TEXT", "What the value is: SHRO_PT (percent), NV_USD and USD (US dollars), FTO (fine troy ounces)", required=False),
            Column("frequency", "TEXT", "M, Q or A", required=False),
            Column("observation_date", "DATE", "Last day of the period"),
            Column("value", "DOUBLE", "Value in units; null where none is published", "as the transformation says", required=False),
            Column("published_at", "TIMESTAMP", "When the message was published or last updated (UTC)", required=False),
        ),
        formats=(
            Format(
                "sdmx_xml",
                Access.LIVE,
                re.compile(r"<(?:\w+:)?StructureSpecific(?:TimeSeries)?Data\b"),
                one_by_one(_read_xml),
                "SDMX 2.1 structure-specific data, a file a dataset",
                requests=_requests,
            ),
            Format(
                "sdmx_csv",
                Access.REPLAY,
                re.compile(r"(?i)^\W*(DATAFLOW|STRUCTURE)\b[^\n]*\bTIME_PERIOD\b[^\n]*\n(\W*dataflow\W*,)?\W*IMF[.:]"),
                one_by_one(_read_csv),
                "The same as SDMX-CSV, which the service gives for `Accept: application/vnd.sdmx.data+csv;version=1.0.0`",
            ),
        ),
    ),
)
