package memory

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/sallyport-auth/sallyport/revoke"
)

type revocations struct{ *tx }

func (x revocations) Head(context.Context) (revoke.Head, error) { return x.head, nil }

func (x revocations) Append(_ context.Context, entries ...revoke.Entry) (revoke.Position, error) {
	for _, e := range entries {
		if err := x.write(append([]string{string(e.Effect), string(e.Kind), e.ID, e.Org}, e.Overlay...)...); err != nil {
			return revoke.Position{}, fmt.Errorf("appending to the revocation log: %w", err)
		}
	}
	for _, e := range entries {
		x.head.Seq++
		e.Seq, e.Nonce = x.head.Seq, rand.Text()
		e.Overlay = slices.Clone(e.Overlay)
		e.CreatedAt, e.ExpiresAt = ms(e.CreatedAt), ms(e.ExpiresAt)
		x.log.put(number(e.Seq), &e)
		x.entryExpiry.add(e.ExpiresAt, number(e.Seq))
	}
	return x.head.Position, nil
}

func (x revocations) Read(_ context.Context, after int64, limit int) (all []revoke.Entry, err error) {
	for _, e := range x.log.from(number(after + 1)) {
		if len(all) >= limit {
			break
		}
		c := *e
		c.Overlay = slices.Clone(e.Overlay)
		all = append(all, c)
	}
	return all, nil
}

func (x revocations) Renew(_ context.Context, old string) (revoke.Position, error) {
	if err := x.write(); err != nil {
		return revoke.Position{}, fmt.Errorf("renewing the revocation log: %w", err)
	}
	if x.head.Log != old {
		return revoke.Position{}, revoke.ErrRenewed
	}
	x.head.Log = newLogID()
	return x.head.Position, nil
}

// prune removes an entry that has expired and raises the floor.
func (x revocations) prune(seq string) {
	e, ok := x.log.get(seq)
	if !ok {
		return
	}
	x.log.remove(seq)
	x.entryExpiry.drop(e.ExpiresAt, seq)
	x.head.Floor = max(x.head.Floor, e.Seq)
}
