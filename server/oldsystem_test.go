package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/server/oldsystem"
)

func TestPeopleComeOverAtTheirFirstSignIn(t *testing.T) {
	var down atomic.Bool
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Identifier, Password string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		switch {
		case down.Load():
			w.WriteHeader(http.StatusBadGateway)
		case in.Identifier == "ann@mail.example" && in.Password == pass:
			fmt.Fprint(w, `{"email":"ann@mail.example","email_verified":true,"display_name":"Ann","roles":["editor"]}`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(old.Close)
	webhook := &oldsystem.Webhook{URL: old.URL, Secret: "0123456789abcdef"}
	h := open(t, func(c *server.Config) { c.OldSystem = webhook.Ask })
	h.nobody().do("POST", "/auth/login", `{"email":"bob@mail.example","password":"`+pass+`"}`).want(401, "invalid_credentials")
	var in tokens
	h.nobody().do("POST", "/auth/login", `{"email":"ann@mail.example","password":"`+pass+`"}`).want(200).into(&in)
	if me := h.nobody().bearer(in.Access).do("GET", "/auth/me").want(200).body; !strings.Contains(me, `"roles":["editor"]`) || !strings.Contains(me, `"email_verified":true`) {
		t.Error(me)
	}

	down.Store(true)
	for _, name := range []string{"ann@mail.example", "bob@mail.example"} {
		a := h.nobody().do("POST", "/auth/login", `{"email":"`+name+`","password":"wrong"}`).want(503, "unavailable")
		if a.header.Get("Retry-After") != "10" {
			t.Error(a.header)
		}
	}
	h.nobody().do("POST", "/auth/login", `{"email":"ann@mail.example","password":"`+pass+`"}`).want(200)
	for _, secret := range []string{pass, "ann@mail.example"} {
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}
