package server_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	authntoken "github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/server"
)

// proved adds somebody with that name whose address NAME@mail.example is proved.
func (h *house) proved(name string) string {
	h.Helper()
	u, err := h.Accounts.Add(h.Context(), account.Registration{
		Username: name, Email: name + "@mail.example", EmailVerified: true, Password: pass,
	}, account.Origin{})
	if err != nil {
		h.Fatal(err)
	}
	return u.Email
}

// mail returns the newest mail to an address, which must be of that kind.
func (h *house) mail(to, kind string) (token string, m shownMail) {
	h.Helper()
	all := h.mails(to)
	if len(all) == 0 || all[0].Kind != kind {
		h.Fatalf("mails to %s: %+v, want %s first", to, all, kind)
	}
	u, err := url.Parse(all[0].Link)
	if err != nil {
		h.Fatal(err)
	}
	return u.Query().Get("token"), all[0]
}

// driveMail gets every answer of what is done by mail.
func driveMail(h *house) {
	to, n := h.proved("pam"), h.nobody()
	other := open(h.T, func(c *server.Config) { c.EmailIsName = true })
	other.checked = h.checked
	var begun struct{ Ticket string }
	other.nobody().do("POST", "/auth/register", `{"email":"new@mail.example","password":"`+pass+`"}`).want(202).into(&begun)
	token, m := other.mail("new@mail.example", "verify")
	other.nobody().do("POST", "/auth/email/verify", `{"token":"`+token+`"}`).want(401, "unauthenticated")
	other.nobody().do("POST", "/auth/email/verify", `{"token":"`+token+`","new_password":"short"}`).want(422, "weak_password")
	other.nobody().do("POST", "/auth/email/verify", `{"code":"`+m.Code+`","ticket":"`+begun.Ticket+`"}`).want(204)
	other.nobody().do("POST", "/auth/email/verify", `{"token":"`+token+`"}`).want(401, "invalid_token")
	form(other.nobody()).do("POST", "/auth/register", "email=more@mail.example&password="+typed).want(303)

	for _, path := range []string{"/password/forgot", "/password/reset", "/link", "/link/redeem", "/email/verify", "/email/undo"} {
		n.do("GET", "/auth"+path).want(200)
	}
	for _, path := range []string{"/password/reset", "/link/redeem", "/email/verify", "/email/undo"} {
		n.do("GET", "/auth"+path+"?token=x").want(303)
	}
	ask := func(path, who string) { n.do("POST", path, `{"identifier":"`+who+`"}`).want(202) }
	ask("/auth/password/forgot", to)
	ask("/auth/password/forgot", "nobody@mail.example")
	token, _ = h.mail(to, "reset")
	n.do("POST", "/auth/password/reset", `{"token":"`+token+`","new_password":"short"}`).want(422, "weak_password")
	n.do("POST", "/auth/password/reset", `{"token":"`+token+`","new_password":"`+pass+`"}`).want(204)
	n.do("POST", "/auth/password/reset", `{"token":"`+token+`","new_password":"`+pass+`"}`).want(401, "invalid_token")
	n.do("POST", "/auth/password/reset", `{"token":"`+token+`","code":"x","new_password":"`+pass+`"}`).want(400, "invalid_request")
	guess := func(path, more string) {
		for range 5 {
			n.do("POST", path, `{"identifier":"guess`+path+`","code":"0000-0000"`+more+`}`).want(401, "invalid_token")
		}
		n.do("POST", path, `{"identifier":"guess`+path+`","code":"0000-0000"`+more+`}`).want(429, "rate_limited")
	}
	guess("/auth/password/reset", `,"new_password":"`+pass+`"`)
	guess("/auth/link/redeem", "")
	ask("/auth/link", "pam")
	token, _ = h.mail(to, "link")
	pam := h.nobody()
	pam.id = pam.do("POST", "/auth/link/redeem", `{"token":"`+token+`","mode":"cookie"}`).want(200).user()
	reader := signed(h, pam.id, func(cl *authntoken.Claims) { cl.Scopes, cl.AuthTime = []string{"account:read"}, time.Now() })
	n.bearer(reader).do("POST", "/auth/email/change", `{"email":"pam@new.example"}`).want(403, "insufficient_scope")
	for range 3 {
		pam.do("POST", "/auth/email/change", `{"email":"pam@new.example"}`).want(204)
	}
	pam.do("POST", "/auth/email/change", `{"email":"pam@new.example"}`).want(429, "rate_limited")
	token, _ = h.mail("pam@new.example", "email_change")
	pam.do("POST", "/auth/email/verify", `{"token":"`+token+`"}`).want(204)
	token, _ = h.mail(to, "email_changed")
	n.do("POST", "/auth/email/undo", `{"token":"`+token+`"}`).want(204)
	n.do("POST", "/auth/email/undo", `{"token":"`+token+`"}`).want(401, "invalid_token")

	ann, page := h.proved("pat"), form(h.nobody())
	page.do("POST", "/auth/link", "identifier=pat").want(303)
	token, _ = h.mail(ann, "link")
	page.do("POST", "/auth/link/redeem", "token="+token).want(303)
	page.do("POST", "/auth/email/change", "email=pat%40new.example").want(303)
	token, _ = h.mail("pat@new.example", "email_change")
	page.do("POST", "/auth/email/verify", "token="+token).want(303)
	token, _ = h.mail(ann, "email_changed")
	page.do("POST", "/auth/email/undo", "token="+token).want(303)
	page.do("POST", "/auth/password/forgot", "identifier=pat").want(303)
	token, _ = h.mail(ann, "reset")
	page.do("POST", "/auth/password/reset", "token="+token+"&new_password="+typed).want(303)
}

var hidden = regexp.MustCompile(`name="([a-z_]+)" value="([^"]*)"`)

// A mail scanner opens every link, more than once, and nothing is used up. A person
// opens it, the token leaves the address, and a button redeems it.
func TestALinkIsRedeemedByAButtonOnly(t *testing.T) {
	h := open(t)
	for _, c := range []struct{ ask, kind, page, more, done string }{
		{"/auth/password/forgot", "reset", "/auth/password/reset", "&new_password=" + typed, "/auth/login?done=password_reset"},
		{"/auth/link", "link", "/auth/link/redeem", "", "/auth/"},
	} {
		to := h.proved(c.kind + "er")
		h.nobody().do("POST", c.ask, `{"identifier":"`+to+`"}`).want(202)
		_, m := h.mail(to, c.kind)
		path := strings.TrimPrefix(m.Link, h.URL)
		for _, method := range []string{"GET", "HEAD", "GET"} {
			h.nobody().do(method, path).want(303)
		}
		person := h.nobody().with("Sec-Fetch-Mode", "navigate").with("Sec-Fetch-Site", "cross-site")
		moved := person.do("GET", path).want(303)
		if at := moved.header.Get("Location"); at != c.page || moved.header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: moved to %s", c.kind, at)
		}
		page := person.do("GET", c.page).want(200)
		var token string
		for _, f := range hidden.FindAllStringSubmatch(page.body, -1) {
			if f[1] == "token" {
				token = f[2]
			}
		}
		if token == "" || page.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: no token in the page\n%s", c.kind, page.body)
		}
		same := form(person).with("Sec-Fetch-Site", "same-origin")
		if at := same.do("POST", c.page, "token="+token+c.more).want(303).header.Get("Location"); at != c.done {
			t.Errorf("%s: then to %s", c.kind, at)
		}
		again := same.do("POST", c.page, "token="+token+c.more).want(422)
		if !strings.Contains(again.body, "does not work, or no longer") {
			t.Errorf("%s: %s", c.kind, again.body)
		}
	}
}

// Another site cannot make a browser redeem a link, which would sign it in as somebody
// else.
func TestAnotherSiteRedeemsNothing(t *testing.T) {
	h := open(t)
	to := h.proved("ann")
	h.nobody().do("POST", "/auth/link", `{"identifier":"`+to+`"}`).want(202)
	token, _ := h.mail(to, "link")
	form(h.nobody()).with("Sec-Fetch-Site", "cross-site").with("Origin", "https://evil.example").do("POST", "/auth/link/redeem", "token="+token).want(403)
	h.nobody().do("POST", "/auth/link/redeem", `{"token":"`+token+`"}`).want(200)
}

func TestAskingByMailAnswersTheSameForEverybody(t *testing.T) {
	h := open(t, func(c *server.Config) { c.EmailIsName = true })
	known := h.proved("ann")
	for _, path := range []string{"/auth/password/forgot", "/auth/link"} {
		a := h.nobody().do("POST", path, `{"identifier":"`+known+`"}`).want(202)
		for _, who := range []string{"nobody@mail.example", "ann\u0430@mail.example", strings.Repeat("a", 300) + "@mail.example", "a\nb"} {
			b := h.nobody().do("POST", path, `{"identifier":"`+strings.ReplaceAll(who, "\n", "\\n")+`"}`).want(202)
			if a.body != b.body || len(a.header) != len(b.header) {
				t.Errorf("%s: %q and %q", path, a.body, b.body)
			}
		}
	}
	var first, second struct{ Status, Ticket string }
	h.nobody().do("POST", "/auth/register", `{"email":"`+known+`","password":"`+pass+`"}`).want(202).into(&first)
	h.nobody().do("POST", "/auth/register", `{"email":"new@mail.example","password":"`+pass+`"}`).want(202).into(&second)
	if first.Status != second.Status || len(first.Ticket) != len(second.Ticket) {
		t.Errorf("%+v %+v", first, second)
	}
	h.mail(known, "registered")
	h.mail("new@mail.example", "verify")
	h.nobody().do("POST", "/auth/register", `{"username":"x","email":"y@mail.example","password":"`+pass+`"}`).want(400, "invalid_request")
}

func TestAPersonRegistersByAddressOnThePages(t *testing.T) {
	h := open(t, func(c *server.Config) { c.EmailIsName = true })
	p := form(h.nobody()).with("Accept-Language", "de")
	if at := p.do("POST", "/auth/register", "email=ann%40mail.example&password="+typed).want(303).header.Get("Location"); at != "/auth/email/verify?sent=1" {
		t.Fatal(at)
	}
	_, m := h.mail("ann@mail.example", "verify")
	if m.Lang != "de" {
		t.Errorf("in %q", m.Lang)
	}
	page := p.do("GET", "/auth/email/verify?sent=1").want(200)
	ticket := ""
	for _, f := range hidden.FindAllStringSubmatch(page.body, -1) {
		if f[1] == "ticket" {
			ticket = f[2]
		}
	}
	p.do("POST", "/auth/email/verify", "ticket="+url.QueryEscape(ticket)+"&code="+strings.ToLower(m.Code)).want(303)
	p.do("POST", "/auth/login", "identifier=ann%40mail.example&password="+typed).want(303)
}

// A page that has had a mail sent says when it sends another, and does; to everybody it
// says the same.
func TestAPageSaysWhenItSendsAnotherMail(t *testing.T) {
	h := open(t)
	ann := h.browser("ann")
	ann.proves("ann@example.org")
	for _, name := range []string{"ann", "nobody"} {
		for _, c := range []struct{ ask, page string }{{"/auth/password/forgot", "/auth/password/reset"}, {"/auth/link", "/auth/link/redeem"}} {
			b := h.nobody()
			if p := b.visit("GET", c.page, nil).want(200); strings.Contains(p.body, `class="resend"`) {
				t.Errorf("%s: nothing was sent, and it can be again", c.page)
			}
			a := b.visit("POST", c.ask, url.Values{"identifier": {name}}).want(303)
			p := b.visit("GET", a.header.Get("Location"), nil).want(200)
			for _, part := range []string{
				`action="` + c.ask + `" class="resend" data-wait="30"`, `name="identifier" value="` + name + `"`, "You can ask for another mail in 30 seconds.", "/assets/resend-",
			} {
				if !strings.Contains(p.body, part) {
					t.Errorf("%s, for %s: the page lacks %s", c.page, name, part)
				}
			}
		}
	}
}
