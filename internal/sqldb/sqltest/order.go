package sqltest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
)

// Order lets 64 goroutines append to the log, while followers read on from where
// they are: each must meet every entry, in order, however commits interleave.
func Order(t *testing.T, db account.Store) {
	ctx := t.Context()
	rounds := testenv.Count(8, 300)
	done := make(chan struct{})
	var writers, followers sync.WaitGroup
	for i := range 64 {
		writers.Go(func() {
			for j := range rounds {
				err := db.Update(ctx, func(tx account.Tx) error {
					entries := make([]revoke.Entry, 1+(i+j)%3)
					for k := range entries {
						entries[k] = revoke.Entry{Effect: revoke.Kill, Kind: revoke.Session, ID: fmt.Sprint(i, "-", j), ExpiresAt: time.Now()}
					}
					if _, err := tx.Log.Append(ctx, entries...); err != nil {
						return err
					}
					if j%7 == 6 {
						return errUndo
					}
					return nil
				})
				if err != nil && !errors.Is(err, errUndo) {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 3 {
		followers.Go(func() { follow(t, db, done) })
	}
	writers.Wait()
	close(done)
	followers.Wait()
}

// follow reads the log until it has met its end after done.
func follow(t *testing.T, db account.Store, done <-chan struct{}) {
	ctx := t.Context()
	cursor, last := int64(0), false
	for {
		select {
		case <-done:
			last = true
		default:
		}
		var page []revoke.Entry
		var head revoke.Head
		err := db.View(ctx, func(tx account.Tx) (err error) {
			if head, err = tx.Log.Head(ctx); err != nil {
				return err
			}
			page, err = tx.Log.Read(ctx, cursor, 100)
			return err
		})
		if err != nil {
			t.Error(err)
			return
		}
		for _, e := range page {
			if e.Seq != cursor+1 {
				t.Errorf("entry %d follows %d", e.Seq, cursor)
				return
			}
			cursor = e.Seq
		}
		if len(page) < 100 && cursor != head.Seq {
			t.Errorf("the head is at %d, the entries of the same moment end at %d", head.Seq, cursor)
			return
		}
		if last && len(page) == 0 {
			return
		}
	}
}
