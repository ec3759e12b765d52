package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/process"
)

// TestTwoPrograms runs the issuer and the resource server as real processes.
func TestTwoPrograms(t *testing.T) {
	sallyport := process.Build(t, "../../../cmd/sallyport")
	data := filepath.Join(t.TempDir(), "data")
	issuer := process.Start(t, sallyport, "serve", "--addr", "127.0.0.1:0", "--data", data)
	resource := process.Start(t, process.Build(t, "."), "--issuer", issuer.URL, "--addr", "127.0.0.1:0")

	token := register(t, issuer.URL)
	for _, tt := range []struct {
		name, path, token string
		want              int
	}{
		{"no token", "/whoami", "", 401},
		{"a token that is none", "/whoami", "garbage", 401},
		{"a token with one letter changed", "/whoami", strings.Replace(token, ".", ".e", 1), 401},
		{"a good token", "/whoami", token, 200},
		{"a good token without the permission", "/reports", token, 403},
	} {
		r, err := http.NewRequest("GET", resource.URL+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tt.token != "" {
			r.Header.Set("Authorization", "Bearer "+tt.token)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != tt.want {
			t.Errorf("%s: %d, want %d\n%s", tt.name, resp.StatusCode, tt.want, body)
		}
	}
	if t.Failed() {
		t.Log(resource.Output())
	}
}

func register(t *testing.T, issuer string) (token string) {
	t.Helper()
	resp, err := http.Post(issuer+"/auth/register", "application/json",
		strings.NewReader(`{"username":"ann","password":"plums ripen late in august"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || got.Token == "" {
		t.Fatal(fmt.Errorf("registering: %d, %w", resp.StatusCode, err))
	}
	return got.Token
}
