"""What is put into other words for Apache Spark; that the words mean the same is seen in test_spark.py, where there is a Spark."""

from __future__ import annotations

import pytest

from warehouse.spark_dialect import UntranslatableSql, translate

TABLES = {"s.t": ["a", "b"], "s.u": ["b", "c"]}


def spark(sql: str) -> str:
    return translate(sql, TABLES.__getitem__)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('select * from "warehouse"."raw"."feed"', "SELECT * FROM `raw`.`feed`"),
        ("select a / 0.5 from s.t", "SELECT a / CAST(0.5 AS DOUBLE) FROM s.t"),
        ("select date_diff('day', a, b) from s.t", "SELECT CAST(DATEDIFF(CAST(b AS DATE), CAST(a AS DATE)) AS BIGINT) FROM s.t"),
        ("select date_trunc('month', a) from s.t", "SELECT TRUNC(a, 'MONTH') FROM s.t"),
        ("select isodow(a) from s.t", "SELECT (WEEKDAY(a) + 1) FROM s.t"),
        ("select row(a, b) from s.t", "SELECT STRUCT(a, b) FROM s.t"),
        ("select arg_max(a, b) from s.t", "SELECT MAX_BY(a, IF(NOT a IS NULL, b, NULL)) FROM s.t"),
        # descending, nulls are last without a word
        ("select a from s.t order by a desc", "SELECT a FROM s.t ORDER BY a DESC"),
        ("select a from s.t qualify row_number() over (order by b) = 1", "SELECT a FROM s.t QUALIFY ROW_NUMBER() OVER (ORDER BY b NULLS LAST) = 1"),
        ("select * exclude (a) from s.t", "SELECT * EXCEPT (a) FROM s.t"),
        ("select * replace (a + 1 as a) from s.t", "SELECT a + 1 AS a, `b` FROM s.t"),
        (
            "select rank(order by a) over (order by b rows between 3 preceding and current row) from s.t",
            "SELECT 1 + SIZE(FILTER(COLLECT_LIST(a) OVER (ORDER BY b NULLS LAST rows BETWEEN 3 preceding AND CURRENT ROW), each -> each < a)) FROM s.t",
        ),
        (
            "select format('{} of {:.1f}%', a, b) from s.t",
            "SELECT CONCAT(CAST(a AS STRING), ' of ', FORMAT_STRING('%.1f', CAST(b AS DOUBLE)), '%') FROM s.t",
        ),
        (
            "select unnest(['x', 'y']) as v, a, unnest([a, b]) as w from s.t",
            "SELECT v, a, w FROM (SELECT a, INLINE(ARRAYS_ZIP(ARRAY('x', 'y'), ARRAY(a, b))) AS (v, w) FROM s.t) AS paired",
        ),
    ],
)
def test_words(sql: str, expected: str) -> None:
    assert spark(sql) == expected


def test_union_by_name_writes_out_the_columns_of_tables_and_common_tables() -> None:
    sql = "with one as (select * exclude (a) from s.t) select * from one union all by name select c, b from s.u union all by name select * from s.t"
    assert spark(sql) == (
        "WITH one AS (SELECT * EXCEPT (a) FROM s.t) "
        "SELECT `b`, `c`, NULL AS `a` FROM (SELECT `b`, NULL AS `c` FROM (SELECT * FROM one) AS side "
        "UNION ALL SELECT `b`, `c` FROM (SELECT c, b FROM s.u) AS side) AS side "
        "UNION ALL SELECT `b`, NULL AS `c`, `a` FROM (SELECT * FROM s.t) AS side"
    )


@pytest.mark.parametrize(
    "sql", ["select date_diff('week', a, b) from s.t", "select format('{:x}', a) from s.t", "select *, unnest([1]) as v, unnest([2]) as w from s.t"]
)
def test_a_form_without_translation_is_named(sql: str) -> None:
    with pytest.raises(UntranslatableSql):
        spark(sql)
