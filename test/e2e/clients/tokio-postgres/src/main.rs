//! tokio-postgres: each step prints what it saw, a line of JSON each (see ../../steps.py).

use std::env;

use bytes::Bytes;
use futures_util::{future, pin_mut, stream, SinkExt, StreamExt, TryStreamExt};
use serde_json::{json, Value};
use tokio_postgres::{AsyncMessage, Client, Error, NoTls, Row, SimpleQueryMessage};

const BY_ID: &str = "SELECT name, email, card, salary::float8 FROM app.users WHERE id = $1";

fn say(name: &str, seen: Value) {
    println!("{}", json!({ name: seen }));
}

fn row(row: &Row) -> Value {
    json!([
        row.get::<_, String>(0),
        row.get::<_, String>(1),
        row.get::<_, Option<String>>(2),
        row.get::<_, f64>(3)
    ])
}

fn sql_state<T>(outcome: Result<T, Error>) -> Value {
    match outcome {
        Ok(_) => Value::Null,
        Err(error) => json!(error.code().map(|code| code.code())),
    }
}

async fn simple(client: &Client) -> Result<Value, Error> {
    let messages = client.simple_query("SELECT name, email, card FROM app.users WHERE id = 1").await?;
    let rows: Vec<Value> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(json!([row.get(0), row.get(1), row.get(2)])),
            _ => None,
        })
        .collect();
    Ok(json!(rows))
}

async fn copied_in(client: &Client) -> Result<Value, Error> {
    let sink = client.copy_in("COPY app.orders (id, item) FROM STDIN").await?;
    pin_mut!(sink);
    let lines: [&'static [u8]; 3] = [b"1001\tsaucer\n", b"1002\tspoon\n", b"1003\tfork\n"];
    let mut data = stream::iter(lines.map(|line| Ok::<_, Error>(Bytes::from_static(line))));
    sink.send_all(&mut data).await?;
    sink.finish().await?;
    let rows = client.query("SELECT item FROM app.orders WHERE id > 1000 ORDER BY id", &[]).await?;
    Ok(json!(rows.iter().map(|row| [row.get::<_, String>(0)]).collect::<Vec<_>>()))
}

async fn copied_out(client: &Client) -> Result<Value, Error> {
    let text = "COPY (SELECT name, email FROM app.users WHERE id < 3 ORDER BY id) TO STDOUT";
    let pieces: Vec<_> = client.copy_out(text).await?.try_collect().await?;
    let all: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
    Ok(json!(String::from_utf8_lossy(&all)))
}

async fn refused(client: &mut Client) -> Result<Value, Error> {
    let transaction = client.transaction().await?;
    let drop = sql_state(transaction.execute("DROP TABLE app.users", &[]).await);
    let behind = sql_state(transaction.query("SELECT 1", &[]).await);
    transaction.rollback().await?;
    let one: i32 = client.query_one("SELECT 1", &[]).await?.get(0);
    Ok(json!([drop, behind, one]))
}

/// Futures that are polled together are one pipeline.
async fn pipelined(client: &Client) -> Result<Value, Error> {
    let statement = client.prepare("SELECT email FROM app.users WHERE id = $1").await?;
    let emails = future::try_join_all([&1i32, &2, &3].map(|id| {
        let statement = &statement;
        async move { Ok::<_, Error>(client.query_one(statement, &[id]).await?.get::<_, String>(0)) }
    }));
    Ok(json!(emails.await?))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let variable = |name: &str| env::var(name).expect("the test sets it");
    let (mut client, mut connection) = tokio_postgres::Config::new()
        .host(variable("PGHOST"))
        .port(variable("PGPORT").parse().expect("a port"))
        .dbname(variable("PGDATABASE"))
        .user(variable("PGUSER"))
        .password(variable("PGPASSWORD"))
        .connect(NoTls)
        .await?;
    tokio::spawn(async move {
        let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            let AsyncMessage::Notice(notice) = message else { continue };
            if let Some(at) = notice.message().find("h_") {
                let hold = notice.message()[at..].split([',', ' ']).next();
                say("held", json!(hold));
            }
        }
    });
    say("simple", simple(&client).await?);
    let rows = client.query(BY_ID, &[&1i32]).await?;
    say("extended", json!(rows.iter().map(row).collect::<Vec<_>>()));
    let statement = client.prepare(BY_ID).await?;
    client.query(&statement, &[&1i32]).await?;
    let rows = client.query(&statement, &[&1i32]).await?;
    say("prepared", json!(rows.iter().map(row).collect::<Vec<_>>()));
    say("copiedIn", copied_in(&client).await?);
    say("copiedOut", copied_out(&client).await?);
    say("refused", refused(&mut client).await?);
    say("pipelined", pipelined(&client).await?);
    let updated = client.execute("UPDATE app.users SET name = $1 WHERE id = $2", &[&"Bea", &2i32]).await?;
    say("updated", json!(updated));
    Ok(())
}
