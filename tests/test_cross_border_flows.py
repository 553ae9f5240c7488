"""What foreigners hold and buy of US securities: the continuous series and the published tables, their formats and their traps.

Every file here is made by hand and small; its numbers are invented.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from raw_store import RawStore

from expectations.check import BuildUnderCheck
from expectations.raw import feed_suite
from ingest.feed import FetchWindow, UnreadableFile
from ingest.feeds import FEEDS
from ingest.reader import array_lines
from ingest.sample import END, render, truth

FLOW_FEEDS = ("tic_cslt", "tic_slt")
SERIES_SQL = "select concat_ws('_', direction, term, instrument, measure, country_code), observation_date::varchar, amount from raw.tic_cslt order by 1, 2"


def series(name: str, *pairs: tuple[str, str | None], title: str | None = None) -> dict[str, Any]:
    metadata = {"title": title or f"Foreign holdings: {name}", "frequency": "M", "season": "NSA", "units": "Millions of Dollars"}
    return {"source_id": name, "metadata": metadata, "observations": [list(pair) for pair in pairs]}


def document(*records: dict[str, Any], sent: str = "2026-09-10 11:30:00", indent: int | None = None) -> str:
    return json.dumps({"releaseID": "3", "version": "2.0", "transmissionDt": sent, "series": records}, indent=indent)


def zipped(text: str, name: str = "cslt.json") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return buffer.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> RawStore:
    return RawStore(tmp_path / "landing")


# --- the continuous series ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("indent", [None, 2], ids=["compact", "indented"])
def test_a_series_is_named_by_its_parts_and_dated_at_month_end(store: RawStore, indent: int | None) -> None:
    text = document(
        series("for_lt_eqty_net_43001", ("2026-07-01", "-1250.0"), ("2026-06-01", "813432.0"), title="Foreign net transactions of U.S. equity: Korea, South"),
        series("us_lt_eqty_pos_99996", ("2024-02-01", "5.5")),
        series("for_st_treas_pos_99990", ("2026-07-01", "7.0")),
        indent=indent,
    )
    file = store.take("tic_cslt", "cslt.zip", zipped(text))
    assert (file["status"], file["rows_read"], file["rows_quarantined"], file["skipped"]) == ("loaded", 4, 0, {})
    assert store.rows(SERIES_SQL) == [
        ("for_lt_eqty_net_43001", "2026-06-30", 813432.0),
        ("for_lt_eqty_net_43001", "2026-07-31", -1250.0),
        ("for_st_treas_pos_99990", "2026-07-31", 7.0),
        ("us_lt_eqty_pos_99996", "2024-02-29", 5.5),
    ]
    assert store.rows("select distinct country from raw.tic_cslt where country_code = '43001'") == [("Korea, South",)]


def test_series_of_another_kind_are_counted_and_missing_amounts_are_stated(store: RawStore) -> None:
    text = document(
        series("for_lt_corp_valchg_10251", ("2026-07-01", "."), ("2026-06-01", None), ("2026-05-01", "1")), series("something_else", ("2026-07-01", "1"))
    )
    file = store.take("tic_cslt", "cslt.json", text)
    assert (file["rows_read"], file["rows_loaded"], file["skipped"]) == (3, 3, {"other series": 1})
    assert [amount for *_, amount in store.rows(SERIES_SQL)] == [1.0, None, None]


def test_a_month_that_is_no_date_is_quarantined(store: RawStore) -> None:
    file = store.take("tic_cslt", "cslt.json", document(series("for_lt_eqty_pos_43001", ("2026-07-01", "1"), ("2026-7x-01", "2"))))
    assert (file["rows_loaded"], file["rows_quarantined"]) == (1, 1)
    assert store.reasons() == ["observation_date: 2026-7x-01 is not a date"]


def test_a_release_rewrites_the_past_and_only_what_changed_is_added(store: RawStore) -> None:
    july, june, may = ("2026-07-01", "4.0"), ("2026-06-01", "3.0"), ("2026-05-01", "2.0")
    first = store.take(
        "tic_cslt", "cslt.zip", zipped(document(series("for_lt_eqty_pos_43001", june, may))), edition_at=datetime(2026, 8, 17, 20, 2, tzinfo=UTC)
    )
    text = document(series("for_lt_eqty_pos_43001", july, ("2026-06-01", "3.0"), ("2026-05-01", "2.5")))
    second = store.take("tic_cslt", "cslt.zip", zipped(text), edition_at=datetime(2026, 9, 16, 20, 2, tzinfo=UTC))
    assert (first["rows_loaded"], second["rows_loaded"], second["rows_unchanged"]) == (2, 2, 1)
    assert store.rows(
        "select observation_date::varchar, amount, _available_at::varchar, _available_at_source from raw.tic_cslt order by 1, 3"
    ) == [
        ("2026-05-31", 2.0, "2026-07-19 20:00:00", "lag"),
        ("2026-05-31", 2.5, "2026-09-16 20:02:00", "edition"),
        # fetched before the longest delay had passed: known when it was fetched
        ("2026-06-30", 3.0, "2026-08-17 20:02:00", "edition"),
        ("2026-07-31", 4.0, "2026-09-16 20:02:00", "edition"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "edition"),
    [
        # sent before the release it is for: the release says when it became known
        ("2026-09-10 11:30:00", "2026-09-18 20:00:00"),
        ("20260910", "2026-09-18 20:00:00"),
        ("soon", "2026-09-18 20:00:00"),
        ("2026-99-99", "2026-09-18 20:00:00"),
        # sent after that release was due: it was late
        ("2026-09-25T09:00:00", "2026-09-26 04:00:00"),
        ("09/25/2026", "2026-09-26 04:00:00"),
    ],
)
def test_the_day_a_document_was_sent_is_not_the_day_it_was_published(store: RawStore, sent: str, edition: str) -> None:
    file = store.take("tic_cslt", "cslt.json", document(series("for_lt_eqty_pos_43001", ("2026-07-01", "1")), sent=sent))
    assert str(file["edition_at"]) == edition


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (document(series("for_lt_eqty_pos_43001", ("2026-07-01", "1")))[:-30], "the document ends inside the array 'series'; fetch it again"),
        ('{"transmissionDt": "2026-09-10", "error": "busy"}', "no array 'series' in the document"),
        (document(), "the file has no records"),
        ("<html><body>maintenance</body></html>", "a web page"),
    ],
)
def test_a_document_that_is_not_whole_is_quarantined(store: RawStore, text: str, message: str) -> None:
    file = store.take("tic_cslt", "cslt.json", text)
    assert (file["status"], file["rows_read"]) == ("quarantined", 0)
    assert message in file["message"]


def test_an_array_longer_than_what_is_read_at_once_is_split_whole(tmp_path: Path) -> None:
    """Elements lie across the blocks that are read, among them texts with brackets, quotes and line ends."""
    records = [{"source_id": f"n{number}", "text": 'a ] " \\ } {\n' + "\u00e9" * (number % 997)} for number in range(5000)]
    path = tmp_path / "large.json"
    path.write_text(json.dumps({"before": 1, "series": records, "after": [1, 2]}, indent=1, ensure_ascii=False), encoding="utf-8")
    assert path.stat().st_size > 3 << 20
    with array_lines(path, "series") as (lines, outside):
        assert [json.loads(line) for line in lines.read_text(encoding="utf-8").split("\n")[:-1]] == records
        assert '"before": 1' in outside
        assert '"after"' in outside
    assert not lines.exists()


def test_an_array_of_another_name_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text('{"serie": [1]}', encoding="utf-8")
    with pytest.raises(UnreadableFile, match="no array 'series'"), array_lines(path, "series"):
        pass


# --- the published tables -----------------------------------------------------------------------------------------------

_PARTS = ("total", "treas", "agcy", "corp", "eqty")
TABLE_1 = ["country", "country_code", "date", *(f"for_lt_{part}_{measure}" for part in _PARTS for measure in ("pos", "net", "valchg"))]
TABLE_3 = [
    *("country", "country_code", "date", "for_treas_pos", "for_treas_net", "for_lt_treas_pos", "for_lt_treas_net", "for_lt_treas_valchg"),
    *("for_st_treas_pos", "for_st_treas_net"),
]
TABLE_4 = ["country", "country_code", "date", "for_lt_eqty_sale", "us_lt_govt_bond_sale", "for_lt_eqty_pur", "us_lt_govt_bond_pur"]
SLT_SQL = """
    select source_table, country_code, concat_ws('_', direction, term, instrument, measure), observation_date::varchar, amount from raw.tic_slt
    order by _row_number
"""


def table(columns: list[str], *rows: str, end: str = "\r\n", title: str = "Table 1: U.S. Long-Term Securities Held by Foreign Residents") -> str:
    above = [title, "All Countries", "Millions of dollars", "Link: https://example/slt_table1.txt", "", "Country\tCountry Code\tDate\tHoldings\tNet U.S. Sales"]
    below = ["", "Euro area:  As of January 2026, includes Austria", '"Total" is the sum of "all"', "for_lt_total_net: 3 + 7 - 2"]
    return end.join([*above, "\t".join(columns), *rows, *below, ""])


def test_one_record_a_column_with_a_value(store: RawStore) -> None:
    lines = [
        "Japan\t42609\t2023-02\t100\t-6\t-3\t40\t-8\t-1\t10\t0\t0\t10\t1\t1\t40\t1\t-3",
        '"China, Mainland"\t41408\t2023-01\t"1,100"\tn.a.\t\t1,000\tn.a.\t\t50\t\t\t50\t\t\t0\t--\tN/A',
    ]
    file = store.take("tic_slt", "slt_table1.txt", table(TABLE_1, *lines))
    assert (file["rows_read"], file["rows_quarantined"]) == (20, 0)
    assert file["skipped"] == {"title": 5, "header": 2, "blank": 1, "footer": 3, "not published": 10}
    found = store.rows(SLT_SQL)
    assert found[:3] == [
        ("1", "42609", "for_lt_total_pos", "2023-02-28", 100), ("1", "42609", "for_lt_total_net", "2023-02-28", -6),
        ("1", "42609", "for_lt_total_valchg", "2023-02-28", -3),
    ]  # fmt: skip
    assert [row for row in found if row[1] == "41408"] == [
        ("1", "41408", f"for_lt_{part}_pos", "2023-01-31", amount) for part, amount in zip(_PARTS, (1100, 1000, 50, 50, 0), strict=True)
    ]
    assert store.rows("select distinct country from raw.tic_slt order by 1") == [("China, Mainland",), ("Japan",)]


def test_treasuries_of_all_terms_and_gross_transactions_take_the_same_shape(store: RawStore) -> None:
    store.take(
        "tic_slt", "slt_table3.txt", table(TABLE_3, "Of Which: Foreign Official\t99990\t2026-07\t900\t-5\t800\t-6\t2\t100\t1", title="Table 3: Treasuries")
    )
    store.take("tic_slt", "slt_table4.txt", table(TABLE_4, "Austria\t10189\t2026-02\t2523\t400\t2668\t527", title="Table 4: Purchases and Sales"))
    assert [(row[0], row[2], row[4]) for row in store.rows(SLT_SQL) if row[0] == "3"] == [
        ("3", "for_total_treas_pos", 900), ("3", "for_total_treas_net", -5), ("3", "for_lt_treas_pos", 800), ("3", "for_lt_treas_net", -6),
        ("3", "for_lt_treas_valchg", 2), ("3", "for_st_treas_pos", 100), ("3", "for_st_treas_net", 1),
    ]  # fmt: skip
    assert [(row[0], row[2], row[4]) for row in store.rows(SLT_SQL) if row[0] == "4"] == [
        ("4", "for_lt_eqty_sale", 2523), ("4", "us_lt_govt_bond_sale", 400), ("4", "for_lt_eqty_pur", 2668), ("4", "us_lt_govt_bond_pur", 527),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "drifted",
    [
        lambda text: text.replace("\r\n", "\n"),
        lambda text: "\ufeff" + text.replace("country_code", "Country_Code").replace("for_lt_", "FOR_LT_"),
        lambda text: text[text.index("country\t") :],
        lambda text: re.sub(r"(?m)^(country\t.*?|Japan\t.*?)(\r?)$", r"\1\tnew\2", text),
        lambda text: text.replace("Japan", '"Japan"').replace("42609", '"42609"'),
    ],
    ids=["line feeds", "byte-order mark and capitals", "no titles", "a column more", "quoted"],
)
def test_small_drifts_of_the_table_do_not_matter(store: RawStore, drifted: Any) -> None:
    text = table(TABLE_3, "Japan\t42609\t2026-07\t900\t-5\t800\t-6\t2\t100\t1")
    file = store.take("tic_slt", "slt_table3.txt", drifted(text))
    assert (file["status"], file["rows_loaded"], file["rows_quarantined"]) == ("loaded", 7, 0)
    assert store.rows("select country, country_code, sum(amount) from raw.tic_slt group by all") == [("Japan", "42609", 1792.0)]


def test_a_name_in_latin_1_is_read(store: RawStore) -> None:
    file = store.take("tic_slt", "slt_table3.txt", table(TABLE_3, "C\u00f4te d'Ivoire\t53007\t2026-07\t900\t-5\t800\t-6\t2\t100\t1").encode("latin-1"))
    assert file["rows_loaded"] == 7
    assert store.rows("select distinct country from raw.tic_slt") == [("C\u00f4te d'Ivoire",)]


def test_a_table_without_known_columns_is_quarantined_with_the_reason(store: RawStore) -> None:
    columns = ["country", "country_code", "date", "for_lt_holdings"]
    file = store.take("tic_slt", "slt_table1.txt", table(columns, "Japan\t42609\t2026-07\t900"))
    assert file["status"] == "quarantined"
    assert "no column is named like for_lt_treas_pos" in file["message"]


def test_tables_that_overlap_are_kept_apart(store: RawStore) -> None:
    """Both print long-term Treasury holdings, and need not be of the same release."""
    store.take("tic_slt", "slt_table1.txt", table(TABLE_1, "Japan\t42609\t2026-07" + "\t1" * 15))
    store.take("tic_slt", "slt_table3.txt", table(TABLE_3, "Japan\t42609\t2026-07" + "\t2" * 7, title="Table 3: Treasuries"))
    where = "instrument = 'treas' and term = 'lt' and measure = 'pos'"
    assert store.rows(f"select source_table, amount from raw.tic_slt where {where} order by 1") == [("1", 1), ("3", 2)]


def test_what_is_asked_for() -> None:
    window = FetchWindow(date(2026, 9, 1), date(2026, 10, 1))
    for feed, names in (("tic_cslt", ["cslt.zip"]), ("tic_slt", [f"slt_table{number}.txt" for number in (1, 2, 3, 4)])):
        (declared,) = FEEDS[feed].formats
        assert declared.requests
        asked = list(declared.requests(window))
        assert [request.file_name for request in asked] == names
        assert all(request.url.startswith("https://ticdata.treasury.gov/") and request.url.endswith(request.file_name) for request in asked)


# --- checks of the gate -------------------------------------------------------------------------------------------------


def unmet(store: RawStore, feed: str) -> list[str]:
    """Names of the feed's own checks on sums that are not met."""
    columns = tuple(name for (name,) in store.rows(f"select column_name from duckdb_columns() where table_name = '{feed}'"))
    build = BuildUnderCheck("build", "live", datetime(2026, 10, 1), {feed: "landed"}, {("raw", feed): columns})
    checks = [check for check in feed_suite(build, FEEDS[feed]).checks if check.name.startswith("instruments_add_up")]
    assert len(checks) == 2
    return [check.name for check in checks if store.rows((check.unexpected_rows or "").replace("{batch}", f"raw.{feed}"))]


def test_instruments_must_add_up(store: RawStore) -> None:
    store.take("tic_slt", "slt_table1.txt", table(TABLE_1, "Japan\t42609\t2026-07\t100\t-6\t-3\t40\t-8\t-1\t10\t0\t0\t10\t1\t1\t40\t1\t-3"))
    assert unmet(store, "tic_slt") == []
    store.connection.execute("update raw.tic_slt set amount = amount + 5 where instrument = 'eqty' and measure = 'net'")
    assert unmet(store, "tic_slt") == ["instruments_add_up", "instruments_add_up_throughout"]


# --- sample -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> RawStore:
    """The sample world's files of these feeds, landed and loaded; and the major holders beside them."""
    store = RawStore(tmp_path_factory.mktemp("sample") / "landing", [FEEDS[name] for name in (*FLOW_FEEDS, "tic_major_foreign_holders")], END)
    for file in render(END, first_year=2010, feeds=[feed.name for feed in store.feeds]):
        store.land(file.feed, file.name, file.content, format=file.format, edition_at=file.edition_at)
    store.load()
    return store


def test_sample_files_load_whole(sampled: RawStore) -> None:
    found = sampled.rows("select feed, count(*) > 2, sum(rows_quarantined), count(*) filter (where status <> 'loaded') from meta.file group by 1 order by 1")
    assert [row for row in found if row[0] in FLOW_FEEDS] == [(name, True, 0, 0) for name in FLOW_FEEDS]
    assert sampled.rows("select count(*) < 25000 from raw.tic_cslt") == [(True,)]
    for feed in FLOW_FEEDS:
        assert unmet(sampled, feed) == []


def known(store: RawStore, name: str, day: str) -> float:
    """A series of the continuous set on a day, in its newest version, billion USD."""
    found = store.rows(
        f"""
        select amount / 1e3 from raw.tic_cslt
        where concat_ws('_', direction, term, instrument, measure, country_code) = '{name}' and observation_date = '{day}'
        order by _available_at desc limit 1
        """
    )
    return float(found[0][0])


def test_foreigners_buy_less_us_equity_and_then_sell(sampled: RawStore) -> None:
    before, after = known(sampled, "for_lt_eqty_net_99996", "2021-12-31"), known(sampled, "for_lt_eqty_net_99996", "2023-10-31")
    assert before > 15
    assert after < -25
    assert truth()["figures"]["foreign_equity_purchases_usd_bn"] == pytest.approx({"2021-12-31": before, "2023-10-31": after})
    assert "foreign_equity_purchases_usd_bn" not in truth(strength=0.0)["figures"]


def test_japans_treasuries_are_those_of_the_major_holders(sampled: RawStore) -> None:
    held = sampled.rows(
        """
        select holdings from raw.tic_major_foreign_holders
        where country = 'Japan' and observation_date = '2023-06-30' and _available_at < '2023-09-18 20:00:01' order by _available_at desc limit 1
        """
    )[0][0]
    assert known(sampled, "for_lt_treas_pos_42609", "2023-06-30") == pytest.approx(0.86 * held, abs=0.01)
    bought, revalued = (sum(known(sampled, f"for_lt_treas_{measure}_42609", f"2022-{month}") for month in MONTH_ENDS) for measure in ("net", "valchg"))
    change = known(sampled, "for_lt_treas_pos_42609", "2022-12-31") - known(sampled, "for_lt_treas_pos_42609", "2021-12-31")
    # yields rose in 2022, and with them holdings lost value
    assert revalued < -50
    assert bought + revalued == pytest.approx(change, abs=0.01)


MONTH_ENDS = ("01-31", "02-28", "03-31", "04-30", "05-31", "06-30", "07-31", "08-31", "09-30", "10-31", "11-30", "12-31")


def test_purchases_start_in_the_tables_with_the_expanded_survey(sampled: RawStore) -> None:
    found = sampled.rows("select measure, min(observation_date)::varchar from raw.tic_slt group by 1 order by 1")
    assert found == [("net", "2023-02-28"), ("pos", "2020-01-31"), ("pur", "2023-02-28"), ("sale", "2023-02-28"), ("valchg", "2023-02-28")]
    gross = sampled.rows(
        """
        with newest as (
            select country_code, observation_date, instrument, measure, amount from raw.tic_slt
            where _available_at = (select max(_available_at) from raw.tic_slt)
        ),
        sides as (pivot newest on measure in ('sale', 'pur', 'net') using any_value(amount) group by country_code, observation_date, instrument)
        select max(abs(sale - pur - net)) from sides
        """
    )
    assert gross == [(0.0,)]
