package events

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A lease is what a stream hangs on at a moment: what the log may name to end or
// change it, and when it ends by itself (zero: never).
type lease struct {
	ids   revoke.IDs
	until time.Time
}

// A look finds out what the credential of a stream is worth now. Unlike door one it
// is no use of the credential: a tab that is left open must not keep a session from
// idling out.
type look func(context.Context) (lease, error)

// How a stream ends. Any other error of a look means that nobody can tell.
var (
	// errEnded: signed out, and the client is told.
	errEnded = errors.New("credential has ended")
	// errLapsed: the stream ends without a word. The client comes back, with the next
	// token or the new cookie; who has none is refused then.
	errLapsed = errors.New("credential has been replaced or must be shown again")
)

// refusal is what a look says before the first event.
func refusal(err error) error {
	if errors.Is(err, errEnded) || errors.Is(err, errLapsed) {
		return fmt.Errorf("%w: %w", sallyport.ErrInvalidCredential, err)
	}
	return err
}

// look returns how to look at r's credential.
func (h *Handler) look(r *http.Request) (look, error) {
	p, value := sallyport.From(r.Context()), h.offered(r)
	switch p.Credential {
	case "session":
		return h.session(p, value), nil
	case "apikey":
		if id, ok := apikey.Parse(value); ok {
			return h.apiKey(id), nil
		}
	case "token":
		switch l, err := h.token(r.Context(), value); {
		case err == nil:
			return l, nil
		case errors.Is(err, revoke.ErrRevoked), !errors.Is(err, sallyport.ErrInvalidCredential):
			return nil, err
		}
	}
	return h.foreign(r, p), nil
}

// offered is the credential that r was let in with.
func (h *Handler) offered(r *http.Request) string {
	if _, value, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		return strings.TrimLeft(value, " ")
	}
	if key := r.Header.Get("X-Api-Key"); key != "" {
		return key
	}
	if cookies := r.CookiesNamed(h.Gate.CookieName()); len(cookies) == 1 {
		return cookies[0].Value
	}
	return ""
}

// session looks for the session that the cookie opens. One that goes on under
// another cookie has been rotated: whoever has the old one may be a thief.
func (h *Handler) session(p *sallyport.Principal, cookie string) look {
	hash := secret.Hash(cookie)
	return func(ctx context.Context) (lease, error) {
		s, err := h.Accounts.Session(ctx, hash)
		switch {
		case errors.Is(err, session.ErrNotFound):
			return lease{}, h.rotated(ctx, p)
		case err != nil:
			return lease{}, fmt.Errorf("reading session: %w", err)
		case !s.Alive(time.Now()):
			return lease{}, errEnded
		}
		until := s.ExpiresAt
		if s.IdleExpiresAt.Before(until) {
			until = s.IdleExpiresAt
		}
		return lease{revoke.IDs{Session: s.ID, Subject: s.Subject, Org: s.Org}, until}, nil
	}
}

// rotated tells a session with another cookie from one that has ended.
func (h *Handler) rotated(ctx context.Context, p *sallyport.Principal) error {
	all, err := h.Accounts.Sessions(ctx, p.Subject)
	switch {
	case err != nil:
		return fmt.Errorf("reading sessions: %w", err)
	case slices.ContainsFunc(all, func(s session.Session) bool { return s.ID == p.Session }):
		return errLapsed
	}
	return errEnded
}

func (h *Handler) apiKey(id string) look {
	return func(ctx context.Context) (lease, error) {
		k, err := h.Accounts.Key(ctx, id)
		switch {
		case errors.Is(err, apikey.ErrNotFound):
			return lease{}, errEnded
		case err != nil:
			return lease{}, fmt.Errorf("reading API key: %w", err)
		case !k.ExpiresAt.IsZero() && !time.Now().Before(k.ExpiresAt):
			return lease{}, errEnded
		}
		return lease{k.IDs(), k.ExpiresAt}, nil
	}
}

// token asks the log about a token of ours. That it expires is no sign-out: whoever
// holds it has the means to get the next.
func (h *Handler) token(ctx context.Context, value string) (look, error) {
	c, _, err := h.Tokens.Inspect(ctx, value)
	if err != nil {
		return nil, err
	}
	rev, err := revoke.ParsePosition(c.Rev)
	if err != nil {
		return nil, err
	}
	return func(context.Context) (lease, error) {
		switch err := h.Follower.Dead(rev, c.IDs()); {
		case errors.Is(err, revoke.ErrRevoked):
			return lease{}, errEnded
		case err != nil:
			return lease{}, err
		case !time.Now().Before(c.Expiry):
			return lease{}, errLapsed
		}
		return lease{c.IDs(), c.Expiry}, nil
	}, nil
}

// foreign asks the gate about a credential of the program's own, of which nothing is
// known here.
func (h *Handler) foreign(r *http.Request, p *sallyport.Principal) look {
	ids := revoke.IDs{Session: p.Session, Grant: p.Grant, Subject: p.Subject, Org: p.Org}
	return func(context.Context) (lease, error) {
		err := h.Gate.Recheck(r.Context())
		if err == nil || unavailable(err) {
			return lease{ids: ids}, err
		}
		return lease{}, errLapsed
	}
}

// unavailable reports whether the gate could not tell.
func unavailable(err error) bool {
	p, ok := errors.AsType[*sallyport.Problem](err)
	return ok && p.Status >= http.StatusInternalServerError
}
