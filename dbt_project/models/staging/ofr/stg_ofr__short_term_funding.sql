-- grain: version of series_id, observation_date. Short-term funding: repo, money-market funds, reference rates, dealer fails.
with source as (
    select * from {{ source('ofr', 'ofr_stfm') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        series_id,
        case split_part(series_id, '-', 1)
            when 'REPO' then 'repo'
            when 'MMF' then 'money-market funds'
            when 'FNYR' then 'reference rates'
            when 'NYPD' then 'primary dealers'
            else lower(split_part(series_id, '-', 1))
        end as dataset,
        case when series_id like 'REPO-%-P' then 'preliminary' when series_id like 'REPO-%-F' then 'final' end as release,
        observation_date,
        value * pow(10, coalesce(magnitude, 0)) / case when lower(unit) like 'percent%' then 100 else 1 end as value,
        case when lower(unit) like 'percent%' then 'share a year' when lower(unit) in ('usd', 'u.s. dollars') then 'USD' else unit end as unit,
        {{ lineage(['series_id', 'observation_date']) }}
    from source
)

select * from renamed
