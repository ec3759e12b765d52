package sallyport_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// What the tests offer as credentials is a word that says what comes of it. The
// marker in each must never turn up in a log or in an answer.
const secretMarker = "s3cr3t"

const (
	annBearer  = "Authorization: Bearer ann-" + secretMarker
	annKey     = "X-API-Key: ann-" + secretMarker
	annCookie  = "Cookie: __Host-sallyport=ann-" + secretMarker
	navigation = "Sec-Fetch-Mode: navigate"
	crossSite  = "Sec-Fetch-Site: cross-site"
)

var ann = &sallyport.Principal{Kind: sallyport.User, Subject: "usr_ann", Roles: []string{"member"}, AuthTime: time.Now()}

// desk is an authenticator that answers by the first word of the credential.
type desk struct{ asked int }

var errStoreDown = errors.New("dial tcp: connection refused")

func (d *desk) Authenticate(_ context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	d.asked++
	switch c.Scheme {
	case sallyport.SchemeBearer, sallyport.SchemeCookie, sallyport.SchemeAPIKey, sallyport.SchemeCertificate, "basic":
	default:
		return nil, sallyport.ErrNotMine
	}
	word, _, _ := strings.Cut(c.Value, "-")
	switch word {
	case "ann", "": // a certificate has no value
		return ann, nil
	case "stale": // signed in long ago
		return &sallyport.Principal{Kind: sallyport.User, Subject: "usr_stale", AuthTime: time.Now().Add(-time.Hour)}, nil
	case "robot": // never signed in
		return &sallyport.Principal{Kind: sallyport.Service, Subject: "svc_robot"}, nil
	case "expired":
		return nil, fmt.Errorf("%w: expired yesterday", sallyport.ErrInvalidCredential)
	case "down":
		return nil, errStoreDown
	case "norows": // a store's own words must not turn a 503 into a 404 or 401
		return nil, fmt.Errorf("%w: %w", sallyport.ErrNotFound, sallyport.ErrNoCredential)
	case "busy":
		return nil, busy(2500 * time.Millisecond)
	case "nobody":
		return nil, nil
	case "anonymous":
		return new(sallyport.Principal), nil
	case "nameless":
		return &sallyport.Principal{Kind: sallyport.User}, nil
	}
	return nil, fmt.Errorf("%w: unknown", sallyport.ErrInvalidCredential)
}

func (d *desk) Challenge() string { return `Bearer realm="desk"` }

// busy is an error that says when to come back.
type busy time.Duration

func (b busy) Error() string             { return "busy" }
func (b busy) RetryAfter() time.Duration { return time.Duration(b) }

// words is a policy that answers by the action.
type words struct{ asked []sallyport.Query }

func (p *words) Decide(_ context.Context, q sallyport.Query) (sallyport.Decision, error) {
	p.asked = append(p.asked, q)
	switch q.Action {
	case "open": // also for anonymous
		return sallyport.Decision{Allow: true}, nil
	case "read":
		return sallyport.Decision{Allow: q.Principal.Kind != sallyport.Anonymous}, nil
	case "write":
		return sallyport.Decision{ID: "dec_1", Rule: "rule 7", Reason: "Members only read."}, nil
	case "wide":
		return sallyport.Decision{Need: &sallyport.Need{Scope: "post:write"}}, nil
	case "strong":
		return sallyport.Decision{Need: &sallyport.Need{ACR: []string{"aal2", "aal3"}}}, nil
	case "recent":
		return sallyport.Decision{Need: &sallyport.Need{MaxAge: 5 * time.Minute}}, nil
	case "undecided":
		return sallyport.Decision{Allow: true}, fmt.Errorf("%w: roles: %w", sallyport.ErrNotFound, errStoreDown)
	}
	return sallyport.Decision{}, nil
}

// spender is a limiter that answers by the limit's name.
type spender struct{}

func (spender) Spend(_ context.Context, limit string, p *sallyport.Principal, addr netip.Addr) error {
	switch limit {
	case "plenty":
		return nil
	case "spent":
		return fmt.Errorf("%s at %s: %w", p.Subject, addr, &sallyport.Problem{
			Status: 429, Code: "rate_limited", Detail: "Slow down.",
			Header: http.Header{"Retry-After": {"7"}, "RateLimit": {`"spent";r=0;t=7`}},
		})
	}
	return fmt.Errorf("%w: %w", sallyport.ErrNotFound, errStoreDown)
}

type post struct{ ID, Author string }

var posts = sallyport.TypeOf("Post", func(p *post) string { return p.ID })

// request makes a request from "METHOD target" and header lines.
func request(line string, header ...string) *http.Request {
	method, target, _ := strings.Cut(line, " ")
	r := httptest.NewRequest(method, target, nil)
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// document is the body of a problem.
type document struct {
	Type, Title, Code, Detail, Scope string
	Status                           int
	TraceID                          string `json:"trace_id"`
	DecisionID                       string `json:"decision_id"`
}

func problem(t *testing.T, w *httptest.ResponseRecorder) document {
	t.Helper()
	var d document
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatalf("%d with a body that is no JSON: %v: %q", w.Code, err, w.Body)
	}
	return d
}

// serve sends r through the door to a handler that answers 200 with the subject.
func serve(g *sallyport.Gate, d sallyport.Door, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	g.Through(d)(http.HandlerFunc(greet)).ServeHTTP(w, r)
	return w
}

func greet(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, "hello ", sallyport.From(r.Context()).Subject)
}

// newGate returns a gate whose log goes to the buffer.
func newGate() (*sallyport.Gate, *bytes.Buffer) {
	log := new(bytes.Buffer)
	return &sallyport.Gate{
		NotFound:       []error{sql.ErrNoRows},
		Authenticators: []sallyport.Authenticator{&desk{}}, Policy: &words{}, Limiter: spender{},
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}, log
}
