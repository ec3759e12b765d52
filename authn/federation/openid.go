package federation

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/sallyport-auth/sallyport/internal/secret"
)

// maxIDToken is the longest ID token that is looked at, in bytes.
const maxIDToken = 32 << 10

// openID is OpenID Connect: everything about the provider is discovered, and who
// somebody is stands in a signed token.
type openID struct {
	p     *Provider
	found lazy[*discovered]
}

func newOpenID(p *Provider) *openID {
	o := &openID{p: p}
	o.found.fetch = o.discover
	return o
}

// discovered is what the provider says of itself.
type discovered struct {
	endpoints
	metadata *oidc.Provider
	verifier *oidc.IDTokenVerifier
	issuer   issuer
}

func (o *openID) endpoints(ctx context.Context) (*endpoints, error) {
	d, err := o.found.get(ctx)
	if err != nil {
		return nil, unavailable("discovering %s: %w", o.p.config.Issuer, err)
	}
	return &d.endpoints, nil
}

// discover reads the provider's metadata and looks at every address in it, because
// requests, and people, will be sent there.
func (o *openID) discover(ctx context.Context) (*discovered, error) {
	ctx = oidc.ClientContext(ctx, o.p.client)
	metadata, err := oidc.NewProvider(o.tolerant(ctx), o.p.config.Issuer)
	if err != nil {
		return nil, shortened(err)
	}
	var says struct {
		Issuer          string   `json:"issuer"`
		JWKS            string   `json:"jwks_uri"`
		AnnouncesIssuer bool     `json:"authorization_response_iss_parameter_supported"`
		TokenAuth       []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := metadata.Claims(&says); err != nil {
		return nil, fmt.Errorf("the metadata is malformed: %w", err)
	}
	d := &discovered{metadata: metadata, issuer: issuer(says.Issuer)}
	if err := d.issuer.check(o.p.config.Issuer); err != nil {
		return nil, err
	}
	d.Endpoint = metadata.Endpoint()
	for name, address := range map[string]string{
		"authorization_endpoint": d.Endpoint.AuthURL, "token_endpoint": d.Endpoint.TokenURL, "jwks_uri": says.JWKS, "userinfo_endpoint": metadata.UserInfoEndpoint(),
	} {
		if address == "" && name == "userinfo_endpoint" {
			continue
		}
		if err := o.p.config.checkURL(address); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	d.Endpoint.AuthStyle = o.authStyle(says.TokenAuth)
	d.announcesIssuer, d.isIssuer = says.AnnouncesIssuer, d.issuer.matches
	d.verifier = metadata.VerifierContext(oidc.ClientContext(context.Background(), o.p.client), &oidc.Config{
		ClientID: o.p.config.ClientID, SkipIssuerCheck: d.issuer.template(), // which verify does then
	})
	return d, nil
}

// tolerant lets microsoft's metadata name an issuer that is a template: check looks at it.
func (o *openID) tolerant(ctx context.Context) context.Context {
	if o.p.config.Preset != "microsoft" {
		return ctx
	}
	return oidc.InsecureIssuerURLContext(ctx, o.p.config.Issuer)
}

// authStyle is how we say who we are when we exchange a code. Providers that do not say
// expect the header (OpenID Connect Discovery 1.0 §3).
func (o *openID) authStyle(methods []string) oauth2.AuthStyle {
	if o.p.config.ClientSecret == "" || o.p.config.Preset == "apple" || len(methods) > 0 && !slices.Contains(methods, "client_secret_basic") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

// shortened keeps most of a page that came instead of JSON out of the log.
func shortened(err error) error {
	if text := err.Error(); len(text) > 300 {
		return errors.New(clip(text, 300) + "…")
	}
	return err
}

// An issuer is a name in the metadata. That of many tenants is a template, of which each
// token's own issuer is an instance.
type issuer string

const tenantID = "{tenantid}"

func (i issuer) template() bool { return strings.Contains(string(i), tenantID) }

// check reports whether i is what was configured, or the template that stands for it:
// one on the same host.
func (i issuer) check(configured string) error {
	if string(i) == configured {
		return nil
	}
	a, err1 := url.Parse(string(i))
	b, err2 := url.Parse(configured)
	if !i.template() || err1 != nil || err2 != nil || a.Scheme != b.Scheme || a.Host != b.Host {
		return fmt.Errorf("the metadata is that of %q", clip(string(i), 200))
	}
	return nil
}

// tenant returns the tenant for which iss is an instance of the template.
func (i issuer) tenant(iss string) (string, bool) {
	before, after, _ := strings.Cut(string(i), tenantID)
	rest, ok := strings.CutPrefix(iss, before)
	id, ok2 := strings.CutSuffix(rest, after)
	return id, ok && ok2 && tenantForm.MatchString(id)
}

var tenantForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (i issuer) matches(iss string) bool {
	if i.template() {
		_, ok := i.tenant(iss)
		return ok || iss == string(i)
	}
	return iss == string(i)
}

// claims is what an ID token, or the user info endpoint, says of a person.
type claims struct {
	Subject       string `json:"sub"`
	Email         string `json:"email"`
	EmailVerified truth  `json:"email_verified"` // absent = it is not
	Name          string `json:"name"`
	Username      string `json:"preferred_username"`
	Nickname      string `json:"nickname"`
	AuthTime      int64  `json:"auth_time"`
	Party         string `json:"azp"`

	HostedDomain string `json:"hd"` // google

	Tenant      string `json:"tid"` // microsoft
	Object      string `json:"oid"`
	DomainOwner truth  `json:"xms_edov"`
}

// truth is a boolean that some providers write as text. Everything but a clear yes is no.
type truth bool

func (t *truth) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case `true`, `"true"`, `1`, `"1"`:
		*t = true
	default:
		*t = false
	}
	return nil
}

// person verifies the ID token, and asks further if it says nothing of an address.
func (o *openID) person(ctx context.Context, t *oauth2.Token, a *Attempt) (Person, error) {
	d, err := o.found.get(ctx)
	if err != nil {
		return Person{}, unavailable("discovering %s: %w", o.p.config.Issuer, err)
	}
	iss, c, err := o.verify(ctx, d, t, a)
	if err != nil {
		return Person{}, err
	}
	if c.Email == "" && d.metadata.UserInfoEndpoint() != "" {
		if err := o.ask(ctx, d, t, c); err != nil {
			return Person{}, err
		}
	}
	who := Person{Issuer: iss, Subject: c.Subject, Email: c.Email, EmailVerified: bool(c.EmailVerified), Name: c.Name, Username: c.Username}
	if o.p.config.Preset == "gitlab" {
		who.Username = c.Nickname
	}
	if o.p.preset.subject != nil {
		if who.Subject = o.p.preset.subject(c); who.Subject == "" {
			return Person{}, refused("the ID token lacks what says who it is about")
		}
	}
	if o.p.preset.trusts != nil {
		who.EmailVerified = o.p.preset.trusts(c)
	}
	return who, nil
}

// verify returns what a good ID token says (OpenID Connect Core 1.0 §3.1.3.7), and its
// issuer.
func (o *openID) verify(ctx context.Context, d *discovered, t *oauth2.Token, a *Attempt) (string, *claims, error) {
	raw, _ := t.Extra("id_token").(string)
	switch {
	case raw == "":
		return "", nil, unavailable("there is no ID token in the answer")
	case len(raw) > maxIDToken:
		return "", nil, refused("the ID token has %d bytes", len(raw))
	}
	id, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		return "", nil, notVerified(err)
	}
	c := new(claims)
	if err := id.Claims(c); err != nil {
		return "", nil, refused("the claims of the ID token are malformed: %w", err)
	}
	return o.issuerOf(id), c, errors.Join(
		d.issuer.issued(id.Issuer, c),
		checkParty(id.Audience, c.Party, o.p.config.ClientID),
		checkNonce(a.Nonce, id.Nonce),
		checkHash(id, t.AccessToken),
		checkTimes(id.IssuedAt, c.AuthTime, a, o.p.obliges()),
	)
}

// obliges reports whether the provider must say when it looked at the person, if asked to.
func (p *Provider) obliges() bool { return p.again()["max_age"] != "" }

// issuerOf returns the issuer under which an identity is kept. Google writes its own in
// two ways.
func (o *openID) issuerOf(id *oidc.IDToken) string {
	if o.p.config.Preset == "google" {
		return o.p.config.Issuer
	}
	return id.Issuer
}

// notVerified tells a token that is wrong from keys that could not be had.
func notVerified(err error) error {
	if strings.Contains(err.Error(), "fetching keys") {
		return unavailable("verifying the ID token: %w", shortened(err))
	}
	return refused("the ID token does not verify: %w", shortened(err))
}

// issued checks the issuer of a token against a template: it is the tenant's that the
// token names. Without a template it was checked before.
func (i issuer) issued(iss string, c *claims) error {
	if !i.template() {
		return nil
	}
	if tenant, ok := i.tenant(iss); !ok || tenant != c.Tenant {
		return refused("the ID token is one of another issuer")
	}
	return nil
}

func checkParty(audience []string, party, client string) error {
	if (len(audience) > 1 || party != "") && party != client {
		return refused("the ID token is for another party")
	}
	return nil
}

func checkNonce(want, got string) error {
	if !secret.Equal([]byte(want), []byte(got)) {
		return refused("nonce is not that of this attempt")
	}
	return nil
}

func checkHash(id *oidc.IDToken, accessToken string) error {
	if id.AccessTokenHash == "" {
		return nil
	}
	if err := id.VerifyAccessToken(accessToken); err != nil {
		return refused("the access token is not the one of the ID token")
	}
	return nil
}

// skew is what the clock of a provider may differ by.
const skew = 2 * time.Minute

func checkTimes(issued time.Time, authTime int64, a *Attempt, obliged bool) error {
	switch {
	case issued.After(time.Now().Add(skew)):
		return refused("the ID token is from the future")
	case issued.Before(a.BeganAt.Add(-skew)):
		return refused("the ID token is older than the attempt")
	case !a.Again:
		return nil
	case authTime == 0 && obliged, authTime != 0 && time.Unix(authTime, 0).Before(a.BeganAt.Add(-skew)):
		return refused("the provider has not asked the person again")
	case time.Unix(authTime, 0).After(time.Now().Add(skew)):
		return refused("the provider says that it will ask the person")
	}
	return nil
}

// ask fills in what the user info endpoint says. It speaks of whom it likes, so what it
// says counts only if that is the subject of the ID token (OpenID Connect Core 1.0
// §5.3.2).
func (o *openID) ask(ctx context.Context, d *discovered, t *oauth2.Token, c *claims) error {
	info, err := d.metadata.UserInfo(oidc.ClientContext(ctx, o.p.client), oauth2.StaticTokenSource(t))
	if err != nil {
		return unavailable("asking for the address: %w", shortened(err))
	}
	if info.Subject != c.Subject {
		return refused("the user info is that of another subject")
	}
	var more claims
	if err := info.Claims(&more); err != nil {
		return unavailable("asking for the address: %w", err)
	}
	c.Email, c.EmailVerified = more.Email, more.EmailVerified
	for _, field := range []struct{ to, from *string }{
		{&c.Name, &more.Name}, {&c.Username, &more.Username}, {&c.Nickname, &more.Nickname}, {&c.HostedDomain, &more.HostedDomain},
	} {
		if *field.to == "" {
			*field.to = *field.from
		}
	}
	return nil
}

// googleOwns says whether google is who decides whose address it is: in its own domain
// and in those that it hosts. Of another address it knows only that it was once proved.
func googleOwns(c *claims) bool {
	return bool(c.EmailVerified) && (c.HostedDomain != "" || strings.HasSuffix(strings.ToLower(c.Email), "@gmail.com"))
}

// tenantOwns says whether a tenant has proved to microsoft that the domain is its own. An
// administrator of any tenant can write any other address there.
func tenantOwns(c *claims) bool { return bool(c.DomainOwner) && c.Email != "" }

// microsoftSubject is a person in a tenant: sub is another one for each client, and oid
// is unique only within the tenant.
func microsoftSubject(c *claims) string {
	if !tenantForm.MatchString(c.Tenant) || c.Object == "" {
		return ""
	}
	return c.Tenant + "." + c.Object
}
