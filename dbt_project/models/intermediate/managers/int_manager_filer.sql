-- grain: manager_id, cik, valid_from. Filers of each manager of interest: its house of the seed filer_group, else the CIK itself
with house as (
    select
        group_id as manager_id,
        group_name as manager_name,
        cik,
        cast(valid_from as date) as valid_from,
        coalesce(cast(valid_to as date), date '9999-12-31') as valid_to
    from {{ ref('filer_group') }}
),

-- 1999-03-31 is the first quarter filed electronically
alone as (
    select
        cik as manager_id,
        short_name as manager_name,
        cik,
        date '1999-03-31' as valid_from,
        date '9999-12-31' as valid_to
    from {{ ref('manager') }}
    where cik not in (select house.cik from house)
),

filer as (
    select * from house
    union all
    select * from alone
),

kind as (
    select
        filer.manager_id,
        min(manager.kind) as manager_kind
    from filer
    inner join {{ ref('manager') }} as manager on filer.cik = manager.cik
    group by filer.manager_id
)

select
    filer.manager_id,
    filer.manager_name,
    kind.manager_kind,
    filer.cik,
    filer.valid_from,
    filer.valid_to
from filer
inner join kind on filer.manager_id = kind.manager_id
