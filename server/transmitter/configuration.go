package transmitter

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/ssf"
)

// A configuration is a stream as its receiver sees it and sends it (SSF 1.0 §8.1.1).
type configuration struct {
	ID          string    `json:"stream_id,omitempty"`
	Issuer      string    `json:"iss,omitempty"`
	Audience    string    `json:"aud,omitempty"`
	Supported   []string  `json:"events_supported,omitempty"`
	Requested   []string  `json:"events_requested,omitzero"` // none is not the same as all
	Delivered   []string  `json:"events_delivered"`
	Delivery    *delivery `json:"delivery,omitempty"`
	Interval    *int      `json:"min_verification_interval,omitempty"`
	Description *string   `json:"description,omitempty"`
}

type delivery struct {
	Method        ssf.Method `json:"method"`
	Endpoint      string     `json:"endpoint_url,omitempty"`
	Authorization string     `json:"authorization_header,omitempty"` // is taken and never shown
}

const interval = int(ssf.MinVerification / 1e9)

func (h *Handler) shown(st *ssf.Stream) configuration {
	seconds := interval
	c := configuration{
		ID: st.ID, Issuer: h.Issuer, Audience: st.Audience(), Supported: ssf.Supported, Requested: st.Requested, Delivered: st.Delivered(),
		Delivery: &delivery{Method: st.Method, Endpoint: h.endpoint(st)}, Interval: &seconds,
	}
	if st.Description != "" {
		c.Description = &st.Description
	}
	return c
}

// endpoint is where tokens go to or are fetched from.
func (h *Handler) endpoint(st *ssf.Stream) string {
	if st.Method == ssf.Push {
		return st.Endpoint
	}
	return h.Issuer + h.Base + "/ssf/poll/" + st.ID
}

func (h *Handler) read(w http.ResponseWriter, r *http.Request) error {
	id, err := named(r)
	if err != nil {
		return err
	}
	if id != "" {
		st, err := h.Transmitter.stream(r.Context(), id, owner(r))
		if err != nil {
			return exchange.Problem(err)
		}
		return exchange.JSON(w, http.StatusOK, h.shown(&st))
	}
	all, err := h.Transmitter.streams(r.Context(), owner(r))
	if err != nil {
		return err
	}
	out := make([]configuration, 0, len(all)) // the specification wants a list, not a page
	for i := range all {
		out = append(out, h.shown(&all[i]))
	}
	return exchange.JSON(w, http.StatusOK, out)
}

func (h *Handler) create(w http.ResponseWriter, r *http.Request) error {
	var in configuration
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	if in.ID != "" || in.Issuer != "" || in.Audience != "" || in.Supported != nil || in.Delivered != nil || in.Interval != nil {
		return exchange.Invalid("A new stream has events_requested, delivery and description; the rest is ours to say.")
	}
	st, err := h.Transmitter.Create(r.Context(), owner(r), exchange.Origin(h.Gate, r), func(st *ssf.Stream) error {
		if in.Delivery == nil {
			in.Delivery = &delivery{Method: ssf.Poll}
		}
		return h.apply(&in, st)
	})
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.JSON(w, http.StatusCreated, h.shown(&st))
}

func (h *Handler) update(w http.ResponseWriter, r *http.Request) error {
	return h.edit(w, r, func(in *configuration, st *ssf.Stream) error { return h.apply(in, st) })
}

func (h *Handler) replace(w http.ResponseWriter, r *http.Request) error {
	return h.edit(w, r, func(in *configuration, st *ssf.Stream) error {
		if in.Delivery == nil {
			return exchange.Invalid("A configuration that replaces another needs its delivery.")
		}
		st.Requested, st.Description = nil, ""
		return h.apply(in, st)
	})
}

func (h *Handler) edit(w http.ResponseWriter, r *http.Request, f func(*configuration, *ssf.Stream) error) error {
	var in configuration
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	if in.ID == "" {
		return exchange.Invalid("The member stream_id is missing.")
	}
	st, err := h.Transmitter.Configure(r.Context(), in.ID, owner(r), exchange.Origin(h.Gate, r), func(st *ssf.Stream) error {
		if err := h.matches(&in, st); err != nil {
			return err
		}
		return f(&in, st)
	})
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.JSON(w, http.StatusOK, h.shown(&st))
}

// matches refuses members that are ours to say and say something else. What is
// delivered is compared with what was before the change.
func (h *Handler) matches(in *configuration, st *ssf.Stream) error {
	for member, wrong := range map[string]bool{
		"iss":                       in.Issuer != "" && in.Issuer != h.Issuer,
		"aud":                       in.Audience != "" && in.Audience != st.Audience(),
		"events_supported":          in.Supported != nil && !slices.Equal(in.Supported, ssf.Supported),
		"events_delivered":          in.Delivered != nil && !slices.Equal(in.Delivered, st.Delivered()),
		"min_verification_interval": in.Interval != nil && *in.Interval != interval,
	} {
		if wrong {
			return exchange.Invalid("The member " + member + " is ours to say, and it is not that.")
		}
	}
	return nil
}

// apply writes what the receiver supplies into the stream.
func (h *Handler) apply(in *configuration, st *ssf.Stream) error {
	if in.Requested != nil {
		st.Requested = in.Requested
	}
	if in.Description != nil {
		st.Description = *in.Description
	}
	err := errors.Join(ssf.CheckRequested(st.Requested), ssf.CheckDescription(st.Description))
	if err != nil || in.Delivery == nil {
		return err
	}
	return h.deliver(in.Delivery, st)
}

// deliver changes how tokens come to the receiver. The header that goes with a push
// belongs to an endpoint: it is never sent to another.
func (h *Handler) deliver(in *delivery, st *ssf.Stream) error {
	old := *st
	st.Method, st.Endpoint, st.Authorization = in.Method, "", nil
	switch in.Method {
	case ssf.Push:
		err := errors.Join(ssf.CheckEndpoint(in.Endpoint, h.Transmitter.c.Local), ssf.CheckAuthorization(in.Authorization))
		if err != nil {
			return err
		}
		st.Endpoint = in.Endpoint
		if in.Authorization != "" {
			st.Authorization = h.Transmitter.c.Sealer.Seal(purpose, st.ID, []byte(in.Authorization))
		}
	case ssf.Poll:
		if in.Authorization != "" || in.Endpoint != "" && (in.Endpoint != h.endpoint(st) || old.CreatedAt.IsZero()) {
			return exchange.Invalid("Where tokens are polled from is ours to say.")
		}
	default:
		return exchange.Invalid("The member delivery has the method urn:ietf:rfc:8935 or urn:ietf:rfc:8936.")
	}
	st.Failures, st.RetryAt = 0, time.Time{} // at once
	return nil
}

func (h *Handler) delete(w http.ResponseWriter, r *http.Request) error {
	st, err := h.one(r)
	if err == nil {
		err = h.Transmitter.Delete(r.Context(), st.ID, owner(r), exchange.Origin(h.Gate, r))
	}
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

// stream returns a stream of the owner.
func (t *Transmitter) stream(ctx context.Context, id, owner string) (st ssf.Stream, err error) {
	err = t.c.Store.View(ctx, func(tx account.Tx) error { st, err = tx.Streams.ByID(ctx, id); return err })
	if err == nil && st.Owner != owner {
		return ssf.Stream{}, ssf.ErrNotFound
	}
	return st, err
}

func (t *Transmitter) streams(ctx context.Context, owner string) (all []ssf.Stream, err error) {
	err = t.c.Store.View(ctx, func(tx account.Tx) error { all, err = tx.Streams.Of(ctx, owner); return err })
	return all, err
}

// Create makes a stream for the owner, who may not have too many ([ssf.ErrTooMany]). It
// carries what commits after it.
func (t *Transmitter) Create(ctx context.Context, owner string, o account.Origin, fill func(*ssf.Stream) error) (st ssf.Stream, err error) {
	now := present()
	id := ssf.NewID()
	err = t.c.Store.Update(ctx, func(tx account.Tx) error {
		if _, err := tx.Users.Lock(ctx, owner); err != nil { // so that two do not count at once
			return err
		}
		all, err := tx.Streams.Of(ctx, owner)
		if err != nil {
			return err
		}
		if len(all) >= ssf.MaxStreams {
			return ssf.ErrTooMany
		}
		st = ssf.Stream{ID: id, Owner: owner, Status: ssf.Enabled}
		if err := fill(&st); err != nil {
			return err
		}
		st.CreatedAt, st.UpdatedAt = now, now
		if err := tx.Streams.Create(ctx, st); err != nil {
			return err
		}
		if err := tx.Audit.Append(ctx, entry(o, "ssf.create", &st)); err != nil {
			return err
		}
		if err := fromNow(ctx, tx, &st, now); err != nil {
			return err
		}
		return tx.Streams.Update(ctx, st)
	})
	return st, err
}

// entry says in the audit log where tokens go to.
func entry(o account.Origin, action string, st *ssf.Stream) (e audit.Entry) {
	e = o.Entry(action, st.ID, st.UpdatedAt)
	e.Detail = map[string]string{"owner": st.Owner, "method": string(st.Method), "status": string(st.Status)}
	if u, err := url.Parse(st.Endpoint); err == nil && u.Host != "" {
		e.Detail["host"] = u.Host
	}
	return e
}

// Configure lets f edit a stream of the owner.
func (t *Transmitter) Configure(ctx context.Context, id, owner string, o account.Origin, f func(*ssf.Stream) error) (ssf.Stream, error) {
	st, err := t.change(ctx, id, owner, func(tx account.Tx, st *ssf.Stream) error {
		if err := f(st); err != nil {
			return err
		}
		st.UpdatedAt = present()
		return tx.Audit.Append(ctx, entry(o, "ssf.change", st))
	})
	if err == nil {
		t.ring()
	}
	return st, err
}

// Delete removes a stream of the owner, with whatever it was still to be told.
func (t *Transmitter) Delete(ctx context.Context, id, owner string, o account.Origin) error {
	return t.c.Store.Update(ctx, func(tx account.Tx) error {
		st, err := tx.Streams.Lock(ctx, id)
		if err != nil {
			return err
		}
		if st.Owner != owner {
			return ssf.ErrNotFound
		}
		if _, err := tx.Streams.Delete(ctx, id); err != nil {
			return err
		}
		st.UpdatedAt = present()
		return tx.Audit.Append(ctx, entry(o, "ssf.delete", &st))
	})
}
