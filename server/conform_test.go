package server_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/server/internal/conform"
	"github.com/sallyport-auth/sallyport/server/openapi"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// A description holds every exchange with a house against the house's own
// OpenAPI document.
type description struct {
	h        *house
	document func() *conform.Document
}

// given are the answers that any test of this package has got, such as
// "signIn 401 invalid_credentials".
var given sync.Map

// whole is the description that every one of them is looked for in, once
// [TestEveryOperationDoesWhatIsDescribed] has gone through all of it.
var whole atomic.Pointer[conform.Document]

// documents are those of houses with the same routes, by these: to make and to read
// one takes more than most tests do.
var documents sync.Map

func describe(h *house) *description {
	return &description{h: h, document: sync.OnceValue(func() *conform.Document {
		var routes []sallyport.Route
		for ro := range h.Routes.All() {
			if _, path, _ := strings.Cut(ro.Pattern, " "); ours.MatchString(path) {
				routes = append(routes, ro)
			}
		}
		read, _ := documents.LoadOrStore(fmt.Sprint(routes), sync.OnceValue(func() *conform.Document {
			w := httptest.NewRecorder()
			h.Server.ServeHTTP(w, httptest.NewRequest("GET", "/auth/openapi.json", nil))
			d, err := conform.Parse(w.Body.Bytes())
			if err != nil {
				h.Errorf("GET /auth/openapi.json: %d\n%v", w.Code, err)
				return &conform.Document{}
			}
			return d
		}))
		return read.(func() *conform.Document)()
	})}
}

// ours matches the paths that the document describes all of.
var ours = regexp.MustCompile(`^/($|auth/|access/|\.well-known/|\.sallyport/|healthz$|readyz$)`)

func (d *description) check(r *http.Request, body string, a *answer) {
	d.h.Helper()
	o := d.document().Find(r.Method, r.URL.Path)
	switch {
	case sallyport.Navigation(r) && a.status >= 300 && a.status != http.StatusSeeOther: // a page for a person
		return
	case o == nil:
		if ours.MatchString(r.URL.Path) && a.status != 404 && a.status != 405 && r.Method != "OPTIONS" && !strings.Contains(r.URL.Path, "/assets/") && !strings.Contains(r.URL.Path, "/forward/envoy/") {
			d.h.Errorf("%s is not described, and answers %d: see package openapi", a.what, a.status)
		}
		return
	case sallyport.Navigation(r) && a.status == http.StatusSeeOther && !slices.Contains(o.Answers, "303"): // to sign-in
		return
	}
	x := &conform.Exchange{
		Method: r.Method, URL: r.URL, Header: r.Header, Body: []byte(body),
		Status: a.status, AnswerHeader: a.header, Answer: []byte(a.body),
	}
	if err := d.document().Check(o, x); err != nil {
		d.h.Errorf("%s is not as described: %v", a.what, err)
	}
	given.Store(o.ID+" "+x.Names(), true)
}

func TestTheDescriptionIsServed(t *testing.T) {
	h := open(t)
	a := h.nobody().do("GET", "/auth/openapi.json").want(200)
	if a.header.Get("Cache-Control") != "public, max-age=600" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%v", a.header)
	}
	if !strings.Contains(a.body, `"servers":[{"url":"`+h.URL+`"}]`) || !strings.Contains(a.body, `"name":"__Host-sallyport"`) {
		t.Errorf("%.2000s", a.body)
	}
	if again := h.nobody().do("GET", "/auth/openapi.json").want(200); again.body != a.body {
		t.Error("it is not the same twice")
	}
	r, _ := http.NewRequest("GET", h.URL+"/auth/openapi.json", nil)
	r.Header.Set("If-None-Match", a.header.Get("ETag"))
	resp, err := h.http.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotModified {
		t.Errorf("with its ETag: %d", resp.StatusCode)
	}
}

func TestTheDescriptionIsOfTheServerAsItIs(t *testing.T) {
	h := open(t, func(c *server.Config) { c.BasePath, c.ClosedRegistration = "/id", true })
	w := httptest.NewRecorder()
	h.Server.ServeHTTP(w, httptest.NewRequest("GET", "/id/openapi.json", nil))
	body := w.Body.String()
	if !strings.Contains(body, `"/id/login"`) || strings.Contains(body, `"/auth/`) || strings.Contains(body, `"/id/register"`) {
		t.Errorf("%.2000s", body)
	}
}

func TestEveryRouteIsDescribed(t *testing.T) {
	h := open(t, with("up", elsewhere(t)), behind(wiki()...), selfService)
	described := slices.Collect(openapi.Patterns("/auth"))
	for ro := range h.Routes.All() {
		_, path, _ := strings.Cut(ro.Pattern, " ")
		path = strings.TrimSuffix(path, "{$}")
		if ours.MatchString(path) && !strings.Contains(path, "/assets/") && !slices.Contains(described, ro.Pattern) {
			t.Errorf("%s is not described: see package openapi", ro.Pattern)
		}
	}
	routes := map[string]bool{}
	for ro := range h.Routes.All() {
		routes[ro.Pattern] = true
		method, path, _ := strings.Cut(strings.TrimSuffix(ro.Pattern, "{$}"), " ")
		if o := h.checked.document().Find(method, path); o != nil && o.Permission != ro.Action {
			t.Errorf("%s needs %q, and the description says %q", ro.Pattern, ro.Action, o.Permission)
		}
	}
	for _, pattern := range described {
		if !routes[pattern] {
			t.Errorf("%s is described, and not there", pattern)
		}
	}
	if n := len(h.checked.document().Operations); n != len(described) {
		t.Errorf("%d operations of %d routes", n, len(described))
	}
}

// TestEveryOperationDoesWhatIsDescribed goes through the operations. The harness holds
// each answer against the description, here and in every other test; [TestMain] looks
// for answers that none of them got.
func TestEveryOperationDoesWhatIsDescribed(t *testing.T) {
	t.Parallel()
	h := open(t, with("up", elsewhere(t)), behind(wiki()...), selfService)
	link, err := h.SetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	setUp := strings.TrimPrefix(link, h.URL)
	boss := h.nobody()
	steps := []struct {
		what string
		do   func()
	}{
		{"set-up", func() {
			h.nobody().do("GET", setUp).want(200)
			refuseBodies(boss, "POST", setUp)
			h.nobody().do("POST", setUp, `{"username":"boss","password":"short"}`).want(422, "weak_password")
			form(h.nobody()).do("POST", setUp, "username=boss&password=short").want(422)
			boss.id = boss.do("POST", setUp, `{"username":"boss","password":"`+pass+`"}`).want(201).user()
			h.nobody().do("GET", setUp).want(404)
			h.nobody().do("POST", setUp, `{"username":"x","password":"`+pass+`"}`).want(404)
		}},
		{"set-up by the page", func() {
			other := open(t) // because a house is set up once
			other.checked = h.checked
			link, err := other.SetupLink(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			form(other.nobody()).do("POST", strings.TrimPrefix(link, other.URL), "username=boss&password="+typed).want(303)
		}},
		{"pages", func() { driveEveryPage(h, boss) }},
		{"sign-in", func() { driveSignIn(h) }},
		{"sign-in with others", func() { driveSocial(h) }},
		{"by mail", func() { driveMail(h) }},
		{"one's own account", func() { driveOwnAccount(h) }},
		{"second factors", func() { driveFactors(h) }},
		{"second factors by page", func() { driveFactorPages(h) }},
		{"passkeys", func() { drivePasskeys(h) }},
		{"one's own account by page", func() { driveAccountPages(h, boss) }},
		{"users", func() { driveUsers(boss) }},
		{"roles", func() { driveRoles(boss) }},
		{"grants", func() { driveGrants(boss) }},
		{"policies", func() { drivePolicies(boss) }},
		{"decisions", func() { driveDecisions(boss) }},
		{"organizations", func() { driveOrganizations(boss) }},
		{"sessions, keys and audit", func() { driveTheRest(boss) }},
		{"certificates", func() { driveCertificates(h, boss) }},
		{"clients", func() { driveClients(h, boss) }},
		{"resources", func() { driveResources(h, boss) }},
		{"questions", func() { driveQuestions(h, boss) }},
		{"events", func() { driveEvents(h) }},
		{"revocations", func() { driveRevocations(h, boss) }},
		{"introspection", func() { driveIntrospection(h, boss) }},
		{"signals", func() { driveSignals(h, boss) }},
		{"refusals", func() { driveRefusals(h, boss) }},
	}
	for _, step := range steps {
		ok := t.Run(step.what, func(t *testing.T) {
			h.T = t
			step.do()
		})
		if h.T = t; !ok {
			return
		}
	}
	whole.Store(h.checked.document())
}

// TestMain fails if an answer is described that no test got, after a run of all of
// them. Anything can be unavailable, and any policy can ask for a fresher sign-in:
// of those one test each does.
func TestMain(m *testing.M) {
	code := m.Run()
	exceptions := []string{"503 unavailable", "503", "401 step_up_required"}
	if d := whole.Load(); d != nil && code == 0 && flag.Lookup("test.run").Value.String() == "" {
		for _, o := range d.Operations {
			for _, names := range o.Answers {
				if _, ok := given.Load(o.ID + " " + names); !ok && !slices.Contains(exceptions, names) {
					fmt.Printf("%s %s (%s): %s is described, and was never the answer\n", o.Method, o.Path, o.ID, names)
					code = 1
				}
			}
		}
	}
	os.Exit(code)
}

// typed is the password as a form has it.
var typed = strings.ReplaceAll(pass, " ", "+")

// form is a caller that posts as a page does.
func form(c *caller) *caller {
	return c.with("Sec-Fetch-Mode", "navigate").with("Content-Type", "application/x-www-form-urlencoded")
}

func driveEveryPage(h *house, boss *caller) {
	for _, path := range []string{"/auth/login", "/auth/register", "/healthz", "/readyz", "/auth/openapi.json", "/.well-known/jwks.json"} {
		h.nobody().do("GET", path).want(200)
	}
	boss.do("GET", "/auth/").want(200)
	h.nobody().do("GET", "/").want(303)
	ann := form(h.nobody())
	ann.do("POST", "/auth/register", "username=typist&password="+typed).want(303)
	ann.do("POST", "/auth/logout").want(303)
	ann.do("POST", "/auth/login", "identifier=typist&password="+typed).want(303)
}

func driveSignIn(h *house) {
	eve := h.program("eve")
	n := h.nobody()
	n.do("POST", "/auth/register", `{"username":"EVE","password":"`+pass+`"}`).want(409, "username_taken")
	n.do("POST", "/auth/register", `{"username":"adam","password":"short"}`).want(422, "weak_password")
	for _, mode := range []string{``, `,"mode":"cookie"`, `,"mode":"refresh_cookie"`} {
		h.nobody().do("POST", "/auth/login", `{"username":"eve","password":"`+pass+`"`+mode+`}`).want(200)
	}
	n.do("POST", "/auth/login", `{"username":"eve","password":"`+pass+`","org":"not-hers"}`).want(403, "forbidden")
	n.do("POST", "/auth/refresh", `{"refresh_token":"`+eve.tokens.Refresh+`"}`).want(200).into(&eve.tokens)
	n.do("POST", "/auth/refresh", `{"refresh_token":"sp_rt_x"}`).want(401, "invalid_token")
	n.do("POST", "/auth/refresh").want(401, "unauthenticated")
	same := h.nobody()
	same.do("POST", "/auth/login", `{"username":"eve","password":"`+pass+`","mode":"refresh_cookie"}`).want(200)
	same.do("POST", "/auth/refresh").want(200)
	same.with("Origin", "https://evil.example").do("POST", "/auth/refresh").want(403, "cross_origin")
	eve.do("POST", "/auth/logout", `{"everywhere":true}`).want(204)
	for range 5 {
		n.do("POST", "/auth/login", `{"username":"guess","password":"wrong"}`).want(401, "invalid_credentials")
	}
	n.do("POST", "/auth/login", `{"username":"guess","password":"wrong"}`).want(429, "rate_limited")
}

func driveOwnAccount(h *house) {
	carl := h.browser("carl")
	h.nobody().do("POST", "/auth/login", `{"username":"carl","password":"`+pass+`"}`).want(200)
	carl.do("GET", "/auth/me").want(200)
	carl.do("DELETE", "/auth/sessions/"+firstOf(carl.do("GET", "/auth/sessions").want(200))).want(204)
	carl = h.nobody()
	carl.id = carl.do("POST", "/auth/login", `{"username":"carl","password":"`+pass+`","mode":"cookie"}`).want(200).user()
	carl.do("DELETE", "/auth/sessions").want(204)
	carl.do("DELETE", "/auth/sessions/ses_x").want(404, "not_found")

	device := firstOf(carl.do("GET", "/auth/devices").want(200))
	carl.do("DELETE", "/auth/devices/"+device).want(204)
	carl.do("DELETE", "/auth/devices/"+device).want(404, "not_found")
	carl.do("POST", "/auth/devices/"+device+"/forget").want(404, "not_found")
	again := h.nobody()
	again.do("POST", "/auth/login", `{"username":"carl","password":"`+pass+`","mode":"cookie"}`).want(200)
	device = firstOf(again.do("GET", "/auth/devices").want(200))
	again.do("POST", "/auth/devices/"+device+"/forget").want(204)
	form(again).do("GET", "/auth/devices").want(200)
	form(again).do("POST", "/auth/devices/"+firstOf(carl.do("GET", "/auth/devices").want(200))+"/forget", "").want(303)

	var key struct{ ID, Key string }
	carl.do("POST", "/auth/api-keys", `{"name":"ci","scopes":["account:*"],"expires_at":null}`).want(201).into(&key)
	limited := h.nobody().bearer(key.Key)
	limited.do("GET", "/auth/me").want(200)
	limited.do("POST", "/auth/api-keys", `{"name":"more","scopes":["account:read"]}`).want(401, "step_up_required")
	for scope, code := range map[string]string{"account:read": "insufficient_scope", "account:write": "forbidden"} {
		token := signed(h, carl.id, func(cl *token.Claims) { cl.Scopes, cl.AuthTime = []string{scope}, time.Now() })
		h.nobody().bearer(token).do("POST", "/auth/api-keys", `{"name":"more","scopes":["*"]}`).want(403, code)
	}
	carl.do("GET", "/auth/api-keys").want(200)
	carl.do("DELETE", "/auth/api-keys/"+key.ID).want(204)
	carl.do("DELETE", "/auth/api-keys/"+key.ID).want(404, "not_found")

	change := func(current, next string) *answer {
		return carl.do("POST", "/auth/password", `{"current_password":"`+current+`","new_password":"`+next+`"}`)
	}
	change(pass, "short").want(422, "weak_password")
	change(pass, "a lighthouse made of cork").want(204)
	for range 5 {
		change("wrong", pass).want(401, "invalid_credentials")
	}
	change("wrong", pass).want(429, "rate_limited")
}

// firstOf is the id of the first item of a list.
func firstOf(a *answer) string {
	a.h.Helper()
	var l struct{ Items []struct{ ID, KID string } }
	a.into(&l)
	if len(l.Items) == 0 {
		a.h.Fatalf("%s: an empty list", a.what)
	}
	return l.Items[0].ID + l.Items[0].KID
}

const api = "/auth/admin/api"

func driveUsers(boss *caller) {
	dora := boss.do("POST", api+"/users", `{"username":"dora","email":"dora@b.example","password":"`+pass+`","roles":["editor"]}`).want(201)
	boss.do("POST", api+"/users", `{"username":"dora"}`).want(409, "username_taken")
	boss.do("POST", api+"/users", `{"username":"emil","password":"short"}`).want(422, "weak_password")
	boss.do("GET", api+"/users?q=do&status=active&limit=1&cursor=").want(200)
	boss.do("GET", api+"/users?limit=1").want(200)
	var u struct{ ID string }
	dora.into(&u)
	for _, path := range []string{api + "/users/" + u.ID, api + "/users/" + boss.id, api + "/users/usr_x"} {
		own, none := strings.HasSuffix(path, boss.id), strings.HasSuffix(path, "usr_x")
		boss.do("GET", path).want(pick(none, 404, 200))
		boss.do("POST", path+"/disable").want(pick(none, 404, pick(own, 409, 204)))
		boss.do("POST", path+"/enable").want(pick(none, 404, 204))
		boss.do("PUT", path+"/roles/member").want(pick(none, 404, 204))
		boss.do("DELETE", path+"/roles/admin").want(pick(none, 404, pick(own, 409, 204)))
		boss.do("GET", api+"/assignments?user="+path[len(api+"/users/"):]).want(pick(none, 404, 200))
		boss.do("DELETE", path).want(pick(none, 404, pick(own, 409, 204)))
	}
}

func pick(first bool, a, b int) int {
	if first {
		return a
	}
	return b
}

func driveRoles(boss *caller) {
	role := api + "/roles/clerk"
	boss.do("GET", role).want(404, "not_found")
	boss.do("PUT", role, `{"permissions":["note:stamp"],"inherits":["member"]}`).want(200)
	boss.do("GET", role).want(200)
	boss.do("GET", api+"/roles").want(200)
	old := boss.with("If-Match", `"old"`)
	old.do("PUT", role, `{"permissions":["note:stamp"]}`).want(412, "conflict")
	old.do("DELETE", role).want(412, "conflict")
	boss.do("DELETE", role).want(204)
	boss.do("DELETE", role).want(404, "not_found")
}

func driveTheRest(boss *caller) {
	h := boss.h
	fred := h.browser("fred")
	boss.do("DELETE", api+"/sessions/"+firstOf(boss.do("GET", api+"/sessions?user="+fred.id).want(200))).want(204)
	boss.do("DELETE", api+"/sessions/ses_x").want(404, "not_found")
	boss.do("DELETE", api+"/sessions?user="+fred.id).want(204)
	boss.do("POST", api+"/keys/rotate").want(204)
	boss.do("DELETE", api+"/keys/"+firstOf(boss.do("GET", api+"/keys").want(200))).want(204)
	boss.do("DELETE", api+"/keys/x").want(404, "not_found")
	boss.do("GET", api+"/keys").want(200)
	boss.do("GET", api+"/audit?limit=200").want(200)
	boss.do("GET", api+"/audit?actor="+boss.id+"&action=user.add&target=x").want(200)
}

func driveGrants(boss *caller) {
	const one = `"resource":{"type":"Note","id":"7"}`
	boss.do("PUT", api+"/grants", `{"role":"member",`+one+`,"permissions":["note:delete","note:stamp"]}`).want(204)
	boss.do("PUT", api+"/grants", `{"subject":"`+boss.id+`",`+one+`,"permissions":["note:delete"],"expires_at":"2100-01-01T00:00:00Z"}`).want(204)
	boss.do("PUT", api+"/grants", `{"organization":"org_x",`+one+`,"permissions":["note:delete"]}`).want(404, "not_found")
	boss.do("GET", api+"/grants?limit=1").want(200)
	boss.do("GET", api+"/grants?subject="+boss.id+"&resource_type=Note&resource_id=7").want(200)
	boss.do("DELETE", api+"/grants", `{"role":"member",`+one+`}`).want(204)
	boss.do("DELETE", api+"/grants", `{"role":"nobody",`+one+`}`).want(404, "not_found")
}

func drivePolicies(boss *caller) {
	boss.do("GET", api+"/policies/current").want(200)
	boss.do("POST", api+"/policies", policy(`permit(principal, action == Action::"note:delete", resource == Note::"9");`)).want(201)
	boss.do("POST", api+"/policies", policy(`permit(principal, action == Action::"note:delete", resource == Note::"8");`, `,"expected":1`)).want(201)
	boss.do("POST", api+"/policies", policy(`permit(principal, action, resource);`, `,"expected":1`)).want(409, "conflict")
	boss.do("POST", api+"/policies", policy(`permit(principal, action, resource) when { resource.oner == principal };`)).want(422, "invalid_policy")
	boss.do("POST", api+"/policies/check", policy(`permit(principal, action, resource) when { resource.oner == principal };`)).want(200)
	shadowed := policy(`permit(principal, action == Action::"note:delete", resource); permit(principal, action == Action::"note:delete", resource == Note::"8");`)
	boss.do("POST", api+"/policies/check", shadowed).want(200)
	wrong := policy(`permit(principal, action, resource) when { resource.oner == principal };`)
	cases := `,"suite":{"case":[
		{"principal":{"subject":"u1"},"action":"note:delete","resource":{"type":"Note","id":"8"},"want":"allow"},
		{"principal":{"subject":"u1"},"action":"note:delete","resource":{"type":"Note","id":"7"},"want":"allow"}]}`
	for tool, more := range map[string]string{"test": cases, "matrix": "", "diff": `,"decisions":5`} {
		boss.do("POST", api+"/policies/"+tool, strings.TrimSuffix(shadowed, "}")+more+"}").want(200)
		boss.do("POST", api+"/policies/"+tool, strings.TrimSuffix(wrong, "}")+more+"}").want(422, "invalid_policy")
	}
	boss.do("POST", api+"/policies/matrix", `{}`).want(200)
	boss.do("POST", api+"/policies/1/rollback", `{"comment":"was better"}`).want(201)
	boss.do("POST", api+"/policies/99/rollback", `{}`).want(404, "not_found")
	boss.do("GET", api+"/policies?limit=1").want(200)
	boss.do("GET", api+"/policies/1").want(200)
	boss.do("GET", api+"/policies/99").want(404, "not_found")
	boss.do("GET", api+"/policies/current").want(200)

	fixed := open(boss.h.T, func(c *server.Config) { c.Types = []sallyport.AnyType{notes}; c.Policy = "// nothing" })
	fixed.checked = boss.h.checked
	own := fixed.admin()
	own.do("POST", api+"/policies", policy(`// nothing`)).want(409, "conflict")
	own.do("POST", api+"/policies/1/rollback").want(409, "conflict")
	changed := withOutdatedPolicy(boss.h.T)
	changed.checked = boss.h.checked
	changed.admin().do("POST", api+"/policies/1/rollback").want(422, "invalid_policy")
}

// withOutdatedPolicy is a house whose first policy does not fit its types any more.
func withOutdatedPolicy(t *testing.T) *house {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "house.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	old := sallyport.TypeOf("Note", func(n *note) string { return n.id }, sallyport.String("title", func(n *note) string { return "" }))
	before := openOn(t, db, func(c *server.Config) { c.Types = []sallyport.AnyType{old} })
	for i, text := range []string{`permit(principal, action == Action::"note:read", resource is Note) when { resource.title == "x" };`, `// nothing`} {
		_, err := before.Accounts.PublishPolicy(t.Context(), authz.Version{Files: []rule.File{{Name: "a.cedar", Text: text}}}, int64(i),
			func(v authz.Version) error { _, err := before.Rules.Check(v); return err }, account.Origin{})
		if err != nil {
			t.Fatal(err)
		}
	}
	before.Server.Close()
	return openOn(t, db, func(c *server.Config) { c.Types = []sallyport.AnyType{notes} })
}

const noteSchema = `entity Note = { owner: User }; entity Board;
action "note:delete", "policy:publish" appliesTo { principal: [User, Service], resource: [Note, Board], context: Context };`

// policy is a body that publishes one file.
func policy(text string, more ...string) string {
	return `{"schema":` + mustJSON(noteSchema) + `,"files":[{"name":"notes.cedar","text":` + mustJSON(text) + `}]` + strings.Join(more, "") + `}`
}

func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func driveDecisions(boss *caller) {
	h := boss.h
	hugo := h.browser("hugo")
	boss.do("POST", api+"/policies", policy(`permit(principal, action == Action::"note:delete", resource == Note::"9") when { principal.aal > 1 };`)).want(201)
	for range 2 {
		id := decisionOf(hugo.do("DELETE", "/notes/1").want(403))
		boss.logged(id)
		boss.do("GET", api+"/decisions/"+id+"?explain=true").want(200)
	}
	boss.do("GET", api+"/decisions?limit=1").want(200)
	boss.do("GET", api+"/decisions?allowed=false&subject="+hugo.id+"&action=note:delete").want(200)
	boss.do("GET", api+"/decisions/dec_x").want(404, "not_found")
}

// decisionOf is the decision that a refusal names.
func decisionOf(a *answer) string {
	a.h.Helper()
	var p struct {
		ID string `json:"decision_id"`
	}
	if a.into(&p); p.ID == "" {
		a.h.Fatalf("%s: no decision", a.what)
	}
	return p.ID
}

// logged waits until a decision is written: that happens beside the request.
func (c *caller) logged(id string) *answer {
	for {
		if a := c.do("GET", api+"/decisions/"+id); a.status != 404 {
			return a.want(200)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func driveOrganizations(boss *caller) {
	h := boss.h
	var acme struct{ ID string }
	made := boss.do("POST", api+"/organizations", `{"slug":"acme","name":"Acme","plan":"gold"}`).want(201)
	made.into(&acme)
	boss.do("POST", api+"/organizations", `{"slug":"beta"}`).want(201)
	boss.do("POST", api+"/organizations", `{"slug":"ACME"}`).want(409, "conflict")
	boss.do("GET", api+"/organizations?limit=1&q=a").want(200)
	boss.do("GET", api+"/organizations?limit=1").want(200)
	path := api + "/organizations/" + acme.ID
	boss.do("GET", path).want(200)
	boss.with("If-Match", made.header.Get("ETag")).do("PATCH", path, `{"name":"Acme & Co","plan":""}`).want(200)
	boss.with("If-Match", made.header.Get("ETag")).do("PATCH", path, `{"name":"Acme"}`).want(412, "conflict")
	boss.do("PATCH", path, `{"slug":"beta"}`).want(409, "conflict")

	iris, jan := h.mailbox("iris"), h.mailbox("jan")
	role := api + "/users/" + iris.id + "/roles/editor?org=" + acme.ID
	boss.do("PUT", role).want(409, "conflict")
	boss.do("PUT", path+"/members/"+iris.id).want(204)
	boss.do("PUT", role).want(204)
	boss.do("GET", api+"/assignments?user="+iris.id+"&org="+acme.ID).want(200)
	boss.do("GET", path+"/members").want(200)
	boss.do("DELETE", role).want(204)
	iris.do("GET", "/auth/organizations").want(200)
	iris.do("POST", "/auth/organization", `{"org":"`+acme.ID+`"}`).want(204)
	iris.do("POST", "/auth/organization", `{"org":"org_x"}`).want(403, "forbidden")
	form(iris).do("POST", "/auth/organization", "org="+acme.ID).want(303)
	iris.do("DELETE", "/auth/organizations/"+acme.ID).want(204)
	iris.do("DELETE", "/auth/organizations/"+acme.ID).want(404, "not_found")
	boss.do("PUT", path+"/members/"+iris.id).want(204)
	boss.do("DELETE", path+"/members/"+iris.id).want(204)

	link := func(who string) string {
		return h.linkOf(boss.do("POST", path+"/invitations", `{"email":"`+who+`@b.example"}`).want(201))
	}
	ask := link("iris")
	iris.do("GET", ask).want(200)
	form(iris).do("GET", ask).want(200)
	jan.do("GET", ask).want(403, "forbidden")
	jan.do("POST", ask).want(403, "forbidden")
	iris.do("POST", ask).want(200)
	iris.do("POST", ask).want(404, "not_found")
	iris.do("GET", ask).want(404, "not_found")
	form(jan).do("POST", link("jan")).want(303)
	link("kim")
	boss.do("GET", path+"/invitations?limit=1").want(200)
	boss.do("DELETE", path+"/invitations/"+firstOf(boss.do("GET", path+"/invitations").want(200))).want(204)

	boss.do("DELETE", path).want(204)
	for _, gone := range []struct{ method, path, body string }{
		{"GET", "", ""}, {"DELETE", "", ""}, {"PATCH", "", `{}`},
		{"GET", "/members", ""}, {"PUT", "/members/" + iris.id, ""}, {"DELETE", "/members/" + iris.id, ""},
		{"GET", "/invitations", ""}, {"POST", "/invitations", `{"email":"a@b.example"}`}, {"DELETE", "/invitations/x", ""},
	} {
		var body []string
		if gone.body != "" {
			body = []string{gone.body}
		}
		boss.do(gone.method, path+gone.path, body...).want(404, "not_found")
	}
}

// mailbox is a browser of somebody for whose address an administrator vouches.
func (h *house) mailbox(name string) *caller {
	h.Helper()
	_, err := h.Accounts.Add(h.Context(), account.Registration{
		Username: name, Email: name + "@b.example", EmailVerified: true, Password: pass,
	}, account.Origin{})
	if err != nil {
		h.Fatal(err)
	}
	c := h.nobody()
	c.id = c.do("POST", "/auth/login", `{"username":"`+name+`","password":"`+pass+`","mode":"cookie"}`).want(200).user()
	return c
}

// linkOf is the path of an invitation that was just made.
func (h *house) linkOf(a *answer) string {
	h.Helper()
	var inv struct{ Link string }
	a.into(&inv)
	path, ok := strings.CutPrefix(inv.Link, h.URL)
	if !ok {
		h.Fatalf("%s: link %q", a.what, inv.Link)
	}
	return path
}

// driveRefusals makes every operation refuse what none of its kind takes.
func driveRefusals(h *house, boss *caller) {
	h.Helper()
	member := h.browser("gus")
	boss.do("GET", "/auth/me").want(200)
	var narrow struct{ Key string }
	boss.do("POST", "/auth/api-keys", `{"name":"narrow","scopes":["note:read"]}`).want(201).into(&narrow)
	key := h.nobody().with("X-API-Key", narrow.Key)
	receiver := h.consumerOf(boss)
	narrowly := h.nobody().bearer(signed(h, member.id, func(cl *token.Claims) { cl.Scopes, cl.AuthTime = []string{"note:read"}, time.Now() }))
	for _, o := range h.checked.document().Operations {
		path := regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(o.Path, "none_x")
		var bodies []string
		if o.HasBody() {
			bodies = []string{`{}`}
			switch {
			case asOAuth[o.ID]:
				h.nobody().with("Content-Type", "application/x-www-form-urlencoded").do(o.Method, path, "x="+strings.Repeat("x", 70<<10)).want(413)
			case o.ID != "setUp" && o.ID != "introspect": // whose code has been used; which asks who it is first
				who := boss
				if strings.Contains(path, "/ssf/") { // where no cookie counts
					who = receiver
				}
				refuseBodies(who, o.Method, path)
			}
		}
		if !strings.Contains(path, "/forward/envoy/") { // whose query is that of a guarded program
			boss.do(o.Method, path+"?access_token=x").want(400, "invalid_request")
		}
		h.nobody().do(o.Method, path, bodies...)
		h.nobody().bearer("garbage").do(o.Method, path, bodies...)
		member.with("Origin", "https://evil.example").do(o.Method, path, bodies...)
		key.do(o.Method, path, bodies...)
		if o.Scope != "" {
			narrowly.do(o.Method, path, bodies...)
		}
		if strings.Contains(path, "/admin/") {
			member.do(o.Method, path, bodies...).want(403, "forbidden")
		}
	}
}

// asOAuth are the operations that answer mistakes as RFC 6749 §5.2 has it, or, for browsers
// that come from elsewhere, with a page.
var asOAuth = map[string]bool{
	"token": true, "registerClient": true, "setRegistration": true, "push": true, "beginDevice": true, "revokeToken": true, "authorizePosted": true, "signOutForClientPosted": true,
}

func refuseBodies(c *caller, method, path string) {
	c.h.Helper()
	size := 70 << 10
	if strings.Contains(path, "/policies") && !strings.Contains(path, "/rollback") {
		size += 1 << 20
	}
	c.do(method, path, `{"x":"`+strings.Repeat("x", size)+`"}`).want(413, "payload_too_large")
	c.with("Content-Type", "text/plain").do(method, path, `x`).want(415, "invalid_request")
	c.do(method, path, `{"unknown":1}`).want(400, "invalid_request")
}
