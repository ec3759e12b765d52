package server_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/server/messages"
)

// A shown message is one of /auth/dev/mail.
type shownMail struct{ Kind, To, Lang, Subject, Text, Link, Code string }

// mails returns the messages that wait for an address, newest first.
func (h *house) mails(to string) []shownMail {
	h.Helper()
	var list struct{ Items []shownMail }
	h.nobody().do("GET", "/auth/dev/mail?to="+to).want(200).into(&list)
	return list.Items
}

func TestWithoutAMailServerMessagesAreShownOnThisMachine(t *testing.T) {
	h := open(t)
	u, err := h.Accounts.Add(t.Context(), account.Registration{Username: "ann", Email: "ann@example.org", EmailVerified: true, Password: pass}, account.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Accounts.SetPassword(t.Context(), u.ID, "a heron stands in the river", account.Origin{}); err != nil {
		t.Fatal(err)
	}
	got := h.mails("ann@example.org")
	if len(got) != 1 || got[0].Kind != "password_changed" || !strings.Contains(got[0].Text, "House") {
		t.Errorf("%+v", got)
	}
	if len(h.mails("bob@example.org")) != 0 {
		t.Error("somebody else's mail")
	}
	page := h.nobody().with("Accept", "text/html").with("Sec-Fetch-Mode", "navigate").do("GET", "/auth/dev/mail").want(200)
	if !strings.Contains(page.body, "Your password was changed") || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") {
		t.Errorf("%s", page.body)
	}
}

func TestMessagesAreShownToNobodyElse(t *testing.T) {
	h := open(t)
	for _, c := range []struct {
		name, host, from string
		want             int
	}{
		{"this machine", "127.0.0.1:8080", "127.0.0.1:1234", 200},
		{"by name", "localhost:8080", "[::1]:1234", 200},
		{"another machine", "127.0.0.1:8080", "192.0.2.7:1234", 404},
		{"a page of another site, whose name leads here", "evil.example:8080", "127.0.0.1:1234", 404},
	} {
		r := httptest.NewRequest("GET", "/auth/dev/mail", nil)
		r.Host, r.RemoteAddr = c.host, c.from
		w := httptest.NewRecorder()
		h.Server.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: %d, want %d", c.name, w.Code, c.want)
		}
	}
	mail := messages.Mail{URL: "smtp://127.0.0.1:9", From: "a@example.com"}
	sms := messages.SMS{URL: "http://127.0.0.1:9", Secret: "0123456789abcdef"}
	for name, change := range map[string]func(*server.Config){
		"elsewhere than on loopback":    func(c *server.Config) { c.BaseURL = "https://id.example.com" },
		"with somebody who carries all": func(c *server.Config) { c.Mail, c.SMS = mail, sms },
	} {
		h := open(t, change)
		for r := range h.Routes.All() {
			if strings.Contains(r.Pattern, "/dev/") {
				t.Errorf("%s: the page is there", name)
			}
		}
		if warned := strings.Contains(h.log.String(), "no mail server is set up"); warned != strings.HasPrefix(name, "elsewhere") {
			t.Errorf("%s: warned %v", name, warned)
		}
	}
}

func TestOpenRefusesMailSettingsThatMakeNoSense(t *testing.T) {
	h := open(t)
	_, err := server.Open(t.Context(), server.Config{BaseURL: h.URL, Store: nil, Mail: messages.Mail{URL: "http://x"}, SMS: messages.SMS{URL: "https://x"}})
	for _, want := range []string{"Mail: the URL of the mail server", "SMS: a webhook needs a secret"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}
