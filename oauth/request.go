package oauth

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A Mode is how the answer gets to the client.
type Mode string

// The response modes.
const (
	Query    Mode = "query"
	Fragment Mode = "fragment"
	FormPost Mode = "form_post"
)

// Modes are all of them.
var Modes = []Mode{Query, Fragment, FormPost}

// Params are the parameters of a request. One without a value counts as missing
// (RFC 6749 §3.1).
type Params url.Values

// maxParams bounds a request that came as a query.
const maxParams = 16 << 10

// ParseParams reads a query or a form.
func ParseParams(encoded string) (Params, error) {
	if len(encoded) > maxParams {
		return nil, Refuse(InvalidRequest, "The request is longer than %d bytes.", maxParams)
	}
	values, err := url.ParseQuery(encoded)
	if err != nil {
		return nil, Refuse(InvalidRequest, "The parameters are malformed.")
	}
	return Params(values), nil
}

// One returns the value of a parameter, "" if it is missing. None may be there twice
// (RFC 6749 §3.1, §3.2).
func (p Params) One(name string) (string, error) {
	values := p[name]
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", Refuse(InvalidRequest, "The parameter %s is there twice.", name)
	case !utf8.ValidString(values[0]) || strings.ContainsRune(values[0], 0):
		return "", Refuse(InvalidRequest, "The parameter %s is not text.", name)
	}
	return values[0], nil
}

// Need is One for a parameter that must be there.
func (p Params) Need(name string) (string, error) {
	value, err := p.One(name)
	if err == nil && value == "" {
		err = Refuse(InvalidRequest, "The parameter %s is missing.", name)
	}
	return value, err
}

// Encode writes the parameters sorted by name.
func (p Params) Encode() string { return url.Values(p).Encode() }

// A Request is an authorization request that may be answered.
type Request struct {
	Client        string
	Redirect      string // where the answer goes
	RedirectGiven bool   // it was in the request, and so must be in the next one (RFC 6749 §4.1.3)
	Mode          Mode
	State         string

	Scope     []string
	Resources []string // audiences
	Challenge string   // of PKCE, S256; "" = none
	Nonce     string
	JKT       string // thumbprint of the key that the code is bound to (RFC 9449 §10); "" = none

	Prompt    []string
	MaxAge    time.Duration // of the sign-in; negative = any
	ACR       []string      // classes, the best first; nil = any
	Claims    Claims
	LoginHint string
	IDHint    string // an ID token of who is expected
	UILocales []string
}

// Asks reports whether prompt holds a value.
func (r *Request) Asks(prompt string) bool { return slices.Contains(r.Prompt, prompt) }

// Where is where answers to an authorization request go.
type Where struct {
	Redirect string
	Given    bool
	Mode     Mode
	State    string
}

// Where finds out where the answer goes, before anything else is looked at: an error of
// it is shown to the person, since nothing is known to be a place of the client's
// (RFC 6749 §4.1.2.1).
func (c *Client) Where(p Params) (w Where, err error) {
	asked, err := p.One("redirect_uri")
	if err != nil {
		return w, err
	}
	switch {
	case asked == "" && len(c.Redirects) == 1:
		w.Redirect = c.Redirects[0]
	case asked == "":
		return w, Refuse(InvalidRequest, "The parameter redirect_uri is missing.")
	case c.Leads(asked):
		w.Redirect, w.Given = asked, true
	default:
		return w, Refuse(InvalidRequest, "The redirect_uri is not one that was registered for this client.")
	}
	// Beyond here a mistake can be told to the client. Where these two are wrong
	// themselves, it is told in the usual way.
	w.Mode = Query
	if mode, err := p.One("response_mode"); err == nil && slices.Contains(Modes, Mode(mode)) {
		w.Mode = Mode(mode)
	}
	w.State, _ = p.One("state")
	return w, nil
}

// Authorize reads an authorization request of the client, whose answer goes to w. Its
// errors are for the client to read.
func (c *Client) Authorize(issuer string, p Params, w Where) (*Request, error) {
	for name, values := range p {
		if len(values) > 1 && name != "resource" {
			return nil, Refuse(InvalidRequest, "The parameter %s is there twice.", name)
		}
	}
	for _, unsupported := range []struct{ name, code string }{
		{"request", RequestNotSupported}, {"request_uri", RequestURINotSupported}, {"registration", RegistrationUnsupported},
	} {
		if len(p[unsupported.name]) > 0 {
			return nil, Refuse(unsupported.code, "The parameter %s is not supported.", unsupported.name)
		}
	}
	r := &Request{Client: c.ID, Redirect: w.Redirect, RedirectGiven: w.Given, Mode: w.Mode, State: w.State, MaxAge: -1}
	for _, read := range []func(*Request, Params) error{c.readKind, c.readScope(issuer), c.readProof, readPrompt, readClaims, readHints} {
		if err := read(r, p); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (c *Client) readKind(r *Request, p Params) error {
	if _, err := p.One("state"); err != nil {
		return err
	}
	kind, err := p.Need("response_type")
	if err != nil {
		return err
	}
	mode, err := p.One("response_mode")
	switch {
	case err != nil:
		return err
	case kind != "code":
		return Refuse(UnsupportedResponseType, "The only response_type is code.")
	case mode != "" && !slices.Contains(Modes, Mode(mode)):
		return Refuse(InvalidRequest, "The response_mode must be one of query, fragment and form_post.")
	case !c.May(ByCode):
		return Refuse(UnauthorizedClient, "The client may not use the grant type authorization_code.")
	}
	return nil
}

func (c *Client) readScope(issuer string) func(*Request, Params) error {
	return func(r *Request, p Params) error {
		scope, err := p.One("scope")
		if err != nil {
			return err
		}
		asked, err := ParseScope(scope)
		if err != nil {
			return err
		}
		if r.Scope, err = c.Allowed(asked); err != nil {
			return err
		}
		r.Resources, err = c.Audiences(issuer, p["resource"])
		return err
	}
}

// readProof reads what the code is bound to beside the client (RFC 7636, RFC 9449 §10).
func (c *Client) readProof(r *Request, p Params) (err error) {
	method, err := p.One("code_challenge_method")
	if err != nil {
		return err
	}
	if r.Challenge, err = p.One("code_challenge"); err != nil {
		return err
	}
	if r.Nonce, err = p.One("nonce"); err != nil {
		return err
	}
	if r.JKT, err = p.One("dpop_jkt"); err != nil {
		return err
	}
	switch {
	case r.Challenge == "" && method != "":
		return Refuse(InvalidRequest, "The parameter code_challenge is missing.")
	case r.Challenge != "" && method != "S256":
		return Refuse(InvalidRequest, "The code_challenge_method must be S256.")
	case r.Challenge != "" && !validChallenge(r.Challenge):
		return Refuse(InvalidRequest, "The code_challenge is not a SHA-256 in base64url.")
	case r.Challenge == "" && c.NeedsPKCE():
		return Refuse(InvalidRequest, "The parameter code_challenge is missing: this client must use PKCE.")
	case r.JKT != "" && !validChallenge(r.JKT):
		return Refuse(InvalidRequest, "The dpop_jkt is not a SHA-256 in base64url.")
	case len(r.Nonce) > 1024:
		return Refuse(InvalidRequest, "The nonce is longer than 1024 bytes.")
	}
	return nil
}

// Prompts of OpenID Connect Core 1.0 §3.1.2.1.
const (
	PromptNone    = "none"
	PromptLogin   = "login"
	PromptConsent = "consent"
	PromptSelect  = "select_account"
)

func readPrompt(r *Request, p Params) error {
	prompt, err := p.One("prompt")
	if err != nil {
		return err
	}
	r.Prompt = strings.Fields(prompt)
	for _, v := range r.Prompt {
		switch v {
		case PromptNone, PromptLogin, PromptConsent, PromptSelect:
		default:
			return Refuse(InvalidRequest, "The prompt %s is none of none, login, consent and select_account.", v)
		}
	}
	if r.Asks(PromptNone) && len(r.Prompt) > 1 {
		return Refuse(InvalidRequest, "The prompt none stands alone.")
	}
	age, err := p.One("max_age")
	if err != nil || age == "" {
		return err
	}
	seconds, err := strconv.ParseUint(age, 10, 31)
	if err != nil {
		return Refuse(InvalidRequest, "The max_age is not a number of seconds.")
	}
	r.MaxAge = time.Duration(seconds) * time.Second
	return nil
}

func readClaims(r *Request, p Params) error {
	acr, err := p.One("acr_values")
	if err != nil {
		return err
	}
	r.ACR = strings.Fields(acr)
	if len(r.ACR) == 0 {
		r.ACR = nil
	}
	claims, err := p.One("claims")
	if err != nil || claims == "" {
		return err
	}
	r.Claims, err = ParseClaims(claims)
	return err
}

func readHints(r *Request, p Params) (err error) {
	if r.LoginHint, err = p.One("login_hint"); err != nil {
		return err
	}
	if r.IDHint, err = p.One("id_token_hint"); err != nil {
		return err
	}
	locales, err := p.One("ui_locales")
	if err != nil {
		return err
	}
	r.UILocales = strings.Fields(locales)
	return nil // display may be page, popup, touch or wap: our pages fit all of them
}
