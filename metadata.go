package sallyport

import (
	"encoding/json"
	"net/http"
	"strings"
)

// A ProtectedResource is what a service says of itself (RFC 9728 §2), so that a client which
// knows nothing but its address finds out where to get tokens for it. Serve it at
// [ProtectedResource.Path] to anybody, and let [Gate.ResourceMetadata] lead there.
type ProtectedResource struct {
	Resource string   `json:"resource"`                         // its URI: the audience of its tokens
	Issuers  []string `json:"authorization_servers,omitempty"`  // of the tokens that it takes
	Scopes   []string `json:"scopes_supported,omitempty"`       // that mean something to it
	Name     string   `json:"resource_name,omitempty"`          // for people
	Manual   string   `json:"resource_documentation,omitempty"` // address, for developers
	DPoPAlgs []string `json:"dpop_signing_alg_values_supported,omitempty"`
	DPoPOnly bool     `json:"dpop_bound_access_tokens_required,omitempty"` // it takes no bearer tokens
}

// wellKnown is where metadata of resources is published.
const wellKnown = "/.well-known/oauth-protected-resource"

// address cuts the URI behind its host.
func (p *ProtectedResource) address() (origin, rest string) {
	scheme, after, _ := strings.Cut(p.Resource, "://")
	if i := strings.IndexAny(after, "/?"); i >= 0 {
		return scheme + "://" + after[:i], after[i:]
	}
	return p.Resource, ""
}

// Path is where the metadata is published at the resource's host: between that and the
// path of the resource, without the slash that may end there (RFC 9728 §3.1).
func (p *ProtectedResource) Path() string {
	_, rest := p.address()
	path, _, _ := strings.Cut(rest, "?")
	return wellKnown + strings.TrimSuffix(path, "/")
}

// URL is the address of the metadata, with the query that the resource may have.
func (p *ProtectedResource) URL() string {
	origin, rest := p.address()
	_, query, has := strings.Cut(rest, "?")
	if has {
		query = "?" + query
	}
	return origin + p.Path() + query
}

// ServeHTTP answers with the metadata, which scripts of every origin may read: nothing of it
// is anybody's secret.
func (p *ProtectedResource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := json.Marshal(struct {
		*ProtectedResource
		Methods []string `json:"bearer_methods_supported"`
	}{p, []string{"header"}}) // RFC 6750 §2.1: the gate reads tokens nowhere else
	if err != nil { // texts: cannot fail
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "public, max-age=600")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Access-Control-Allow-Origin", "*")
	w.Write(append(body, '\n'))
}
