// Package sallytest lets a test pass the real doors as somebody, and read the mails that
// the server under test sends. The gate under test stays what it is in production; only
// one more authenticator is asked first, which knows the people that the test signed in.
package sallytest

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"sync"

	"github.com/sallyport-auth/sallyport"
)

const scheme = "test"

// People are the principals whom a test has signed in. The zero People is ready
// and knows nobody. It is safe for concurrent use.
type People struct {
	mu    sync.RWMutex
	known map[string]*sallyport.Principal // by key
	keys  map[*sallyport.Principal]string
}

// Gate returns a copy of g that also admits p's people.
func (p *People) Gate(g *sallyport.Gate) *sallyport.Gate {
	c := *g
	c.Authenticators = append([]sallyport.Authenticator{p}, g.Authenticators...)
	return &c
}

// As signs who in for the request r, which it changes and returns. A nil who
// takes the credential away again. It panics on a principal without Kind or
// Subject, whom no gate admits.
func (p *People) As(r *http.Request, who *sallyport.Principal) *http.Request {
	r.Header.Del("Authorization")
	if who != nil {
		r.Header.Set("Authorization", "Test "+p.key(who))
	}
	return r
}

// Client returns a client whose every request comes from who; nil is anonymous.
func (p *People) Client(who *sallyport.Principal) *http.Client {
	return &http.Client{Transport: p.Transport(nil, who)}
}

// Transport returns a transport that sends requests from who by way of base, such
// as the one that trusts a test server's certificate. A nil base is
// [http.DefaultTransport].
func (p *People) Transport(base http.RoundTripper, who *sallyport.Principal) http.RoundTripper {
	return transport{p, cmp.Or(base, http.DefaultTransport), who}
}

type transport struct {
	people *People
	base   http.RoundTripper
	who    *sallyport.Principal
}

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.base.RoundTrip(t.people.As(r.Clone(r.Context()), t.who))
}

func (p *People) key(who *sallyport.Principal) string {
	if who.Kind == sallyport.Anonymous || who.Subject == "" {
		panic("sallytest: a principal needs a Kind and a Subject")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if key, ok := p.keys[who]; ok {
		return key
	}
	if p.known == nil {
		p.known = make(map[string]*sallyport.Principal)
		p.keys = make(map[*sallyport.Principal]string)
	}
	key := rand.Text()
	p.known[key], p.keys[who] = who, key
	return key
}

// Authenticate implements [sallyport.Authenticator] for the credentials that As
// hands out.
func (p *People) Authenticate(_ context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	if c.Scheme != scheme {
		return nil, sallyport.ErrNotMine
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if who := p.known[c.Value]; who != nil {
		return who, nil
	}
	return nil, fmt.Errorf("%w: nobody whom this test has signed in", sallyport.ErrInvalidCredential)
}
