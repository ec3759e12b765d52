package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
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
	sallyport, rpc, data string // programs, and the issuer's folder
	issuer, service      *process.Program
}

func begin(t *testing.T) *world {
	dir := t.TempDir()
	w := &world{T: t, sallyport: filepath.Join(dir, "sallyport"), rpc: process.Build(t, "."), data: filepath.Join(dir, "data")}
	build := exec.Command("go", "build", "-o", w.sallyport, "./cmd/sallyport")
	build.Dir = "../../.." // it is of another module
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.issuer = process.Start(t, w.sallyport, "serve", "--addr", "127.0.0.1:0", "--data", w.data)
	w.command("", "role", "set", "service", "revocation:read")
	w.command("plums ripen late in august\n", "user", "add", "--username", "reports", "--role", "service", "--password-stdin")
	var key struct{ Key string }
	if err := json.Unmarshal(w.command("", "apikey", "add", "--user", "reports", "--name", "feed", "--scope", "revocation:read", "--json"), &key); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SALLYPORT_KEY", key.Key)
	w.service = process.Start(t, w.rpc, "--issuer", w.issuer.URL, "--addr", "127.0.0.1:0")
	return w
}

// command runs a command beside the issuer.
func (w *world) command(input string, args ...string) []byte {
	w.Helper()
	c := exec.Command(w.sallyport, append(args, "--data", w.data)...)
	c.Stdin = strings.NewReader(input)
	out, err := c.CombinedOutput()
	if err != nil {
		w.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// post asks the issuer.
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

// client prepares the program as a client.
func (w *world) client(method, token string) *exec.Cmd {
	return exec.Command(w.rpc, "--addr", w.service.URL, "--call", method, "--token", token)
}

// becomes calls a method until it says so. The issuer has acknowledged what makes it
// so; the feed takes the milliseconds that it takes.
func (w *world) becomes(method, token, want string) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	for {
		out, _ := w.client(method, token).CombinedOutput()
		if strings.Contains(string(out), want) {
			return
		}
		if ctx.Err() != nil {
			w.Fatalf("%s says %s, want %q\n%s", method, out, want, w.service.Output())
		}
	}
}

func TestARPCServiceObeysTheIssuer(t *testing.T) {
	w := begin(t)
	token := w.register("ann")
	for _, tt := range []struct {
		name, method, token, want string
	}{
		{"no token", "whoami", "", "Unauthenticated"},
		{"a token that is none", "whoami", "garbage", "Unauthenticated"},
		{"a token with one letter changed", "whoami", strings.Replace(token, ".", ".e", 1), "Unauthenticated"},
		{"a good token", "whoami", token, "roles []"},
		{"a good token without the permission", "reports", token, "PermissionDenied"},
		{"a stream without a token", "follow", "", "Unauthenticated"},
		{"a method that is none", "fly", token, "there are whoami, reports and follow"},
	} {
		out, err := w.client(tt.method, tt.token).CombinedOutput()
		if !strings.Contains(string(out), tt.want) || (err == nil) != (tt.want == "roles []") {
			t.Errorf("%s: %v, %s", tt.name, err, out)
		}
	}
	w.command("", "role", "set", "analyst", "report:read")
	w.command("", "user", "role", "add", "ann", "analyst")
	w.becomes("reports", token, "reports for")
	w.command("", "user", "role", "remove", "ann", "analyst")
	w.becomes("reports", token, "PermissionDenied")
	w.post("/auth/logout", token, `{}`, http.StatusNoContent)
	w.becomes("whoami", token, "Unauthenticated")
	if t.Failed() {
		t.Log(w.service.Output())
	}
}

func TestAStreamEndsWhenItsCallerSignsOut(t *testing.T) {
	w := begin(t)
	token := w.register("ann")
	c := w.client("follow", token)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	var complaint bytes.Buffer
	c.Stdout, c.Stderr = write, &complaint
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	stop := time.AfterFunc(time.Minute, func() { c.Process.Kill() }) // it does not happen
	defer stop.Stop()
	first := make([]byte, 1)
	if _, err := read.Read(first); err != nil || first[0] != '1' {
		t.Fatalf("%v: the stream begins with %q", err, first)
	}
	w.post("/auth/logout", token, `{}`, http.StatusNoContent)
	since := time.Now()
	rest, err := io.ReadAll(read)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil || !strings.Contains(complaint.String(), "Unauthenticated") {
		t.Errorf("%v: %s", err, &complaint)
	}
	t.Logf("the stream ended %v after the sign-out, having said 1%s", time.Since(since), rest)
}

func TestAServiceWithoutAKeySaysWhatIsMissing(t *testing.T) {
	t.Setenv("SALLYPORT_KEY", "")
	out, err := exec.Command(process.Build(t, "."), "--issuer", "http://127.0.0.1:1", "--addr", "127.0.0.1:0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "scope revocation:read") {
		t.Errorf("%v: %s", err, out)
	}
}
