package sallyport_test

import (
	"encoding/json"
	"net/http/httptest"
	"testing"

	"github.com/sallyport-auth/sallyport"
)

// RFC 9728 §3.1.
func TestWhereMetadataOfAResourceIs(t *testing.T) {
	for _, tt := range []struct{ resource, path, url string }{
		{"https://resource.example.com", "/.well-known/oauth-protected-resource", "https://resource.example.com/.well-known/oauth-protected-resource"},
		{"https://resource.example.com/", "/.well-known/oauth-protected-resource", "https://resource.example.com/.well-known/oauth-protected-resource"},
		{"https://resource.example.com/resource1", "/.well-known/oauth-protected-resource/resource1", "https://resource.example.com/.well-known/oauth-protected-resource/resource1"},
		{"https://resource.example.com:8443/a/b/", "/.well-known/oauth-protected-resource/a/b", "https://resource.example.com:8443/.well-known/oauth-protected-resource/a/b"},
		{"https://resource.example.com/a?k=/v", "/.well-known/oauth-protected-resource/a", "https://resource.example.com/.well-known/oauth-protected-resource/a?k=/v"},
		{"https://resource.example.com?k=v", "/.well-known/oauth-protected-resource", "https://resource.example.com/.well-known/oauth-protected-resource?k=v"},
	} {
		p := sallyport.ProtectedResource{Resource: tt.resource}
		if p.Path() != tt.path || p.URL() != tt.url {
			t.Errorf("%s: %s, %s", tt.resource, p.Path(), p.URL())
		}
	}
}

func TestMetadataOfAResource(t *testing.T) {
	w := httptest.NewRecorder()
	(&sallyport.ProtectedResource{Resource: "https://api.example", Issuers: []string{"https://id.example"}, Name: "Notes"}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got["resource"] != "https://api.example" || got["resource_name"] != "Notes" || got["bearer_methods_supported"].([]any)[0] != "header" {
		t.Errorf("%s, %v", w.Body, err)
	}
	if _, there := got["scopes_supported"]; there { // RFC 9728 §3.2: what is empty is left out
		t.Errorf("%s", w.Body)
	}
	if h := w.Header(); h.Get("Content-Type") != "application/json" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", h)
	}
}

// RFC 9728 §5.1.
func TestChallengesLeadToTheMetadata(t *testing.T) {
	g, _ := newGate()
	g.ResourceMetadata = "https://api.example/.well-known/oauth-protected-resource"
	const at = `resource_metadata="https://api.example/.well-known/oauth-protected-resource"`
	for _, tt := range []struct {
		name   string
		door   sallyport.Door
		header string
		status int
		want   string
	}{
		{"no credential", sallyport.SignedIn(), "", 401, bare + ", " + at},
		{"a bad one", sallyport.SignedIn(), "Authorization: Bearer expired", 401, invalidToken + ", " + at},
		{"a scope too narrow", sallyport.May("wide"), annBearer, 403, narrow + ", " + at},
		{"one that may not", sallyport.May("write"), annBearer, 403, ""},
	} {
		r := request("GET /")
		if tt.header != "" {
			r = request("GET /", tt.header)
		}
		w := serve(g, tt.door, r)
		if got := w.Header().Get("WWW-Authenticate"); w.Code != tt.status || got != tt.want {
			t.Errorf("%s: %d %q", tt.name, w.Code, got)
		}
	}
}
