package server_test

import (
	"encoding/base64"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/server/messages"
)

// app is the authenticator app of somebody.
type app struct {
	key  otp.Key
	used string // code with which it was set up
}

func (a app) code(ahead int64) string { return a.key.Code(a.key.Step(time.Now()) + ahead) }

// app sets up an authenticator app, and returns the recovery codes too.
func (c *caller) app() (app, []string) {
	c.h.Helper()
	var made struct {
		Secret string
		URI    string `json:"otpauth_uri"`
		QR     string `json:"qr_svg"`
	}
	c.do("POST", "/auth/totp", `{}`).want(200).into(&made)
	k, err := otp.Parse(made.URI)
	if err != nil || !strings.Contains(made.URI, "secret="+made.Secret+"&") || !strings.HasPrefix(made.QR, "<svg ") {
		c.h.Fatalf("made %+v: %v", made, err)
	}
	var done struct {
		Codes []string `json:"recovery_codes"`
	}
	a := app{key: k}
	a.used = a.code(0)
	c.do("POST", "/auth/totp/confirm", `{"code":"`+a.used+`"}`).want(200).into(&done)
	return a, done.Codes
}

// message is the code of the last message of a kind.
func (h *house) message(k outbox.Kind) (code string) {
	h.Helper()
	var at time.Time
	err := h.Accounts.Store.View(h.Context(), func(tx account.Tx) error {
		ms, err := tx.Outbox.Waiting(h.Context(), 1000)
		for _, m := range ms {
			if m.Kind != k || m.CreatedAt.Before(at) {
				continue
			}
			l, err := m.Open(h.Accounts.Sealer)
			if err != nil {
				return err
			}
			at, code = m.CreatedAt, l.Data["code"]
		}
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return code
}

// proves gives somebody an address that is theirs.
func (c *caller) proves(address string) {
	c.h.Helper()
	err := c.h.Accounts.Store.Update(c.h.Context(), func(tx account.Tx) error {
		u, err := tx.Users.Lock(c.h.Context(), c.id)
		if err != nil {
			return err
		}
		u.Email, u.EmailNorm, u.EmailVerified, u.UpdatedAt = address, address, true, time.Now()
		return tx.Users.SetProfile(c.h.Context(), u)
	})
	if err != nil {
		c.h.Fatal(err)
	}
}

type firstStep struct {
	Status, Ticket string
	Methods        []string
}

func (c *caller) firstStep(name string) (f firstStep) {
	c.h.Helper()
	c.do("POST", "/auth/login", `{"username":"`+name+`","password":"`+pass+`"}`).want(200).into(&f)
	return f
}

func driveFactors(h *house) {
	ann := h.program("ann-factors")
	ann.proves("ann@example.org")
	ann.do("GET", "/auth/factors").want(200)
	ann.do("DELETE", "/auth/totp").want(409, "conflict")
	ann.do("POST", "/auth/recovery-codes").want(409, "conflict")
	ann.do("DELETE", "/auth/otp/sms").want(409, "conflict")
	ann.do("POST", "/auth/factors/remove", `{"kind":"sms"}`).want(409, "conflict")
	ann.do("POST", "/auth/totp/confirm", `{"code":"123456"}`).want(409, "conflict")
	ann.do("POST", "/auth/otp", `{"channel":"email"}`).want(409, "conflict")
	ann.do("POST", "/auth/totp", `{}`).want(200)
	ann.do("POST", "/auth/totp/confirm", `{"code":"000000"}`).want(401, "invalid_credentials")
	ann.do("POST", "/auth/totp/confirm", `{"code":"12345O"}`).want(400, "invalid_request")
	ann.do("POST", "/auth/otp/confirm", `{"channel":"sms","code":"123456"}`).want(401, "invalid_credentials")
	ann.do("POST", "/auth/otp/enrol", `{"channel":"pigeon"}`).want(400, "invalid_request")
	ann.do("POST", "/auth/otp/enrol", `{"channel":"sms","phone":"030 123456"}`).want(400, "invalid_request")
	ann.do("POST", "/auth/otp/enrol", `{"channel":"sms","phone":"+49 30 123456"}`).want(202)
	ann.do("POST", "/auth/otp/enrol", `{"channel":"sms","phone":"+49 30 123456"}`).want(429, "rate_limited")
	ann.do("POST", "/auth/otp/confirm", `{"channel":"sms","code":"`+h.message(outbox.CodeBySMS)+`"}`).want(200)
	ann.do("POST", "/auth/otp/enrol", `{"channel":"email"}`).want(202)
	ann.do("POST", "/auth/otp/confirm", `{"channel":"email","code":"`+h.message(outbox.CodeByEmail)+`"}`).want(200)
	ann.app()
	ann.do("GET", "/auth/factors").want(200)
	ann.do("POST", "/auth/recovery-codes").want(200)
	ann.do("POST", "/auth/otp", `{"channel":"email"}`).want(202)
	ann.do("POST", "/auth/otp", `{"channel":"email"}`).want(429, "rate_limited")
	h.nobody().do("POST", "/auth/otp", `{"channel":"email"}`).want(401, "unauthenticated")
	h.nobody().do("POST", "/auth/otp", `{"channel":"email","ticket":"nonsense"}`).want(401, "invalid_token")
	ann.do("DELETE", "/auth/totp").want(204)
	ann.do("DELETE", "/auth/otp/sms").want(204)
	ann.do("POST", "/auth/factors/remove", `{"kind":"email"}`).want(204)
	bob := h.program("bob-factors")
	bob.do("POST", "/auth/otp/enrol", `{"channel":"sms","phone":"+49 30 123457"}`).want(202)
	for range 5 {
		bob.do("POST", "/auth/otp/confirm", `{"channel":"sms","code":"000000"}`).want(401, "invalid_credentials")
	}
	bob.do("POST", "/auth/otp/confirm", `{"channel":"sms","code":"000000"}`).want(429, "rate_limited")

	nobody := h.nobody()
	for _, r := range []struct{ path, body string }{
		{"/auth/totp", `{`}, {"/auth/totp/confirm", `{"code":"123456",`}, {"/auth/otp/enrol", `{"channel":"sms","phone":"+4930123456",`}, {"/auth/otp/confirm", `{"channel":"sms","code":"123456",`},
	} {
		body := strings.TrimSuffix(r.body, ",") + "}"
		nobody.do("POST", r.path, body).want(401, "unauthenticated")
		nobody.do("POST", r.path, strings.TrimSuffix(r.body, "}")+`"ticket":"nonsense"}`).want(401, "invalid_token")
	}
	for _, path := range []string{"/auth/totp", "/auth/otp/sms"} {
		nobody.do("GET", path).want(401, "unauthenticated")
		ann.visit("GET", path, nil).want(200)
	}
	ann.do("GET", "/auth/otp/pigeon").want(404, "not_found")
	ann.visit("POST", "/auth/recovery-codes/saved", url.Values{"saved": {"yes"}}).want(303)
}

// visit does what a browser does that navigates, with a form if there is one.
func (c *caller) visit(method, path string, form url.Values) *answer {
	if form == nil {
		return c.with("Sec-Fetch-Mode", "navigate").do(method, path)
	}
	return c.page().do(method, path, form.Encode())
}

func TestASignInWithASecondFactor(t *testing.T) {
	h := open(t)
	ann := h.program("ann")
	phone, codes := ann.app()
	step := h.nobody().firstStep("ann")
	if step.Status != "mfa_required" || strings.Join(step.Methods, " ") != "totp recovery" {
		t.Fatalf("first step: %+v", step)
	}
	n := h.nobody()
	mfa := func(method, code string) *answer {
		return n.do("POST", "/auth/mfa", `{"ticket":"`+step.Ticket+`","method":"`+method+`","code":"`+code+`"}`)
	}
	mfa("totp", "12345O").want(400, "invalid_request")
	mfa("totp", "000000").want(401, "invalid_credentials")
	if a := mfa("totp", phone.used).want(401, "invalid_credentials"); !strings.Contains(a.body, `"reason":"code_used"`) {
		t.Errorf("a code that was used: %s", a.body)
	}
	mfa("totp", phone.code(1)).want(200)
	mfa("totp", phone.code(1)).want(401, "invalid_token")
	step = h.nobody().firstStep("ann")
	var in tokens
	mfa("recovery", strings.ToLower(codes[0])).want(200).into(&in)
	var me struct{ Session struct{ AMR []string } }
	h.nobody().bearer(in.Access).do("GET", "/auth/me").want(200).into(&me)
	if strings.Join(me.Session.AMR, " ") != "pwd otp mfa" {
		t.Errorf("amr %v", me.Session.AMR)
	}
}

func TestARequiredFactorIsSetUpWhileSigningIn(t *testing.T) {
	h := open(t, func(c *server.Config) { c.RequireFactorOf = []string{"member"} })
	n := h.nobody()
	if _, err := h.Accounts.Add(t.Context(), account.Registration{Username: "ann", Password: pass}, account.Origin{}); err != nil {
		t.Fatal(err)
	}
	step := n.firstStep("ann")
	if step.Status != "mfa_enrolment_required" {
		t.Fatalf("first step: %+v", step)
	}
	var made struct {
		URI string `json:"otpauth_uri"`
	}
	n.do("POST", "/auth/totp", `{"ticket":"`+step.Ticket+`"}`).want(200).into(&made)
	k, err := otp.Parse(made.URI)
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		Status string
		Access string   `json:"access_token"`
		Codes  []string `json:"recovery_codes"`
	}
	n.do("POST", "/auth/totp/confirm", `{"ticket":"`+step.Ticket+`","code":"`+app{key: k}.code(0)+`"}`).want(200).into(&in)
	if in.Status != "signed_in" || len(in.Codes) != otp.RecoverySet {
		t.Errorf("signed in: %+v", in)
	}
	h.nobody().bearer(in.Access).do("GET", "/auth/me").want(200)
	h.nobody().bearer(in.Access).do("DELETE", "/auth/totp").want(409, "conflict")
}

var hiddenKey = regexp.MustCompile(`<code class="shown"[^>]*>([A-Z2-7 ]+)</code>`)

// A browser without JavaScript sets up an app, keeps the codes, and signs in by each.
func TestFactorsByPage(t *testing.T) {
	h := open(t)
	ann := h.browser("ann")
	ann.visit("GET", "/auth/factors", nil).want(200)
	ann.visit("GET", "/auth/totp", nil).want(200)
	page := ann.visit("POST", "/auth/totp", url.Values{"x": nil}).want(200)
	m := hiddenKey.FindStringSubmatch(page.body)
	if m == nil || strings.Contains(page.body, "style=") {
		t.Fatalf("no key on the page, or a style: %s", page.body)
	}
	if img := regexp.MustCompile(`src="data:image/svg\+xml;base64,([^"]+)"[^>]* alt="QR`).FindStringSubmatch(html.UnescapeString(page.body)); img == nil {
		t.Error("no picture with words for it")
	} else if svg, err := base64.StdEncoding.DecodeString(img[1]); err != nil || !strings.HasPrefix(string(svg), "<svg ") {
		t.Errorf("the picture: %v", err)
	}
	key, err := otp.ParseSecret(m[1])
	if err != nil {
		t.Fatal(err)
	}
	phone := app{key: otp.Key{Secret: key, Algorithm: otp.SHA1, Digits: 6, Period: 30 * time.Second}}
	again := ann.visit("POST", "/auth/totp/confirm", url.Values{"code": {"000000"}}).want(422)
	if !strings.Contains(again.body, m[1]) {
		t.Error("after a wrong code the key is another, or gone")
	}
	shown := ann.visit("POST", "/auth/totp/confirm", url.Values{"code": {phone.code(0)}}).want(200)
	codes := regexp.MustCompile(`<li><code dir="ltr">([0-9A-Z-]+)</code>`).FindAllStringSubmatch(shown.body, -1)
	if len(codes) != otp.RecoverySet || !strings.Contains(shown.body, `type="checkbox" name="saved" value="yes" required`) || !strings.Contains(shown.body, "data:text/plain") {
		t.Fatalf("%d codes on the page: %s", len(codes), shown.body)
	}
	ann.visit("GET", "/auth/factors", nil).want(200)

	for _, c := range []struct{ method, code string }{{"totp", phone.code(1)}, {"recovery", codes[0][1]}} {
		b := h.nobody()
		a := b.visit("POST", "/auth/login", url.Values{"identifier": {"ann"}, "password": {pass}}).want(303)
		if got := a.header.Get("Location"); got != "/auth/mfa" {
			t.Fatalf("after the password: %s", got)
		}
		b.visit("GET", "/auth/mfa?method="+c.method, nil).want(200)
		b.visit("POST", "/auth/mfa", url.Values{"method": {c.method}, "code": {"1"}}).want(422)
		b.visit("POST", "/auth/mfa", url.Values{"method": {c.method}, "code": {c.code}}).want(303)
		b.visit("GET", "/auth/factors", nil).want(200)
	}
}

func TestCodesBySMSByPage(t *testing.T) {
	h := open(t)
	ann := h.browser("ann")
	ann.visit("GET", "/auth/otp/sms", nil).want(200)
	ann.visit("POST", "/auth/otp/enrol", url.Values{"channel": {"sms"}, "phone": {"030 123456"}}).want(422)
	ann.visit("POST", "/auth/otp/enrol", url.Values{"channel": {"sms"}, "phone": {"+49 30 123456"}}).want(200)
	ann.visit("POST", "/auth/otp/enrol", url.Values{"channel": {"sms"}, "phone": {"+49 30 123456"}}).want(429)
	ann.visit("POST", "/auth/otp/confirm", url.Values{"channel": {"sms"}, "code": {"12"}}).want(422)
	ann.visit("POST", "/auth/otp/confirm", url.Values{"channel": {"sms"}, "code": {h.message(outbox.CodeBySMS)}}).want(200)
	b := h.nobody()
	b.visit("POST", "/auth/login", url.Values{"identifier": {"ann"}, "password": {pass}}).want(303)
	a := b.visit("POST", "/auth/otp", url.Values{"channel": {"sms"}}).want(303)
	if got := a.header.Get("Location"); !strings.HasPrefix(got, "/auth/mfa?method=sms&sent=") {
		t.Errorf("after sending: %s", got)
	}
	if p := b.visit("GET", a.header.Get("Location"), nil).want(200); !strings.Contains(p.body, "You can ask for another code in") {
		t.Errorf("the page does not say when: %s", p.body)
	}
	b.visit("POST", "/auth/otp", url.Values{"channel": {"sms"}}).want(303) // it says the same
	b.visit("POST", "/auth/mfa", url.Values{"method": {"sms"}, "code": {h.message(outbox.CodeBySMS)}}).want(303)
}

func TestAnAdministratorResetsFactors(t *testing.T) {
	h := open(t)
	boss, ann := h.admin(), h.program("ann")
	ann.app()
	helper := h.program("helper")
	helper.do("POST", "/auth/admin/api/users/"+ann.id+"/reset-factors").want(403, "forbidden")
	boss.do("POST", "/auth/admin/api/users/"+ann.id+"/reset-factors").want(204)
	ann.do("GET", "/auth/me").want(401, "invalid_token")
	if step := h.nobody().firstStep("ann"); step.Status != "signed_in" {
		t.Errorf("after the reset: %+v", step)
	}
	boss.do("POST", "/auth/admin/api/users/"+secret.NewID("usr")+"/reset-factors").want(404, "not_found")
}

// Text messages are offered where they go somewhere: to a gateway or, on loopback, to a
// page. What is not offered cannot be set up; what was set up can be removed.
func TestWhichFactorsAreOffered(t *testing.T) {
	elsewhere := func(c *server.Config) { c.BaseURL = "https://id.example" }
	for _, tt := range []struct {
		name   string
		change []func(*server.Config)
		want   string
	}{
		{"on loopback", nil, "passkey totp sms"},
		{"elsewhere, without a gateway", []func(*server.Config){elsewhere}, "passkey totp"},
		{"with one", []func(*server.Config){elsewhere, func(c *server.Config) {
			c.SMS = messages.SMS{URL: "https://sms.example/send", Secret: "0123456789abcdef"}
		}}, "passkey totp sms"},
		{"those that were chosen", []func(*server.Config){func(c *server.Config) { c.FactorKinds = []otp.Kind{otp.SMS} }}, "passkey sms"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := open(t, append(tt.change, func(c *server.Config) { c.RequireFactor = true })...)
			if _, err := h.Accounts.Add(t.Context(), account.Registration{Username: "ann", Password: pass}, account.Origin{}); err != nil {
				t.Fatal(err)
			}
			step := h.nobody().firstStep("ann")
			if got := strings.Join(step.Methods, " "); got != tt.want {
				t.Errorf("offered %s", got)
			}
			n := h.nobody()
			for method, a := range map[string]*answer{
				"totp": n.do("POST", "/auth/totp", `{"ticket":"`+step.Ticket+`"}`),
				"sms":  n.do("POST", "/auth/otp/enrol", `{"ticket":"`+step.Ticket+`","channel":"sms","phone":"+4930123456"}`),
			} {
				if offered := strings.Contains(tt.want, method); offered != (a.status < 300) || !offered && a.status != 400 {
					t.Errorf("%s: %d %s", method, a.status, a.body)
				}
			}
		})
	}
	h := open(t)
	ann := h.browser("ann")
	ann.app()
	h.Accounts.FactorKinds = []otp.Kind{otp.Email}
	page := ann.visit("GET", "/auth/factors", nil).want(200)
	if !strings.Contains(page.body, `name="kind" value="totp"`) || strings.Contains(page.body, `href="/auth/totp"`) {
		t.Errorf("a kind that is not offered any more: %s", page.body)
	}
	ann.do("DELETE", "/auth/totp").want(204)

	c := server.Config{BaseURL: "https://id.example", FactorKinds: []otp.Kind{otp.SMS}}
	if _, err := server.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), `FactorKinds: "sms" cannot be set up here`) {
		t.Errorf("text messages that nobody sends: %v", err)
	}
}
