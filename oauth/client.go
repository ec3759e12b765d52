package oauth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport/authn/token"
)

// An AuthMethod is how a client proves which one it is (RFC 7591 §2).
type AuthMethod string

// The methods.
const (
	SecretBasic   AuthMethod = "client_secret_basic"
	SecretPost    AuthMethod = "client_secret_post"
	PrivateKeyJWT AuthMethod = "private_key_jwt"             // RFC 7523
	TLSAuth       AuthMethod = "tls_client_auth"             // RFC 8705 §2.1: by a certificate of a CA that counts
	SelfSignedTLS AuthMethod = "self_signed_tls_client_auth" // RFC 8705 §2.2: by a certificate that is registered
	NoAuth        AuthMethod = "none"                        // a public client, which can keep no secret
)

// Methods are all of them.
var Methods = []AuthMethod{SecretBasic, SecretPost, PrivateKeyJWT, TLSAuth, SelfSignedTLS, NoAuth}

// A GrantType is how a client gets tokens.
type GrantType string

// The grant types.
const (
	ByCode        GrantType = "authorization_code"
	ByRefresh     GrantType = "refresh_token"
	ByCredentials GrantType = "client_credentials"
	ByDevice      GrantType = "urn:ietf:params:oauth:grant-type:device_code"
	ByExchange    GrantType = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693
)

// GrantTypes are all of them.
var GrantTypes = []GrantType{ByCode, ByRefresh, ByCredentials, ByDevice, ByExchange}

// A Format is what access tokens look like.
type Format string

// The formats. A client can read a JWT (RFC 9068), and so can services, without asking
// anybody. What is opaque only we can read: services introspect it.
const (
	JWT    Format = "jwt"
	Opaque Format = "opaque"
)

// Formats are all of them.
var Formats = []Format{JWT, Opaque}

// A Client is a program that people, or its own secret, let in. Times have millisecond
// precision. Make it whole with [Client.Complete].
type Client struct {
	ID   string `json:"client_id"`
	Name string `json:"name"` // that people read

	Home    string `json:"client_uri,omitempty"` // for people; "" = none
	Logo    string `json:"logo_uri,omitempty"`
	Policy  string `json:"policy_uri,omitempty"`
	Terms   string `json:"tos_uri,omitempty"`
	Trusted bool   `json:"first_party,omitempty"` // one of our own: nobody is asked for consent

	Redirects       []string        `json:"redirect_uris,omitempty"`
	LogoutRedirects []string        `json:"post_logout_redirect_uris,omitempty"`
	Grants          []GrantType     `json:"grant_types"`
	Scopes          []string        `json:"scopes"`                     // the only ones that it may ask for
	Resources       []string        `json:"resources,omitempty"`        // audiences that it may ask tokens for, beside the issuer
	Impersonates    bool            `json:"may_impersonate,omitempty"`  // what it exchanges need not say that it acts (RFC 8693 §1.1)
	Serves          []string        `json:"serves_resources,omitempty"` // resources that it is itself: it may introspect tokens for them
	Auth            AuthMethod      `json:"token_endpoint_auth_method"`
	JWKS            json.RawMessage `json:"jwks,omitempty"`     // its public keys,
	JWKSURI         string          `json:"jwks_uri,omitempty"` // or where they are

	Subjects  SubjectType `json:"subject_type,omitempty"` // "" = Public
	SectorURI string      `json:"sector_identifier_uri,omitempty"`

	IDTokenAlg token.Alg `json:"id_token_signed_response_alg"`
	NoPKCE     bool      `json:"allow_no_pkce,omitempty"` // of a confidential client: a nonce must do
	PushOnly   bool      `json:"require_pushed_authorization_requests,omitempty"`
	DPoP       bool      `json:"dpop_bound_access_tokens,omitempty"`
	Format     Format    `json:"access_token_format,omitempty"`                        // "" = JWT
	MTLS       bool      `json:"tls_client_certificate_bound_access_tokens,omitempty"` // RFC 8705 §3

	SignedOnly bool            `json:"require_signed_request_object,omitempty"` // RFC 9101 §10.5
	Profile    SecurityProfile `json:"profile,omitempty"`

	CertificateName // with TLSAuth

	// Where it is told that a session has ended (OpenID Connect Back-Channel Logout 1.0); ""
	// = nowhere. A logout token always says which session, whether that is required or not.
	BackchannelLogout  string `json:"backchannel_logout_uri,omitempty"`
	BackchannelSession bool   `json:"backchannel_logout_session_required,omitempty"`

	Disabled bool     `json:"disabled,omitempty"`
	Secrets  []Secret `json:"secrets,omitempty"` // at most two, the newest first

	// Registered is how it has registered itself; nil = an administrator has.
	Registered *Registered `json:"registered,omitempty"`

	CreatedAt time.Time `json:"-"`
	UpdatedAt time.Time `json:"-"`
}

// A Secret of a client, of which only the hash is kept: it has 256 bits.
type Secret struct {
	Hash      []byte    `json:"hash"` // SHA-256
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // zero = never
}

// MaxSecrets may be good at once: the old and the new one, while a secret is replaced.
const MaxSecrets = 2

// Public reports whether the client can keep no secret.
func (c *Client) Public() bool { return c.Auth == NoAuth }

// May reports whether the client may use a grant type.
func (c *Client) May(g GrantType) bool { return slices.Contains(c.Grants, g) }

// NeedsPKCE reports whether its authorization requests must carry a challenge.
func (c *Client) NeedsPKCE() bool { return c.Public() || !c.NoPKCE }

// Knows reports, in constant time, whether the secret is one of the client's.
func (c *Client) Knows(secret string, now time.Time) bool {
	hash := sha256.Sum256([]byte(secret))
	good := 0
	for _, s := range c.Secrets {
		alive := s.ExpiresAt.IsZero() || now.Before(s.ExpiresAt)
		if alive {
			good |= subtle.ConstantTimeCompare(s.Hash, hash[:])
		}
	}
	return good == 1 && secret != ""
}

// Complete fills in what was left open, and reports the first mistake: a *FieldError.
func (c *Client) Complete() error {
	c.Auth = cmp.Or(c.Auth, SecretBasic)
	c.completeProfile()
	if c.Pairwise() && c.Format == "" {
		c.Format = Opaque
	}
	c.IDTokenAlg = cmp.Or(c.IDTokenAlg, token.RS256)
	if c.Grants == nil {
		c.Grants = []GrantType{ByCode, ByRefresh}
		if c.Public() {
			c.Grants = []GrantType{ByCode}
		}
	}
	if c.Scopes == nil {
		c.Scopes = []string{OpenID, Profile, Email}
	}
	for _, check := range []func() error{c.checkWords, c.checkAddresses, c.checkGrants, c.checkKeys, c.checkName, c.checkProfile, c.checkSubjects} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// A FieldError is a mistake in the description of a client.
type FieldError struct {
	Field string // its JSON name
	Says  string
}

func (e *FieldError) Error() string { return e.Field + " " + e.Says }

func wrong(field, format string, args ...any) error {
	return &FieldError{field, fmt.Sprintf(format, args...)}
}

const (
	maxClientID = 128
	maxName     = 100
	maxList     = 50
)

func (c *Client) checkWords() error {
	switch {
	case c.ID == "" || len(c.ID) > maxClientID || !validToken(c.ID) || strings.Contains(c.ID, ":"):
		return wrong("client_id", "must be up to %d printable ASCII characters, without spaces, colons, quotes and backslashes", maxClientID)
	case strings.TrimSpace(c.Name) == "" || utf8.RuneCountInString(c.Name) > maxName || !plain(c.Name):
		return wrong("name", "must be plain text of 1 to %d characters: it is what people read", maxName)
	}
	for i, s := range c.Scopes {
		if !validToken(s) {
			return wrong("scopes", "holds %q, which is no scope", s)
		}
		if slices.Contains(c.Scopes[:i], s) {
			return wrong("scopes", "holds %q twice", s)
		}
	}
	if len(c.Scopes) > maxList {
		return wrong("scopes", "holds more than %d", maxList)
	}
	return nil
}

func (c *Client) checkAddresses() error {
	lists := []struct {
		name string
		of   []string
	}{{"redirect_uris", c.Redirects}, {"post_logout_redirect_uris", c.LogoutRedirects}}
	for _, l := range lists {
		if len(l.of) > maxList {
			return wrong(l.name, "holds more than %d", maxList)
		}
		for i, uri := range l.of {
			if err := CheckRedirect(uri); err != nil {
				return wrong(l.name, "%q: %v", uri, err)
			}
			if slices.Contains(l.of[:i], uri) {
				return wrong(l.name, "holds %q twice", uri)
			}
		}
	}
	for name, list := range map[string][]string{"resources": c.Resources, "serves_resources": c.Serves} {
		for _, r := range list {
			if err := CheckResource(r); err != nil {
				return wrong(name, "%q: %v", r, err)
			}
		}
		if len(list) > maxList {
			return wrong(name, "holds more than %d", maxList)
		}
	}
	for name, uri := range map[string]string{"client_uri": c.Home, "logo_uri": c.Logo, "policy_uri": c.Policy, "tos_uri": c.Terms, "jwks_uri": c.JWKSURI} {
		if uri == "" {
			continue
		}
		if u, err := checkURI(uri); err != nil || u.Scheme != "https" {
			return wrong(name, "must be an https address")
		}
	}
	return c.checkBackchannel()
}

// checkBackchannel holds the address to what Back-Channel Logout 1.0 §2.2 wants of it.
// Whether it leads to the public internet is found out when something is sent there.
func (c *Client) checkBackchannel() error {
	if c.BackchannelLogout == "" {
		if c.BackchannelSession {
			return wrong("backchannel_logout_session_required", "needs a backchannel_logout_uri")
		}
		return nil
	}
	u, err := checkURI(c.BackchannelLogout)
	switch {
	case err != nil:
		return wrong("backchannel_logout_uri", "%v", err)
	case u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !onLoopback(u)):
		return wrong("backchannel_logout_uri", "must be an https address; http is for loopback only")
	}
	return nil
}

func (c *Client) checkGrants() error {
	if !slices.Contains(Methods, c.Auth) {
		return wrong("token_endpoint_auth_method", "must be one of %v", Methods)
	}
	for i, g := range c.Grants {
		if !slices.Contains(GrantTypes, g) || slices.Contains(c.Grants[:i], g) {
			return wrong("grant_types", "holds %q; there are %v, each once", g, GrantTypes)
		}
	}
	switch {
	case len(c.Grants) == 0:
		return wrong("grant_types", "is empty")
	case c.May(ByCode) && len(c.Redirects) == 0:
		return wrong("redirect_uris", "must hold at least one for the grant type %s", ByCode)
	case c.May(ByCredentials) && c.Public():
		return wrong("grant_types", "cannot hold %s: a public client has no credentials", ByCredentials)
	case c.May(ByRefresh) && !c.May(ByCode) && !c.May(ByDevice):
		return wrong("grant_types", "holds %s and nothing that hands out the first one", ByRefresh)
	case c.May(ByExchange) && c.Public():
		return wrong("grant_types", "cannot hold %s: a public client proves nothing", ByExchange)
	case c.Impersonates && !c.May(ByExchange):
		return wrong("may_impersonate", "is for the grant type %s", ByExchange)
	case c.Public() && len(c.Serves) > 0:
		return wrong("serves_resources", "is not for public clients, which prove nothing")
	case c.Format != "" && !slices.Contains(Formats, c.Format):
		return wrong("access_token_format", "must be one of %v", Formats)
	case c.Public() && c.NoPKCE:
		return wrong("allow_no_pkce", "is not for public clients")
	}
	return nil
}

func (c *Client) checkKeys() error {
	switch c.IDTokenAlg {
	case token.RS256, token.PS256, token.ES256, token.EdDSA:
	default:
		return wrong("id_token_signed_response_alg", "must be RS256, PS256, ES256 or EdDSA")
	}
	given := len(c.JWKS) > 0
	switch {
	case c.SignedOnly && !given && c.JWKSURI == "":
		return wrong("jwks", "or jwks_uri is needed for require_signed_request_object")
	case given && c.JWKSURI != "":
		return wrong("jwks", "and jwks_uri exclude each other")
	case (c.Auth == PrivateKeyJWT || c.Auth == SelfSignedTLS) && !given && c.JWKSURI == "":
		return wrong("jwks", "or jwks_uri is needed for %s", c.Auth)
	case given:
		set, err := token.ParseJWKS(c.JWKS)
		if err != nil {
			return wrong("jwks", "cannot be read: %v", err)
		}
		if set.Len() == 0 {
			return wrong("jwks", "holds no key for EdDSA, ES256, RS256 or PS256")
		}
	}
	return nil
}

// CheckResource says why something cannot be a resource (RFC 8707 §2); nil = it can.
func CheckResource(uri string) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil || !u.IsAbs() || len(uri) > maxURI:
		return errors.New("is no absolute URI")
	case u.Fragment != "" || strings.Contains(uri, "#"):
		return errors.New("has a fragment")
	case !validToken(uri):
		return errors.New("holds characters that a URI must encode")
	}
	return nil
}

// plain reports whether it is text without what could disturb a page or a terminal.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
	})
}

// Clients keeps clients within one transaction. JWKS comes back without white space.
type Clients interface {
	Create(ctx context.Context, c Client) error // ErrTaken
	ByID(ctx context.Context, id string) (Client, error)
	// Update replaces the client of that id, if it was updated at that time last;
	// ErrNotFound, or ErrChanged. CreatedAt stays, and UpdatedAt moves on by a
	// millisecond at least, so that of two who have read the same one succeeds.
	Update(ctx context.Context, c Client, was time.Time) error
	Delete(ctx context.Context, id string) (bool, error)
	// List returns clients in order of id, those after a given one; limit 0 = all.
	List(ctx context.Context, after string, limit int) ([]Client, error)
	// Algs returns what ID tokens of clients are signed with, each once.
	Algs(ctx context.Context) ([]token.Alg, error)
}

// What the stores answer.
var (
	ErrNotFound = errors.New("there is no such client")
	ErrTaken    = errors.New("there is a client of that id")
	ErrChanged  = errors.New("somebody has changed the client meanwhile")
)
