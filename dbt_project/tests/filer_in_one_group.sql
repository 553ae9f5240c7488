-- A CIK reports for one house at a time, and a house has one name.
select
    earlier.cik,
    earlier.group_id,
    later.group_id as other_group_id
from {{ ref('filer_group') }} as earlier
inner join {{ ref('filer_group') }} as later
    on
        earlier.cik = later.cik
        and (earlier.group_id, earlier.valid_from) < (later.group_id, later.valid_from)
        and earlier.valid_from <= coalesce(later.valid_to, date '9999-12-31')
        and later.valid_from <= coalesce(earlier.valid_to, date '9999-12-31')
union all
select
    min(cik) as cik,
    group_id,
    group_id as other_group_id
from {{ ref('filer_group') }}
group by group_id
having count(distinct group_name) > 1
