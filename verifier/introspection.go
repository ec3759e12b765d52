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
		Kind: sallyport.User, Subject: in.Subject, Org: in.Org, Roles: in.Roles, OrgRoles: in.OrgRoles, Plan: in.Plan,
		Session: in.Session, Grant: in.Grant, Credential: "token", AMR: in.AMR,
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

// apiKeys are checked by asking the issuer, once until something about one changes.
type apiKeys struct {
	issuer   *issuer
	follower *revoke.Follower
	cache    *revoke.Cache[[32]byte, *sallyport.Principal]
}

// remember is how long an answer of the issuer serves: its record of when a key was
// used last is that precise.
const remember = time.Minute

// Authenticate implements [sallyport.Authenticator].
func (a *apiKeys) Authenticate(ctx context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	if c.Scheme != sallyport.SchemeAPIKey && c.Scheme != sallyport.SchemeBearer || !strings.HasPrefix(c.Value, apiKeyPrefix) {
		return nil, sallyport.ErrNotMine
	}
	if len(c.Value) > 256 {
		return nil, fmt.Errorf("%w: longer than an API key", sallyport.ErrInvalidCredential)
	}
	return a.cache.Find(sha256.Sum256([]byte(c.Value)), func() (*sallyport.Principal, revoke.IDs, time.Time, error) {
		now := time.Now()
		in, err := a.issuer.introspect(ctx, c.Value)
		if err != nil {
			return nil, revoke.IDs{}, now, err
		}
		if in.APIKey == "" {
			return nil, revoke.IDs{}, now, errors.New("introspecting: the issuer does not say which API key it is")
		}
		until := now.Add(remember)
		if expires := time.Unix(in.Expires, 0); in.Expires > 0 && expires.Before(until) {
			until = expires
		}
		return in.principal(), in.ids(), until, nil
	})
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
	// The issuer says whether it is alive; for whom it is, is for us to look at.
	if _, err := a.Verifier.Verify(ctx, c.Value); err != nil {
		return nil, fmt.Errorf("%w: %w", sallyport.ErrInvalidCredential, err)
	}
	in, err := a.issuer.introspect(ctx, c.Value)
	if err != nil {
		return nil, err
	}
	return in.principal(), nil
}
