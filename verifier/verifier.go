// Package verifier guards a service that is not the issuer. It verifies access
// tokens by the issuer's published keys, asks nobody about a request, and yet obeys
// within milliseconds: it follows the issuer's feed of revocations, role changes and
// policies. No database is in its import graph.
package verifier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/rulebook"
	"github.com/sallyport-auth/sallyport/internal/outbound"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A Config says whose tokens to accept. Issuer and Key are needed.
type Config struct {
	Issuer   string // URL of the installation, as its tokens name it
	BasePath string // prefix of its own paths; "" = /auth
	Audience string // for whom tokens must be; "" = Issuer, as tokens of a sign-in are

	// Key is an API key of the issuer that may read the feed: its scope, and its owner's
	// roles, have revocation:read; token:introspect as well for APIKeys, OpaqueTokens and
	// Introspect.
	Key string

	Types []sallyport.AnyType // what the program's objects are
	Rules []authz.Rule        // rules in Go, for what Cedar cannot say

	// APIKeys accepts the issuer's API keys too. The issuer is asked about one that was
	// not seen before; the answer is remembered until the feed says that something about
	// it has changed, and for a minute at most.
	APIKeys bool

	// OpaqueTokens accepts access tokens that only the issuer can read, in the same way.
	// Those that are bound to a key by DPoP are refused.
	OpaqueTokens bool

	// Bound is how old the news may be by which requests are answered, 2 s or more; 0 =
	// 5 s. A service that has heard nothing for longer fails closed: 503.
	Bound time.Duration
	// Introspect asks the issuer about each token instead of failing, while the feed
	// cannot be heard and the issuer can (RFC 7662).
	Introspect bool
	// InsecureServeStale goes on by what is known instead of failing: who was revoked
	// meanwhile lives until the feed is heard again.
	InsecureServeStale bool

	// InsecureAllowHTTP permits plain http to an issuer that is not on loopback: whoever
	// is on the way chooses the keys and reads Key.
	InsecureAllowHTTP bool

	// Client sends requests to the issuer; nil = one of its own. Redirects are not
	// followed, and its Timeout does not count for the feed.
	Client *http.Client
	Log    *slog.Logger // nil = slog.Default()
}

const minBound = 2 * time.Second

func (c *Config) check() error {
	var errs []error
	u, err := url.Parse(c.Issuer)
	switch {
	case c.Issuer == "":
		errs = append(errs, errors.New("verifier: Config.Issuer is missing"))
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		errs = append(errs, fmt.Errorf("verifier: Config.Issuer, %q, must be a URL with a host, and without user, query and fragment", c.Issuer))
	case u.Scheme != "https" && u.Scheme != "http":
		errs = append(errs, fmt.Errorf("verifier: Config.Issuer, %q, must be https", c.Issuer))
	case u.Scheme == "http" && !c.InsecureAllowHTTP && !outbound.Loopback(u.Hostname()):
		errs = append(errs, errors.New("verifier: plain http to the issuer is for loopback only; see Config.InsecureAllowHTTP"))
	}
	if c.Key == "" {
		errs = append(errs, errors.New("verifier: Config.Key is missing: an API key of the issuer with the scope revocation:read"))
	}
	if c.Bound != 0 && c.Bound < minBound {
		errs = append(errs, fmt.Errorf("verifier: Config.Bound is %v, and must be 2 s or more: the issuer says once a second that there is nothing new", c.Bound))
	}
	if c.Introspect && c.InsecureServeStale {
		errs = append(errs, errors.New("verifier: Introspect and InsecureServeStale exclude each other"))
	}
	return errors.Join(errs...)
}

func (c *Config) base() string {
	return strings.TrimSuffix(c.Issuer, "/") + "/" + strings.Trim(cmp.Or(c.BasePath, "/auth"), "/")
}

// A Verifier is open until it is closed. Gate is what a program mounts: its doors are
// the same as in the issuer's own process. It is safe for concurrent use.
type Verifier struct {
	Gate   *sallyport.Gate
	Policy *authz.Policy // what the gate decides by

	follower *revoke.Follower
	rules    *rulebook.Book
	issuer   *issuer
	refused  refusals
}

// cacheSize is how many tokens are remembered.
const cacheSize = 1 << 16

// Open follows the issuer's feed, and returns once all that was revoked, and the
// policy, is in force here. An issuer that cannot be reached is tried again until ctx
// ends; one that does not let Key read the feed is an error at once.
func Open(ctx context.Context, c Config) (*Verifier, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	v := &Verifier{Policy: authz.New(c.Rules...), issuer: newIssuer(&c)}
	v.rules = &rulebook.Book{Policy: v.Policy, Types: c.Types}
	var err error
	v.follower, err = revoke.Subscribe(ctx, revoke.Subscription{
		Connect: v.issuer.feed,
		Policy:  v.takePolicy,
		Bound:   c.Bound, InsecureServeStale: c.InsecureServeStale, Log: c.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	if v.Policy.Load() == nil {
		_, err := v.refused.read()
		v.follower.Close()
		return nil, fmt.Errorf("verifier: the issuer's policy cannot be put in force: %w", err)
	}
	v.Gate = &sallyport.Gate{Authenticators: v.authenticators(&c), Policy: v.Policy, Log: c.Log}
	return v, nil
}

func (v *Verifier) authenticators(c *Config) []sallyport.Authenticator {
	tokens := &token.Authenticator{
		Verifier: &token.Verifier{
			Issuer: c.Issuer, Audience: c.Audience,
			Keys: &token.RemoteKeySet{
				Issuer: c.Issuer, Client: c.Client, Thumbprints: true, InsecureAllowHTTP: c.InsecureAllowHTTP, Log: c.Log,
			},
		},
		Follower: v.follower,
		Complete: v.complete,
		Cache:    token.NewCache(v.follower, cacheSize),
	}
	list := []sallyport.Authenticator{tokens}
	if c.Introspect {
		list[0] = &introspected{tokens, v.issuer}
	}
	if c.APIKeys || c.OpaqueTokens {
		list = slices.Insert(list, 0, sallyport.Authenticator(&asked{
			issuer: v.issuer, apiKeys: c.APIKeys, tokens: c.OpaqueTokens, audience: cmp.Or(c.Audience, c.Issuer),
			cache: revoke.NewCache[[32]byte, owner](v.follower, cacheSize),
		}))
	}
	return list
}

// complete replaces the roles that a token was issued with by those of now, if the
// feed has said that they changed since.
func (v *Verifier) complete(_ context.Context, p *sallyport.Principal) error {
	rev, err := revoke.ParsePosition(p.Rev)
	if err != nil {
		return err
	}
	if err := v.replace(&p.Roles, rev, p.Subject, ""); err != nil || p.Org == "" {
		return err
	}
	return v.replace(&p.OrgRoles, rev, p.Subject, p.Org)
}

func (v *Verifier) replace(roles *[]string, since revoke.Position, subject, org string) error {
	now, changed, err := v.follower.Roles(since, subject, org)
	if errors.Is(err, revoke.ErrRevoked) { // the log was replaced since the token was looked at
		return fmt.Errorf("%w: %w", sallyport.ErrInvalidCredential, err)
	}
	if err == nil && changed {
		*roles = now
	}
	return err
}

// takePolicy puts a policy in force if it is good.
func (v *Verifier) takePolicy(ctx context.Context, text []byte) error {
	err := v.rules.Take(ctx, text)
	v.refused.note(err)
	return err
}

// Close stops to follow the feed. From then on requests are refused as if the issuer
// had gone. Close may be called again.
func (v *Verifier) Close() error {
	v.follower.Close()
	v.issuer.http.CloseIdleConnections()
	return nil
}

// CatchUp returns once everything up to a position of the issuer's log is in force
// here, or [revoke.ErrStale]: for tests, and for who has just revoked something.
func (v *Verifier) CatchUp(ctx context.Context, p revoke.Position) error {
	return v.follower.CatchUp(ctx, p)
}
