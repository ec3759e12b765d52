package verifier

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/outbound"
	"github.com/sallyport-auth/sallyport/revoke"
)

// An introspection is what the issuer says of a token or an API key now (RFC 7662
// §2.2).
type introspection struct {
	Active   bool     `json:"active"`
	Subject  string   `json:"sub"`
	Audience []string `json:"aud"`
	Client   string   `json:"client_id"`
	Scope    *string  `json:"scope"` // nil: not limited
	Expires  int64    `json:"exp"`

	ID      string `json:"jti"`
	Session string `json:"sid"`
	Grant   string `json:"gid"`
	KeyID   string `json:"kid"`
	APIKey  string `json:"apikey"` // "": it is a token
	Rev     string `json:"rev"`

	Org      string   `json:"org"`
	Roles    []string `json:"roles"`
	OrgRoles []string `json:"org_roles"`
	Plan     string   `json:"plan"`
	AuthTime int64    `json:"auth_time"`
	AMR      []string `json:"amr"`
	ACR      string   `json:"acr"`

	Actor struct {
		Subject string `json:"sub"`
	} `json:"act"`
	From []string `json:"from"` // what else it hangs on

	Bound struct { // to what whoever uses it must prove
		JKT string `json:"jkt"`
		X5T string `json:"x5t#S256"`
	} `json:"cnf"`
}

// introspect asks the issuer. What is not active is an ErrInvalidCredential; any
// other error means that nobody can tell.
func (i *issuer) introspect(ctx context.Context, value string) (*introspection, error) {
	form := url.Values{"token": {value}}
	ctx, cancel := context.WithTimeout(ctx, outbound.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, i.base+"/oauth/introspect", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := i.send(req)
	if err != nil {
		return nil, fmt.Errorf("introspecting: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("introspecting: %w", refusal(resp))
	}
	var in introspection
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&in); err != nil {
		return nil, fmt.Errorf("introspecting: %w", err)
	}
	if !in.Active {
		return nil, fmt.Errorf("%w: the issuer says that it is not active", sallyport.ErrInvalidCredential)
	}
	if in.Subject == "" {
		return nil, errors.New("introspecting: the issuer names no subject")
	}
	return &in, nil
}

func (in *introspection) principal() *sallyport.Principal {
	p := &sallyport.Principal{
		Kind: sallyport.User, Subject: in.Subject, Actor: in.Actor.Subject, Org: in.Org, Roles: in.Roles, OrgRoles: in.OrgRoles, Plan: in.Plan,
		Session: in.Session, Grant: in.Grant, Client: in.Client, Credential: "token", AMR: in.AMR,
		AAL: 1 + slices.Index([]string{"aal1", "aal2", "aal3"}, in.ACR), Rev: in.Rev,
	}
	if in.APIKey != "" {
		p.Credential = "apikey"
	} else if in.Client == in.Subject {
		p.Kind = sallyport.Service // RFC 9068 §2.2
	}
	if in.Scope != nil {
		p.Scopes = strings.Fields(*in.Scope)
		if p.Scopes == nil {
			p.Scopes = []string{}
		}
	}
	if in.AuthTime > 0 {
		p.AuthTime = time.Unix(in.AuthTime, 0).UTC()
	}
	return p
}

func (in *introspection) ids() revoke.IDs {
	return revoke.IDs{
		Token: in.ID, Session: in.Session, Grant: in.Grant, APIKey: in.APIKey,
		Subject: in.Subject, Client: in.Client, Org: in.Org, Key: in.KeyID,
	}
}

// apiKeyPrefix begins what is an API key of the issuer.
const apiKeyPrefix = "sp_live_"

// asked are credentials that only the issuer can read: API keys, opaque tokens. It is
// asked about each, once until something about that changes.
type asked struct {
	issuer   *issuer
	apiKeys  bool
	tokens   bool
	audience string // of tokens
	cache    *revoke.Cache[[32]byte, owner]
}

// An owner is whose a credential is, and the thumbprint of the certificate that they must
// show with it; "" = none.
type owner struct {
	principal *sallyport.Principal
	x5t       string
}

// remember is how long an answer of the issuer serves: its record of when a key was
// used last is that precise.
const remember = time.Minute

// Authenticate implements [sallyport.Authenticator].
func (a *asked) Authenticate(ctx context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	bearer, most, read := c.Scheme == sallyport.SchemeBearer, 256, a.ofKey
	switch {
	case a.apiKeys && strings.HasPrefix(c.Value, apiKeyPrefix) && (bearer || c.Scheme == sallyport.SchemeAPIKey):
	case a.tokens && strings.HasPrefix(c.Value, token.OpaquePrefix) && bearer:
		most, read = token.MaxSize, a.ofToken
	default:
		return nil, sallyport.ErrNotMine
	}
	if len(c.Value) > most {
		return nil, fmt.Errorf("%w: too long", sallyport.ErrInvalidCredential)
	}
	whose, err := a.cache.Find(sha256.Sum256([]byte(c.Value)), func() (owner, revoke.IDs, time.Time, error) {
		until := time.Now().Add(remember)
		in, err := a.issuer.introspect(ctx, c.Value)
		if err == nil {
			err = read(in)
		}
		if err != nil {
			return owner{}, revoke.IDs{}, time.Time{}, err
		}
		if expires := time.Unix(in.Expires, 0); in.Expires > 0 && expires.Before(until) {
			until = expires
		}
		if len(in.From) > 0 { // the cache would watch its own ids only
			until = time.Time{}
		}
		return owner{in.principal(), in.Bound.X5T}, in.ids(), until, nil
	})
	switch {
	case err != nil:
		return nil, err
	case whose.x5t != "" && whose.x5t != c.Thumbprint(): // also of one that was seen before
		return nil, fmt.Errorf("%w: bound to another certificate", sallyport.ErrInvalidCredential)
	}
	return whose.principal, nil
}

func (a *asked) ofKey(in *introspection) error {
	if in.APIKey == "" {
		return errors.New("introspecting: the issuer does not say which API key it is")
	}
	return nil
}

// ofToken makes sure that a token is for this service, and for whoever bears it.
func (a *asked) ofToken(in *introspection) error {
	switch {
	case in.ID == "" || in.APIKey != "":
		return errors.New("introspecting: the issuer does not say which token it is")
	case !slices.Contains(in.Audience, a.audience):
		return fmt.Errorf("%w: for another audience", sallyport.ErrInvalidCredential)
	case in.Bound.JKT != "":
		return fmt.Errorf("%w: bound to a key, which was not proved", sallyport.ErrInvalidCredential)
	}
	return nil
}

// introspected are tokens that are verified here and, while the feed is not heard, by
// asking the issuer about each.
type introspected struct {
	*token.Authenticator
	issuer *issuer
}

// Authenticate implements [sallyport.Authenticator].
func (a *introspected) Authenticate(ctx context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	p, err := a.Authenticator.Authenticate(ctx, c)
	if !errors.Is(err, revoke.ErrStale) {
		return p, err
	}
	// The issuer says whether it is alive; for whom it is, and who may send it, is for us to look at.
	if _, err := a.Verifier.VerifyBound(ctx, c.Value, token.Held{X5T: c.Thumbprint()}); err != nil {
		return nil, fmt.Errorf("%w: %w", sallyport.ErrInvalidCredential, err)
	}
	in, err := a.issuer.introspect(ctx, c.Value)
	if err != nil {
		return nil, err
	}
	return in.principal(), nil
}
