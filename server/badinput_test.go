package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/onetime"
	"github.com/sallyport-auth/sallyport/internal/passkeytest"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/server"
)

func TestANewPasskeyThatIsNotRightIsRefusedByHTTP(t *testing.T) {
	h := open(t)
	ann, bob := h.browser("ann"), h.browser("bob")
	made := func(by *caller, change func(*passkeytest.Device)) string {
		_, options := by.do("POST", "/auth/passkeys/options", "{}").asked()
		d := h.device()
		change(d)
		credential, err := d.Create(options)
		if err != nil {
			t.Fatal(err)
		}
		return string(credential)
	}
	wrong := func(do func(*passkeytest.Answer)) func() string {
		return func() string { return made(ann, func(d *passkeytest.Device) { d.Wrong = do }) }
	}
	for _, tt := range []struct {
		name       string
		credential func() string
	}{
		{"of another origin", wrong(func(a *passkeytest.Answer) { a.Origin = "https://evil.example" })},
		{"for another challenge", wrong(func(a *passkeytest.Answer) { a.Challenge = secret.NewToken() })},
		{"of another party", wrong(func(a *passkeytest.Answer) { a.RP = "evil.example" })},
		{"that somebody else asked for", func() string { return made(bob, func(*passkeytest.Device) {}) }},
		{"of an algorithm that we did not name", func() string {
			return made(ann, func(d *passkeytest.Device) { d.Alg = passkeytest.ES384 })
		}},
		{"a second time", func() string {
			credential := made(ann, func(*passkeytest.Device) {})
			ann.do("POST", "/auth/passkeys", `{"credential":`+credential+`}`).want(201)
			return credential
		}},
		{"that is cut", func() string { c := made(ann, func(*passkeytest.Device) {}); return c[:len(c)/2] }},
		{"that is cut inside", func() string {
			return strings.Replace(made(ann, func(*passkeytest.Device) {}), `"attestationObject":"`, `"attestationObject":"AA`, 1)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := ann.do("GET", "/auth/passkeys").want(200).body
			if tt.name == "a second time" {
				before = ""
			}
			a := ann.do("POST", "/auth/passkeys", `{"credential":`+tt.credential()+`}`).want(400, "invalid_request")
			if !strings.Contains(a.body, `"detail":"`) {
				t.Errorf("nobody is told what to do: %s", a.body)
			}
			if after := ann.do("GET", "/auth/passkeys").want(200).body; before != "" && after != before {
				t.Errorf("there is another passkey: %s", after)
			}
		})
	}
	if list := bob.do("GET", "/auth/passkeys").want(200).body; !strings.Contains(list, `"items":[]`) {
		t.Errorf("bob has %s", list)
	}
}

// inScript writes digits in those of another script.
func inScript(code string, zero rune) string {
	return strings.Map(func(r rune) rune { return zero + r - '0' }, code)
}

// A code is what it is in every script and with every space, and what cannot be one is
// told so in words, and is no try.
func TestCodesAsPeopleTypeThem(t *testing.T) {
	h := open(t)
	h.program("ann").app()
	n, step := h.nobody(), h.nobody().firstStep("ann")
	for _, tt := range []struct{ name, method, code, says string }{
		{"a letter", "totp", "12345O", "letter"},
		{"a letter of another script", "totp", "12345о", "letter"},
		{"too few", "totp", "1 2 3 4 5", "6 digits; you typed 5"},
		{"nothing", "totp", "", "you typed 0"},
		{"an emoji", "totp", "12345🙂", "digits only"},
		{"a page", "totp", strings.Repeat("1", 1000), "too long"},
		{"a letter, twice the tries there are", "totp", "O12345", "letter"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := n.do("POST", "/auth/mfa", `{"ticket":"`+step.Ticket+`","method":"`+tt.method+`","code":"`+tt.code+`"}`).want(400, "invalid_request")
			if !strings.Contains(a.body, tt.says) || !strings.Contains(a.body, `"member":"code"`) {
				t.Errorf("%s does not say %q", a.body, tt.says)
			}
		})
	}
	for i, write := range map[string]func(string) string{
		"arabic": func(c string) string { return inScript(c, '٠') }, "devanagari": func(c string) string { return inScript(c, '०') },
		"full width, in groups": func(c string) string {
			return " " + inScript(c[:3], '０') + "\u00a0" + inScript(c[3:], '０') + "\u200b"
		},
	} {
		t.Run(i, func(t *testing.T) {
			name := "reader-" + strings.Fields(i)[0][:4]
			phone, codes := h.program(name).app()
			answer := func(method, code string) {
				ticket := h.nobody().firstStep(name).Ticket
				h.nobody().do("POST", "/auth/mfa", `{"ticket":"`+ticket+`","method":"`+method+`","code":"`+code+`"}`).want(200)
			}
			answer("totp", write(phone.code(1)))
			answer("recovery", " "+strings.ToLower(strings.ReplaceAll(codes[0], "-", " "))+" ")
		})
	}
}

func TestAddressesThatAreNoneByHTTP(t *testing.T) {
	h := open(t, func(c *server.Config) { c.EmailIsName = true })
	h.proved("ann")
	ann := h.again("ann")
	for _, tt := range []struct{ name, email string }{
		{"a line break and a header", `ann@example.org\r\nBcc: eve@example.org`}, {"a line break", `ann@example.org\n`},
		{"300 characters", strings.Repeat("a", 288) + "@example.org"}, {"a quoted local part", `\"ann\"@example.org`},
		{"a quoted @", `\"ann@evil.example\"@example.org`}, {"two full-width @", "ann＠b＠example.org"},
		{"something that nobody sees", `ann\u200b@example.org`}, {"another direction", `ann\u202e@example.org`}, {"a name before it", "Ann <ann@example.org>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for path, c := range map[string]*caller{"/auth/register": h.nobody(), "/auth/email/change": ann} {
				more := ""
				if path == "/auth/register" {
					more = `,"password":"` + pass + `"`
				}
				a := c.do("POST", path, `{"email":"`+tt.email+`"`+more+`}`).want(400, "invalid_request")
				if !strings.Contains(a.body, `"member":"email"`) || !strings.Contains(a.body, `"detail":"Email `) {
					t.Errorf("%s says %s", path, a.body)
				}
			}
		})
	}
	if got := strings.Join(h.waiting(), " "); got != "new_device" {
		t.Errorf("mails wait: %s", got)
	}
	// What only looks like her address is somebody else's, and its owner hears of it.
	h.nobody().do("POST", "/auth/register", `{"email":"аnn@mail.example","password":"`+pass+`"}`).want(202)
	h.mail("аnn@mail.example", "verify")
	if len(h.mails("ann@mail.example")) != 1 {
		t.Errorf("ann has %+v", h.mails("ann@mail.example"))
	}
}

// waiting are the kinds of the messages that are on their way.
func (h *house) waiting() (kinds []string) {
	h.Helper()
	err := h.Accounts.Store.View(h.Context(), func(tx account.Tx) error {
		all, err := tx.Outbox.Waiting(h.Context(), 1000)
		for _, m := range all {
			kinds = append(kinds, string(m.Kind))
		}
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return kinds
}

// late makes the newest of somebody's tokens of that purpose expire.
func (h *house) late(user string, p onetime.Purpose) {
	h.Helper()
	err := h.Accounts.Store.Update(h.Context(), func(tx account.Tx) error {
		t, err := tx.OneTime.Newest(h.Context(), user, p)
		if err != nil {
			return err
		}
		if err := tx.OneTime.EndAll(h.Context(), user, p); err != nil {
			return err
		}
		past := time.Now().Add(-time.Second)
		t.CreatedAt, t.ExpiresAt = past.Add(t.CreatedAt.Sub(t.ExpiresAt)), past
		return tx.OneTime.Create(h.Context(), t)
	})
	if err != nil {
		h.Fatal(err)
	}
}

// Of tickets and links that have expired, were used or are for something else nobody
// learns which, and nothing is done.
func TestTicketsAndLinksThatAreNoGood(t *testing.T) {
	h := open(t)
	h.proved("ann")
	ann := h.again("ann")
	id := ann.me().Subject
	const used, expired, foreign = "used", "expired", "for something else"
	link := func(ask, kind string) func(string) string {
		return func(state string) string {
			ask, kind := ask, kind
			if state == foreign && kind == "link" {
				ask, kind = "/auth/password/forgot", "reset"
			} else if state == foreign {
				ask, kind = "/auth/link", "link"
			}
			h.nobody().do("POST", ask, `{"identifier":"ann"}`).want(202)
			token, _ := h.mail("ann@mail.example", kind)
			if state == expired {
				h.late(id, onetime.Purpose(kind))
			}
			return `"token":"` + token + `"`
		}
	}
	for _, flow := range []struct {
		name, path, more string
		bring            func(state string) string
	}{
		{"a link to sign in", "/auth/link/redeem", "", link("/auth/link", "link")},
		{"a link for a new password", "/auth/password/reset", `,"new_password":"` + pass + `"`, link("/auth/password/forgot", "reset")},
	} {
		for _, state := range []string{foreign, expired, used} {
			t.Run(flow.name+" "+state, func(t *testing.T) {
				h.forgive("ann")
				body := `{` + flow.bring(state) + flow.more + `}`
				if state == used {
					if a := h.nobody().do("POST", flow.path, body); a.status != 200 && a.status != 204 {
						t.Fatalf("%d %s", a.status, a.body)
					}
				}
				h.nobody().do("POST", flow.path, body).want(401, "invalid_token")
			})
		}
	}

	bob := h.program("bob")
	phone, _ := bob.app()
	ticket := func() string { return h.nobody().firstStep("bob").Ticket }
	mfa := func(ticket string, ahead int64) *answer {
		return h.nobody().do("POST", "/auth/mfa", `{"ticket":"`+ticket+`","method":"totp","code":"`+phone.code(ahead)+`"}`)
	}
	old := ticket()
	h.late(bob.id, "ticket")
	mfa(old, 1).want(401, "invalid_token")
	good := ticket()
	mfa(good, 1).want(200)
	mfa(good, 1).want(401, "invalid_token")
	for _, path := range []string{"/auth/totp", "/auth/otp/enrol", "/auth/passkeys/factor/options"} { // what the ticket of a sign-in that is over opens
		more := map[string]string{"/auth/otp/enrol": `,"channel":"sms","phone":"+4930123456"`}[path]
		h.nobody().do("POST", path, `{"ticket":"`+good+`"`+more+`}`).want(401, "invalid_token")
	}
	_, options := h.nobody().do("POST", "/auth/passkeys/login/options", "{}").asked()
	if len(options) == 0 {
		t.Fatal("no options")
	}
	passkeys, _ := h.nobody().do("POST", "/auth/passkeys/login/options", "{}").asked()
	mfa(passkeys, 1).want(401, "invalid_token") // the ticket of another step
}

// forgive forgets how many messages were asked for.
func (h *house) forgive(name string) {
	h.Helper()
	err := h.Accounts.Store.Update(h.Context(), func(tx account.Tx) error { return h.Accounts.Asked.Forgive(h.Context(), tx.Failures, name) })
	if err != nil {
		h.Fatal(err)
	}
}
