package server_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/passkeytest"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/server"
)

// device is a device in front of the house's pages.
func (h *house) device() *passkeytest.Device { return &passkeytest.Device{Origin: h.URL} }

// asked are the options that a browser is given.
func (a *answer) asked() (ticket string, publicKey []byte) {
	a.h.Helper()
	var v struct {
		Ticket    string
		PublicKey json.RawMessage `json:"public_key"`
	}
	a.want(200).into(&v)
	return v.Ticket, v.PublicKey
}

// make has the device make a passkey for the caller.
func (c *caller) make(d *passkeytest.Device) *answer {
	c.h.Helper()
	_, options := c.do("POST", "/auth/passkeys/options", "{}").asked()
	credential, err := d.Create(options)
	if err != nil {
		c.h.Fatal(err)
	}
	return c.do("POST", "/auth/passkeys", `{"credential":`+string(credential)+`}`)
}

// choose has the device answer the sign-in page.
func (c *caller) choose(d *passkeytest.Device) (ticket, credential string) {
	c.h.Helper()
	ticket, options := c.do("POST", "/auth/passkeys/login/options", "{}").asked()
	b, err := d.Get(options)
	if err != nil {
		c.h.Fatal(err)
	}
	return ticket, string(b)
}

func byTicket(ticket, credential string, more ...string) string {
	return `{"ticket":"` + ticket + `","credential":` + credential + strings.Join(more, "") + `}`
}

func TestPasskeysByHTTP(t *testing.T) {
	h := open(t)
	ann, d := h.browser("ann"), h.device()
	old := ann.cookie()
	made := ann.make(d)
	var k struct{ ID, Name string }
	made.want(201).into(&k)
	if ann.cookie() == old {
		t.Error("the session has its old cookie")
	}

	for _, tt := range []struct {
		name, mode string
		has        []string
	}{
		{"tokens", "", []string{`"access_token"`, `"refresh_token"`}},
		{"a cookie", `,"mode":"cookie"`, []string{`"signed_in"`}},
		{"a refresh cookie", `,"mode":"refresh_cookie"`, []string{`"access_token"`}},
	} {
		t.Run("sign in for "+tt.name, func(t *testing.T) {
			c := h.nobody()
			a := c.do("POST", "/auth/passkeys/login", answering(c.choose(d))(tt.mode)).want(200)
			for _, s := range tt.has {
				if !strings.Contains(a.body, s) {
					t.Errorf("no %s in %s", s, a.body)
				}
			}
			if a.user() != ann.id {
				t.Errorf("signed in %s", a.user())
			}
			if a.header.Get("Cache-Control") != "no-store" {
				t.Error("it may be stored")
			}
		})
	}

	c := h.nobody()
	c.do("POST", "/auth/passkeys/login", answering(c.choose(d))(`,"mode":"cookie"`)).want(200)
	if me := c.do("GET", "/auth/me").want(200).body; !strings.Contains(me, `"amr":["hwk","user","mfa"],"aal":2`) {
		t.Error(me)
	}

	list := ann.do("GET", "/auth/passkeys").want(200).body
	if !strings.Contains(list, k.ID) || strings.Contains(list, `"last_used_at":null`) {
		t.Error(list)
	}
	ann.do("PATCH", "/auth/passkeys/"+k.ID, `{"name":"Key ring"}`).want(200)
	ann.do("PATCH", "/auth/passkeys/"+k.ID, `{"name":""}`).want(400, "invalid_request")
	ann.do("PATCH", "/auth/passkeys/pky_0", `{"name":"x"}`).want(404, "not_found")
	bob := h.browser("bob")
	bob.do("PATCH", "/auth/passkeys/"+k.ID, `{"name":"mine"}`).want(404, "not_found")
	bob.do("DELETE", "/auth/passkeys/"+k.ID).want(404, "not_found")
	ann.do("DELETE", "/auth/passkeys/"+k.ID).want(204)
	ann.do("DELETE", "/auth/passkeys/"+k.ID).want(404, "not_found")
	h.nobody().do("GET", "/auth/passkeys").want(401, "unauthenticated")
}

// answering takes the two results of choose.
func answering(ticket, credential string) func(more ...string) string {
	return func(more ...string) string { return byTicket(ticket, credential, more...) }
}

// cookie is the session cookie that the caller holds.
func (c *caller) cookie() string {
	for _, k := range c.client.Jar.Cookies(mustURL(c.h.URL)) {
		if k.Name == "__Host-sallyport" {
			return k.Value
		}
	}
	return ""
}

func TestAPasskeyThatIsNotRightIsRefusedByHTTP(t *testing.T) {
	h := open(t)
	ann, d := h.browser("ann"), h.device()
	ann.make(d).want(201)
	wrong := func(do func(*passkeytest.Answer)) func(*caller) string {
		return func(c *caller) string {
			d := *d
			d.Wrong = do
			return answering(c.choose(&d))()
		}
	}
	for _, tt := range []struct {
		name   string
		body   func(*caller) string
		status int
		code   string
	}{
		{"of another origin", wrong(func(a *passkeytest.Answer) { a.Origin = "https://evil.example" }), 401, "passkey_refused"},
		{"for another challenge", wrong(func(a *passkeytest.Answer) { a.Challenge = secret.NewToken() }), 401, "passkey_refused"},
		{"of another user", wrong(func(a *passkeytest.Answer) { a.Handle = []byte("usr_bob") }), 401, "passkey_refused"},
		{"of another party", wrong(func(a *passkeytest.Answer) { a.RP = "evil.example" }), 401, "passkey_refused"},
		{"that nobody has", wrong(func(a *passkeytest.Answer) { a.ID = []byte("0123456789abcdef") }), 401, "unknown_passkey"},
		{"a second time", func(c *caller) string {
			body := answering(c.choose(d))()
			c.do("POST", "/auth/passkeys/login", body).want(200)
			return body
		}, 401, "passkey_refused"},
		{"with another ticket", func(c *caller) string {
			_, credential := c.choose(d)
			ticket, _ := c.choose(d)
			return byTicket(ticket, credential)
		}, 401, "passkey_refused"},
		{"without a ticket", func(c *caller) string {
			_, credential := c.choose(d)
			return `{"credential":` + credential + `}`
		}, 401, "passkey_refused"},
		{"that is empty", func(*caller) string { return `{"ticket":"x","credential":{}}` }, 400, "invalid_request"},
		{"that is none", func(*caller) string { return `{"ticket":"x"}` }, 400, "invalid_request"},
		{"that is null", func(*caller) string { return `{"ticket":"x","credential":null}` }, 400, "invalid_request"},
		{"that is a number", func(*caller) string { return `{"ticket":"x","credential":7}` }, 400, "invalid_request"},
		{"that is text", func(*caller) string { return `{"ticket":"x","credential":"{\"id\":1}"}` }, 400, "invalid_request"},
		{"that is cut", func(c *caller) string {
			ticket, credential := c.choose(d)
			return byTicket(ticket, credential[:len(credential)-40])
		}, 400, "invalid_request"},
		{"that is huge", func(*caller) string {
			return `{"ticket":"x","credential":{"id":"` + strings.Repeat("A", 70<<10) + `"}}`
		}, 413, "payload_too_large"},
		{"that says a thing twice", func(c *caller) string {
			ticket, credential := c.choose(d)
			return byTicket(ticket, strings.Replace(credential, "{", `{"type":"x",`, 1))
		}, 400, "invalid_request"},
	} {
		t.Run(tt.name, func(*testing.T) {
			c := h.nobody()
			c.do("POST", "/auth/passkeys/login", tt.body(c)).want(tt.status, tt.code)
		})
	}
	c := h.nobody() // and the passkey itself is as good as ever
	c.do("POST", "/auth/passkeys/login", answering(c.choose(d))()).want(200)
}

// form posts a form as a page does.
func (c *caller) form(path string, fields url.Values) *answer {
	c.h.Helper()
	return c.with("Content-Type", "application/x-www-form-urlencoded").with("Sec-Fetch-Mode", "navigate").with("Sec-Fetch-Site", "same-origin").
		do("POST", path, fields.Encode())
}

// seen is a page, as somebody sees it.
func (c *caller) seen(path string) string {
	c.h.Helper()
	return c.with("Sec-Fetch-Mode", "navigate").with("Accept", "text/html").do("GET", path).want(200).body
}

func TestPasskeysByPage(t *testing.T) {
	h := open(t)
	ann, d := h.browser("ann"), h.device()
	var k struct{ ID string }
	ann.make(d).want(201).into(&k)

	c := h.nobody()
	ticket, credential := c.choose(d)
	in := c.form("/auth/passkeys/login", url.Values{"ticket": {ticket}, "credential": {credential}, "return_to": {"/auth/passkeys"}}).want(303)
	if in.header.Get("Location") != "/auth/passkeys" {
		t.Errorf("leads to %q", in.header.Get("Location"))
	}
	if page := c.seen("/auth/passkeys"); !strings.Contains(page, k.ID) || !strings.Contains(page, `class="badge quiet"`) {
		t.Error(page)
	}
	c.form("/auth/passkeys/"+k.ID+"/rename", url.Values{"name": {"Key ring"}}).want(303)
	if page := c.seen("/auth/passkeys?done=passkey_renamed"); !strings.Contains(page, "Key ring") || !strings.Contains(page, "new name") {
		t.Error(page)
	}
	c.form("/auth/passkeys/"+k.ID+"/rename", url.Values{"name": {strings.Repeat("x", 65)}}).want(422)

	h.forgetPassword(ann.id)
	last := c.form("/auth/passkeys/"+k.ID+"/remove", nil).want(422)
	if !strings.Contains(last.body, "last way to sign in") {
		t.Error(last.body)
	}
	ann.do("DELETE", "/auth/passkeys/"+k.ID).want(409, "last_way_in")
	ann.make(h.device()).want(201)
	c.form("/auth/passkeys/"+k.ID+"/remove", nil).want(303)

	c = h.nobody()
	ticket, credential = c.choose(d)
	unknown := c.form("/auth/passkeys/login", url.Values{"ticket": {ticket}, "credential": {credential}}).want(422)
	for _, s := range []string{`data-unknown="`, `data-rp="127.0.0.1"`, "belongs to no account"} {
		if !strings.Contains(unknown.body, s) {
			t.Errorf("no %s in %s", s, unknown.body)
		}
	}
	if page := h.browser("eve").seen("/auth/"); !strings.Contains(page, "passkey-offer") {
		t.Error("no first passkey is offered")
	}
	if page := ann.seen("/auth/"); strings.Contains(page, "passkey-offer") {
		t.Error("a passkey is offered to who has one")
	}
	dismissed := ann.form("/auth/passkeys/offer", nil).want(303).header.Get("Set-Cookie")
	if !strings.Contains(dismissed, "Max-Age=2592000") || !strings.Contains(dismissed, "HttpOnly") {
		t.Error(dismissed)
	}
}

// forgetPassword leaves the user without one.
func (h *house) forgetPassword(user string) {
	h.Helper()
	err := h.Accounts.Store.Update(h.Context(), func(tx account.Tx) error {
		return tx.Credentials.SetPassword(h.Context(), user, "", time.Now())
	})
	if err != nil {
		h.Fatal(err)
	}
}

func TestAPasskeyIsASecondFactor(t *testing.T) {
	h := open(t)
	ann, d := h.browser("ann"), h.device()
	ann.make(d).want(201)
	bob, other := h.browser("bob"), h.device()
	bob.make(other).want(201)

	c := h.nobody()
	first := func() string {
		var v struct {
			Status, Ticket string
			Methods        []string
		}
		c.do("POST", "/auth/login", `{"username":"ann","password":"`+pass+`","mode":"cookie"}`).want(200).into(&v)
		if v.Status != "mfa_required" || len(v.Methods) == 0 || v.Methods[0] != "passkey" {
			t.Fatalf("%+v", v)
		}
		return v.Ticket
	}
	second := func(ticket string, credential []byte) *answer {
		return c.do("POST", "/auth/mfa", `{"ticket":"`+ticket+`","method":"passkey","credential":`+string(credential)+`}`)
	}
	ticket := first()
	_, options := c.do("POST", "/auth/passkeys/factor/options", `{"ticket":"`+ticket+`"}`).asked()
	if _, err := other.Get(options); err != passkeytest.ErrNone {
		t.Errorf("another device is asked: %v", err)
	}
	credential, err := d.Get(options)
	if err != nil {
		t.Fatal(err)
	}
	// Bob's device answers ann's challenge all the same.
	var o passkey.RequestOptions
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	bobs, err := other.Get([]byte(`{"challenge":"` + o.Challenge + `","rpId":"127.0.0.1"}`))
	if err != nil {
		t.Fatal(err)
	}
	second(ticket, bobs).want(401, "invalid_credentials")
	second(first(), credential).want(401, "invalid_credentials") // another ticket
	_, chosen := c.choose(d)
	second(ticket, []byte(chosen)).want(401, "invalid_credentials") // a challenge of the sign-in page
	second(ticket, credential[:99]).want(400, "invalid_request")
	second(ticket, credential).want(200)
	if me := c.do("GET", "/auth/me").want(200).body; !strings.Contains(me, `"aal":2`) {
		t.Error(me)
	}
	second(ticket, credential).want(401, "invalid_token")

	h.nobody().do("POST", "/auth/passkeys/factor/options", `{"ticket":"`+secret.NewToken()+`"}`).want(401, "invalid_token")

	_, options = c.do("POST", "/auth/passkeys/step-up/options", "{}").asked()
	if credential, err = d.Get(options); err != nil {
		t.Fatal(err)
	}
	c.do("POST", "/auth/step-up", `{"method":"passkey","credential":`+string(credential)+`}`).want(200)
	c.do("POST", "/auth/step-up", `{"method":"passkey","credential":`+string(credential)+`}`).want(401, "invalid_credentials")
}

// Without its user's finger a passkey is one factor, and it is not asked for twice.
func TestAPasskeyWithoutVerificationIsOneFactor(t *testing.T) {
	h := open(t)
	ann, d := h.browser("ann"), h.device()
	d.Flags = passkeytest.Present
	ann.make(d).want(201)
	c := h.nobody()
	c.do("POST", "/auth/passkeys/login", answering(c.choose(d))(`,"mode":"cookie"`)).want(200)
	if me := c.do("GET", "/auth/me").want(200).body; !strings.Contains(me, `"amr":["hwk"],"aal":1`) {
		t.Error(me)
	}
	strict := open(t, func(c *server.Config) { c.Passkeys.Verification = passkey.Required })
	eve := strict.browser("eve")
	d = strict.device()
	d.Flags = passkeytest.Present
	eve.make(d).want(400, "invalid_request")
}

func TestRelatedOriginsMayUseThePasskeys(t *testing.T) {
	h := open(t, func(c *server.Config) { c.Passkeys.Origins = []string{"https://shop.example"} })
	if got := h.nobody().do("GET", "/.well-known/webauthn").want(200); strings.TrimSpace(got.body) != `{"origins":["https://shop.example"]}` {
		t.Error(got.body)
	}
	ann, d := h.browser("ann"), h.device()
	ann.make(d).want(201)
	d.Origin = "https://shop.example"
	c := h.nobody()
	c.do("POST", "/auth/passkeys/login", answering(c.choose(d))()).want(200)

	for _, tt := range []struct {
		name   string
		change func(*server.PasskeyConfig)
		says   string
	}{
		{"plain http", func(c *server.PasskeyConfig) { c.Origins = []string{"http://shop.example"} }, "must look like"},
		{"a path", func(c *server.PasskeyConfig) { c.Origins = []string{"https://shop.example/"} }, "must look like"},
		{"somebody else's domain", func(c *server.PasskeyConfig) { c.Domain = "example.org" }, "domain above"},
		{"half a name", func(c *server.PasskeyConfig) { c.Domain = "xample.com" }, "domain above"},
		{"a whole top", func(c *server.PasskeyConfig) { c.Domain = "com" }, "domain above"},
		{"an unknown level", func(c *server.PasskeyConfig) { c.Verification = "maybe" }, "none of"},
	} {
		c := server.Config{BaseURL: "https://id.example.com"}
		tt.change(&c.Passkeys)
		if _, err := server.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// Who must have a factor and has none makes a passkey, too: by a program and by a page.
func TestARequiredFactorMayBeAPasskey(t *testing.T) {
	h := open(t, func(c *server.Config) { c.RequireFactor = true })
	for _, name := range []string{"ann", "bob", "una"} {
		if _, err := h.Accounts.Add(t.Context(), account.Registration{Username: name, Password: pass}, account.Origin{}); err != nil {
			t.Fatal(err)
		}
	}
	n := h.nobody()
	step := n.firstStep("ann")
	if step.Status != "mfa_enrolment_required" || step.Methods[0] != "passkey" {
		t.Fatalf("first step: %+v", step)
	}
	_, options := n.do("POST", "/auth/passkeys/options", `{"ticket":"`+step.Ticket+`"}`).asked()
	credential, err := h.device().Create(options)
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		Status string
		Access string   `json:"access_token"`
		Codes  []string `json:"recovery_codes"`
	}
	n.do("POST", "/auth/passkeys", byTicket(step.Ticket, string(credential))).want(200).into(&in)
	if in.Status != "signed_in" || len(in.Codes) != 10 {
		t.Errorf("signed in: %+v", in)
	}
	ann := h.nobody().bearer(in.Access)
	var list struct{ Items []struct{ ID string } }
	ann.do("GET", "/auth/passkeys").want(200).into(&list)
	ann.do("DELETE", "/auth/passkeys/"+list.Items[0].ID).want(409, "conflict")
	ann.do("POST", "/auth/passkeys/"+list.Items[0].ID+"/remove").want(409, "conflict")
	n.do("POST", "/auth/passkeys", byTicket(step.Ticket, string(credential))).want(401, "invalid_token")
	n.do("POST", "/auth/passkeys/options", `{"ticket":"`+step.Ticket+`"}`).want(401, "invalid_token")

	bob := h.nobody()
	bob.visit("POST", "/auth/login", url.Values{"identifier": {"bob"}, "password": {pass}, "return_to": {"/notes"}}).want(303)
	if p := bob.visit("GET", "/auth/mfa", nil).want(200); !strings.Contains(p.body, `href="/auth/passkeys/new"`) {
		t.Errorf("the page does not offer passkeys: %s", p.body)
	}
	if p := bob.visit("GET", "/auth/passkeys/new", nil).want(200); !strings.Contains(p.body, `data-again="/auth/mfa"`) {
		t.Errorf("the page: %s", p.body)
	}
	_, options = bob.do("POST", "/auth/passkeys/options", "{}").asked() // by the ticket in the cookie
	d := h.device()
	if credential, err = d.Create(options); err != nil {
		t.Fatal(err)
	}
	bob.visit("POST", "/auth/passkeys", url.Values{"credential": {"{}"}}).want(422)
	p := bob.visit("POST", "/auth/passkeys", url.Values{"credential": {string(credential)}}).want(200)
	if !strings.Contains(p.body, `name="saved"`) || !strings.Contains(p.body, `value="/notes"`) || strings.Count(p.body, `<li><code dir="ltr">`) != 10 {
		t.Errorf("the codes: %s", p.body)
	}
	bob.do("GET", "/notes").want(200)
	late := h.nobody().visit("POST", "/auth/passkeys", url.Values{"ticket": {"nonsense"}, "credential": {string(credential)}}).want(303)
	if got := late.header.Get("Location"); got != "/auth/login?done=expired" {
		t.Errorf("with a ticket that is none: %s", got)
	}

	// A second passkey of the kind that does not verify shows nothing beside the first.
	una := h.device()
	una.Flags = passkeytest.Present
	step = n.firstStep("una")
	_, options = n.do("POST", "/auth/passkeys/options", `{"ticket":"`+step.Ticket+`"}`).asked()
	credential, _ = una.Create(options)
	n.do("POST", "/auth/passkeys", byTicket(step.Ticket, string(credential))).want(200)
	n.do("POST", "/auth/passkeys/login", byTicket(n.choose(una))).want(200).into(&step)
	again := h.device()
	again.Flags = passkeytest.Present
	_, options = n.do("POST", "/auth/passkeys/options", `{"ticket":"`+step.Ticket+`"}`).asked()
	credential, _ = again.Create(options)
	n.do("POST", "/auth/passkeys", byTicket(step.Ticket, string(credential))).want(409, "conflict")
}

// Without a ticket it takes a session, as for every factor.
func TestMakingAPasskeyNeedsSomebody(t *testing.T) {
	h := open(t, func(c *server.Config) { c.FreshFor = time.Nanosecond })
	ann := h.browser("ann")
	narrow := h.nobody().bearer(signed(h, ann.id, func(cl *token.Claims) { cl.Scopes, cl.AuthTime = []string{"note:read"}, time.Now().Add(time.Minute) }))
	for _, r := range []struct{ method, path, body string }{
		{"GET", "/auth/passkeys/new", ""}, {"POST", "/auth/passkeys/options", "{}"}, {"POST", "/auth/passkeys", `{"credential":{}}`},
	} {
		h.nobody().do(r.method, r.path, r.body).want(401, "unauthenticated")
		h.nobody().bearer("garbage").do(r.method, r.path, r.body).want(401, "invalid_token")
		ann.do(r.method, r.path, r.body).want(401, "step_up_required")
		narrow.do(r.method, r.path, r.body).want(403, "insufficient_scope")
	}
}

func TestTheFirstPasskeyOfAPageComesWithRecoveryCodes(t *testing.T) {
	h := open(t)
	ann := h.browser("ann")
	ann.visit("GET", "/auth/passkeys", nil).want(200)
	ann.visit("GET", "/auth/passkeys/new", nil).want(200)
	post := func() *answer {
		t.Helper()
		_, options := ann.do("POST", "/auth/passkeys/options", "{}").asked()
		credential, err := h.device().Create(options)
		if err != nil {
			t.Fatal(err)
		}
		return ann.visit("POST", "/auth/passkeys", url.Values{"credential": {string(credential)}})
	}
	if p := post().want(200); strings.Count(p.body, `<li><code dir="ltr">`) != 10 || !strings.Contains(p.body, `value="/auth/passkeys?done=passkey_added"`) {
		t.Errorf("the codes: %s", p.body)
	}
	if a := post().want(303); a.header.Get("Location") != "/auth/passkeys?done=passkey_added" {
		t.Errorf("the second: %v", a.header)
	}
	ann.visit("POST", "/auth/passkeys", url.Values{"credential": {"{}"}}).want(422)
}
