package oauth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
)

// Codes of dynamic registration (RFC 7591 §3.2.2).
const (
	InvalidRedirectURI    = "invalid_redirect_uri"
	InvalidClientMetadata = "invalid_client_metadata"
	UnapprovedStatement   = "unapproved_software_statement"
)

// An InitialToken lets programs register themselves (RFC 7591 §1.2). Of its value only the
// hash is kept: it has 256 bits. Times have millisecond precision.
type InitialToken struct {
	ID        string // "iat_…"
	Name      string // what it is for, for people
	Hash      []byte // SHA-256
	Scopes    []string
	Uses      int    // that are left
	By        string // subject; "" = the command line
	CreatedAt time.Time
	ExpiresAt time.Time
}

// InitialTokens keeps them within one transaction. One that is used up stays until it
// expires, to be looked at.
type InitialTokens interface {
	Create(ctx context.Context, t InitialToken) error // fails if the id or the hash is known
	// Use takes one use, if there is one left and the token is alive: of those who use the
	// last at once, one succeeds. It returns what is left, or ErrNoToken.
	Use(ctx context.Context, hash []byte, now time.Time) (InitialToken, error)
	// List returns those that are alive, used up or not, in order of id after a given one;
	// limit 0 = all.
	List(ctx context.Context, now time.Time, after string, limit int) ([]InitialToken, error)
	// Delete returns the one that it has removed, or ErrNoToken.
	Delete(ctx context.Context, id string) (InitialToken, error)
}

// ErrNoToken means that a token registers nobody, or no longer.
var ErrNoToken = errors.New("no such initial access token")

// A Registered is how a client came to register itself, and by what it proves to be the one
// that it is about (RFC 7592 §1.2).
type Registered struct {
	By     string   `json:"by"`     // id of the initial access token
	Scopes []string `json:"scopes"` // that were permitted
	Hash   []byte   `json:"hash"`   // SHA-256 of the registration access token
}

// Metadata is what a program says of itself (RFC 7591 §2, OpenID Connect Dynamic Client
// Registration 1.0 §2). Members that we do not know are ignored.
type Metadata struct {
	Redirects       []string        `json:"redirect_uris,omitempty"`
	Auth            AuthMethod      `json:"token_endpoint_auth_method,omitempty"`
	Grants          []GrantType     `json:"grant_types,omitempty"`
	ResponseTypes   []string        `json:"response_types,omitempty"`
	Name            string          `json:"client_name,omitempty"`
	Home            string          `json:"client_uri,omitempty"`
	Logo            string          `json:"logo_uri,omitempty"`
	Scope           *string         `json:"scope,omitempty"`
	Terms           string          `json:"tos_uri,omitempty"`
	Policy          string          `json:"policy_uri,omitempty"`
	JWKSURI         string          `json:"jwks_uri,omitempty"`
	JWKS            json.RawMessage `json:"jwks,omitempty"`
	IDTokenAlg      token.Alg       `json:"id_token_signed_response_alg,omitempty"`
	Subjects        SubjectType     `json:"subject_type,omitempty"`
	SectorURI       string          `json:"sector_identifier_uri,omitempty"`
	LogoutRedirects []string        `json:"post_logout_redirect_uris,omitempty"`
	Backchannel     string          `json:"backchannel_logout_uri,omitempty"`
	BackchannelSID  bool            `json:"backchannel_logout_session_required,omitempty"`
	DPoP            bool            `json:"dpop_bound_access_tokens,omitempty"`
	MTLS            bool            `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	PushOnly        bool            `json:"require_pushed_authorization_requests,omitempty"`
	SignedOnly      bool            `json:"require_signed_request_object,omitempty"`

	Statement string `json:"software_statement,omitempty"`

	// What an update names beside (RFC 7592 §2.2).
	ID     string `json:"client_id,omitempty"`
	Secret string `json:"client_secret,omitempty"`
}

// unsupported is metadata without which a client would not get what it relies on.
var unsupported = []string{
	"id_token_encrypted_response_alg", "id_token_encrypted_response_enc", "userinfo_signed_response_alg", "userinfo_encrypted_response_alg",
	"userinfo_encrypted_response_enc", "authorization_signed_response_alg", "authorization_encrypted_response_alg", "introspection_signed_response_alg",
	"frontchannel_logout_uri",
}

// answered is what an update must not hold, because it is ours to say (RFC 7592 §2.2).
var answered = []string{"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"}

func badMetadata(format string, args ...any) error {
	return Refuse(InvalidClientMetadata, format, args...)
}

// ParseMetadata reads the body of a registration, or of an update. Names are compared as they
// are written. Null is as if it were not there (RFC 7592 §2.2).
func ParseMetadata(body []byte) (m Metadata, err error) {
	var all map[string]json.RawMessage
	if json.Unmarshal(body, &all) != nil || all == nil {
		return m, badMetadata("The body is no JSON object.")
	}
	for name, value := range all {
		if string(value) == "null" {
			delete(all, name)
		}
	}
	for _, name := range unsupported {
		if v, there := all[name]; there && string(v) != "false" {
			return m, badMetadata("%s is not supported.", name)
		}
	}
	for _, name := range answered {
		if _, there := all[name]; there {
			return m, Refuse(InvalidRequest, "%s is not the client's to say.", name)
		}
	}
	for name, to := range m.members() {
		value, there := all[name]
		if there && json.Unmarshal(value, to) != nil {
			if name == "redirect_uris" {
				return m, Refuse(InvalidRedirectURI, "redirect_uris is no list of texts.")
			}
			return m, badMetadata("%s is of another type.", name)
		}
	}
	return m, nil
}

// members are where what a program says is kept, by name.
func (m *Metadata) members() map[string]any {
	return map[string]any{
		"redirect_uris": &m.Redirects, "token_endpoint_auth_method": &m.Auth, "grant_types": &m.Grants, "response_types": &m.ResponseTypes,
		"client_name": &m.Name, "client_uri": &m.Home, "logo_uri": &m.Logo, "scope": &m.Scope, "tos_uri": &m.Terms, "policy_uri": &m.Policy,
		"jwks_uri": &m.JWKSURI, "jwks": &m.JWKS, "id_token_signed_response_alg": &m.IDTokenAlg, "subject_type": &m.Subjects, "sector_identifier_uri": &m.SectorURI,
		"post_logout_redirect_uris": &m.LogoutRedirects, "backchannel_logout_uri": &m.Backchannel, "backchannel_logout_session_required": &m.BackchannelSID,
		"dpop_bound_access_tokens": &m.DPoP, "tls_client_certificate_bound_access_tokens": &m.MTLS,
		"require_pushed_authorization_requests": &m.PushOnly, "require_signed_request_object": &m.SignedOnly,
		"software_statement": &m.Statement, "client_id": &m.ID, "client_secret": &m.Secret,
	}
}

// Onto makes of c the client that the metadata describes, within what its initial access
// token permits. What is not the program's to say stays as it is: nobody is asked less, and
// nothing more is allowed, because a program says so of itself.
func (m *Metadata) Onto(c *Client, permitted []string) error {
	if err := m.check(); err != nil {
		return err
	}
	c.Name = m.Name
	if c.Name == "" && len(m.Redirects) > 0 {
		c.Name = Origin(m.Redirects[0])
	}
	if c.Name == "" {
		c.Name = "Unnamed"
	}
	c.Home, c.Logo, c.Terms, c.Policy = m.Home, m.Logo, m.Terms, m.Policy
	c.Redirects, c.LogoutRedirects, c.Grants = m.Redirects, m.LogoutRedirects, m.Grants
	c.Auth, c.JWKS, c.JWKSURI, c.IDTokenAlg = m.Auth, m.JWKS, m.JWKSURI, m.IDTokenAlg
	c.BackchannelLogout, c.BackchannelSession = m.Backchannel, m.BackchannelSID
	c.DPoP, c.MTLS, c.PushOnly, c.SignedOnly = m.DPoP, m.MTLS, m.PushOnly, m.SignedOnly
	c.Subjects, c.SectorURI = m.Subjects, m.SectorURI
	if c.Auth == NoAuth {
		c.NoPKCE = false
	}
	if m.Scope == nil {
		c.Scopes = Within([]string{OpenID, Profile, Email}, permitted)
		return m.complete(c)
	}
	scopes, err := ParseScope(*m.Scope)
	if err != nil {
		return badMetadata("The scope is malformed.")
	}
	if more := Beyond(scopes, permitted); len(more) > 0 {
		return badMetadata("The scope %s is not permitted.", more[0])
	}
	c.Scopes = scopes
	return m.complete(c)
}

// selfService is what a client that registers itself may use: each of them asks a person.
var selfService = []GrantType{ByCode, ByRefresh, ByDevice}

func grantNames(types []GrantType) (names []string) {
	for _, t := range types {
		names = append(names, string(t))
	}
	return names
}

func (m *Metadata) check() error {
	switch {
	case m.Statement != "":
		return Refuse(UnapprovedStatement, "Software statements are not taken: nobody's are trusted here.")
	case len(Beyond(grantNames(m.Grants), grantNames(selfService))) > 0:
		return badMetadata("A client that registers itself acts for people only: grant_types can hold %v.", selfService)
	case slices.ContainsFunc(m.ResponseTypes, func(t string) bool { return t != "code" }):
		return badMetadata("The only one of response_types is code.")
	case len(m.ResponseTypes) > 0 && m.Grants != nil && !slices.Contains(m.Grants, ByCode):
		return badMetadata("response_types and grant_types do not fit together.") // RFC 7591 §2.1
	}
	return nil
}

// complete reports mistakes in the words of RFC 7591.
func (m *Metadata) complete(c *Client) error {
	e, ok := errors.AsType[*FieldError](c.Complete())
	switch {
	case !ok:
		return nil
	case e.Field == "redirect_uris":
		return Refuse(InvalidRedirectURI, "%s.", e.Error())
	}
	name := map[string]string{"name": "client_name", "scopes": "scope"}[e.Field]
	if name == "" {
		name = e.Field
	}
	return badMetadata("%s %s.", name, e.Says)
}

// MetadataOf is what is registered of a client that has registered itself.
func MetadataOf(c *Client) Metadata {
	scope := strings.Join(c.Scopes, " ")
	m := Metadata{
		ID: c.ID, Redirects: c.Redirects, Auth: c.Auth, Grants: c.Grants, Name: c.Name, Home: c.Home, Logo: c.Logo, Scope: &scope, Terms: c.Terms,
		Policy: c.Policy, JWKSURI: c.JWKSURI, JWKS: c.JWKS, IDTokenAlg: c.IDTokenAlg, Subjects: cmp.Or(c.Subjects, PublicSubjects), SectorURI: c.SectorURI, LogoutRedirects: c.LogoutRedirects,
		Backchannel: c.BackchannelLogout, BackchannelSID: c.BackchannelSession, DPoP: c.DPoP, MTLS: c.MTLS, PushOnly: c.PushOnly, SignedOnly: c.SignedOnly,
	}
	if c.May(ByCode) {
		m.ResponseTypes = []string{"code"}
	}
	return m
}
