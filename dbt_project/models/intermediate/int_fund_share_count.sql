-- grain: version of ticker, observation_date. Shares outstanding and net asset value of all fund families in one relation
select * from {{ ref('stg_ssga__nav') }}
union all by name
select * from {{ ref('stg_ishares__nav') }}
union all by name
select * from {{ ref('stg_vanguard__nav') }}
