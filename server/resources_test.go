package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"html"
	"image"
	"image/png"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/oauth"
)

// define defines resources of these URIs, with the words of notesAPI.
func (h *house) define(uris ...string) {
	h.Helper()
	for _, uri := range uris {
		_, err := h.Accounts.SetResource(h.Context(), oauth.Resource{URI: uri, Name: "Notes of " + uri}, nil, account.Origin{})
		h.must(err)
	}
}

const notesAPI = "https://notes.example/api"

// at is the path of the administration of a resource.
func at(uri string) string { return api + "/resource?uri=" + url.QueryEscape(uri) }

const words = `{"name":"Notes","signing_alg":"ES256","scopes":[{"scope":"note:read","description":"to read your notes"}]}`

// asksFor registers an app that may ask for tokens for the resources.
func (h *house) asksFor(uris ...string) *relyingParty {
	h.Helper()
	return h.app(func(in *account.ClientRegistration) { in.Resources = uris })
}

func TestAResourceIsAdministered(t *testing.T) {
	h := open(t)
	boss := h.admin()
	boss.do("GET", at(notesAPI)).want(404, "not_found")
	first := boss.with("If-Match", "*").do("PUT", at(notesAPI), words)
	first.want(412, "conflict") // there is none yet
	made := boss.do("PUT", at(notesAPI), words).want(200)
	if !strings.Contains(made.body, `"resource":"`+notesAPI+`"`) || !strings.Contains(made.body, `"signing_alg":"ES256"`) {
		t.Errorf("%s", made.body)
	}
	shown := boss.do("GET", at(notesAPI)).want(200)
	if shown.body != made.body || shown.header.Get("ETag") != made.header.Get("ETag") {
		t.Errorf("%s, and then %s", made.body, shown.body)
	}
	same := boss.with("If-Match", shown.header.Get("ETag"))
	again := same.do("PUT", at(notesAPI), strings.Replace(shown.body, `"Notes"`, `"Papers"`, 1)).want(200) // what is shown can be sent back
	if !strings.Contains(again.body, `"name":"Papers"`) {
		t.Errorf("%s", again.body)
	}
	same.do("PUT", at(notesAPI), words).want(412, "conflict")
	same.do("DELETE", at(notesAPI)).want(412, "conflict")
	if list := boss.do("GET", api+"/resources").want(200); !strings.Contains(list.body, notesAPI) {
		t.Errorf("%s", list.body)
	}
	boss.do("PUT", at(h.URL), `{"name":"House","signing_alg":"RS256"}`).want(400, "invalid_request") // the settings say otherwise
	boss.do("PUT", at(h.URL), `{"name":"House"}`).want(200)

	// A client cannot ask for what is not there, and is told what is.
	miss := boss.do("POST", api+"/clients", `{"name":"App","redirect_uris":["`+appURL+`"],"resources":["https://note.example/api"]}`).want(400, "invalid_request")
	var problem struct{ Detail, Member string }
	if miss.into(&problem); problem.Member != "resources" || !strings.Contains(problem.Detail, notesAPI) {
		t.Errorf("%+v", problem)
	}
	boss.do("DELETE", at(notesAPI)).want(204)
	boss.do("DELETE", at(notesAPI)).want(404, "not_found")
}

func TestNobodyAdministersAResourceBeyondWhatTheyHold(t *testing.T) {
	h := open(t)
	h.must(h.Accounts.PutRole(t.Context(), authz.Role{Name: "librarian", Permissions: []string{"resource:*", "note:read"}}, nil, account.Origin{}))
	clerk := h.browser("clerk")
	h.must(h.Accounts.Assign(t.Context(), clerk.id, "librarian", "", account.Origin{}))
	clerk.do("PUT", at(notesAPI), words).want(200)
	more := strings.Replace(words, "note:read", "note:write", 1)
	clerk.do("PUT", at(notesAPI), more).want(403, "forbidden")
	h.admin().do("PUT", at(notesAPI), more).want(200)
	clerk.do("PUT", at(notesAPI), words).want(403, "forbidden")
	clerk.do("DELETE", at(notesAPI)).want(403, "forbidden")
	clerk.do("GET", at(notesAPI)).want(200)
	clerk.narrowed("resource:write").do("PUT", at("https://other.example"), words).want(403, "forbidden")
	h.browser("ann").do("GET", api+"/resources").want(403, "forbidden")
}

func TestTokensForAResource(t *testing.T) {
	h := open(t)
	boss, ann := h.admin(), h.browser("ann")
	const other = "https://other.example"
	boss.do("PUT", at(notesAPI), words).want(200)
	boss.do("PUT", at(other), strings.Replace(words, "ES256", "PS256", 1)).want(200)
	a := h.asksFor(notesAPI, other)
	verify := func(access, audience string, want token.Alg) {
		t.Helper()
		head, err := token.ReadHeader(access)
		h.must(err)
		published, err := token.ParseJWKS([]byte(h.nobody().do("GET", "/.well-known/jwks.json").want(200).body))
		h.must(err)
		v := token.Verifier{Issuer: h.URL, Audience: audience, Keys: published}
		if _, err := v.Verify(t.Context(), access); err != nil || head.Alg != want {
			t.Errorf("a token for %s is signed with %s: %v", audience, head.Alg, err)
		}
	}
	request := a.request("scope", "openid offline_access note:read")
	request["resource"] = []string{notesAPI, other}
	code := ann.authorize(request).Get("code")
	a.redeem(code).refused(400, "invalid_target") // not both in one token
	g := a.redeem(code, "resource", notesAPI).tokens()
	verify(g.Access, notesAPI, token.ES256)
	h.nobody().bearer(g.Access).do("GET", "/notes").want(401, "invalid_token") // it is not for this server
	refresh := func(pairs ...string) *answer {
		return a.ask("/token", append([]string{"grant_type", "refresh_token", "refresh_token", g.Refresh}, pairs...)...)
	}
	refresh().refused(400, "invalid_target") // and the refresh token is not used up by that
	g = refresh("resource", other).tokens()
	verify(g.Access, other, token.PS256)

	boss.do("PUT", at(notesAPI), strings.Replace(words, "ES256", "RS256", 1)).want(200)
	g = refresh("resource", notesAPI).tokens()
	verify(g.Access, notesAPI, token.RS256)

	boss.do("DELETE", at(notesAPI)).want(204)
	refresh("resource", notesAPI).refused(400, "invalid_target")
	g = refresh("resource", other).tokens()
	if v := ann.do("GET", "/auth/oauth/authorize?"+request.Encode()).told(); v.Get("error") != "invalid_target" {
		t.Errorf("told %v", v)
	}
	form := []string{}
	for name, values := range request {
		for _, value := range values {
			form = append(form, name, value)
		}
	}
	a.ask("/par", form...).refused(400, "invalid_target")
	device := h.app(public, func(in *account.ClientRegistration) { in.Resources = []string{other} })
	boss.do("DELETE", at(other)).want(204)
	device.ask("/device_authorization", "scope", "openid", "resource", other).refused(400, "invalid_target")
	robot := h.app(machine)
	robot.ask("/token", "grant_type", "client_credentials", "resource", other).refused(400, "invalid_target")
}

// text is what a person reads of a page.
func (a *answer) text() string {
	main, _, _ := strings.Cut(a.body, "</main>")
	_, main, _ = strings.Cut(main, "<main")
	return strings.Join(strings.Fields(html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(main, " "))), " ")
}

func TestPeopleAreAskedInWords(t *testing.T) {
	h := open(t)
	boss, ann := h.admin(), h.browser("ann")
	boss.do("PUT", at(notesAPI), `{"name":"Notes <b>& co","scopes":[{"scope":"note:read","description":"to read your <i>notes"}]}`).want(200)
	boss.do("PUT", at(h.URL), `{"name":"House","scopes":[{"scope":"note:read","description":"to see what you have noted here"}]}`).want(200)
	a := h.app(func(in *account.ClientRegistration) {
		in.Resources, in.Scopes = []string{notesAPI}, []string{"openid", "note:read", "note:write"}
	})
	ask := func(scope string, resources ...string) *answer {
		t.Helper()
		request := a.request("scope", scope)
		request["resource"] = resources
		return ann.visit("GET", "/auth/oauth/authorize?"+request.Encode(), nil).want(200)
	}
	reads := func(page *answer, want ...string) {
		t.Helper()
		got := page.text()
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("no %q in %s", w, got)
			}
		}
	}
	const there = "At Notes <b>& co " + notesAPI + " to read your <i>notes"
	page := ask("openid note:read", notesAPI)
	reads(page, "to know that it is you, by an identifier "+there)
	if strings.Contains(page.body, "<i>") || strings.Contains(page.body, "co</b>") {
		t.Error("words of an administrator are markup")
	}
	reads(ask("note:read", h.URL), "It asks for this: to see what you have noted here You go on to")
	reads(ask("note:read note:write", h.URL, notesAPI), "to see what you have noted here to do what is called note:write "+there+" You go on to")
	reads(ask("note:write", notesAPI), "to do what is called note:write") // nobody has words, and yet it is said

	ann.consent(page, "allow").told()
	reads(ann.visit("GET", "/auth/applications", nil).want(200), "to know that it is you, by an identifier At Notes <b>& co to read your <i>notes")
	reads(ask("note:read", notesAPI, h.URL), "to see what you have noted here new") // what is allowed there is new here
	boss.do("DELETE", at(notesAPI)).want(204)
	reads(ann.visit("GET", "/auth/applications", nil).want(200), "At "+notesAPI+" to do what is called note:read")

	boss.do("PUT", at(notesAPI), words).want(200)
	request := a.request("scope", "openid note:read note:write", "ui_locales", "de") // our words are translated, and others' are theirs
	request.Set("resource", notesAPI)
	reads(ann.visit("GET", "/auth/oauth/authorize?"+request.Encode(), nil).want(200), "Bei Notes "+notesAPI+" to read your notes tun, was so heißt: note:write")
}

// square is a PNG.
func square(t testing.TB, side int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, side, side))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func logoBody(file []byte) string {
	b, _ := json.Marshal(map[string][]byte{"image": file})
	return string(b)
}

func TestTheLogoOfAClientIsInThePage(t *testing.T) {
	h := open(t)
	boss, ann := h.admin(), h.browser("ann")
	a := h.app(func(in *account.ClientRegistration) { in.Logo = "https://elsewhere.example/logo.png" })
	page := func() string {
		t.Helper()
		return ann.visit("GET", "/auth/oauth/authorize?"+a.request().Encode(), nil).want(200).body
	}
	path := api + "/clients/" + a.id + "/logo"
	if before := page(); strings.Contains(before, "<img") || strings.Contains(before, "elsewhere.example") {
		t.Error("the page has a picture that nobody gave it, or knows an address of others")
	}
	boss.do("PUT", path, logoBody(append(square(t, 32), "<script>"...))).want(204)
	got := boss.do("GET", path).want(200)
	var kept struct{ Image []byte }
	got.into(&kept)
	if bytes.Contains(kept.Image, []byte("<script>")) {
		t.Error("it is not drawn anew")
	}
	m := regexp.MustCompile(`<img class="client-logo" src="data:image/png;base64,([^"]+)" alt=""`).FindStringSubmatch(page())
	if m == nil {
		t.Fatal("no picture")
	}
	if in, err := base64.StdEncoding.DecodeString(html.UnescapeString(m[1])); err != nil || !bytes.Equal(in, kept.Image) {
		t.Errorf("another picture: %v", err)
	}
	for _, bad := range []string{logoBody([]byte(`<svg onload="alert(1)"/>`)), logoBody(square(t, 513)), `{}`, `{"image":"?"}`} {
		boss.do("PUT", path, bad).want(400, "invalid_request")
	}
	boss.do("DELETE", path).want(204)
	boss.do("DELETE", path).want(404, "not_found")
	if strings.Contains(page(), "<img") {
		t.Error("it is still there")
	}
}

// RFC 9728 §3.2, and §5.1: from a refusal to where tokens come from.
func TestARefusalLeadsToTheMetadata(t *testing.T) {
	h := open(t)
	h.admin().do("PUT", at(h.URL), `{"name":"Notes of the house","scopes":[{"scope":"note:read","description":"to read your notes"}]}`).want(200)
	refused := h.nobody().do("GET", "/notes").want(401)
	metadata := h.URL + "/.well-known/oauth-protected-resource"
	for _, scheme := range []string{"Bearer", "DPoP"} {
		if !slices.ContainsFunc(refused.header.Values("WWW-Authenticate"), func(c string) bool {
			return strings.HasPrefix(c, scheme+" ") && strings.Contains(c, `resource_metadata="`+metadata+`"`)
		}) {
			t.Errorf("%s: %q", scheme, refused.header.Values("WWW-Authenticate"))
		}
	}
	wrong := h.nobody().bearer("wrong").do("GET", "/notes").want(401, "invalid_token").header.Get("WWW-Authenticate")
	if !strings.Contains(wrong, `error="invalid_token", resource_metadata="`) {
		t.Errorf("%q", wrong)
	}
	var m struct {
		Resource string
		Servers  []string `json:"authorization_servers"`
		Scopes   []string `json:"scopes_supported"`
		Methods  []string `json:"bearer_methods_supported"`
		Name     string   `json:"resource_name"`
		Algs     []string `json:"dpop_signing_alg_values_supported"`
	}
	got := h.nobody().with("Origin", "https://elsewhere.example").do("GET", strings.TrimPrefix(metadata, h.URL)).want(200)
	got.into(&m)
	if m.Resource != h.URL || !slices.Equal(m.Servers, []string{h.URL}) || !slices.Contains(m.Scopes, "openid") || !slices.Contains(m.Scopes, "note:read") ||
		!slices.Equal(m.Methods, []string{"header"}) || m.Name != "Notes of the house" || !slices.Contains(m.Algs, "ES256") {
		t.Errorf("%s", got.body)
	}
	if got.header.Get("Access-Control-Allow-Origin") != "*" || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("%v", got.header)
	}
	h.nobody().do("GET", "/.well-known/oauth-authorization-server").want(200) // where that leads
}

func driveResources(h *house, boss *caller) {
	boss.do("GET", api+"/resource").want(400, "invalid_request")
	boss.do("PUT", api+"/resource", words).want(400, "invalid_request")
	boss.do("DELETE", api+"/resource").want(400, "invalid_request")
	boss.do("GET", at(notesAPI)).want(404, "not_found")
	boss.do("DELETE", at(notesAPI)).want(404, "not_found")
	made := boss.do("PUT", at(notesAPI), words).want(200)
	boss.do("PUT", at(notesAPI), strings.Replace(words, `{`, `{"resource":"https://other.example",`, 1)).want(400, "invalid_request")
	boss.do("PUT", at("nowhere"), words).want(400, "invalid_request")
	boss.do("GET", at(notesAPI)).want(200)
	boss.do("GET", api+"/resources?limit=1").want(200)
	boss.do("GET", api+"/resources?q=x").want(400, "invalid_request")
	stale := boss.with("If-Match", made.header.Get("ETag"))
	boss.do("PUT", at(notesAPI), words).want(200)
	stale.do("PUT", at(notesAPI), words).want(412, "conflict")
	stale.do("DELETE", at(notesAPI)).want(412, "conflict")
	boss.do("DELETE", at(notesAPI)).want(204)

	h.nobody().do("GET", "/.well-known/oauth-protected-resource").want(200)
	logo := api + "/clients/" + h.app().id + "/logo"
	boss.do("GET", logo).want(404, "not_found")
	boss.do("DELETE", logo).want(404, "not_found")
	boss.do("PUT", api+"/clients/nobody/logo", logoBody(square(h, 1))).want(404, "not_found")
	boss.do("PUT", logo, logoBody([]byte("x"))).want(400, "invalid_request")
	boss.do("PUT", logo, logoBody(square(h, 1))).want(204)
	boss.do("GET", logo).want(200)
	boss.do("DELETE", logo).want(204)
}
