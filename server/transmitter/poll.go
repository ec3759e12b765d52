package transmitter

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/ssf"
)

const (
	maxSets  = 100              // in one answer
	maxAcks  = 1000             // in one request, of each kind
	longPoll = 20 * time.Second // that an answer is held back for the first token
	lookAt   = 5 * time.Second  // that another node is given to say nothing
)

// A pollRequest is what RFC 8936 §2.4 has a receiver say.
type pollRequest struct {
	MaxEvents   *int                   `json:"maxEvents"`
	Immediately bool                   `json:"returnImmediately"`
	Ack         []string               `json:"ack"`
	Errors      map[string]ssf.Refusal `json:"setErrs"`
}

func (in *pollRequest) check() error {
	switch {
	case in.MaxEvents != nil && *in.MaxEvents < 0:
		return exchange.Invalid("The member maxEvents is not negative.")
	case len(in.Ack) > maxAcks || len(in.Errors) > maxAcks:
		return exchange.Invalid(fmt.Sprintf("At most %d tokens can be acknowledged or refused at once.", maxAcks))
	}
	return nil
}

func (in *pollRequest) most() int {
	if in.MaxEvents == nil {
		return maxSets
	}
	return min(*in.MaxEvents, maxSets)
}

// A pollAnswer is what RFC 8936 §2.5 answers.
type pollAnswer struct {
	Sets map[string]string `json:"sets"`
	More bool              `json:"moreAvailable,omitempty"`
}

// poll takes acknowledgements and gives tokens. What was not acknowledged is given
// again, with the same jti.
func (h *Handler) poll(w http.ResponseWriter, r *http.Request) error {
	var in pollRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	t, id := h.Transmitter, r.PathValue("stream")
	st, err := t.stream(r.Context(), id, owner(r))
	if err == nil && st.Method != ssf.Poll {
		err = ssf.ErrNotFound
	}
	if err == nil {
		err = t.settle(r.Context(), id, owner(r), &in)
	}
	if err != nil {
		return exchange.Problem(err)
	}
	out := pollAnswer{Sets: map[string]string{}}
	if most := in.most(); most > 0 {
		if out, err = h.awaited(r, id, most, in.Immediately); err != nil {
			return exchange.Problem(err)
		}
	}
	return exchange.JSON(w, http.StatusOK, out)
}

// settle notes what the receiver has taken, and what it would not have.
func (t *Transmitter) settle(ctx context.Context, id, owner string, in *pollRequest) error {
	if len(in.Ack)+len(in.Errors) == 0 {
		return nil
	}
	jtis := map[string]bool{}
	for _, jti := range in.Ack {
		jtis[jti] = true
	}
	for jti := range in.Errors {
		jtis[jti] = true
	}
	_, err := t.change(ctx, id, owner, func(tx account.Tx, st *ssf.Stream) error {
		if st.Method != ssf.Poll {
			return ssf.ErrNotFound
		}
		signals, err := tx.Signals.Read(ctx, st.Cursor, ssf.Window)
		if err != nil {
			return err
		}
		if st.Status == ssf.Disabled { // it has no cursor worth moving
			signals = nil
		}
		st.Settle(signals, jtis)
		for _, refusal := range in.Errors {
			st.Refused++
			st.Problem = refusal.String()
		}
		return nil
	})
	return err
}

// awaited returns tokens that wait for the receiver, or waits for the first. Whether
// the receiver may have them is asked again after that.
func (h *Handler) awaited(r *http.Request, id string, most int, immediately bool) (pollAnswer, error) {
	ctx := r.Context()
	out, err := h.Transmitter.outstanding(ctx, id, owner(r), most)
	if err != nil || immediately || len(out.Sets) > 0 {
		return out, err
	}
	for over := time.Now().Add(longPoll); len(out.Sets) == 0 && time.Now().Before(over); {
		// To enter comes before to look: nothing is missed in between.
		moved, leave, ok := h.Transmitter.wait(id)
		if !ok {
			return out, nil
		}
		if out, err = h.Transmitter.outstanding(ctx, id, owner(r), most); err == nil && len(out.Sets) == 0 {
			select {
			case <-moved:
			case <-time.After(min(lookAt, time.Until(over))):
			case <-ctx.Done():
				err = ctx.Err()
			}
			if err == nil {
				if err = h.Gate.Recheck(ctx); err == nil {
					out, err = h.Transmitter.outstanding(ctx, id, owner(r), most)
				}
			}
		}
		leave()
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// outstanding returns the first tokens that the receiver has not acknowledged, and
// moves past what is not for it.
func (t *Transmitter) outstanding(ctx context.Context, id, owner string, most int) (out pollAnswer, err error) {
	out.Sets = map[string]string{}
	st, signals, err := t.ahead(ctx, id, owner)
	if err != nil {
		return out, err
	}
	wait := st.Outstanding(signals)
	var sets []ssf.Set
	for i := range st.Notices {
		sets = append(sets, st.NoticeSet(t.c.Issuer, &st.Notices[i]))
	}
	for i := range wait {
		sets = append(sets, st.Set(t.c.Issuer, &wait[i]))
	}
	out.More = len(sets) > most || len(signals) == ssf.Window // what lies behind the window comes once this was acknowledged
	for _, set := range sets[:min(most, len(sets))] {
		if out.Sets[set.ID], err = set.Sign(t.c.Sign); err != nil {
			return out, fmt.Errorf("signing a token: %w", err)
		}
	}
	return out, nil
}

// ahead returns the stream, and the signals after its cursor, if one of them is for
// it; if none is, it moves the cursor on until one is or none is left.
func (t *Transmitter) ahead(ctx context.Context, id, owner string) (st ssf.Stream, signals []ssf.Signal, err error) {
	for err == nil {
		if st, err = t.stream(ctx, id, owner); err != nil {
			break
		}
		if signals, err = t.following(ctx, &st); err != nil || len(signals) == 0 || len(st.Outstanding(signals)) > 0 {
			break
		}
		err = t.skip(ctx, id, owner, signals)
	}
	return st, signals, err
}

// skip moves past signals that the stream does not carry.
func (t *Transmitter) skip(ctx context.Context, id, owner string, signals []ssf.Signal) error {
	_, err := t.change(ctx, id, owner, func(_ account.Tx, st *ssf.Stream) error {
		if st.Status == ssf.Enabled {
			st.Settle(signals, nil)
		}
		return nil
	})
	return err
}
