package oauth

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
)

// metadata is what clients configure themselves by (RFC 8414, OpenID Connect Discovery
// 1.0 §3).
type metadata struct {
	Issuer        string `json:"issuer"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	UserInfo      string `json:"userinfo_endpoint"`
	JWKS          string `json:"jwks_uri"`
	Push          string `json:"pushed_authorization_request_endpoint"`
	Device        string `json:"device_authorization_endpoint"`
	Introspection string `json:"introspection_endpoint"`
	Revocation    string `json:"revocation_endpoint"`
	EndSession    string `json:"end_session_endpoint"`
	Registration  string `json:"registration_endpoint,omitempty"`

	Scopes        []string            `json:"scopes_supported"`
	ResponseTypes []string            `json:"response_types_supported"`
	Modes         []oauth.Mode        `json:"response_modes_supported"`
	Grants        []oauth.GrantType   `json:"grant_types_supported"`
	ACR           []string            `json:"acr_values_supported"`
	Subjects      []oauth.SubjectType `json:"subject_types_supported"`
	IDTokenAlgs   []token.Alg         `json:"id_token_signing_alg_values_supported"`
	Auth          []oauth.AuthMethod  `json:"token_endpoint_auth_methods_supported"`
	AuthAlgs      []token.Alg         `json:"token_endpoint_auth_signing_alg_values_supported"`
	RevokeAuth    []oauth.AuthMethod  `json:"revocation_endpoint_auth_methods_supported"`
	ObjectAlgs    []token.Alg         `json:"request_object_signing_alg_values_supported"`
	ProofAlgs     []token.Alg         `json:"dpop_signing_alg_values_supported"`
	PKCE          []string            `json:"code_challenge_methods_supported"`
	Prompts       []string            `json:"prompt_values_supported"`
	Displays      []string            `json:"display_values_supported"`
	ClaimTypes    []string            `json:"claim_types_supported"`
	Claims        []string            `json:"claims_supported"`
	Locales       []string            `json:"ui_locales_supported"`

	ClaimsParameter     bool `json:"claims_parameter_supported"`
	RequestParameter    bool `json:"request_parameter_supported"`
	RequestURIParameter bool `json:"request_uri_parameter_supported"`
	SignedRequired      bool `json:"require_signed_request_object"`
	PushRequired        bool `json:"require_pushed_authorization_requests"`
	MTLSBound           bool `json:"tls_client_certificate_bound_access_tokens"`
	Iss                 bool `json:"authorization_response_iss_parameter_supported"`
	Backchannel         bool `json:"backchannel_logout_supported"`
	BackchannelSession  bool `json:"backchannel_logout_session_supported"`

	Aliases *aliases `json:"mtls_endpoint_aliases,omitempty"`
}

// aliases are the endpoints where clients show certificates, if that is elsewhere
// (RFC 8705 §5).
type aliases struct {
	Token         string `json:"token_endpoint"`
	UserInfo      string `json:"userinfo_endpoint"`
	Push          string `json:"pushed_authorization_request_endpoint"`
	Device        string `json:"device_authorization_endpoint"`
	Introspection string `json:"introspection_endpoint"`
	Revocation    string `json:"revocation_endpoint"`
}

func (h *Handler) aliases() *aliases {
	if h.Certificates == "" {
		return nil
	}
	at := func(path string) string { return h.Certificates + h.Base + "/oauth" + path }
	return &aliases{at("/token"), at("/userinfo"), at("/par"), at("/device_authorization"), at("/introspect"), at("/revoke")}
}

// signingAlgs are what signatures may be made with, of ours and of clients.
var signingAlgs = []token.Alg{token.RS256, token.PS256, token.ES256, token.EdDSA}

func (h *Handler) discovery(w http.ResponseWriter, r *http.Request) error {
	at := func(path string) string { return h.Issuer + h.Base + "/oauth" + path }
	m := metadata{
		Issuer: h.Issuer, Authorization: at("/authorize"), Token: at("/token"), UserInfo: at("/userinfo"),
		JWKS: h.Issuer + "/.well-known/jwks.json", Push: at("/par"), Device: at("/device_authorization"), Introspection: at("/introspect"),
		Revocation: at("/revoke"), EndSession: at("/logout"),

		Scopes:        []string{oauth.OpenID, oauth.Profile, oauth.Email, oauth.Phone, oauth.Address, oauth.Offline},
		ResponseTypes: []string{"code"}, Modes: oauth.Modes, Grants: oauth.GrantTypes, ACR: []string{"aal1", "aal2"},
		Subjects: oauth.SubjectTypes, IDTokenAlgs: signingAlgs, Auth: oauth.Methods, AuthAlgs: signingAlgs, RevokeAuth: oauth.Methods, ObjectAlgs: signingAlgs, ProofAlgs: signingAlgs, PKCE: []string{"S256"},
		Prompts:  []string{oauth.PromptNone, oauth.PromptLogin, oauth.PromptConsent, oauth.PromptSelect},
		Displays: []string{"page", "popup", "touch"}, ClaimTypes: []string{"normal"},
		Claims:          append([]string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "sid"}, oauth.Known()...),
		Locales:         []string{"en", "de"},
		ClaimsParameter: true, RequestParameter: true, Iss: true, MTLSBound: true, Aliases: h.aliases(), Backchannel: true, BackchannelSession: true,
	}
	if h.Register {
		m.Registration = at("/register")
	}
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=600")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	// Nothing of it is anybody's secret: scripts of every origin may read it.
	w.Header().Set("Access-Control-Allow-Origin", "*")
	_, err = w.Write(append(body, '\n'))
	return err
}

// protectedResource is what this server says of itself as one that takes tokens: for
// userinfo, the account and administration, and what a program has mounted beside them
// (RFC 9728 §3).
func (h *Handler) protectedResource(w http.ResponseWriter, r *http.Request) error {
	known, err := h.Accounts.Known(r.Context(), []string{h.Issuer})
	if err != nil {
		return err
	}
	own := &known[0]
	p := sallyport.ProtectedResource{
		Resource: h.Issuer, Issuers: []string{h.Issuer}, Name: cmp.Or(own.Name, h.Service), Manual: h.Issuer + h.Base + "/openapi.json",
		Scopes: slices.Concat([]string{oauth.OpenID, oauth.Profile, oauth.Email, oauth.Phone}, own.Named()),
	}
	for _, alg := range signingAlgs {
		p.DPoPAlgs = append(p.DPoPAlgs, string(alg))
	}
	p.ServeHTTP(w, r)
	return nil
}
