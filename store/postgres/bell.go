package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport-auth/sallyport/store"
)

// channel is what nodes notify each other on.
const channel = "sallyport_revocations"

const (
	// quiet is how long a connection that listens may say nothing before it is asked
	// whether it is still there.
	quiet = 30 * time.Second
	// answerTime is how long it may take to connect, and to answer.
	answerTime = 5 * time.Second
)

// Ring wakes every other node that listens on the database: it implements
// server.Bell. It is a transaction of its own, because NOTIFY within the one that
// changed something would make its commit wait for all others that notify.
func (db *DB) Ring(ctx context.Context) error {
	if !db.enter() {
		return store.ErrClosed
	}
	defer db.active.Done()
	if _, err := db.pool.ExecContext(ctx, `SELECT pg_notify($1, $2)`, channel, db.node); err != nil {
		return fmt.Errorf("notifying the other nodes: %w", oneLine(err))
	}
	return nil
}

// Listen calls heard once it listens, and then whenever another node rings, on a
// connection of its own, which it needs to have all the time: through a pooler
// that lends connections for a transaction it hears nothing. It returns when ctx
// ends or the connection is lost. Close does not end it.
func (db *DB) Listen(ctx context.Context, heard func()) error {
	conn, err := db.subscribe(ctx)
	if err != nil {
		return fmt.Errorf("listening for other nodes: %w", oneLine(err))
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		conn.Close(ctx)
	}()
	for heard(); ; {
		from, err := db.hear(ctx, conn)
		if err != nil {
			return fmt.Errorf("listening for other nodes: %w", oneLine(err))
		}
		if from != "" && from != db.node {
			heard()
		}
	}
}

func (db *DB) subscribe(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, db.config.Copy())
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return conn, nil
}

// hear returns who rang; "" = nobody, and the connection is still there.
func (db *DB) hear(ctx context.Context, conn *pgx.Conn) (from string, err error) {
	waiting, cancel := context.WithTimeout(ctx, db.quiet)
	defer cancel()
	n, err := conn.WaitForNotification(waiting)
	switch {
	case err == nil:
		return n.Payload, nil
	case ctx.Err() != nil || waiting.Err() == nil:
		return "", err
	}
	asking, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return "", conn.Ping(asking)
}
