// pgx: each step prints what it saw, a line of JSON each (see ../steps.py).
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const byID = "SELECT name, email, card, salary::float8 FROM app.users WHERE id = $1"

var (
	ctx  = context.Background()
	hold = regexp.MustCompile(`h_[\w-]+`)
)

func say(name string, seen any) {
	line, err := json.Marshal(map[string]any{name: seen})
	must(err)
	fmt.Println(string(line))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func sqlState(err error) any {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.Code
	}
	return nil
}

func rows(result pgx.Rows, err error) [][]any {
	must(err)
	seen := [][]any{}
	for result.Next() {
		values, err := result.Values()
		must(err)
		seen = append(seen, values)
	}
	must(result.Err())
	return seen
}

func cancelled(connection *pgx.Conn) any {
	outcome := make(chan error)
	go func() {
		_, err := connection.Exec(ctx, "SELECT pg_sleep(600)")
		outcome <- err
	}()
	say("waits", "running")
	_, err := bufio.NewReader(os.Stdin).ReadString('\n')
	must(err)
	must(connection.PgConn().CancelRequest(ctx))
	return sqlState(<-outcome)
}

func refused(connection *pgx.Conn) []any {
	transaction, err := connection.Begin(ctx)
	must(err)
	_, drop := transaction.Exec(ctx, "DROP TABLE app.users")
	_, behind := transaction.Exec(ctx, "SELECT 1")
	must(transaction.Rollback(ctx))
	var one int
	must(connection.QueryRow(ctx, "SELECT 1").Scan(&one))
	return []any{sqlState(drop), sqlState(behind), one}
}

func pipelined(connection *pgx.Conn) []any {
	batch := &pgx.Batch{}
	for id := 1; id <= 3; id++ {
		batch.Queue("SELECT email FROM app.users WHERE id = $1", id)
	}
	results := connection.SendBatch(ctx, batch)
	emails := []any{}
	for range 3 {
		var email string
		must(results.QueryRow().Scan(&email))
		emails = append(emails, email)
	}
	must(results.Close())
	return emails
}

// SASL OAUTHBEARER, with the token that is the password elsewhere.
func byOAuth(config *pgx.ConnConfig) [][]any {
	token := config.Password
	config.Password = ""
	config.OAuthTokenProvider = func(context.Context) (string, error) { return token, nil }
	config.RuntimeParams["sallyport.login"] = "oauth"
	connection, err := pgx.ConnectConfig(ctx, config)
	must(err)
	seen := rows(connection.Query(ctx, byID, 1))
	must(connection.Close(ctx))
	return seen
}

func main() {
	config, err := pgx.ParseConfig("")
	must(err)
	config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
		if id := hold.FindString(notice.Message); id != "" {
			say("held", id)
		}
	}
	connection, err := pgx.ConnectConfig(ctx, config)
	must(err)
	say("simple", rows(connection.Query(ctx, byID, pgx.QueryExecModeSimpleProtocol, 1)))
	say("extended", rows(connection.Query(ctx, byID, pgx.QueryExecModeExec, 1)))
	rows(connection.Query(ctx, byID, 1))
	// The default: prepared, and binary where pgx knows the type.
	say("prepared", rows(connection.Query(ctx, byID, 1)))
	orders := [][]any{{1001, "saucer"}, {1002, "spoon"}}
	_, err = connection.CopyFrom(ctx, pgx.Identifier{"app", "orders"}, []string{"id", "item"}, pgx.CopyFromRows(orders))
	must(err)
	_, err = connection.PgConn().CopyFrom(ctx, bytes.NewBufferString("1003\tfork\n"), "COPY app.orders (id, item) FROM STDIN")
	must(err)
	say("copiedIn", rows(connection.Query(ctx, "SELECT item FROM app.orders WHERE id > 1000 ORDER BY id")))
	out := &bytes.Buffer{}
	_, err = connection.PgConn().CopyTo(ctx, out, "COPY (SELECT name, email FROM app.users WHERE id < 3 ORDER BY id) TO STDOUT")
	must(err)
	say("copiedOut", out.String())
	say("cancelled", cancelled(connection))
	say("refused", refused(connection))
	say("pipelined", pipelined(connection))
	tag, err := connection.Exec(ctx, "UPDATE app.users SET name = $1 WHERE id = $2", "Bea", 2)
	must(err)
	say("updated", tag.RowsAffected())
	must(connection.Close(ctx))
	say("byOAuth", byOAuth(config.Copy()))
}
