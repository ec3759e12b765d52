package upstream

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/process"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// A Real provider is one that others wrote: npm's oidc-provider, in a process of its own.
type Real struct{ URL string }

// StartReal starts it for a client that may be called back at those addresses. Without
// node, or what ./test.sh installs for it, the test is skipped, and says so.
func StartReal(t testing.TB, redirectURIs ...string) *Real {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	folder := filepath.Join(filepath.Dir(here), "oidc-provider")
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(folder, "node_modules", "oidc-provider"))
	}
	if err != nil {
		const how = "SKIPPED: the real OpenID Connect provider needs node, and npm ci in internal/upstream/oidc-provider: %v"
		if testenv.Require() {
			t.Fatalf(how, err)
		}
		t.Skipf(how, err)
	}
	p := process.Start(t, node, append([]string{filepath.Join(folder, "provider.js")}, redirectURIs...)...)
	return &Real{p.URL}
}

// Person says who signs in there from now on.
func (p *Real) Person(t testing.TB, claims Object) {
	t.Helper()
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, p.URL+"/person", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("telling the provider who is there: %s", resp.Status)
	}
}
