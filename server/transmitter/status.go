package transmitter

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/ssf"
)

// A status is what SSF 1.0 §8.1.2 says of a stream, and how its pushes fare.
type status struct {
	ID     string     `json:"stream_id"`
	Status ssf.Status `json:"status"`
	Reason string     `json:"reason,omitempty"`

	Failures int        `json:"failures,omitempty"` // in a row
	RetryAt  *time.Time `json:"retry_at,omitempty"`
	Refused  int64      `json:"refused,omitempty"`
	Problem  string     `json:"last_problem,omitempty"`
}

func newStatus(st *ssf.Stream) status {
	s := status{st.ID, st.Status, st.Reason, st.Failures, nil, st.Refused, st.Problem}
	if st.Failures > 0 {
		s.RetryAt = &st.RetryAt
	}
	return s
}

func (h *Handler) status(w http.ResponseWriter, r *http.Request) error {
	st, err := h.one(r)
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.JSON(w, http.StatusOK, newStatus(&st))
}

type statusRequest struct {
	ID     string     `json:"stream_id"`
	Status ssf.Status `json:"status"`
	Reason string     `json:"reason"`
}

// setStatus is the receiver's word. One that was disabled begins again with what
// happens from now on.
func (h *Handler) setStatus(w http.ResponseWriter, r *http.Request) error {
	var in statusRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	if in.ID == "" || !slices.Contains([]ssf.Status{ssf.Enabled, ssf.Paused, ssf.Disabled}, in.Status) {
		return exchange.Invalid("This needs a stream_id and a status: enabled, paused or disabled.")
	}
	if err := ssf.CheckReason(in.Reason); err != nil {
		return exchange.Problem(err)
	}
	t, o := h.Transmitter, exchange.Origin(h.Gate, r)
	st, err := t.change(r.Context(), in.ID, owner(r), func(tx account.Tx, st *ssf.Stream) error {
		was, now := st.Status, present()
		st.Status, st.Reason, st.UpdatedAt = in.Status, in.Reason, now
		if was == in.Status {
			return nil
		}
		st.Notices, st.Failures, st.RetryAt = nil, 0, time.Time{}
		if err := tx.Audit.Append(r.Context(), entry(o, "ssf.status", st)); err != nil {
			return err
		}
		if was != ssf.Disabled {
			return nil
		}
		return fromNow(r.Context(), tx, st, now)
	})
	if err != nil {
		return exchange.Problem(err)
	}
	t.ring()
	return exchange.JSON(w, http.StatusOK, newStatus(&st))
}

type verification struct {
	ID    string `json:"stream_id"`
	State string `json:"state"`
}

// verify asks for a verification event (SSF 1.0 §8.1.4). One that still waits is
// replaced by a newer one.
func (h *Handler) verify(w http.ResponseWriter, r *http.Request) error {
	var in verification
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	if in.ID == "" {
		return exchange.Invalid("The member stream_id is missing.")
	}
	if err := ssf.CheckState(in.State); err != nil {
		return exchange.Problem(err)
	}
	_, err := h.Transmitter.change(r.Context(), in.ID, owner(r), func(_ account.Tx, st *ssf.Stream) error {
		now := present()
		if st.Status != ssf.Enabled {
			return exchange.Invalid("The stream is not enabled.")
		}
		if wait := st.VerifiedAt.Add(ssf.MinVerification).Sub(now); wait > 0 {
			return &sallyport.Problem{
				Status: http.StatusTooManyRequests, Code: "rate_limited",
				Detail: fmt.Sprintf("A verification can be had every %d seconds.", interval),
				Header: http.Header{"Retry-After": {strconv.Itoa(int(wait/time.Second) + 1)}},
			}
		}
		st.VerifiedAt, st.RetryAt = now, time.Time{} // the receiver is there: no reason to wait
		st.Notices = append(slices.DeleteFunc(st.Notices, func(n ssf.Notice) bool { return n.Event == ssf.Verification }),
			ssf.Notice{JTI: secret.NewID("set"), At: now, Event: ssf.Verification, State: in.State})
		return nil
	})
	if err != nil {
		return exchange.Problem(err)
	}
	h.Transmitter.ring()
	return exchange.Done(w)
}
