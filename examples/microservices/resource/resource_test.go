package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/process"
)

// A world is the issuer and the service, as real processes, as the README starts them.
type world struct {
	*testing.T
	program          string // of the command line
	data             string
	issuer, resource *process.Program
}

func begin(t *testing.T) *world {
	w := &world{T: t, program: process.Build(t, "../../../cmd/sallyport"), data: filepath.Join(t.TempDir(), "data")}
	w.issuer = process.Start(t, w.program, "serve", "--addr", "127.0.0.1:0", "--data", w.data)
	w.command("", "role", "set", "service", "revocation:read")
	w.command("plums ripen late in august\n", "user", "add", "--username", "reports", "--role", "service", "--password-stdin")
	var key struct{ Key string }
	if err := json.Unmarshal(w.command("", "apikey", "add", "--user", "reports", "--name", "feed", "--scope", "revocation:read", "--json"), &key); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SALLYPORT_KEY", key.Key)
	w.resource = process.Start(t, process.Build(t, "."), "--issuer", w.issuer.URL, "--addr", "127.0.0.1:0")
	return w
}

// command runs a command beside the issuer.
func (w *world) command(input string, args ...string) []byte {
	w.Helper()
	c := exec.Command(w.program, append(args, "--data", w.data)...)
	c.Stdin = strings.NewReader(input)
	out, err := c.CombinedOutput()
	if err != nil {
		w.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// get asks the service.
func (w *world) get(path, token string) (int, string) {
	w.Helper()
	r, err := http.NewRequest("GET", w.resource.URL+path, nil)
	if err != nil {
		w.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// becomes waits until the service answers so. The issuer has acknowledged what makes
// it so; the feed takes the milliseconds that it takes.
func (w *world) becomes(path, token string, want int) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	for {
		got, body := w.get(path, token)
		if got == want {
			return
		}
		if ctx.Err() != nil {
			w.Fatalf("%s: %d, want %d\n%s\n%s", path, got, want, body, w.resource.Output())
		}
		time.Sleep(time.Millisecond)
	}
}

func TestTwoPrograms(t *testing.T) {
	w := begin(t)
	token := w.register("ann")
	for _, tt := range []struct {
		name, path, token string
		want              int
	}{
		{"no token", "/whoami", "", 401},
		{"a token that is none", "/whoami", "garbage", 401},
		{"a token with one letter changed", "/whoami", strings.Replace(token, ".", ".e", 1), 401},
		{"a good token", "/whoami", token, 200},
		{"a good token without the permission", "/reports", token, 403},
		{"whether it is ready", "/readyz", "", 200},
	} {
		if got, body := w.get(tt.path, tt.token); got != tt.want {
			t.Errorf("%s: %d, want %d\n%s", tt.name, got, tt.want, body)
		}
	}
	w.command("", "role", "set", "analyst", "report:read")
	w.command("", "user", "role", "add", "ann", "analyst")
	w.becomes("/reports", token, 200)
	w.command("", "user", "role", "remove", "ann", "analyst")
	w.becomes("/reports", token, 403)
	w.post("/auth/logout", token, `{}`, http.StatusNoContent)
	w.becomes("/whoami", token, 401)
	if t.Failed() {
		t.Log(w.resource.Output())
	}
}

// The program that measures does what the README says.
func TestLatency(t *testing.T) {
	w := begin(t)
	out, err := exec.Command(process.Build(t, "../latency"), "--issuer", w.issuer.URL, "--resource", w.resource.URL, "--n", "5", "--load", "50", "--json").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, w.resource.Output())
	}
	var r struct {
		N    int     `json:"n"`
		Load float64 `json:"load"`
		P50  float64 `json:"p50_ms"`
		Max  float64 `json:"max_ms"`
	}
	if err := json.Unmarshal(out, &r); err != nil || r.N != 5 || r.Load <= 0 || r.P50 <= 0 || r.Max < r.P50 {
		t.Errorf("%v: %s", err, out)
	}
}

func TestAServiceWithoutAKeySaysWhatIsMissing(t *testing.T) {
	t.Setenv("SALLYPORT_KEY", "")
	out, err := exec.Command(process.Build(t, "."), "--issuer", "http://127.0.0.1:1", "--addr", "127.0.0.1:0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "scope revocation:read") {
		t.Errorf("%v: %s", err, out)
	}
}

func (w *world) register(name string) (token string) {
	w.Helper()
	var got struct {
		Token string `json:"access_token"`
	}
	body := w.post("/auth/register", "", fmt.Sprintf(`{"username":%q,"password":"plums ripen late in august"}`, name), http.StatusCreated)
	if err := json.Unmarshal(body, &got); err != nil || got.Token == "" {
		w.Fatalf("registering: %v\n%s", err, body)
	}
	return got.Token
}

func (w *world) post(path, token, body string, want int) []byte {
	w.Helper()
	r, err := http.NewRequest("POST", w.issuer.URL+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		w.Fatalf("%s: %d, %v\n%s", path, resp.StatusCode, err, answer)
	}
	return answer
}
