"""Form 13F: the quarterly archives of all managers' filings, and single filings on the day they are filed, before an archive holds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from html import escape
from typing import TypeAlias

import numpy as np

from ingest.feeds.sec import seed
from ingest.sample import dates, filing
from ingest.sample.file import SampleFile, View, archive, text
from ingest.sample.process import ONSET, TECHNOLOGY_CUT, stream
from ingest.sample.securities import BOND_FUND, FIRST_CUSIP, SECURITIES, SHARE, Security, prices
from ingest.sample.tables import Floats
from ingest.sample.world import World
from ingest.sample.world import world as simulated

BRIDGEWATER = "0001350694"
TECHNOLOGY = "Information Technology"

CUT_QUARTER = date(2023, 6, 30)

# Kinds of managers who follow it from shares into bonds while the retreat lasts, and the share of their other holdings they sell a quarter.
_FOLLOWERS = ("macro", "risk parity", "multi-strategy", "state pension")
_SOLD = 0.06

FIRST_QUARTER = date(2018, 12, 31)
# Filings of these quarters come one by one, too: of all managers of interest, or of Bridgewater alone.
_SINGLE_SINCE = date(2023, 6, 30)
_SINGLE_SINCE_BRIDGEWATER = date(2023, 3, 31)

# EDGAR is far from numbers as high.
_FIRST_OTHER_CIK = 9_000_000_001

_IN_DOLLARS_SINCE = date(2023, 1, 3)
_PUBLISHED_AFTER_DAYS = 15  # an archive comes so long after the last filing day it covers


Row: TypeAlias = tuple[object, ...]


@dataclass(frozen=True)
class Line:
    """A line of an information table: shares and value in USD at the end of the quarter; `put_call` for an option."""

    security: Security
    shares: int
    value: int
    put_call: str = ""


@dataclass(frozen=True)
class Filing:
    """A filing of a manager; `amendment` is RESTATEMENT, NEW HOLDINGS or nothing."""

    accession: str
    cik: str
    name: str
    quarter: date
    filed: date
    lines: tuple[Line, ...]
    amendment: str = ""

    @property
    def unit(self) -> int:
        """USD in one unit of a value as filed."""
        return 1 if self.filed >= _IN_DOLLARS_SINCE else 1000


def files(world: World, view: View) -> Iterator[SampleFile]:
    """One archive a quarter of filing days; then single filings of the newest quarters."""
    every = _filings(world.seed, world.strength)
    archives: dict[tuple[int, int], list[Filing]] = {}
    for each in every:
        archives.setdefault((each.filed.year, (each.filed.month + 2) // 3), []).append(each)
    for (year, quarter), filed in sorted(archives.items()):
        end = np.datetime64(f"{year}-{3 * quarter:02d}", "M").astype("datetime64[M]") + 1
        published = dates.local_to_utc(np.array([end.astype("datetime64[D]") - 1 + _PUBLISHED_AFTER_DAYS]), "12:00", "America/New_York")[0]
        if published <= view.as_of and filed[0].quarter >= date.fromisoformat(str(view.since)):
            # an archive never changes once it is there
            content = _archive([*filed, *_other_filings(world, filed, view.other_managers)])
            yield SampleFile("sec_13f_filing", "data_set", f"{year}q{quarter}_form13f.zip", dates.as_datetime(published), content)
    for each in every:
        since = _SINGLE_SINCE_BRIDGEWATER if each.cik == BRIDGEWATER else _SINGLE_SINCE
        published = dates.local_to_utc(np.array([np.datetime64(each.filed, "D")]), "24:00", "America/New_York")[0]
        if each.quarter >= since and published <= view.as_of:
            yield SampleFile("sec_13f_filing", "submission_text", f"{each.accession}.txt", dates.as_datetime(published), _submission(each))


# --- what managers hold -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _filings(world_seed: int, strength: float) -> tuple[Filing, ...]:
    """Filings of all managers in the order of their quarters."""
    world = simulated(world_seed, strength)
    found: list[Filing] = []
    kinds = {row["cik"]: row["kind"] for row in seed.rows("manager")}
    for cik, name in seed.managers().items():
        quarters = [quarter for quarter in filing.quarters(cik) if quarter >= FIRST_QUARTER]
        if not quarters:
            continue  # another filer of its house reports
        held = _portfolio(world, cik, kinds[cik], quarters)
        amendments = {quarter: kind for manager, quarter, kind in filing.AMENDMENTS if manager == cik}
        for quarter in quarters:
            lines = held[quarter]
            kind = amendments.get(quarter, "")
            # a restatement puts right what was too high, new holdings were confidential at first
            first = lines[:-2] if kind == "NEW HOLDINGS" else lines
            if kind == "RESTATEMENT":
                first = tuple(Line(line.security, line.shares * 2, line.value * 2, line.put_call) for line in lines)
            found.append(Filing(filing.accession(cik, quarter), cik, name, quarter, filing.filed_on(cik, quarter), first))
            if kind:
                amended = lines[-2:] if kind == "NEW HOLDINGS" else lines
                found.append(Filing(filing.accession(cik, quarter, 1), cik, name, quarter, filing.filed_on(cik, quarter, 1), amended, kind))
    return tuple(sorted(found, key=lambda each: (each.quarter, each.filed, each.accession)))


def _portfolio(world: World, cik: str, kind: str, quarters: list[date]) -> Mapping[date, tuple[Line, ...]]:
    """Lines of a manager by quarter: shares drift a few per cent a quarter; in the retreat some managers go from shares into bonds."""
    rng = stream(world.seed, f"13F {cik}")
    ends = np.array(quarters, "datetime64[D]")
    size = np.exp(rng.uniform(np.log(4e9), np.log(90e9))) * (40 if kind == "index manager" else 1)
    chosen = {each.cusip for each in SECURITIES if each.asset_class == BOND_FUND or rng.uniform() < 0.55}
    owned = [each for each in SECURITIES if FIRST_CUSIP[each.ticker] in chosen]
    weights = rng.dirichlet(np.full(len(owned), 1.5))
    worth = {each.cusip: prices(world, each, ends) for each in owned}
    splits = {each.cusip: _split_factors(world, each, ends) for each in owned}
    found: dict[date, list[Line]] = {quarter: [] for quarter in quarters}
    drift = {each.cusip: np.exp(np.cumsum(0.03 * rng.standard_normal(len(ends)))) for each in owned}
    held = {each.cusip: size * weight / worth[each.cusip][0] * drift[each.cusip] for each, weight in zip(owned, weights.tolist(), strict=True)}
    # a holding goes on under the new CUSIP of its share
    held = {each.cusip: held[FIRST_CUSIP[each.ticker]].copy() for each in owned}
    cut = [each.cusip for each in owned if world.strength and cik == BRIDGEWATER and each.sector == TECHNOLOGY and each.asset_class == SHARE]
    for cusip in cut:
        at = quarters.index(CUT_QUARTER)
        held[cusip][at:] = held[cusip][at - 1] * (1 - TECHNOLOGY_CUT) * np.exp(np.concatenate([[0.0], np.diff(np.log(drift[cusip][at:])).cumsum()]))
    if world.strength and any(name in kind for name in _FOLLOWERS):
        # what they get for shares goes into bond funds
        kept = (1 - _SOLD) ** np.cumsum(ends >= ONSET)
        bonds = [each.cusip for each in owned if each.asset_class == BOND_FUND]
        sold = [each.cusip for each in owned if each.cusip not in (*bonds, *cut) and each.symbol_on(ends[-1])]
        bought = sum(held[cusip] * worth[cusip] for cusip in sold) * (1 - kept) / sum(held[cusip] * worth[cusip] for cusip in bonds)
        held |= {cusip: held[cusip] * kept for cusip in sold} | {cusip: held[cusip] * (1 + bought) for cusip in bonds}
    for each in owned:
        for quarter, end, price, count, factor in zip(quarters, ends, worth[each.cusip], held[each.cusip], splits[each.cusip], strict=True):
            if each.symbol_on(end) is not None and count >= 1:
                found[quarter].append(Line(each, round(count / factor), round(round(count / factor) * float(price) * factor)))
    if kind == "multi-strategy":
        fund = next(each for each in SECURITIES if each.ticker == "SPY")
        for quarter, price in zip(quarters, prices(world, fund, ends), strict=True):
            contracts = int(rng.integers(1_000, 20_000))
            found[quarter].append(Line(fund, contracts * 100, round(contracts * 100 * float(price)), "Put" if rng.uniform() < 0.7 else "Call"))
    return {quarter: tuple(lines) for quarter, lines in found.items()}


def _other_filings(world: World, filed: Sequence[Filing], count: int) -> Iterator[Filing]:
    """Filings of managers who are of no interest, for the newest quarter of an archive: each holds what one of interest does, in another size.

    It files in the quarters in which that one does.
    """
    newest = max(each.quarter for each in filed)
    models = {each.cik: each for each in filed if each.quarter == newest and not each.amendment}
    ciks = sorted(seed.managers())
    rng = stream(world.seed, "13F other managers")
    of, size = rng.integers(len(ciks), size=count), np.exp(rng.normal(-1.5, 1.0, count))
    for number, (place, factor) in enumerate(zip(of.tolist(), size.tolist(), strict=True)):
        model = models.get(ciks[place])
        if model is None:
            continue
        cik = f"{_FIRST_OTHER_CIK + number:010d}"
        lines = tuple(Line(line.security, shares, round(line.value * factor), line.put_call) for line in model.lines if (shares := round(line.shares * factor)))
        yield Filing(
            filing.accession(cik, model.quarter), cik, f"OTHER MANAGER {number + 1:05d} LLC", model.quarter, filing.filed_on(cik, model.quarter), lines
        )


def _split_factors(world: World, security: Security, ends: dates.Days) -> Floats:
    """Today's shares for one share on each day."""
    own = world.prices.get(security.ticker)
    factors = np.ones(len(ends))
    for day, ratio in own.splits if own else ():
        factors *= np.where(ends < np.datetime64(day), ratio, 1)
    return factors


# --- the files ----------------------------------------------------------------------------------------------------------


def _table(header: str, rows: Sequence[Row]) -> bytes:
    return text([header.replace(" ", "\t"), *("\t".join(str(cell) for cell in row) for row in rows)])


def _archive(filed: list[Filing]) -> bytes:
    """A quarterly archive: its seven tables, tab-separated, dates like 14-NOV-2023."""

    def day(on: date) -> str:
        return on.strftime("%d-%b-%Y").upper()

    submissions: list[Row] = []
    covers: list[Row] = []
    summaries: list[Row] = []
    signatures: list[Row] = []
    others: list[Row] = []
    lines: list[Row] = []
    for each in filed:
        kind = "13F-HR/A" if each.amendment else "13F-HR"
        total = sum(line.value // each.unit for line in each.lines)
        submissions.append((each.accession, day(each.filed), kind, each.cik, day(each.quarter)))
        covers.append(
            (
                *(each.accession, day(each.quarter), "Y" if each.amendment else "N", 1 if each.amendment else "", each.amendment, "", "", "", ""),
                *(each.name, "", "", "NEW YORK", "NY", "10001", "13F HOLDINGS REPORT", f"028-{int(each.cik) % 100000:05d}", "", "", "N", ""),
            )
        )
        summaries.append((each.accession, 1, len(each.lines), total, "N"))
        signatures.append((each.accession, "A. Person", "Chief Compliance Officer", "000-000-0000", "A. Person", "NEW YORK", "NY", day(each.filed)))
        others.append((each.accession, 1, "", f"028-{int(each.cik) % 100000:05d}", "", "", f"{each.name} (subsidiary)"))
        for number, line in enumerate(each.lines):
            key = (int(each.accession.replace("-", "")[-12:]) * 1000 + number) % 10**12
            lines.append(
                (
                    *(each.accession, key, line.security.name, line.security.title_of_class, line.security.cusip, "", line.value // each.unit),
                    *(line.shares, "SH", line.put_call, "SOLE" if number % 5 else "DFND", "" if number % 5 else "1", line.shares, 0, 0),
                )
            )
    tables = {
        "SUBMISSION": _table("ACCESSION_NUMBER FILING_DATE SUBMISSIONTYPE CIK PERIODOFREPORT", submissions),
        "COVERPAGE": _table(
            "ACCESSION_NUMBER REPORTCALENDARORQUARTER ISAMENDMENT AMENDMENTNO AMENDMENTTYPE CONFDENIEDEXPIRED DATEDENIEDEXPIRED DATEREPORTED "
            "REASONFORNONCONFIDENTIALITY FILINGMANAGER_NAME FILINGMANAGER_STREET1 FILINGMANAGER_STREET2 FILINGMANAGER_CITY "
            "FILINGMANAGER_STATEORCOUNTRY FILINGMANAGER_ZIPCODE REPORTTYPE FORM13FFILENUMBER CRDNUMBER SECFILENUMBER "
            "PROVIDEINFOFORINSTRUCTION5 ADDITIONALINFORMATION",
            covers,
        ),
        "SUMMARYPAGE": _table("ACCESSION_NUMBER OTHERINCLUDEDMANAGERSCOUNT TABLEENTRYTOTAL TABLEVALUETOTAL ISCONFIDENTIALOMITTED", summaries),
        "SIGNATURE": _table("ACCESSION_NUMBER NAME TITLE PHONE SIGNATURE CITY STATEORCOUNTRY SIGNATUREDATE", signatures),
        "OTHERMANAGER": _table("ACCESSION_NUMBER OTHERMANAGER_SK CIK FORM13FFILENUMBER CRDNUMBER SECFILENUMBER NAME", []),
        "OTHERMANAGER2": _table("ACCESSION_NUMBER SEQUENCENUMBER CIK FORM13FFILENUMBER CRDNUMBER SECFILENUMBER NAME", others),
        "INFOTABLE": _table(
            "ACCESSION_NUMBER INFOTABLE_SK NAMEOFISSUER TITLEOFCLASS CUSIP FIGI VALUE SSHPRNAMT SSHPRNAMTTYPE PUTCALL INVESTMENTDISCRETION "
            "OTHERMANAGER VOTING_AUTH_SOLE VOTING_AUTH_SHARED VOTING_AUTH_NONE",
            lines,
        ),
    }
    return archive((f"{name}.tsv", content) for name, content in tables.items())


def _submission(each: Filing) -> bytes:
    """The full submission text of one filing: header, primary document, information table."""
    kind = "13F-HR/A" if each.amendment else "13F-HR"
    quarter, filed = each.quarter.strftime("%m-%d-%Y"), each.filed.strftime("%m-%d-%Y")
    amended = f"<isAmendment>true</isAmendment><amendmentNo>1</amendmentNo><amendmentInfo><amendmentType>{each.amendment}</amendmentType></amendmentInfo>"
    primary = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<edgarSubmission xmlns="http://www.sec.gov/edgar/thirteenffiler" xmlns:com="http://www.sec.gov/edgar/common">'
        f"<headerData><submissionType>{kind}</submissionType><filerInfo><filer><credentials><cik>{each.cik}</cik></credentials></filer>"
        f"<periodOfReport>{quarter}</periodOfReport></filerInfo></headerData>\n<formData><coverPage>{amended if each.amendment else ''}"
        f"<filingManager><name>{escape(each.name)}</name><address><com:city>NEW YORK</com:city><com:stateOrCountry>NY</com:stateOrCountry></address>"
        f"</filingManager><reportType>13F HOLDINGS REPORT</reportType><form13FFileNumber>028-{int(each.cik) % 100000:05d}</form13FFileNumber></coverPage>\n"
        f"<signatureBlock><name>A. Person</name><title>Chief Compliance Officer</title><signatureDate>{filed}</signatureDate></signatureBlock>\n"
        f"<summaryPage><otherIncludedManagersCount>1</otherIncludedManagersCount><tableEntryTotal>{len(each.lines)}</tableEntryTotal>"
        f"<tableValueTotal>{sum(line.value // each.unit for line in each.lines)}</tableValueTotal><otherManagers2Info><otherManager2>"
        f"<sequenceNumber>1</sequenceNumber><otherManager><form13FFileNumber>028-{int(each.cik) % 100000:05d}</form13FFileNumber>"
        f"<name>{escape(each.name)} (subsidiary)</name></otherManager></otherManager2></otherManagers2Info></summaryPage></formData></edgarSubmission>"
    )
    lines = "\n".join(
        f"<infoTable><nameOfIssuer>{escape(line.security.name)}</nameOfIssuer><titleOfClass>{escape(line.security.title_of_class)}</titleOfClass>"
        f"<cusip>{line.security.cusip}</cusip><value>{line.value // each.unit}</value><shrsOrPrnAmt><sshPrnamt>{line.shares}</sshPrnamt>"
        f"<sshPrnamtType>SH</sshPrnamtType></shrsOrPrnAmt>{f'<putCall>{line.put_call}</putCall>' if line.put_call else ''}"
        f"<investmentDiscretion>{'SOLE' if number % 5 else 'DFND'}</investmentDiscretion>{'' if number % 5 else '<otherManager>1</otherManager>'}"
        f"<votingAuthority><Sole>{line.shares}</Sole><Shared>0</Shared><None>0</None></votingAuthority></infoTable>"
        for number, line in enumerate(each.lines)
    )
    table = f'<informationTable xmlns="http://www.sec.gov/edgar/document/thirteenf/informationtable">\n{lines}\n</informationTable>'
    header = (
        f"<SEC-DOCUMENT>{each.accession}.txt : {each.filed:%Y%m%d}\n<SEC-HEADER>{each.accession}.hdr.sgml : {each.filed:%Y%m%d}\n"
        f"ACCESSION NUMBER:\t\t{each.accession}\nCONFORMED SUBMISSION TYPE:\t{kind}\nPUBLIC DOCUMENT COUNT:\t\t2\n"
        f"CONFORMED PERIOD OF REPORT:\t{each.quarter:%Y%m%d}\nFILED AS OF DATE:\t\t{each.filed:%Y%m%d}\n</SEC-HEADER>\n"
    )
    documents = "".join(
        f"<DOCUMENT>\n<TYPE>{type_}\n<SEQUENCE>{number}\n<FILENAME>{name}\n<TEXT>\n<XML>\n{content}\n</XML>\n</TEXT>\n</DOCUMENT>\n"
        for number, (type_, name, content) in enumerate(((kind, "primary_doc.xml", primary), ("INFORMATION TABLE", "infotable.xml", table)), start=1)
    )
    return f"{header}{documents}</SEC-DOCUMENT>\n".encode()
