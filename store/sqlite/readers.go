package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/store"
)

// readers are the connections that View reads through.
type readers struct {
	pool   *sql.DB
	all    int
	idle   chan *conn
	closed chan struct{}
	once   sync.Once
}

func openReaders(ctx context.Context, path string, n int) (*readers, error) {
	pool, err := sql.Open(driverName, readerDSN(path))
	if err != nil {
		return nil, err
	}
	r := &readers{pool: pool, idle: make(chan *conn, n), closed: make(chan struct{})}
	for range n {
		c, err := pool.Conn(ctx)
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		r.idle <- newConn(c)
		r.all++
	}
	return r, nil
}

// view runs f in a transaction, which sees the state of its first statement.
func (r *readers) view(ctx context.Context, f func(sqldb.Conn) error) (err error) {
	c, err := r.acquire(ctx)
	if err != nil {
		return err
	}
	defer func() { r.idle <- c }()
	if _, err := c.Exec(ctx, `BEGIN`); err != nil {
		return err
	}
	v := &view{conn: c}
	defer func() {
		v.over.Store(true)
		if _, e := c.Exec(ctx, `ROLLBACK`); err == nil {
			err = e
		}
	}()
	return f(v)
}

// look runs f without a transaction: every statement is one of its own.
func (r *readers) look(ctx context.Context, f func(sqldb.Conn) error) error {
	c, err := r.acquire(ctx)
	if err != nil {
		return err
	}
	v := &view{conn: c}
	defer func() {
		v.over.Store(true)
		r.idle <- c
	}()
	return f(v)
}

func (r *readers) acquire(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-r.closed:
		return nil, store.ErrClosed
	default:
	}
	select { // most often there is one, and to ask for that alone is cheaper
	case c := <-r.idle:
		return c, nil
	default:
	}
	select {
	case c := <-r.idle:
		return c, nil
	case <-r.closed:
		return nil, store.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close waits until all connections are idle.
func (r *readers) Close() (err error) {
	r.once.Do(func() {
		close(r.closed)
		for range r.all {
			err = errors.Join(err, (<-r.idle).close())
		}
		err = errors.Join(err, r.pool.Close())
	})
	return err
}
