"""From the SQL of the models, which is DuckDB's, to that of Apache Spark 4.

sqlglot does most of it. What stands here are the places where the two engines mean different things by the same words, or where one has no word for what the
other says. What takes another plan, and not another word, is a second body of a dispatched macro (`spark__...`) in the dbt project.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import ClassVar

import sqlglot
from sqlglot import exp, transforms
from sqlglot.dialects.spark import Spark
from sqlglot.generators.spark import SparkGenerator

# functions that models call and Spark lacks, as functions of Spark's own SQL
FUNCTIONS = {
    "isfinite": "(x double) returns boolean return not isnan(x) and abs(x) < double('infinity')",
    # the median of the distances from the median; a function of SQL may not be called in a lambda, so that the inner median is written out
    "median_absolute_deviation_of": (
        "(listed array<double>) returns double return aggregate(array(0, 1), 0D, (total, side) -> total + get(array_sort(transform(listed, each -> "
        "abs(each - (get(array_sort(listed), (size(listed) - 1) div 2) + get(array_sort(listed), size(listed) div 2)) / 2))), "
        "(size(listed) - 1 + side) div 2)) / 2"
    ),
    # printf's %.<digits>g, which Java's leaves with the zeros at its end
    "significant_digits": (
        "(x double, digits int) returns string return regexp_replace(format_string('%.' || digits || 'g', x), "
        r"case when format_string('%.' || digits || 'g', x) like '%.%' then '\\.?0+(?=e|$)' else '(?!)' end, '')"
    ),
}

# in a template of `format`: what a place asks for
_PLACE = re.compile(r"\{([^}]*)\}")

# lists the columns of a table, in their order
Columns = Callable[[str], list[str]]


class UntranslatableSql(ValueError):
    """A statement uses a form that has no translation yet; the message shows it."""


class _Spark(Spark):
    class Generator(SparkGenerator):
        # Spark 4.3 has `qualify`, which sqlglot would write as a subquery
        TRANSFORMS: ClassVar = {**SparkGenerator.TRANSFORMS, exp.Select: transforms.preprocess([transforms.unnest_to_explode, transforms.any_to_exists])}


def translate(sql: str, columns: Columns) -> str:
    """A query of a model in Spark's SQL.

    Parameters
    ----------
    sql
        One query in DuckDB's SQL.
    columns
        Columns of the tables it reads, for `union by name` and `* replace`.

    Raises
    ------
    UntranslatableSql
        When a form in it has no translation.
    """
    tree = sqlglot.parse_one(sql, read="duckdb")
    _name_columns(tree, columns)
    # from the leaves up, so that what is written anew is made of parts that have been
    for node in reversed(list(tree.walk())):
        written = _rewrite(node)
        if node is tree:
            tree = written
        elif written is not node:
            node.replace(written)
    return tree.sql(dialect=_Spark, unsupported_level=sqlglot.ErrorLevel.IGNORE, comments=False)


def _name_columns(tree: exp.Expr, columns: Columns) -> None:
    """Write out the columns where Spark goes by position (`union by name`) or has no star (`* replace`)."""
    for union in reversed(list(tree.find_all(exp.SetOperation))):
        if union.args.get("by_name"):
            sides = [union.left, union.right]
            names = [_columns_of(side, columns) for side in sides]
            together = list(dict.fromkeys(name for side in names for name in side))
            for argument, side, own in zip(("this", "expression"), sides, names, strict=True):
                if own != together:
                    listed = [exp.column(name, quoted=True) if name in own else exp.alias_(exp.null(), name, quoted=True) for name in together]
                    union.set(argument, exp.select(*listed).from_(side.copy().subquery("side")))
            union.set("by_name", False)
    for select in tree.find_all(exp.Select):
        for projection in list(select.expressions):
            star = projection if isinstance(projection, exp.Star) else projection.this if isinstance(projection, exp.Column) else None
            if isinstance(star, exp.Star) and star.args.get("replace"):
                replaced = {each.alias: each for each in star.args["replace"]}
                own = _star_columns(select, projection, columns)
                table = projection.table if isinstance(projection, exp.Column) else None
                at = select.expressions.index(projection)
                listed = [replaced.get(name, exp.column(name, table=table, quoted=True)) for name in own]
                select.set("expressions", [*select.expressions[:at], *listed, *select.expressions[at + 1 :]])


def _columns_of(query: exp.Expr, columns: Columns) -> list[str]:
    if isinstance(query, exp.Subquery):
        return _columns_of(query.this, columns)
    if isinstance(query, exp.SetOperation):
        left, right = _columns_of(query.left, columns), _columns_of(query.right, columns)
        return list(dict.fromkeys([*left, *right])) if query.args.get("by_name") else left
    if isinstance(query, exp.Table):
        common = None if query.db else _common_table(query, query.name)
        return columns(f"{query.db}.{query.name}") if common is None else _columns_of(common, columns)
    if not isinstance(query, exp.Select):
        raise UntranslatableSql(f"the columns of {query.sql(dialect='duckdb')[:200]} cannot be told")
    names: list[str] = []
    for projection in query.expressions:
        names += _star_columns(query, projection, columns) if projection.is_star else [projection.alias_or_name]
    return names


def _star_columns(select: exp.Select, projection: exp.Expr, columns: Columns) -> list[str]:
    star = projection if isinstance(projection, exp.Star) else projection.this
    names: list[str] = []
    for source in _sources(select):
        if isinstance(projection, exp.Star) or source.alias_or_name == projection.text("table"):
            alias = source.args.get("alias")
            listed = [column.name for column in alias.columns] if alias else []
            names += [name for name in listed or _columns_of(source, columns) if name not in names]
    left_out = {each.name for each in star.args.get("except_") or star.args.get("except") or []}
    return [name for name in names if name not in left_out]


def _sources(select: exp.Select) -> Iterator[exp.Expr]:
    origin = select.args.get("from_") or select.args.get("from")
    if origin is not None:
        yield origin.this
    for join in select.args.get("joins") or []:
        yield join.this


def _common_table(node: exp.Expr, name: str) -> exp.Expr | None:
    """The common table expression that a name means where it stands."""
    inside = node
    while node.parent is not None:
        inside, node = node, node.parent
        with_ = node.args.get("with_") or node.args.get("with")
        if with_ is not None:
            for common in reversed(with_.expressions):
                if common.alias == name and common is not inside:
                    found: exp.Expr = common.this
                    return found
    return None


def _rewrite(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Table) and node.args.get("catalog"):
        # Spark has one catalogue here
        node.set("catalog", None)
    elif isinstance(node, exp.Literal) and node.is_number and "." in node.name and "e" not in node.name.lower():
        # DuckDB divides decimals as doubles, Spark as decimals of few digits
        if not isinstance(node.parent, exp.Cast):
            return exp.cast(node.copy(), "double")
    elif isinstance(node, exp.DateDiff):
        return _date_diff(node)
    elif isinstance(node, (exp.DateTrunc, exp.TimestampTrunc)):
        return _date_trunc(node)
    elif isinstance(node, (exp.ArgMax, exp.ArgMin)):
        return _arg_max(node)
    elif _is_call(node, "row"):
        return exp.Anonymous(this="struct", expressions=node.expressions)
    elif _aggregates(node, "mad"):
        return _over_list(node, "median_absolute_deviation_of({})")
    elif isinstance(node, exp.Window) and isinstance(node.this, (exp.Rank, exp.CumeDist)) and node.this.find(exp.Order):
        return _rank_in_frame(node)
    elif isinstance(node, exp.Cast) and isinstance(node.this, exp.Explode):
        # a generator stands alone
        return exp.Explode(this=exp.cast(node.this.this, exp.DataType(this=exp.DType.ARRAY, expressions=[node.to], nested=True)))
    elif isinstance(node, exp.Select):
        return _zip_lists(node)
    elif isinstance(node, exp.DayOfWeekIso):
        return exp.Paren(this=exp.Add(this=_function("weekday", node.this.copy()), expression=exp.Literal.number(1)))
    elif isinstance(node, exp.Format):
        return _format(node)
    elif isinstance(node, exp.Anonymous) and _is_call(node, "timezone"):
        return _time_zone(node)
    elif _aggregates(node, "product"):
        return _over_list(node, "aggregate({}, 1D, (total, each) -> total * each)")
    elif _is_call(node, "list_inner_product"):
        left, right = (each.sql(_Spark) for each in node.expressions)
        return _parsed(f"aggregate(zip_with({left}, {right}, (one, other) -> one * other), 0D, (total, each) -> total + each)")
    elif isinstance(node, (exp.Median, exp.PercentileCont)) and not isinstance(node.parent, exp.WithinGroup):
        # the one of Spark's functions that takes a frame
        quantile = node.expression if isinstance(node, exp.PercentileCont) else exp.Literal.number("0.5")
        return exp.Anonymous(this="percentile", expressions=[node.this.copy(), quantile.copy()])
    return node


def _is_call(node: exp.Expr, name: str) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() == name


def _aggregates(node: exp.Expr, name: str) -> bool:
    """Whether a node is a call of an aggregate, with its window where it has one."""
    if isinstance(node, exp.Window):
        return _is_call(node.this, name)
    return _is_call(node, name) and not isinstance(node.parent, exp.Window)


def _as_date(node: exp.Expr) -> exp.Expr:
    return exp.cast(node.copy(), "date")


def _function(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _date_diff(node: exp.DateDiff) -> exp.Expr:
    """Boundaries of the unit between two moments, as DuckDB counts; Spark counts whole units."""
    unit = node.text("unit").lower()
    later, earlier = node.this, node.expression
    if unit == "day":
        return exp.cast(_function("datediff", _as_date(later), _as_date(earlier)), "bigint")
    if unit == "month":
        first, last = (f"12 * year({moment}) + month({moment})" for moment in (earlier.sql(_Spark), later.sql(_Spark)))
        return _parsed(f"cast(({last}) - ({first}) as bigint)")
    if unit == "second":
        whole = [_function("date_trunc", exp.Literal.string("SECOND"), each.copy()) for each in (earlier, later)]
        return _function("timestampdiff", exp.var("SECOND"), *whole)
    raise UntranslatableSql(f"date_diff by {unit} has no translation")


def _date_trunc(node: exp.DateTrunc | exp.TimestampTrunc) -> exp.Expr:
    unit = node.text("unit").upper()
    if unit in {"WEEK", "MONTH", "QUARTER", "YEAR"} or unit.startswith("WEEK"):
        return _function("trunc", node.this.copy(), exp.Literal.string(unit.split("(")[0]))
    return exp.cast(_function("date_trunc", exp.Literal.string(unit), node.this.copy()), "timestamp_ntz")


def _arg_max(node: exp.ArgMax | exp.ArgMin) -> exp.Expr:
    """DuckDB's passes over rows whose argument is null."""
    name = "max_by" if isinstance(node, exp.ArgMax) else "min_by"
    by = node.expression.copy()
    condition = exp.Not(this=exp.Is(this=node.this.copy(), expression=exp.null()))
    return _function(name, node.this.copy(), exp.If(this=condition, true=by, false=exp.null()))


def _parsed(sql: str) -> exp.Expr:
    return sqlglot.parse_one(sql, read="spark")


def _over_list(node: exp.Expr, form: str) -> exp.Expr:
    """An aggregate that Spark lacks, as an expression over the list of the values of its group or frame, which stands at `{}`."""
    call = node.this if isinstance(node, exp.Window) else node
    listed: exp.Expr = _function("collect_list", call.expressions[0].copy())
    if isinstance(node, exp.Window):
        window = node.copy()
        window.set("this", listed)
        listed = window
    return _parsed(form.format(listed.sql(_Spark)))


def _rank_in_frame(node: exp.Window) -> exp.Expr:
    """`rank(order by x)` and `cume_dist(order by x)` within the frame, as DuckDB has them; x is not null."""
    ordered = node.this.find(exp.Ordered)
    is_share = isinstance(node.this, exp.CumeDist)
    value = ordered.this.sql(_Spark)
    before = (">" if ordered.args.get("desc") else "<") + ("=" if is_share else "")
    listed = node.copy()
    listed.set("this", _function("collect_list", ordered.this.copy()))
    counted = f"size(filter({listed.sql(_Spark)}, each -> each {before} {value}))"
    return _parsed(f"{counted} / size({listed.sql(_Spark)})" if is_share else f"1 + {counted}")


def _format(node: exp.Format) -> exp.Expr:
    """A text with places in braces, as its pieces one after the other."""
    values = iter(node.expressions)
    # texts and what stands in braces take turns
    parts = _PLACE.split(node.this.name)
    pieces = [_shown(next(values), part) if number % 2 else exp.Literal.string(part) for number, part in enumerate(parts) if number % 2 or part]
    return _function("concat", *pieces)


def _shown(value: exp.Expr, specification: str) -> exp.Expr:
    """A value as a place in braces asks for it."""
    if not specification:
        return exp.cast(value.copy(), "text")
    match = re.fullmatch(r":(,?)\.(\d+)([fg])", specification)
    if match is None:
        raise UntranslatableSql(f"format {{{specification}}} has no translation")
    grouped, digits, kind = match.groups()
    number = exp.cast(value.copy(), "double")
    if kind == "g":
        return _function("significant_digits", number, exp.Literal.number(digits))
    return _function("format_string", exp.Literal.string(f"%{grouped}.{digits}f"), number)


def _time_zone(node: exp.Anonymous) -> exp.Expr:
    """`timezone(zone, timezone('UTC', moment))`: a moment in UTC as the clock of a zone shows it."""
    zone, inner = node.expressions
    if not _is_call(inner, "timezone"):
        return node
    if inner.expressions[0].name != "UTC":
        raise UntranslatableSql(f"timezone of a moment that is not in UTC: {node.sql(dialect='duckdb')}")
    return _function("convert_timezone", inner.expressions[0].copy(), zone.copy(), inner.expressions[1].copy())


def _zip_lists(select: exp.Select) -> exp.Select:
    """Lists unnested side by side: DuckDB pairs their elements, Spark would combine each with each."""
    unnested = [each for each in select.expressions if isinstance(each, exp.Alias) and isinstance(each.this, exp.Explode)]
    if len(unnested) < 2:
        return select
    lists = [each.this.this for each in unnested]
    pairs = exp.Aliases(
        this=_function("inline", _function("arrays_zip", *(each.copy() for each in lists))),
        expressions=[exp.to_identifier(each.alias) for each in unnested],
    )
    if any(each.is_star for each in select.expressions):
        raise UntranslatableSql(f"lists side by side with a star: {select.sql(dialect='duckdb')[:200]}")
    names = [each.alias_or_name for each in select.expressions]
    inside = select.copy()
    inside.set("expressions", [*(each for each in inside.expressions if not isinstance(each.unalias(), exp.Explode)), pairs])
    return exp.select(*(exp.column(name) for name in names)).from_(inside.subquery("paired"))
