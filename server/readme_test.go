package server_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/process"
)

// TestTheREADMEsProgram compiles the quick start of the README and runs it. Only
// the port is another one.
func TestTheREADMEsProgram(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```go\n")
	program, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("the README has no program")
	}
	if n := len(strings.Split(strings.ReplaceAll(strings.TrimSpace(program), "\n\n", "\n"), "\n")); n > 25 {
		t.Errorf("from nothing to a guarded route takes %d lines, not 25", n)
	}
	addr := freeAddr(t)
	source := filepath.Join(t.TempDir(), "main.go")
	program = strings.ReplaceAll(program, "127.0.0.1:8080", addr)
	if err := os.WriteFile(source, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(process.Build(t, source))
	cmd.Dir = t.TempDir()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	client := http.Client{}
	client.Jar, _ = cookiejar.New(nil)
	if got := get(t, &client, "http://"+addr+"/reports"); !strings.HasPrefix(got, "401") {
		t.Errorf("without a credential: %s", got)
	}
	resp, err := client.Post("http://"+addr+"/auth/register", "application/json",
		strings.NewReader(`{"username":"ann","password":"plums ripen late in august","mode":"cookie"}`))
	if err != nil || resp.StatusCode != 201 {
		t.Fatal(resp, err)
	}
	if got := get(t, &client, "http://"+addr+"/reports"); !strings.HasPrefix(got, "200 reports for usr_") {
		t.Errorf("with the role: %s", got)
	}
}

// get waits until the program listens.
func get(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	for {
		resp, err := client.Get(url)
		if err != nil {
			select {
			case <-t.Context().Done():
				t.Fatal(err)
			case <-time.After(20 * time.Millisecond):
			}
			continue
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return fmt.Sprint(resp.StatusCode, " ", string(body))
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
