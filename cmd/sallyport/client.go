package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/cmd/sallyport/config"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/shown"
)

// clientFlags are what is registered of a client. Of a list, an empty value is none.
type clientFlags struct {
	Redirect       []string `placeholder:"URL" sep:"none" help:"Where people are led back to, exactly; can be repeated."`
	LogoutRedirect []string `name:"post-logout-redirect" placeholder:"URL" sep:"none" help:"Where they may be led after signing out; can be repeated."`
	Grant          []string `placeholder:"TYPE" sep:"none" help:"What it may use: code, refresh, credentials (acts for itself), device or exchange (acts for who calls it); can be repeated. Default: code, and refresh unless it is public."`
	Scope          []string `placeholder:"SCOPE" sep:"none" help:"What it may ask for: openid, profile, email, phone, offline_access, or a permission such as post:read; can be repeated. Default: openid, profile and email."`
	Resource       []string `placeholder:"URI" sep:"none" help:"Service that it may ask tokens for, beside this server; can be repeated. Define it first: see resource set."`
	Serves         []string `placeholder:"URI" sep:"none" help:"Service that it is itself, so that it may introspect and exchange tokens for it; can be repeated."`
	Role           []string `placeholder:"ROLE" sep:"none" help:"Role that it has when it acts for itself; can be repeated."`
	Auth           string   `placeholder:"METHOD" help:"How it proves which client it is: client_secret_basic (the default), client_secret_post, private_key_jwt, tls_client_auth, self_signed_tls_client_auth, none."`
	JWKSFile       string   `name:"jwks-file" placeholder:"FILE" xor:"jwks" help:"Its public keys, for private_key_jwt and self_signed_tls_client_auth."`
	JWKSURI        string   `name:"jwks-uri" placeholder:"URL" xor:"jwks" help:"Where it publishes them, instead."`
	TLSSubject     string   `name:"tls-subject" placeholder:"NAME" xor:"tls" help:"With tls_client_auth: the whole subject of its certificates, such as CN=robot,O=Example."`
	TLSDNS         string   `name:"tls-dns" placeholder:"HOST" xor:"tls" help:"Or a DNS name in them."`
	TLSURI         string   `name:"tls-uri" placeholder:"URI" xor:"tls" help:"Or a URI in them."`
	TLSIP          string   `name:"tls-ip" placeholder:"ADDRESS" xor:"tls" help:"Or an IP address in them."`
	TLSEmail       string   `name:"tls-email" placeholder:"ADDRESS" xor:"tls" help:"Or an e-mail address in them."`
	IDTokenAlg     string   `name:"id-token-alg" placeholder:"ALG" help:"What its ID tokens are signed with: RS256 (the default), ES256, EdDSA or PS256."`
	Backchannel    *string  `name:"backchannel-logout" placeholder:"URL" help:"Where it is told that somebody who signed in there has signed out here; empty: nowhere."`
	URI            string   `name:"uri" placeholder:"URL" help:"Page about it, for people."`
	FirstParty     *bool    `name:"first-party" negatable:"" help:"One of your own: nobody is asked for consent."`
	RequireSigned  *bool    `name:"require-signed" negatable:"" help:"It must sign its authorization requests (RFC 9101)."`
	Profile        *string  `placeholder:"NAME" help:"Rules that it follows all of: fapi2, the FAPI 2.0 Security Profile; '' = none."`
	RequirePushed  *bool    `name:"require-pushed" negatable:"" help:"It must push its authorization requests (RFC 9126)."`
	DPoP           *bool    `name:"dpop" negatable:"" help:"It gets tokens that are bound to its key only (RFC 9449)."`
	Format         string   `name:"token-format" placeholder:"FORMAT" help:"Of access tokens: jwt, or opaque, which nobody but the server can read."`
	Pairwise       *bool    `negatable:"" help:"It knows people by names of its own, and so cannot compare notes with other programs; its access tokens are opaque."`
	Sector         *string  `placeholder:"URL" help:"With --pairwise: where the list of redirect addresses is published of those programs that know people by the same names; '' = the host of its own."`
	Impersonates   *bool    `name:"may-impersonate" negatable:"" help:"Tokens that it exchanges need not say that it acts (RFC 8693)."`
	MTLS           *bool    `name:"certificate-bound" negatable:"" help:"It gets tokens that are bound to its client certificate only (RFC 8705)."`
	Logo           *string  `placeholder:"FILE" help:"Picture that people see of it: a PNG of up to 32 KiB and 512 x 512 pixels; '' takes it away."`
	NoPKCE         *bool    `name:"allow-no-pkce" negatable:"" help:"It is one with a secret that cannot do PKCE: a nonce must do."`
}

// short are the grant types as one types them.
var short = map[string]oauth.GrantType{
	"code": oauth.ByCode, "refresh": oauth.ByRefresh, "credentials": oauth.ByCredentials, "device": oauth.ByDevice, "exchange": oauth.ByExchange,
}

// list is what a repeated flag says, and what is there if it is not given.
func list(given, there []string) []string {
	if given == nil {
		return there
	}
	return slices.DeleteFunc(given, func(s string) bool { return s == "" })
}

// onto changes c as the flags say, and leaves alone what they do not.
func (f *clientFlags) onto(c *account.ClientRegistration) error {
	c.Redirects, c.LogoutRedirects = list(f.Redirect, c.Redirects), list(f.LogoutRedirect, c.LogoutRedirects)
	c.Scopes, c.Resources, c.Roles = list(f.Scope, c.Scopes), list(f.Resource, c.Resources), list(f.Role, c.Roles)
	c.Serves = list(f.Serves, c.Serves)
	if f.Grant != nil {
		c.Grants = nil
		for _, g := range f.Grant {
			t, ok := short[g]
			if !ok {
				t = oauth.GrantType(g)
			}
			c.Grants = append(c.Grants, t)
		}
	}
	for to, value := range map[*string]string{&c.Home: f.URI, (*string)(&c.Auth): f.Auth, (*string)(&c.IDTokenAlg): f.IDTokenAlg, (*string)(&c.Format): f.Format} {
		if value != "" {
			*to = value
		}
	}
	for to, value := range map[*bool]*bool{&c.Trusted: f.FirstParty, &c.PushOnly: f.RequirePushed, &c.DPoP: f.DPoP, &c.MTLS: f.MTLS, &c.SignedOnly: f.RequireSigned, &c.Impersonates: f.Impersonates, &c.NoPKCE: f.NoPKCE} {
		if value != nil {
			*to = *value
		}
	}
	if f.Profile != nil {
		c.Profile = oauth.SecurityProfile(*f.Profile)
	}
	if name := (oauth.CertificateName{Subject: f.TLSSubject, DNS: f.TLSDNS, URI: f.TLSURI, IP: f.TLSIP, Email: f.TLSEmail}); name != (oauth.CertificateName{}) || c.Auth != oauth.TLSAuth {
		c.CertificateName = name
	}
	if f.Pairwise != nil {
		c.Subjects = map[bool]oauth.SubjectType{true: oauth.PairwiseSubjects}[*f.Pairwise]
	}
	if f.Sector != nil {
		c.SectorURI = *f.Sector
	}
	if f.Backchannel != nil {
		c.BackchannelLogout = *f.Backchannel
	}
	if f.JWKSURI != "" {
		c.JWKS, c.JWKSURI = nil, f.JWKSURI
	}
	if f.JWKSFile == "" {
		return nil
	}
	text, err := os.ReadFile(f.JWKSFile)
	if err == nil && !json.Valid(text) {
		err = fmt.Errorf("%s is no JSON", f.JWKSFile)
	}
	if err != nil {
		return fmt.Errorf("reading the keys: %w", err)
	}
	c.JWKS, c.JWKSURI = text, ""
	return nil
}

// logo reads the file of the flag: nil = it is not given, and empty = there is to be none.
func (f *clientFlags) logo() (*[]byte, error) {
	if f.Logo == nil {
		return nil, nil
	}
	var image []byte
	if *f.Logo == "" {
		return &image, nil
	}
	image, err := os.ReadFile(*f.Logo)
	if err == nil {
		_, err = oauth.DrawLogo(image)
	}
	if e, ok := errors.AsType[*oauth.FieldError](err); ok {
		err = misused("--logo: %s %s", *f.Logo, e.Says)
	}
	return &image, err
}

// setLogo gives a client its picture, as [clientFlags.logo] has read it.
func (in *installation) setLogo(ctx context.Context, client string, image *[]byte) error {
	switch {
	case image == nil:
		return nil
	case len(*image) > 0:
		return in.Accounts.SetLogo(ctx, client, *image, origin)
	}
	err := in.Accounts.RemoveLogo(ctx, client, origin)
	if errors.Is(err, oauth.ErrNoLogo) {
		return nil
	}
	return err
}

// options are the flags by what an error calls their member.
var options = map[string]string{
	"client_id": "--id", "client_secret": "--secret-stdin", "name": "the name", "redirect_uris": "--redirect", "post_logout_redirect_uris": "--post-logout-redirect",
	"grant_types": "--grant", "scopes": "--scope", "resources": "--resource", "serves_resources": "--serves", "token_endpoint_auth_method": "--auth", "jwks": "--jwks-file",
	"tls_client_auth_subject_dn": "--tls-subject", "tls_client_auth_san_dns": "--tls-dns", "tls_client_auth_san_uri": "--tls-uri",
	"tls_client_auth_san_ip": "--tls-ip", "tls_client_auth_san_email": "--tls-email",
	"jwks_uri": "--jwks-uri", "backchannel_logout_uri": "--backchannel-logout", "client_uri": "--uri", "id_token_signed_response_alg": "--id-token-alg", "allow_no_pkce": "--allow-no-pkce", "may_impersonate": "--may-impersonate", "profile": "--profile",
	"subject_type": "--pairwise", "sector_identifier_uri": "--sector", "access_token_format": "--token-format",
}

// mistaken says a mistake in what is registered with the name of the flag.
func mistaken(err error) error {
	if e, ok := errors.AsType[*account.InvalidError](err); ok && options[e.Member] != "" {
		return misused("%s %s", options[e.Member], e.Reason)
	}
	return err
}

type clientAdd struct {
	Name   string `arg:"" help:"What people read when they are asked whether they let it in."`
	ID     string `name:"id" placeholder:"ID" help:"The client_id. Default: one is made up."`
	Public bool   `xor:"secret" help:"It can keep no secret: an app in a browser, on a telephone, on a desktop, in a terminal. The same as --auth none."`
	Stdin  bool   `name:"secret-stdin" xor:"secret" help:"Read the secret that it has already from standard input (one line). Default: one is made up."`
	clientFlags
}

func (*clientAdd) Help() string {
	return "The secret alone goes to standard output, this once, so that it can be piped to where it belongs; what else the program has to be told is on standard error.\n\n" +
		"A program that signs people in: --redirect https://app.example/callback. An app without a server of its own: --public as well. " +
		"A program that acts for itself: --grant credentials --scope post:read --role ROLE. A television: --public --grant device --grant refresh."
}

func (c *clientAdd) Run(ctx context.Context, p *program) error {
	in := account.ClientRegistration{Client: oauth.Client{ID: c.ID, Name: c.Name}}
	if c.Public {
		in.Auth = oauth.NoAuth
	}
	if err := c.onto(&in); err != nil {
		return err
	}
	if c.Public && in.Auth != oauth.NoAuth {
		return misused("--public is --auth none; %s needs something to keep", in.Auth)
	}
	if c.Stdin {
		var err error
		if in.Secret, err = readSecret("standard input", p.typed("Secret")); err != nil {
			return err
		}
	}
	logo, err := c.logo()
	if err != nil {
		return err
	}
	return p.change(ctx, mayCreate, func(there *installation) (answer, error) { return there.addClient(ctx, p, in, logo) })
}

func (in *installation) addClient(ctx context.Context, p *program, want account.ClientRegistration, logo *[]byte) (answer, error) {
	if err := in.rolesExist(ctx, want.Roles...); err != nil {
		return answer{}, err
	}
	c, plain, err := in.Accounts.AddClient(ctx, want, origin)
	if errors.Is(err, oauth.ErrTaken) {
		return answer{}, fmt.Errorf("there is a client %s already", want.ID)
	}
	if err != nil {
		return answer{}, mistaken(err)
	}
	if err := in.setLogo(ctx, c.ID, logo); err != nil {
		return answer{}, err
	}
	in.makeKeys(ctx, p, c.IDTokenAlg, slices.Contains(c.Scopes, oauth.OpenID))
	v := shown.NewClient(c, want.Roles, plain)
	if p.JSON {
		return answer{v: v}, nil
	}
	p.note("registered %s. What to tell it:\n", printable(c.Name))
	for _, pair := range in.toTell(ctx, c) {
		p.note("  %-10s %s", pair[0], printable(pair[1]))
	}
	if plain == "" {
		return answer{v, func(io.Writer) {}}, nil
	}
	p.note("\nIts secret is shown this once:")
	return say(v, "%s", plain), nil
}

// toTell is what a newcomer has to type into the settings of the program.
func (in *installation) toTell(ctx context.Context, c oauth.Client) [][2]string {
	issuer, err := in.reachedAt(ctx)
	if err != nil {
		issuer = "<server.base_url>"
	}
	out := [][2]string{{"issuer", issuer}, {"client id", c.ID}, {"auth", string(c.Auth)}, {"discovery", issuer + "/.well-known/openid-configuration"}}
	if len(c.Redirects) > 0 {
		out = append(out, [2]string{"redirect", strings.Join(c.Redirects, ", ")})
	}
	return append(out, [2]string{"scopes", strings.Join(c.Scopes, " ")})
}

// makeKeys makes the key that ID tokens of a client, or tokens for a resource, are signed
// with, if this is the first one that wants such a key. Where the settings are not the
// server's, or there are no keys yet, that is left to the server.
func (in *installation) makeKeys(ctx context.Context, p *program, alg token.Alg, wanted bool) {
	if len(in.rows()) == 0 || !wanted {
		return
	}
	err := in.keysFit(ctx)
	if err == nil {
		_, err = in.Keyring.Maintain(ctx)
	}
	if err != nil {
		p.note("sallyport: the server makes the key for %s within a minute: %s", alg, sentence(err))
	}
}

type clientSet struct {
	which
	Name     string `placeholder:"NAME" help:"What people read."`
	Disabled *bool  `name:"disabled" negatable:"" help:"It can do nothing, nor can any token that it has."`
	clientFlags
}

func (*clientSet) Help() string {
	return "What is not given stays as it is; a list is replaced as a whole, and with one empty value, such as --role '', it is empty. Where it may do less than before, its access tokens end at once."
}

func (c *clientSet) Run(ctx context.Context, p *program) error {
	logo, err := c.logo()
	if err != nil {
		return err
	}
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		found, err := in.Accounts.Client(ctx, c.ID)
		if err != nil {
			return answer{}, c.none(err)
		}
		want := account.ClientRegistration{Client: found}
		if c.Name != "" {
			want.Name = c.Name
		}
		if c.Disabled != nil {
			want.Disabled = *c.Disabled
		}
		if err := c.onto(&want); err != nil {
			return answer{}, err
		}
		if err := in.rolesExist(ctx, want.Roles...); err != nil {
			return answer{}, err
		}
		unless := func(now oauth.Client) error {
			if !now.UpdatedAt.Equal(found.UpdatedAt) {
				return oauth.ErrChanged
			}
			return nil
		}
		changed, err := in.Accounts.SetClient(ctx, want, unless, origin)
		if err != nil {
			return answer{}, mistaken(c.none(err))
		}
		if err := in.setLogo(ctx, c.ID, logo); err != nil {
			return answer{}, err
		}
		in.makeKeys(ctx, p, changed.IDTokenAlg, slices.Contains(changed.Scopes, oauth.OpenID))
		v, err := in.shownClient(ctx, changed)
		return say(v, "changed the client %s", printable(v.ID)), err
	})
}

type clientRotate struct {
	which
	Keep string `placeholder:"DURATION" default:"1d" help:"How long the secret that it has goes on working; 0 ends it now. Default: 1d."`
}

func (*clientRotate) Help() string {
	return "The new secret alone goes to standard output, this once."
}

func (c *clientRotate) Run(ctx context.Context, p *program) error {
	keep, err := config.ParseDuration(c.Keep)
	if err != nil {
		return misused(`--keep: expected a duration such as "1d" or "0", got %q`, c.Keep)
	}
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		plain, err := in.Accounts.RotateClientSecret(ctx, c.ID, keep, origin)
		if err != nil {
			if e, ok := errors.AsType[*account.InvalidError](err); ok {
				return answer{}, errors.New(e.Reason)
			}
			return answer{}, c.none(err)
		}
		found, err := in.Accounts.Client(ctx, c.ID)
		if err != nil {
			return answer{}, c.none(err)
		}
		roles, err := in.Accounts.Assigned(ctx, c.ID, "")
		if err != nil {
			return answer{}, err
		}
		v := shown.NewClient(found, roles, plain)
		if !p.JSON {
			text := "the old one has ended"
			if len(v.Secrets) > 1 && v.Secrets[1].ExpiresAt != nil {
				text = "the old one works until " + moment(*v.Secrets[1].ExpiresAt)
			}
			p.note("another secret for %s; %s. It is shown this once:", printable(v.Name), text)
		}
		return say(v, "%s", plain), nil
	})
}

type clientDelete struct{ which }

func (c *clientDelete) Run(ctx context.Context, p *program) error {
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		if err := in.Accounts.RemoveClient(ctx, c.ID, origin); err != nil {
			return answer{}, c.none(err)
		}
		return say(identified{c.ID}, "removed the client %s, and all its tokens", printable(c.ID)), nil
	})
}
