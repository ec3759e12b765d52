package sallyport

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"
)

// A Gate is the two doors. Fill its fields before first use and leave them
// alone afterwards; it is then safe for concurrent use.
type Gate struct {
	Authenticators []Authenticator // asked in order until one does not say ErrNotMine
	Policy         Policy          // nil denies
	Limiter        Limiter         // nil: doors that name a limit answer 503

	Cookie      string                                             // name of the session cookie; "" = __Host-sallyport
	CrossOrigin *http.CrossOriginProtection                        // checks requests that rely on cookies; nil = same origin only
	Origin      string                                             // "https://host[:port]" as clients see it; fills Credential.URL
	ClientAddr  func(r *http.Request) netip.Addr                   // nil = the peer; set it to trust a proxy's header
	SignIn      string                                             // page to which browser navigations are sent; "" = always 401
	Page        func(http.ResponseWriter, *http.Request, *Problem) // renders a problem for a browser; nil = JSON for browsers too
	Log         *slog.Logger                                       // nil = slog.Default()
}

// CookieName returns the name of the session cookie.
func (g *Gate) CookieName() string { return cmp.Or(g.Cookie, "__Host-sallyport") }

// Addr returns the address of the client that sent r, the zero Addr if it is
// unknown.
func (g *Gate) Addr(r *http.Request) netip.Addr {
	if g.ClientAddr != nil {
		return g.ClientAddr(r)
	}
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	return peer.Addr().Unmap()
}

// Through is the door as middleware, for chi, gin, echo or a plain mux. It
// panics on the zero Door. Gates may be nested: a request that already passed
// door one of this gate is not authenticated again.
func (g *Gate) Through(d Door) func(http.Handler) http.Handler {
	if d.kind == noDoor {
		panic("sallyport: route without a door")
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			passed, err := g.pass(&d, r)
			if err != nil {
				g.Error(w, r, err)
				return
			}
			next.ServeHTTP(w, passed)
		})
	}
}

// pass puts r through both doors: who, then the quota, then the object, then may.
func (g *Gate) pass(d *Door, r *http.Request) (*http.Request, error) {
	ps := &passage{gate: g, noCookie: d.noCookie, outer: passageFrom(r.Context())}
	if err := g.doorOne(d, r, ps); err != nil {
		return r, err
	}
	r = r.WithContext(context.WithValue(r.Context(), passageKey{}, ps))
	if d.limit != "" {
		if err := g.spend(r.Context(), d.limit, ps); err != nil {
			return r, err
		}
	}
	if d.kind == may {
		if err := g.doorTwo(d, r, ps); err != nil {
			return r, err
		}
	}
	if d.fresh > 0 && !ps.principal.fresh(d.fresh) {
		return r, stepUp(&Need{MaxAge: d.fresh})
	}
	return r, nil
}

// doorOne fills in who it is. Where the door is public, or the policy may
// permit anonymous, a request without credential passes as anonymous; an
// invalid one passes only where the door is public.
func (g *Gate) doorOne(d *Door, r *http.Request, ps *passage) error {
	if o := ps.outer; o != nil && o.gate == g && o.noCookie == d.noCookie {
		ps.principal, ps.refused, ps.addr = o.principal, o.refused, o.addr
	} else {
		ps.principal, ps.refused = g.authenticate(r, d)
		ps.addr = g.Addr(r)
	}
	if ps.refused == nil {
		return nil
	}
	ps.principal = anonymous
	none, invalid := errors.Is(ps.refused, ErrNoCredential), errors.Is(ps.refused, ErrInvalidCredential)
	switch {
	case d.kind == public && (none || invalid):
		return nil
	case d.kind == may && d.load == nil && none:
		return nil
	default:
		return ps.refused
	}
}

func (g *Gate) authenticate(r *http.Request, d *Door) (*Principal, error) {
	c, err := g.credential(r, d)
	if !d.noCookie && browserLends(c.Scheme) {
		if err := g.CheckOrigin(r); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	for _, a := range g.Authenticators {
		p, err := a.Authenticate(r.Context(), c)
		switch {
		case errors.Is(err, ErrNotMine):
			continue
		case err != nil:
			return nil, fmt.Errorf("authenticating %s: %w", c.Scheme, err)
		case p == nil || p.Kind == Anonymous || p.Subject == "":
			return nil, invalidCredential("authenticator named nobody")
		}
		return p, nil
	}
	return nil, invalidCredential("no authenticator for it")
}

// browserLends reports whether a browser adds the credential by itself, also to
// a request that another site made it send. No credential counts as well: a
// request that sets our cookie (sign-in) is checked like one that sends it.
func browserLends(scheme string) bool {
	return scheme == SchemeCookie || scheme == SchemeCertificate || scheme == ""
}

// crossOrigin is the protection of a gate that names no trusted origin.
var crossOrigin http.CrossOriginProtection

// CheckOrigin refuses a state-changing request that a browser sent from another
// origin, with a 403 problem. Every request that reads or sets the session
// cookie passes it at door one; a handler calls it before it reads or sets a
// cookie of its own behind a [Door.NoCookie].
func (g *Gate) CheckOrigin(r *http.Request) error {
	if err := cmp.Or(g.CrossOrigin, &crossOrigin).Check(r); err != nil {
		return &Problem{
			Status: http.StatusForbidden, Code: "cross_origin", cause: err,
			Detail: "A browser sent this request from another site, and it is not among the trusted origins.",
		}
	}
	return nil
}

func (g *Gate) doorTwo(d *Door, r *http.Request, ps *passage) error {
	var res Resource
	if d.load != nil {
		if ps.principal.Kind == Anonymous { // no existence oracle before door one
			return cmp.Or(ps.refused, ErrNoCredential)
		}
		var err error
		if res, err = d.load(r); err != nil {
			return err
		}
		ps.typ, ps.object = d.typ, res.object
	}
	err := g.Check(r.Context(), d.action, res)
	if p, ok := errors.AsType[*Problem](err); ok && d.hide && p.Status == http.StatusForbidden {
		return fmt.Errorf("%w: hidden: %w", ErrNotFound, err)
	}
	return err
}

func (g *Gate) spend(ctx context.Context, limit string, ps *passage) error {
	if g.Limiter == nil {
		return fmt.Errorf("limit %q is named, but the gate has no limiter", limit)
	}
	return g.Limiter.Spend(ctx, limit, ps.principal, ps.addr)
}

// Decide answers without refusing: for "show the button?". Without a policy the
// answer is no.
func (g *Gate) Decide(ctx context.Context, action string, res Resource) (Decision, error) {
	if g.Policy == nil {
		return Decision{}, nil
	}
	q := Query{Principal: From(ctx), Action: action, Resource: res}
	if ps := passageFrom(ctx); ps != nil {
		q.Context.Addr = ps.addr
	}
	return g.Policy.Decide(ctx, q)
}

// Check is door two inside a handler. It returns nil, or an error that
// [Gate.Error] answers: 401 if the principal is anonymous or must sign in again,
// 403 if it may not, 503 if the policy could not tell.
func (g *Gate) Check(ctx context.Context, action string, res Resource) error {
	d, err := g.Decide(ctx, action, res)
	switch {
	case err != nil:
		return fmt.Errorf("deciding %s: %w", action, err)
	case d.Allow:
		return nil
	case From(ctx).Kind == Anonymous:
		return ErrNoCredential
	}
	d.ID = cmp.Or(d.ID, "dec_"+rand.Text())
	return refuse(action, d)
}

func (p *Principal) fresh(age time.Duration) bool {
	return !p.AuthTime.IsZero() && time.Since(p.AuthTime) <= age
}
