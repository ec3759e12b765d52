// Package federation lets people sign in with an account that they have elsewhere: at
// any OpenID Connect issuer, or at one of the services in [Presets].
//
// It proves who somebody is there, and nothing else: whose account that is here, the
// caller decides, by issuer and subject and never by address. An answer counts only for
// the browser, the provider and the attempt that it was asked for: state, nonce and PKCE
// (RFC 7636) are made anew for each [Attempt], which the caller keeps where only that
// browser has it and uses once.
package federation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/sallyport-auth/sallyport/internal/nearest"
	"github.com/sallyport-auth/sallyport/internal/outbound"
	"github.com/sallyport-auth/sallyport/internal/secret"
)

// AttemptLifetime is how long a person may take to sign in at the provider.
const AttemptLifetime = 10 * time.Minute

// What a caller does next depends on these.
var (
	// ErrUnavailable means that the provider cannot be reached, or answers nonsense.
	// Nothing is wrong with the person: they may try again later, or another way.
	ErrUnavailable = errors.New("provider is unavailable")
	// ErrRefused means that the answer proves nothing: it belongs to another browser,
	// attempt or provider, or what came with it does not verify.
	ErrRefused = errors.New("answer of the provider is refused")
)

// A DeniedError means that the provider let nobody through, mostly because the person
// changed their mind.
type DeniedError struct {
	Code string // RFC 6749 §4.1.2.1, such as access_denied
}

func (e *DeniedError) Error() string { return fmt.Sprintf("provider answered %q", e.Code) }

// A Config describes one provider. What its fields are called in configuration files
// stands behind them; errors use that name.
type Config struct {
	ID     string // id: its name in paths, such as "google"
	Name   string // name: on buttons; "" = that of the preset, else ID
	Preset string // preset: one of Presets; "" = OpenID Connect
	// Issuer (issuer) is where an OpenID Connect provider is found. With a preset it is
	// another installation of the same, such as a GitLab of one's own, or one tenant.
	Issuer   string
	ClientID string // client_id
	// ClientSecret (client_secret) is what the provider knows us by; "" = nothing but
	// PKCE. For apple it is the private key in PEM, with which secrets are signed.
	ClientSecret string
	Scopes       []string // scopes: nil = what tells name and address
	TeamID       string   // team_id: for apple
	KeyID        string   // key_id: for apple, of the private key

	// PrivateNetwork (private_network) says that the provider is not on the public
	// internet: requests may go to private and loopback addresses, and to loopback by
	// plain http.
	PrivateNetwork bool

	// Transport replaces the one that keeps requests from private networks; it is for
	// programs that must send them through a proxy. Nil is right for everybody else.
	Transport http.RoundTripper
}

// Presets returns the names of the services that need no issuer.
func Presets() []string { return slices.Sorted(maps.Keys(presets)) }

var idForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// check reports every mistake; each names its field as configuration files do.
func (c *Config) check() error {
	var errs []error
	report := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !idForm.MatchString(c.ID) {
		report("id %q must be lower-case letters, digits, _ and -, at most 32", c.ID)
	}
	ps, known := presets[c.Preset]
	if c.Preset != "" && !known {
		report("preset %q is not known%s", c.Preset, nearest.Hint(c.Preset, slices.Values(Presets())))
	}
	if c.ClientID == "" {
		report("client_id is missing: the provider gives it when you register there")
	}
	if known && ps.needsSecret && c.ClientSecret == "" {
		report("client_secret is missing: %s gives one to every client", ps.name)
	}
	switch {
	case c.Issuer != "":
		if err := c.checkIssuer(); err != nil {
			report("issuer %q cannot be used: %w", c.Issuer, err)
		}
	case c.Preset == "":
		report("issuer is missing: without a preset it says where the provider is")
	}
	for _, s := range c.Scopes {
		if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r > '~' }) {
			report("scopes has %q, which is no scope", s)
		}
	}
	if c.Preset != "" && c.Preset != "apple" && (c.TeamID != "" || c.KeyID != "") || c.Preset == "" && c.TeamID+c.KeyID != "" {
		report("team_id and key_id are for apple only")
	}
	return errors.Join(errs...)
}

func (c *Config) checkIssuer() error {
	u, err := url.Parse(c.Issuer)
	switch {
	case err != nil:
		return errors.New("it must look like https://id.example.com")
	case u.RawQuery != "" || u.ForceQuery:
		return errors.New("it must have no query")
	}
	return c.checkURL(c.Issuer)
}

// checkURL holds an address that we send requests to, or people, against what is
// allowed for this provider.
func (c *Config) checkURL(address string) error {
	if err := outbound.CheckURL(address, false); err != nil {
		return err
	}
	if strings.HasPrefix(address, "http:") && !c.PrivateNetwork {
		return errors.New("plain http is for a provider on loopback, with private_network")
	}
	return nil
}

// A Provider is one that people can sign in with. It is safe for concurrent use.
type Provider struct {
	config Config
	preset preset
	secret func(now time.Time) (string, error)
	client *http.Client
	protocol
}

// A protocol is how a kind of provider is asked.
type protocol interface {
	// endpoints returns where people and requests are sent.
	endpoints(ctx context.Context) (*endpoints, error)
	// person asks who t is about, and verifies it.
	person(ctx context.Context, t *oauth2.Token, a *Attempt) (Person, error)
}

// endpoints is what must be known of a provider before anybody is sent there.
type endpoints struct {
	oauth2.Endpoint
	announcesIssuer bool                  // RFC 9207 §3: every answer carries iss
	isIssuer        func(iss string) bool // of an answer
}

// New checks a configuration. It sends nothing: a provider that is down keeps nobody
// from starting.
func New(c Config) (*Provider, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	p := &Provider{config: c, preset: presets[c.Preset], client: client(&c)}
	if p.preset.name == "" {
		p.preset.scopes = []string{"openid", "profile", "email"}
	}
	p.config.Issuer = cmp.Or(c.Issuer, p.preset.issuer)
	p.secret = func(time.Time) (string, error) { return c.ClientSecret, nil }
	if c.Preset == "apple" {
		key, err := newAppleKey(&p.config)
		if err != nil {
			return nil, err
		}
		p.secret = key.secret
	}
	if p.preset.oauth != nil {
		p.protocol = newOAuth(p)
	} else {
		p.protocol = newOpenID(p)
	}
	return p, nil
}

// ID returns the provider's name in paths.
func (p *Provider) ID() string { return p.config.ID }

// Name returns what people call the provider.
func (p *Provider) Name() string { return cmp.Or(p.config.Name, p.preset.name, p.config.ID) }

// An Attempt is one try to sign in: what must be remembered of it until the provider
// answers, by nobody but the browser that began it. It holds secrets.
type Attempt struct {
	Provider    string    `json:"p"`
	State       string    `json:"s"`
	Nonce       string    `json:"n"`
	Verifier    string    `json:"v"` // of PKCE
	RedirectURI string    `json:"r"`
	Again       bool      `json:"a,omitempty"` // the person must prove who they are again
	BeganAt     time.Time `json:"t"`
}

// Begin returns an attempt, and the address at the provider to which the browser goes.
// again asks the provider not to trust a sign-in from before. [ErrUnavailable].
func (p *Provider) Begin(ctx context.Context, redirectURI string, again bool) (*Attempt, string, error) {
	e, err := p.endpoints(ctx)
	if err != nil {
		return nil, "", err
	}
	a := &Attempt{
		Provider: p.config.ID, State: secret.NewToken(), Nonce: secret.NewToken(), Verifier: oauth2.GenerateVerifier(),
		RedirectURI: redirectURI, Again: again, BeganAt: time.Now(),
	}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(a.Verifier)}
	for name, value := range p.parameters(a) {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	return a, p.oauth2(e, a, "").AuthCodeURL(a.State, options...), nil
}

// parameters are the ones that depend on the kind of provider.
func (p *Provider) parameters(a *Attempt) map[string]string {
	out := map[string]string{}
	if p.preset.oauth == nil {
		out["nonce"] = a.Nonce
	}
	if p.preset.formPost {
		out["response_mode"] = "form_post"
	}
	if a.Again {
		maps.Copy(out, p.again())
	}
	return out
}

// again is how the provider is asked to look at the person anew. max_age obliges it to
// say when it did (OpenID Connect Core 1.0 §3.1.2.1); those presets do not know it.
func (p *Provider) again() map[string]string {
	if p.preset.name == "" {
		return map[string]string{"prompt": "login", "max_age": "0"}
	}
	return p.preset.again
}

func (p *Provider) oauth2(e *endpoints, a *Attempt, clientSecret string) *oauth2.Config {
	scopes := p.config.Scopes
	if len(scopes) == 0 {
		scopes = p.preset.scopes
	}
	if p.preset.oauth == nil && !slices.Contains(scopes, "openid") {
		scopes = append([]string{"openid"}, scopes...)
	}
	return &oauth2.Config{
		ClientID: p.config.ClientID, ClientSecret: clientSecret, Endpoint: e.Endpoint, RedirectURL: a.RedirectURI, Scopes: scopes,
	}
}

// A Person is who the provider says is there. Issuer and Subject tell who it is, for
// ever; everything else is what they are called this week.
type Person struct {
	Provider      string `json:"provider"`
	Issuer        string `json:"issuer"`
	Subject       string `json:"subject"`
	Email         string `json:"email,omitempty"`
	EmailVerified bool   `json:"email_verified,omitempty"` // the provider vouches that the address is the person's
	Name          string `json:"name,omitempty"`
	Username      string `json:"username,omitempty"` // what the person might like to be called here
}

// Finish asks the provider who came back with an answer. Errors: [ErrRefused],
// [ErrUnavailable], [*DeniedError]. A second Finish of one attempt is for the caller to
// refuse, before it calls.
func (p *Provider) Finish(ctx context.Context, a *Attempt, in Answer) (Person, error) {
	if err := p.Expects(a, in); err != nil {
		return Person{}, err
	}
	e, err := p.endpoints(ctx)
	if err != nil {
		return Person{}, err
	}
	if err := e.checkIssuer(in.Issuer); err != nil {
		return Person{}, err
	}
	if in.Error != "" {
		return Person{}, denied(in.Error)
	}
	clientSecret, err := p.secret(time.Now())
	if err != nil {
		return Person{}, err
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, p.client)
	t, err := p.oauth2(e, a, clientSecret).Exchange(ctx, in.Code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return Person{}, exchangeFailed(err)
	}
	who, err := p.person(ctx, t, a)
	if err != nil {
		return Person{}, err
	}
	who.Provider = p.config.ID
	if who.Name == "" {
		who.Name = in.Name
	}
	if err := who.check(); err != nil {
		return Person{}, err
	}
	return who, nil
}

// Expects reports whether the attempt is one of this provider that waits for in. The
// provider answers at an address of its own, and the attempt knows which one it was sent
// to: what one provider issued is never brought to another (mix-up, RFC 9700 §4.4).
func (p *Provider) Expects(a *Attempt, in Answer) error {
	switch {
	case a.Provider != p.config.ID:
		return refused("the attempt is one with %q", a.Provider)
	case !secret.Equal([]byte(a.State), []byte(in.State)):
		return refused("state is not the one of this browser")
	case !a.Alive(time.Now()):
		return refused("the attempt took longer than %v", AttemptLifetime)
	}
	return nil
}

// Alive reports whether the attempt may still be answered.
func (a *Attempt) Alive(now time.Time) bool { return now.Before(a.BeganAt.Add(AttemptLifetime)) }

// checkIssuer compares what an answer says of where it comes from (RFC 9207 §2.4).
func (e *endpoints) checkIssuer(iss string) error {
	switch {
	case iss == "" && e.announcesIssuer:
		return refused("the answer does not say which provider gave it")
	case iss != "" && !e.isIssuer(iss):
		return refused("the answer is one of %q", clip(iss, 200))
	}
	return nil
}

// exchangeFailed tells a code that is not accepted from a provider that is out of order.
func exchangeFailed(err error) error {
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok && e.ErrorCode != "" {
		if e.ErrorCode == "invalid_grant" || e.ErrorCode == "bad_verification_code" || e.ErrorCode == "access_denied" {
			return refused("the provider does not accept the code: %s", clip(e.ErrorCode, 80))
		}
		return unavailable("asking for a token: the provider answered %s", clip(e.ErrorCode, 80))
	}
	return unavailable("asking for a token: %w", withoutBody(err))
}

// withoutBody keeps what a provider answered out of the log: it may hold a token.
func withoutBody(err error) error {
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok && e.Response != nil {
		return fmt.Errorf("status %d", e.Response.StatusCode)
	}
	return err
}

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrRefused, fmt.Errorf(format, args...))
}

func unavailable(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUnavailable, fmt.Errorf(format, args...))
}
