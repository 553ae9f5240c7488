-- grain: version of source_table, direction, term, instrument, measure, country_code, observation_date. Cross-border holdings of securities and what was bought.
-- left out when countries are added up: totals, groups of countries, the two sectors, and the parts of 79995 (international and regional organisations)
{%- set aggregates = [
    '16713', '16721', '19992', '34401', '36005', '39942', '39993', '46612', '49999', '57215', '59994', '69906', '69995',
    '72907', '76929', '99990', '99991', '99996'
] %}
-- Belgium, Cayman Islands, Ireland, Luxembourg, Switzerland, United Kingdom: where securities are held for owners elsewhere
{%- set custody_centres = ['10251', '11401', '11703', '12688', '13005', '36137'] %}

with continuous_series as (
    select
        'cslt' as source_table,
        *
    from {{ source('tic', 'tic_cslt') }}
    where _available_at <= {{ as_of() }}
),

published_tables as (
    select * from {{ source('tic', 'tic_slt') }}
    where _available_at <= {{ as_of() }}
),

source as (
    select * from continuous_series
    union all by name
    select * from published_tables
),

renamed as (
    select
        source_table,
        direction,
        term,
        instrument,
        measure,
        country_code,
        country,
        observation_date,
        amount * 1e6 as amount_usd,
        country_code in ('{{ aggregates | join("', '") }}')
        or coalesce(regexp_matches(country, '^(Total |Grand Total|All Countries|Memo:|Of Which)'), false) as is_aggregate,
        country_code in ('{{ custody_centres | join("', '") }}') as is_custody_centre,
        {{ lineage(['source_table', 'direction', 'term', 'instrument', 'measure', 'country_code', 'observation_date']) }}
    from source
)

select * from renamed
