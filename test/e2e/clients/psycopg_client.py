"""psycopg 3, and with its pipeline mode libpq's: each step prints what it saw, a line of JSON each."""

import re
import sys
import threading
from decimal import Decimal

import psycopg

from steps import say, wait_for_go

columns = "name, email, card, salary"
by_id = f"SELECT {columns} FROM app.users WHERE id = %s"


def rows_of(cursor):
    return [[float(value) if isinstance(value, Decimal) else value for value in row] for row in cursor.fetchall()]


def sql_state(work):
    try:
        work()
    except psycopg.Error as error:
        return error.sqlstate
    return None


def cancelled(connection):
    outcome = []
    sleeps = threading.Thread(
        target=lambda: outcome.append(sql_state(lambda: connection.execute("SELECT pg_sleep(600)")))
    )
    sleeps.start()
    wait_for_go("running")
    connection.cancel_safe()
    sleeps.join()
    return outcome[0]


def copied_in(connection):
    with connection.cursor().copy("COPY app.orders (id, item) FROM STDIN") as copy:
        copy.write_row((1001, "saucer"))
        copy.write_row((1002, "spoon"))
    with connection.cursor().copy("COPY app.orders (id, item) FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int4", "text"])
        copy.write_row((1003, "fork"))
    return rows_of(connection.execute("SELECT item FROM app.orders WHERE id > 1000 ORDER BY id"))


def copied_out(connection, options, types=None):
    text = f"COPY (SELECT name, email FROM app.users WHERE id < 3 ORDER BY id) TO STDOUT{options}"
    with connection.cursor().copy(text) as copy:
        copy.set_types(types or ["text", "text"])
        return [list(row) for row in copy.rows()]


def refused(connection):
    connection.execute("BEGIN")
    states = [sql_state(lambda: connection.execute(text)) for text in ("DROP TABLE app.users", "SELECT 1")]
    connection.execute("ROLLBACK")
    return [*states, *rows_of(connection.execute("SELECT 1"))[0]]


def pipelined(connection):
    with connection.pipeline():
        cursors = [connection.execute(by_id, (number,)) for number in (1, 2, 3)]
        connection.execute("INSERT INTO app.jobs (done) VALUES (%s)", (True,))
    return [rows_of(cursor)[0][1] for cursor in cursors]


def pipeline_refused(connection):
    """What comes behind the refusal is skipped until Sync, and the pipeline after it runs."""
    seen, errors = [], []

    def told(step):
        """psycopg looks for answers with all that it sends: it may come to hear of the refusal before the Sync."""
        try:
            step()
        except psycopg.Error as error:
            errors.append(error.sqlstate)

    with connection.pipeline() as pipeline:
        before = connection.execute("SELECT %s::int", (1,))
        drop, behind = connection.cursor(), connection.cursor()
        told(lambda: drop.execute("DROP TABLE app.users"))
        told(lambda: behind.execute("SELECT %s::int", (2,)))
        told(pipeline.sync)
        seen.append(errors[0])
        seen.append(before.fetchone()[0])
        for cursor in (drop, behind):
            try:
                seen.append(cursor.fetchone())
            except psycopg.ProgrammingError:
                seen.append("no result")
        seen.append(connection.execute("SELECT %s::int", (3,)).fetchone()[0])
    return seen


with psycopg.connect(autocommit=True) as connection:
    connection.add_notice_handler(
        lambda notice: [say(held=hold) for hold in re.findall(r"h_[\w-]+", notice.message_primary)]
    )
    say(simple=rows_of(connection.execute(f"SELECT {columns} FROM app.users WHERE id = 1")))
    say(extended=rows_of(connection.execute(by_id, (1,))))
    prepared = [rows_of(connection.execute(by_id, (1,), prepare=True)) for _ in range(3)]
    say(prepared=prepared[2])
    say(binary=rows_of(connection.cursor(binary=True).execute(by_id, (1,))))
    with connection.transaction(), connection.cursor(name="all_users") as cursor:
        cursor.execute(f"SELECT {columns} FROM app.users ORDER BY id")
        say(cursor=[rows_of(cursor)[0]])
    say(copiedIn=copied_in(connection))
    say(copiedOut=copied_out(connection, ""))
    say(copiedOutBinary=copied_out(connection, " (FORMAT binary)"))
    say(cancelled=cancelled(connection))
    say(refused=refused(connection))
    say(pipelined=pipelined(connection))
    say(pipelineRefused=pipeline_refused(connection))
    say(updated=connection.execute("UPDATE app.users SET name = %s WHERE id = %s", ("Bea", 2)).rowcount)
    with connection.pipeline():
        update = connection.execute("UPDATE app.users SET name = %s WHERE id = %s", ("Bo", 2))
        after = connection.execute("SELECT name FROM app.users WHERE id = 2")
    say(updatedInPipeline=[update.rowcount, *rows_of(after)[0]])
say(libpq=psycopg.pq.version())
sys.stdout.flush()
