"""SEC: what managers, funds and companies file. One module a kind of filing.

Every client names its user: https://www.sec.gov/os/accessing-edgar-data.
"""

from ingest.feed import Key, Provider
from ingest.feeds.sec import company, company_fact, form_13f, fund_flow, security

PROVIDER = Provider(
    8.0,
    "https://www.sec.gov/os/accessing-edgar-data: 10 a second",
    keys=(Key("sec_user_agent", "https://www.sec.gov/os/accessing-edgar-data"),),
    user_agent="sec_user_agent",
)

FEEDS = (*fund_flow.FEEDS, *company.FEEDS, *company_fact.FEEDS, *form_13f.FEEDS, *security.FEEDS)
