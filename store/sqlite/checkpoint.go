package sqlite

import (
	"context"
	"database/sql"
)

const (
	// commitsBetween is how many transactions there are between two checkpoints.
	commitsBetween = 64
	// pagesKept is how long the log may be before it is begun again, for which writers
	// wait a millisecond or two. It begins again by itself if a transaction comes when all
	// is copied and nobody reads, which on a busy server never happens.
	pagesKept = 4_000
	// pagesAtMost is when a transaction copies by itself after all: beside a reader that
	// does not end.
	pagesAtMost = 32_000
)

// A checkpointer copies the write-ahead log into the database, beside the writer. Left to
// itself, SQLite has the transaction that makes the log long enough do that, and all others
// wait for it: 50 ms for some thousand pages that have to be on the disk.
// See docs/decisions/0034-checkpoints-beside-the-writer.md.
type checkpointer struct {
	pool   *sql.DB
	writer *writer
	cancel context.CancelFunc
	ended  chan struct{}
}

func startCheckpointer(path string, w *writer) (*checkpointer, error) {
	pool, err := sql.Open(driverName, dsn(path, "busy_timeout(1)", "synchronous(FULL)"))
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	ctx, cancel := context.WithCancel(context.Background())
	k := &checkpointer{pool: pool, writer: w, cancel: cancel, ended: make(chan struct{})}
	go k.run(ctx)
	return k, nil
}

func (k *checkpointer) run(ctx context.Context) {
	defer close(k.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.writer.due:
		}
		if k.copyAll() > pagesKept {
			k.writer.between(ctx, func() { k.copy("RESTART") })
		}
	}
}

// copyAll copies the log and then what was written meanwhile, which each time is less,
// and returns how long the log is.
func (k *checkpointer) copyAll() (pages int64) {
	for range 4 {
		before := k.writer.commits.Load()
		pages = k.copy("PASSIVE")
		if k.writer.commits.Load() == before {
			break
		}
	}
	return pages
}

// copy copies what no reader holds back, and returns how long the log is. What fails is
// left for the next time: the log has all of it.
func (k *checkpointer) copy(mode string) (pages int64) {
	var busy, copied int64
	k.pool.QueryRow(`PRAGMA wal_checkpoint(`+mode+`)`).Scan(&busy, &pages, &copied)
	return pages
}

// Close waits for a copy under way.
func (k *checkpointer) Close() error {
	k.cancel()
	<-k.ended
	return k.pool.Close()
}
