package sallyport

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/base32"
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
	CrossOrigin *http.CrossOriginProtection                        // checks requests that rely on what a browser lends; nil = same origin only
	Origin      string                                             // "https://host[:port]" as clients see it; fills Credential.URL
	ClientAddr  func(r *http.Request) netip.Addr                   // nil = the peer; set it to trust a proxy's header
	Peer        func(r *http.Request) (*x509.Certificate, error)   // client certificate; nil = [VerifiedPeer]; set it where a proxy terminates TLS. Its error wraps ErrInvalidCredential if what was offered does not count
	Shown       func(r *http.Request) *x509.Certificate            // certificate whose key the client has, whoever signed it; nil = what Peer finds or, without Peer, [ShownPeer]
	SignIn      string                                             // page to which browser navigations are sent; "" = always 401
	StepUp      string                                             // page to confirm who one is, for a sign-in too old or too weak; "" = SignIn
	Page        func(http.ResponseWriter, *http.Request, *Problem) // renders a problem for a browser; nil = JSON for browsers too
	// ResourceMetadata is the address of a [ProtectedResource], to which challenges lead
	// clients (RFC 9728 §5.1); "" = none is published.
	ResourceMetadata string

	NotFound []error      // errors that mean what ErrNotFound does: server.Open lists sql.ErrNoRows
	Log      *slog.Logger // nil = slog.Default()

	ShowReason bool                                   // 403 problems carry Decision.Reason as their detail
	Record     func(context.Context, Query, Decision) // told of every refusal by Check, once Decision.ID is filled in; nil = nobody. It must not block. The log then has the 403 at debug level only
	RecordAll  bool                                   // Record is told of what Check permits, too
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
	switch {
	case g == nil:
		panic("sallyport: door without a gate")
	case d.kind == noDoor:
		panic("sallyport: route without a door")
	}
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("sallyport: door without a handler behind it")
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(&d, next, w, r, new(passage)) })
	}
}

// serve lets r through to next, or refuses it. ps is room for what r becomes.
func (g *Gate) serve(d *Door, next http.Handler, w http.ResponseWriter, r *http.Request, ps *passage) {
	r, err := g.pass(d, r, ps)
	if err != nil {
		g.Error(w, r, err)
		return
	}
	next.ServeHTTP(w, r)
}

// pass puts r through both doors: who, then the quota, then the object, then
// may, then how fresh. Freshness comes last, because signing in again helps
// only those who may. The request that it returns carries as much as is known.
func (g *Gate) pass(d *Door, r *http.Request, ps *passage) (*http.Request, error) {
	ps.Context, ps.gate, ps.door, ps.request = r.Context(), g, d, r
	ps.outer = passageFrom(ps.Context)
	if err := g.doorOne(d, r, ps); err != nil {
		return r, err
	}
	r = r.WithContext(ps)
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
	return r, ps.freshEnough(ps.principal)
}

// freshEnough decides whether p's sign-in is what the door asks for.
func (ps *passage) freshEnough(p *Principal) error {
	if d := ps.door; d.fresh > 0 && !p.fresh(d.fresh) {
		return ps.ask(&Need{MaxAge: d.fresh})
	}
	return nil
}

// doorOne fills in who it is. A request without credential passes as anonymous
// where the door is public or where the policy may permit anonymous; one with an
// invalid credential only where the door is public. Where an object would be
// loaded, nobody passes as anonymous: they would learn whether it exists.
func (g *Gate) doorOne(d *Door, r *http.Request, ps *passage) error {
	if o := ps.outer; ps.inherits() {
		ps.principal, ps.refused, ps.addr = o.principal, o.refused, o.addr
	} else {
		ps.addr = g.Addr(r)
		ps.principal, ps.refused = g.authenticate(d, r, ps.addr)
	}
	return ps.decideWho(d)
}

// decideWho decides whether door one opens to whom it found.
func (ps *passage) decideWho(d *Door) error {
	if ps.refused == nil {
		return nil
	}
	ps.principal = anonymous
	_, answered := errors.AsType[*Problem](ps.refused) // neither absent nor invalid: 400, 403 or 503
	switch {
	case answered:
		return ps.refused
	case d.kind == public:
		return nil
	case d.kind == may && d.load == nil && errors.Is(ps.refused, ErrNoCredential):
		return nil
	}
	return ps.refused
}

// authenticate returns who r's credential stands for, or why nobody:
// ErrNoCredential, an ErrInvalidCredential, or a Problem.
func (g *Gate) authenticate(d *Door, r *http.Request, addr netip.Addr) (*Principal, error) {
	c, err := g.credential(d, r, addr)
	if lentByBrowser(d, c.Scheme) {
		if err := g.CheckOrigin(r); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	return g.who(r.Context(), c)
}

// who asks the authenticators about a credential that is offered.
func (g *Gate) who(ctx context.Context, c Credential) (*Principal, error) {
	for _, a := range g.Authenticators {
		p, err := a.Authenticate(ctx, c)
		switch {
		case errors.Is(err, ErrNotMine):
			continue
		case errors.Is(err, ErrInvalidCredential):
			return nil, fmt.Errorf("authenticating %s: %w", c.Scheme, err)
		case err != nil:
			return nil, unavailable(fmt.Errorf("authenticating %s: %w", c.Scheme, err))
		case p == nil || p.Kind == Anonymous || p.Subject == "":
			return nil, invalidCredential("authenticator named nobody")
		}
		return p, nil
	}
	return nil, invalidCredential("no authenticator for it")
}

func (g *Gate) doorTwo(d *Door, r *http.Request, ps *passage) error {
	if d.load != nil {
		res, err := d.load(r)
		if err != nil {
			return err
		}
		ps.object = res.object
	}
	return g.mayPass(r.Context(), ps, g.RecordAll)
}

// mayPass asks the policy what the door of ps says, about the object that it
// loaded. all says whether a yes is recorded too.
func (g *Gate) mayPass(ctx context.Context, ps *passage, all bool) error {
	d, res := ps.door, Resource{}
	switch {
	case d.load != nil:
		res = Resource{class: d.typ.class(), object: ps.object}
	case d.inOrg:
		res = OrganizationResource(ps.principal.Org)
	}
	err := g.check(ctx, d.action, res, all)
	if p, ok := errors.AsType[*Problem](err); ok && d.hide && p.Status == http.StatusForbidden {
		return notFound(p)
	}
	return err
}

func (g *Gate) spend(ctx context.Context, limit string, ps *passage) error {
	if g.Limiter == nil {
		return unavailable(fmt.Errorf("limit %q is named, but the gate has no limiter", limit))
	}
	err := g.Limiter.Spend(ctx, limit, ps.principal, ps.addr)
	if _, answered := errors.AsType[*Problem](err); err == nil || answered {
		return err
	}
	return unavailable(fmt.Errorf("spending limit %q: %w", limit, err))
}

// Decide answers without refusing: for "show the button?". Without a policy the
// answer is no.
func (g *Gate) Decide(ctx context.Context, action string, res Resource) (Decision, error) {
	return g.decide(ctx, g.query(ctx, action, res))
}

func (g *Gate) decide(ctx context.Context, q Query) (Decision, error) {
	if g.Policy == nil {
		return Decision{}, nil
	}
	return g.Policy.Decide(ctx, q)
}

// NewDecisionID returns a fresh [Decision.ID], "dec_…", with 130 random bits.
func NewDecisionID() string {
	var bits [17]byte
	random(bits[:])
	var id [4 + 28]byte
	copy(id[:], "dec_")
	decisionIDs.Encode(id[4:], bits[:])
	return string(id[:4+26])
}

var decisionIDs = base32.StdEncoding.WithPadding(base32.NoPadding)

func (g *Gate) query(ctx context.Context, action string, res Resource) Query {
	q := Query{Principal: From(ctx), Action: action, Resource: res}
	if ps := passageFrom(ctx); ps != nil {
		q.Context.Addr = ps.addr
	}
	return q
}

// Check is door two inside a handler. It returns nil, or an error that
// [Gate.Error] answers: 401 if the principal is anonymous or must sign in again,
// 403 if it may not, 503 if the policy could not tell.
func (g *Gate) Check(ctx context.Context, action string, res Resource) error {
	return g.check(ctx, action, res, g.RecordAll)
}

func (g *Gate) check(ctx context.Context, action string, res Resource, all bool) error {
	q := g.query(ctx, action, res)
	d, err := g.decide(ctx, q)
	switch {
	case err != nil:
		return unavailable(fmt.Errorf("deciding %s: %w", action, err))
	case d.Allow:
		if all {
			g.record(ctx, q, d)
		}
		return nil
	case From(ctx).Kind == Anonymous:
		return passageFrom(ctx).whyAnonymous()
	}
	d = g.record(ctx, q, d)
	if !g.ShowReason {
		d.Reason = ""
	}
	p := refuse(action, res, d)
	p.recorded = g.Record != nil
	return p
}

// record gives the decision an ID, if it has none, and tells whom it concerns.
func (g *Gate) record(ctx context.Context, q Query, d Decision) Decision {
	if d.ID == "" {
		d.ID = NewDecisionID()
	}
	if g.Record != nil {
		g.Record(ctx, q, d)
	}
	return d
}

func (p *Principal) fresh(age time.Duration) bool {
	return !p.AuthTime.IsZero() && time.Since(p.AuthTime) <= age
}

// whyAnonymous is the 401 of somebody who is nobody: a credential that did not
// count is told apart from none. ps may be nil.
func (ps *passage) whyAnonymous() error {
	if ps == nil || ps.refused == nil {
		return ErrNoCredential
	}
	return ps.refused
}

// ask is the 401 of somebody who lacks only what n names: sign in again, or at
// all.
func (ps *passage) ask(n *Need) error {
	if ps.principal.Kind == Anonymous {
		return ps.whyAnonymous()
	}
	return StepUp(n)
}
