package server_test

import (
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
)

func pairwise(in *account.ClientRegistration) { in.Subjects = oauth.PairwiseSubjects }

// A sector is a server that publishes whose addresses are of it.
type sector struct {
	*httptest.Server
	body  atomic.Value // string
	asked atomic.Int32
}

func newSector(t *testing.T, body string) *sector {
	s := &sector{}
	s.body.Store(body)
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		if r.URL.Path != "/sector" {
			http.Redirect(w, r, "/sector", http.StatusFound)
			return
		}
		fmt.Fprint(w, s.body.Load())
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sector) of(in *account.ClientRegistration) { in.SectorURI = s.URL + "/sector" }

// known is all that a client can find out about who has signed in.
func (a *relyingParty) known(g got) (sub, sid string) {
	a.h.Helper()
	claims := claimsOf(a.h, g.ID)
	sub, sid = claims["sub"].(string), claims["sid"].(string)
	bearer := a.h.nobody().bearer(g.Access)
	for _, see := range []struct {
		what string
		of   *answer
	}{
		{"userinfo", bearer.do("GET", "/auth/oauth/userinfo")}, {"me", bearer.do("GET", "/auth/me")}, {"introspection", a.ask("/introspect", "token", g.Access)},
	} {
		var m struct{ Sub, Subject string }
		see.of.want(200).into(&m)
		if m.Sub+m.Subject != sub {
			a.h.Errorf("%s: the subject is %q, and %q in the ID token", see.what, m.Sub+m.Subject, sub)
		}
		for _, real := range []string{"usr_", "ses_"} {
			if strings.Contains(see.of.body, real) {
				a.h.Errorf("%s holds %s…: %s", see.what, real, see.of.body)
			}
		}
	}
	return sub, sid
}

func TestClientsThatCannotCompareNotes(t *testing.T) {
	h := open(t, outgoing)
	there := newSector(t, `["https://other.example/cb", "`+appURL+`"]`)
	ann, bob := h.browser("ann"), h.browser("bob")
	signIn := func(a *relyingParty, who *caller) (string, string) {
		return a.known(a.redeem(a.code(who, "scope", "openid offline_access note:read")).tokens())
	}
	one, same, other := h.app(pairwise), h.app(pairwise), h.app(pairwise, there.of)
	annAtOne, sidAtOne := signIn(one, ann)
	annAgain, _ := signIn(one, ann)
	annAtSame, sidAtSame := signIn(same, ann)
	annAtOther, sidAtOther := signIn(other, ann)
	bobAtOne, _ := signIn(one, bob)
	switch {
	case annAtOne != annAgain, annAtOne != annAtSame, sidAtOne != sidAtSame:
		t.Error("within a sector, people are not who they were")
	case annAtOne == annAtOther, sidAtOne == sidAtOther, annAtOne == bobAtOne, annAtOne == sidAtOne:
		t.Errorf("two have a name in common: %s %s %s %s", annAtOne, annAtOther, bobAtOne, sidAtOne)
	case len(annAtOne) != 43, strings.Contains(annAtOne+annAtOther, ann.id):
		t.Errorf("a name is %s", annAtOne)
	}

	// What the installation is started with anew makes nobody a stranger.
	c, err := h.Accounts.Client(t.Context(), one.id)
	if err != nil {
		t.Fatal(err)
	}
	if again := openOn(t, h.store()).Accounts.Pseudonyms.Subject(&c, ann.id); again != annAtOne {
		t.Errorf("after a restart: %s, before it %s", again, annAtOne)
	}

	// A service that the token is for is told whose it is: what it decides hangs on that.
	g := one.redeem(one.code(ann, "scope", "openid note:read")).tokens()
	h.nobody().bearer(g.Access).do("GET", "/notes").want(200)
	if in := h.means(h.service(h.admin()), g.Access); in.Sub != ann.id {
		t.Errorf("a service is told of %q", in.Sub)
	}
}

func TestAPseudonymIsAHint(t *testing.T) {
	h := open(t, outgoing)
	x := h.hearer()
	a := h.app(pairwise, trusted, x.told)
	ann, bob := h.browser("ann"), h.browser("bob")
	g := a.redeem(a.code(ann, "scope", "openid")).tokens()
	sub, sid := a.known(g)
	silent := func(who *caller, pairs ...string) string {
		return who.do("GET", "/auth/oauth/authorize?"+a.request(append(pairs, "prompt", "none", "scope", "openid")...).Encode()).told().Get("error")
	}
	claim := func(sub string) string { return `{"id_token":{"sub":{"value":"` + sub + `"}}}` }
	for _, tt := range []struct {
		who   *caller
		pairs []string
		want  string
	}{
		{ann, []string{"id_token_hint", g.ID}, ""}, {bob, []string{"id_token_hint", g.ID}, "login_required"},
		{ann, []string{"claims", claim(sub)}, ""}, {ann, []string{"claims", claim(ann.id)}, "login_required"}, {bob, []string{"claims", claim(sub)}, "login_required"},
	} {
		if got := silent(tt.who, tt.pairs...); got != tt.want {
			t.Errorf("%s, %v: %q, want %q", tt.who.id, tt.pairs, got, tt.want)
		}
	}

	leave := url.Values{"id_token_hint": {g.ID}, "post_logout_redirect_uri": {"https://app.example/bye"}}.Encode()
	page := bob.do("GET", "/auth/oauth/logout?"+leave).want(200) // asks: it is somebody else's
	if !strings.Contains(html.UnescapeString(page.body), "App") {
		t.Error("the page does not say who asks")
	}
	if to := ann.do("GET", "/auth/oauth/logout?"+leave).want(303).header.Get("Location"); to != "https://app.example/bye" {
		t.Errorf("leads to %s", to)
	}
	if gotSub, gotSID := x.next(a, token.ES256); gotSub != sub || gotSID != sid {
		t.Errorf("told of %s, %s; it knows %s, %s", gotSub, gotSID, sub, sid)
	}
}

func TestWhatAPairwiseClientMustBe(t *testing.T) {
	h := open(t, outgoing)
	there := newSector(t, `["`+appURL+`"]`)
	add := func(change ...func(*account.ClientRegistration)) error {
		in := account.ClientRegistration{Client: oauth.Client{Name: "App", Redirects: []string{appURL}}}
		for _, f := range append(change, pairwise) {
			f(&in)
		}
		_, _, err := h.Accounts.AddClient(t.Context(), in, account.Origin{})
		return err
	}
	to := func(uris ...string) func(*account.ClientRegistration) {
		return func(in *account.ClientRegistration) { in.Redirects = uris }
	}
	at := func(uri string) func(*account.ClientRegistration) {
		return func(in *account.ClientRegistration) { in.SectorURI = uri }
	}
	for name, tt := range map[string]struct {
		change func(*account.ClientRegistration)
		member string // that is at fault; "" = none
	}{
		"one host":              {to(appURL, "https://app.example/other"), ""},
		"two hosts":             {to(appURL, "https://other.example/cb"), "sector_identifier_uri"},
		"an app's scheme":       {to("com.example.app:/cb"), "sector_identifier_uri"},
		"loopback":              {to("http://127.0.0.1/cb"), "sector_identifier_uri"},
		"tokens to read":        {func(in *account.ClientRegistration) { in.Format = oauth.JWT }, "access_token_format"},
		"a list that has it":    {there.of, ""},
		"a list without it":     {func(in *account.ClientRegistration) { there.of(in); to(appURL, "https://x.example/")(in) }, "sector_identifier_uri"},
		"a list elsewhere":      {at(there.URL + "/moved"), "sector_identifier_uri"},
		"http":                  {at("http://app.example/sector"), "sector_identifier_uri"},
		"nobody there":          {at("https://127.0.0.1:1/sector"), "sector_identifier_uri"},
		"a type that is no one": {func(in *account.ClientRegistration) { in.Subjects = "secret" }, ""}, // pairwise comes last
	} {
		err := add(tt.change)
		if e, ok := errors.AsType[*account.InvalidError](err); tt.member == "" && err != nil || tt.member != "" && (!ok || e.Member != tt.member) {
			t.Errorf("%s: %v, want a mistake in %q", name, err, tt.member)
		}
	}
	for _, nonsense := range []string{``, `{}`, `"` + appURL + `"`, `[1]`, `null`, `[]`, `["` + strings.Repeat("x", 1<<20) + `"]`} {
		there.body.Store(nonsense)
		if err := add(there.of); err == nil {
			t.Errorf("%.40s is a list of addresses", nonsense)
		}
	}
}

// A sector that is down keeps nobody from changing a client, unless it is to say something
// new.
func TestASectorIsAskedOnce(t *testing.T) {
	h := open(t, outgoing)
	there := newSector(t, `["`+appURL+`"]`)
	a := h.app(pairwise, there.of)
	there.Close()
	c, err := h.Accounts.Client(t.Context(), a.id)
	if err != nil {
		t.Fatal(err)
	}
	c.Disabled = true
	if _, err := h.Accounts.SetClient(t.Context(), account.ClientRegistration{Client: c}, nil, account.Origin{}); err != nil {
		t.Errorf("disabling: %v", err)
	}
	c.Redirects = append(c.Redirects, "https://app.example/more")
	if _, err := h.Accounts.SetClient(t.Context(), account.ClientRegistration{Client: c}, nil, account.Origin{}); err == nil {
		t.Error("another address was not looked for")
	}
}

func TestAClientThatBecomesPairwiseKeepsNoToken(t *testing.T) {
	h := open(t)
	a := h.app()
	ann := h.browser("ann")
	g := a.redeem(a.code(ann, "scope", "openid note:read")).tokens()
	c, err := h.Accounts.Client(t.Context(), a.id)
	if err != nil {
		t.Fatal(err)
	}
	c.Subjects = oauth.PairwiseSubjects
	if _, err := h.Accounts.SetClient(t.Context(), account.ClientRegistration{Client: c}, nil, account.Origin{}); err != nil {
		t.Fatal(err)
	}
	h.nobody().bearer(g.Access).do("GET", "/notes").want(401, "invalid_token")
}

func TestAProgramRegistersWithPairwiseSubjects(t *testing.T) {
	h := open(t, selfService, outgoing)
	there := newSector(t, `["`+appURL+`"]`)
	body := func(uri string) string {
		return strings.Replace(metadata, "{", `{"subject_type":"pairwise","sector_identifier_uri":"`+uri+`",`, 1)
	}
	once := h.initial(func(in *account.NewInitialToken) { in.Uses = 1 })
	h.registers("nonsense", body(there.URL+"/sector")).want(401)
	if there.asked.Load() > 0 {
		t.Error("a sector is asked for anybody's sake")
	}
	h.registers(once, body(there.URL+"/moved")).refused(400, "invalid_client_metadata")
	var r ownRegistration
	h.registers(once, body(there.URL+"/sector")).want(201).into(&r) // the refusal has used nothing up
	c, err := h.Accounts.Client(t.Context(), r.ID)
	if err != nil || !c.Pairwise() || c.Format != oauth.Opaque || c.Sector() != "127.0.0.1" {
		t.Errorf("%+v, %v", c, err)
	}
	h.registers(once, body(there.URL+"/sector")).want(401)
}

// What a client may not ask for in words it does not get by another door.
func TestWhoMeIsWithoutTheScope(t *testing.T) {
	h := open(t)
	a := h.app()
	ann := h.browser("ann")
	g := a.redeem(a.code(ann, "scope", "openid note:read")).tokens()
	if body := h.nobody().bearer(g.Access).do("GET", "/auth/me").want(200).body; strings.Contains(body, `"user":{`) || !strings.Contains(body, ann.id) {
		t.Errorf("a client that may not read the account is told %s", body)
	}
	if body := ann.do("GET", "/auth/me").want(200).body; !strings.Contains(body, `"user":{`) {
		t.Errorf("the person is told %s", body)
	}
}
