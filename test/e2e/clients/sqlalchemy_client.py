"""SQLAlchemy looks at the whole schema, and asks a question as programs do. The environment says where."""

from sqlalchemy import MetaData, create_engine, func, inspect, select

from steps import say

engine = create_engine("postgresql+psycopg://")
look = inspect(engine)


def each(ask, names):
    return {name: repr(ask(name, "app")) for name in names}


tables = sorted(look.get_table_names("app"))
views = sorted(look.get_view_names("app") + look.get_materialized_view_names("app"))
say(
    schemas=look.get_schema_names(),
    tables=tables,
    views=views,
    sequences=sorted(look.get_sequence_names("app")),
    foreign=look.get_foreign_table_names("app"),
    enums=repr(look.get_enums("app")),
    domains=repr(look.get_domains("app")),
)
say(
    columns=each(look.get_columns, tables + views),
    keys=each(look.get_pk_constraint, tables),
    foreign_keys=each(look.get_foreign_keys, tables),
    indexes=each(look.get_indexes, tables),
    unique=each(look.get_unique_constraints, tables),
    checks=each(look.get_check_constraints, tables),
    comments=each(look.get_table_comment, tables),
    definitions=each(look.get_view_definition, views),
)
metadata = MetaData()
metadata.reflect(engine, schema="app", views=True)
users = metadata.tables["app.users"]
with engine.connect() as connection:
    rows = connection.execute(
        select(users.c.id, users.c.name, func.count()).group_by(users.c.id, users.c.name).order_by(users.c.id)
    ).all()
say(reflected=sorted(metadata.tables), rows=[list(row) for row in rows])
