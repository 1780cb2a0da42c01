"""asyncpg, which asks for everything in binary: each step prints what it saw, a line of JSON each."""

import asyncio
import io
import re

import asyncpg

from steps import say, wait_for_go

columns = "name, email, card, salary"
by_id = f"SELECT {columns} FROM app.users WHERE id = $1"


def rows_of(records):
    return [[*list(record)[:3], float(record[3])] for record in records]


async def sql_state(work):
    try:
        await work
    except asyncpg.PostgresError as error:
        return error.sqlstate
    return None


async def cancelled(connection):
    sleeps = asyncio.create_task(connection.execute("SELECT pg_sleep(600)"))
    await asyncio.to_thread(wait_for_go, "running")
    sleeps.cancel()
    try:
        await sleeps
    except asyncio.CancelledError:
        return "cancelled"
    return None


async def copied_in(connection):
    table = {"schema_name": "app", "columns": ["id", "item"]}
    await connection.copy_records_to_table("orders", records=[(1001, "saucer"), (1002, "spoon")], **table)
    await connection.copy_to_table("orders", source=io.BytesIO(b"1003\tfork\n"), **table)
    records = await connection.fetch("SELECT item FROM app.orders WHERE id > 1000 ORDER BY id")
    return [list(record) for record in records]


async def copied_out(connection):
    output = io.BytesIO()
    await connection.copy_from_query("SELECT name, email FROM app.users WHERE id < 3 ORDER BY id", output=output)
    return [line.split("\t") for line in output.getvalue().decode().splitlines()]


async def refused(connection):
    await connection.execute("BEGIN")
    states = [await sql_state(connection.execute(text)) for text in ("DROP TABLE app.users", "SELECT 1")]
    await connection.execute("ROLLBACK")
    return [*states, await connection.fetchval("SELECT 1")]


async def refused_prepared(connection):
    transaction = connection.transaction()
    await transaction.start()
    states = [await sql_state(connection.fetch(text, 1)) for text in ("INSERT INTO app.contacts (id) VALUES ($1)", "SELECT $1::int")]
    await transaction.rollback()
    return [*states, await connection.fetchval("SELECT $1::int", 1)]


async def pooled():
    """A connection that goes back to its pool is reset, with statements of the pool's own."""
    async with asyncpg.create_pool(min_size=1, max_size=1) as pool:
        return [await pool.fetchval("SELECT $1::int", number) for number in (1, 2)]


async def main():
    connection = await asyncpg.connect()
    connection.add_log_listener(
        lambda _, message: [say(held=hold) for hold in re.findall(r"h_[\w-]+", str(message))]
    )
    say(simple=await connection.execute("SELECT name, email FROM app.users"))
    say(extended=rows_of(await connection.fetch(by_id, 1)))
    statement = await connection.prepare(by_id)
    say(prepared=rows_of(await statement.fetch(1)))
    say(binary=rows_of(await statement.fetch(1)))
    async with connection.transaction():
        found = [record async for record in connection.cursor(f"SELECT {columns} FROM app.users ORDER BY id", prefetch=1)]
        say(cursor=rows_of(found)[:1])
    say(copiedIn=await copied_in(connection))
    say(copiedOut=await copied_out(connection))
    say(cancelled=await cancelled(connection), afterwards=await connection.fetchval("SELECT 1"))
    say(refused=await refused(connection))
    say(refusedPrepared=await refused_prepared(connection))
    await connection.executemany("INSERT INTO app.orders (id, item) VALUES ($1, $2)", [(2001, "a"), (2002, "b")])
    say(pipelined=await connection.fetchval("SELECT count(*) FROM app.orders WHERE id > 2000"))
    say(updated=await connection.execute("UPDATE app.users SET name = $1 WHERE id = $2", "Bea", 2))
    await connection.close()
    say(pooled=await pooled())


asyncio.run(main())
