package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/revoke"
)

// Restored ends every session, refresh family and access token at once, on every
// node, because the database was put back to an earlier state: whatever ended
// them since may be missing from the log, whose numbers are given out again. API
// keys go on, and so does everything else as it was then.
//
// That takes one change, however many sessions there are: the log gets another name, in
// one transaction with the audit entry, and what has a position in a log of another name
// is dead. Rows of such sessions and families are swept when they expire. Clients that
// know of them are told soon.
//
// log is the name that the log must still have for that; with another one,
// somebody was faster and nothing is done. "" stands for whatever it has. cause
// is for the audit log. The position is that of the log afterwards: obey it with
// [Service.CatchUp]. Restored does not need a Service, because it must not wait
// for a follower that itself waits for it.
func Restored(ctx context.Context, s Store, log, cause string, o Origin) (p revoke.Position, err error) {
	now := present()
	err = s.Update(ctx, func(tx Tx) error {
		head, err := tx.Log.Head(ctx)
		if err != nil {
			return err
		}
		old := log
		if old == "" {
			old = head.Log
		}
		e := o.Entry("log.renew", old, now)
		e.Detail = map[string]string{"cause": cause, "was": head.String()}
		if err := tx.Audit.Append(ctx, e); err != nil {
			return err
		}
		if _, err := tx.Log.Renew(ctx, old); err != nil {
			return err
		}
		if err := tx.Introduced.ExpireAll(ctx, now); err != nil {
			return err
		}
		// The log begins with an entry of its own: by its nonce, whoever has read up to
		// here notices when this database is put back in turn.
		p, err = tx.Log.Append(ctx, revoke.Entry{Effect: revoke.Kill, Kind: revoke.Global, CreatedAt: now, ExpiresAt: now.Add(24 * time.Hour)})
		return err
	})
	if !errors.Is(err, revoke.ErrRenewed) {
		return p, err
	}
	err = s.View(ctx, func(tx Tx) error {
		head, err := tx.Log.Head(ctx)
		p = head.Position
		return err
	})
	return p, err
}

// head returns the head of the log, in a transaction that began after read was
// the position up to which this node had read it. If the head is before that, the
// database was put back to an earlier state, and what it says may be about others:
// the error is [revoke.ErrStale] until the follower, which is told, has seen to it.
func (s *Service) head(ctx context.Context, tx Tx, read revoke.Position) (revoke.Head, error) {
	head, err := tx.Log.Head(ctx)
	if err == nil && head.Log == read.Log && head.Seq < read.Seq {
		s.Follower.Ring()
		err = fmt.Errorf("%w: it ends at %v and was read up to %v", revoke.ErrStale, head.Position, read)
	}
	return head, err
}
