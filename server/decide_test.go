package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/ability"
	"github.com/sallyport-auth/sallyport/server"
)

// library is a house whose program has pages, and sheets of organizations.
func library(t *testing.T) *house {
	return open(t, func(c *server.Config) {
		c.Roles = map[string][]string{
			"member": {"note:read"}, "reader": {"page:read"}, "pep": {"decision:check"}, "auditor": {"decision:check", "decision:explain"},
			"librarian": {"sheet:read"}, "head": {"sheet:read", "sheet:write", "decision:check"},
		}
		c.ShowReasons = true
		c.Types = []sallyport.AnyType{
			sallyport.NewType("Page", sallyport.Attribute{Name: "author", Kind: sallyport.KindEntity, Entity: "User", Nullable: true},
				sallyport.Attribute{Name: "pages", Kind: sallyport.KindInt}),
			sallyport.NewType("Sheet", sallyport.Attribute{Name: "org", Kind: sallyport.KindEntity, Entity: "Organization", Nullable: true, Parent: true}),
		}
		c.Policy = `
			@id("authors") permit (principal, action == Action::"page:edit", resource is Page) when { resource.author == principal };
			@id("long") @message("Long pages are not printed.") forbid (principal, action == Action::"page:print", resource is Page) when { resource.pages > 9 };
			@id("strong") permit (principal is User, action == Action::"page:print", resource is Page) when { principal.aal >= 2 };
			@id("inside") permit (principal is User, action == Action::"page:open", resource is Page)
			when { context has addr && context.addr.isInRange(ip("10.0.0.0/8")) };`
	})
}

// with gives somebody a role everywhere.
func (h *house) with(c *caller, roles ...string) *caller {
	h.Helper()
	for _, role := range roles {
		if err := h.Accounts.Assign(h.Context(), c.id, role, "", account.Origin{}); err != nil {
			h.Fatal(err)
		}
	}
	return c
}

func (h *house) grant(to *caller, typ, id string, permissions ...string) {
	h.Helper()
	g := authz.Grant{Grantee: authz.Grantee{Kind: authz.SubjectGrantee, ID: to.id}, Resource: sallyport.UID{Type: typ, ID: id}, Permissions: permissions}
	if err := h.Accounts.Grant(h.Context(), g, account.Origin{}); err != nil {
		h.Fatal(err)
	}
}

// narrowed is the caller's API key with these scopes.
func (c *caller) narrowed(scopes string) *caller {
	c.h.Helper()
	var key struct{ Key string }
	c.do("POST", "/auth/api-keys", `{"name":"`+scopes+`","scopes":["`+strings.ReplaceAll(scopes, ",", `","`)+`"]}`).want(201).into(&key)
	return c.h.nobody().bearer(key.Key)
}

type verdict struct {
	Allowed     bool
	Reason      string
	DecisionID  string `json:"decision_id"`
	Explanation json.RawMessage
}

func (c *caller) check(body string) (v verdict) {
	c.h.Helper()
	c.do("POST", "/auth/check", body).want(200).into(&v)
	return v
}

func TestCheckIsAboutTheCredentialOfTheRequest(t *testing.T) {
	h := library(t)
	ann := h.with(h.browser("ann"), "reader")
	page := func(action, attrs string) string {
		return `{"action":"` + action + `","resource":{"type":"Page","id":"1"` + attrs + `}}`
	}
	h.nobody().do("POST", "/auth/check", page("page:read", "")).want(401, "unauthenticated")
	h.nobody().bearer("garbage").do("POST", "/auth/checks", "["+page("page:read", "")+"]").want(401, "invalid_token")
	ann.with("Origin", "https://evil.example").do("POST", "/auth/check", page("page:read", "")).want(403, "cross_origin")
	narrow := ann.narrowed("page:edit")
	for _, c := range []struct {
		it     string
		who    *caller
		body   string
		want   bool
		reason string
	}{
		{"a role", ann, page("page:read", ""), true, ""},
		{"a role that the scope does not cover", narrow, page("page:read", ""), false, ""},
		{"a rule", ann, page("page:edit", `,"author":"`+ann.id+`"`), true, ""},
		{"a rule that the scope covers", narrow, page("page:edit", `,"author":"`+ann.id+`"`), true, ""},
		{"a forbid says why", ann, page("page:print", `,"pages":10`), false, "Long pages are not printed."},
		{"an address is not what one says", ann, `{"action":"page:open","resource":{"type":"Page"},"context":{"addr":"10.0.0.1"}}`, false, ""},
	} {
		t.Run(c.it, func(t *testing.T) {
			if v := c.who.check(c.body); v.Allowed != c.want || v.Reason != c.reason || !strings.HasPrefix(v.DecisionID, "dec_") {
				t.Errorf("%+v", v)
			}
		})
	}
	var strong struct {
		Need struct {
			ACR []string `json:"acr_values"`
		}
	}
	ann.do("POST", "/auth/check", page("page:print", `,"pages":1`)).want(200).into(&strong)
	if !slices.Equal(strong.Need.ACR, []string{"aal2"}) {
		t.Errorf("what is missing: %+v", strong)
	}
	h.grant(ann, "Page", "7", "page:frame")
	if v := ann.check(`{"action":"page:frame","resource":{"type":"Page","id":"7"}}`); !v.Allowed {
		t.Error("an action that only a grant names")
	}
	ann.do("POST", "/auth/check", `{"action":"page:frame","resource":{"type":"Page","id":"8"}}`).want(400, "invalid_request")
}

func TestCheckAboutSomebodyElse(t *testing.T) {
	t.Parallel()
	h := library(t)
	ann, pep, auditor := h.with(h.browser("ann"), "reader"), h.with(h.browser("pep"), "pep"), h.with(h.browser("auditor"), "auditor")
	about := func(who, rest string) string {
		return `{"action":"page:read","resource":{"type":"Page","id":"1"},"subject":{"id":"` + who + `"` + rest + `}}`
	}
	ann.do("POST", "/auth/check", about(pep.id, "")).want(403, "forbidden")
	pep.narrowed("page:*").do("POST", "/auth/check", about(ann.id, "")).want(403, "insufficient_scope")
	if v := pep.narrowed("decision:check").check(about(ann.id, "")); !v.Allowed {
		t.Errorf("the scope of who asks is not that of whom it is about: %+v", v)
	}
	if v := pep.check(about("ann", "")); !v.Allowed {
		t.Errorf("by name: %+v", v)
	}
	for _, forged := range []string{`,"roles":["admin"]`, `,"properties":{}`} {
		pep.do("POST", "/auth/check", about(ann.id, forged)).want(400, "invalid_request")
	}
	pep.do("POST", "/auth/check", about("nobody", "")).want(400, "invalid_request")
	pep.do("POST", "/auth/check", about(ann.id, `,"type":"Robot"`)).want(400, "invalid_request")
	if v := pep.check(about("robot", `,"type":"Service"`)); v.Allowed {
		t.Error("a service has no roles by itself")
	}
	if v := pep.check(about("", `,"type":"Anonymous"`)); v.Allowed {
		t.Error("nobody in particular")
	}
	if v := pep.check(`{"action":"page:open","resource":{"type":"Page"},"subject":{"id":"ann"},"context":{"addr":"10.0.0.1"}}`); !v.Allowed {
		t.Error("the address is that of the client whom it is about")
	}
	pep.do("POST", "/auth/check", `{"action":"page:open","subject":{"id":"ann"},"context":{"addr":"home"}}`).want(400, "invalid_request")

	pep.do("POST", "/auth/check?explain=true", about(ann.id, "")).want(403, "forbidden")
	var v verdict
	auditor.do("POST", "/auth/check?explain=true", about(ann.id, "")).want(200).into(&v)
	if !strings.Contains(string(v.Explanation), "role reader") {
		t.Errorf("%s", v.Explanation)
	}
	if err := h.Accounts.Unassign(t.Context(), ann.id, "reader", "", account.Origin{}); err != nil {
		t.Fatal(err)
	}
	if v := pep.check(about(ann.id, "")); v.Allowed {
		t.Error("a role that was taken away")
	}
	h.with(ann, "reader")
	if err := h.Accounts.Disable(t.Context(), ann.id, account.Origin{}); err != nil {
		t.Fatal(err)
	}
	if v := pep.check(about(ann.id, "")); v.Allowed || v.Reason != "The account is disabled." {
		t.Errorf("somebody who is disabled: %+v", v)
	}
}

func TestCheckInAnOrganization(t *testing.T) {
	t.Parallel()
	h := library(t)
	boss := h.admin()
	acme, beta := h.organization(boss, "acme"), h.organization(boss, "beta")
	chief, ann := h.mailbox("chief"), h.mailbox("ann")
	boss.do("PUT", api+"/organizations/"+acme+"/members/"+chief.id).want(204)
	boss.do("PUT", api+"/users/"+chief.id+"/roles/head?org="+acme).want(204)
	chief.do("POST", "/auth/organization", `{"org":"`+acme+`"}`).want(204)
	for _, org := range []string{acme, beta} {
		boss.do("PUT", api+"/organizations/"+org+"/members/"+ann.id).want(204)
		boss.do("PUT", api+"/users/"+ann.id+"/roles/librarian?org="+org).want(204)
	}
	about := func(id, org string) string {
		return `{"action":"sheet:read","resource":{"type":"Sheet","id":"1","org":"` + org + `"},"subject":{"id":"` + id + `"}}`
	}
	if v := chief.check(about(ann.id, acme)); !v.Allowed {
		t.Errorf("a member of one's organization: %+v", v)
	}
	zoe := h.mailbox("zoe")
	unknown := detail(chief.do("POST", "/auth/check", about("usr_nobody", acme)).want(400, "invalid_request"))
	for _, stranger := range []string{boss.id, zoe.id, "zoe", "zoe@b.example"} {
		if got := detail(chief.do("POST", "/auth/check", about(stranger, acme)).want(400, "invalid_request")); got != unknown {
			t.Errorf("who is no member is told apart from nobody: %q, %q", got, unknown)
		}
	}
	boss.do("PUT", api+"/organizations/"+acme+"/members/"+boss.id).want(204)
	boss.do("POST", "/auth/organization", `{"org":"`+acme+`"}`).want(204)
	if v := boss.check(about(zoe.id, acme)); v.Allowed {
		t.Error("who is no member may do nothing there")
	}
	if v := chief.check(`{"action":"sheet:read","resource":{"type":"Sheet","org":"` + acme + `"},"subject":{"type":"Anonymous","id":""}}`); v.Allowed {
		t.Error("nor who is not signed in")
	}
	chief.do("POST", "/auth/check", about(ann.id, beta)).want(403, "forbidden")
	chief.do("POST", "/auth/check", `{"action":"user:read","subject":{"id":"`+boss.id+`"}}`).want(403, "forbidden")
	chief.do("POST", "/auth/check", `{"action":"sheet:read","resource":{"type":"Sheet","org":"`+acme+`"},"subject":{"id":"`+ann.id+`","org":"`+beta+`"}}`).want(403, "forbidden")
	chief.do("POST", "/access/v1/evaluation", `{}`).want(403, "forbidden")
	if v := chief.check(`{"action":"sheet:write","resource":{"type":"Sheet","id":"1","org":"` + acme + `"}}`); !v.Allowed {
		t.Error("oneself, in one's organization")
	}
	if v := chief.check(`{"action":"sheet:write","resource":{"type":"Sheet","id":"1","org":"` + beta + `"}}`); v.Allowed {
		t.Error("oneself, in another")
	}
}

// detail is what a problem says.
func detail(a *answer) string {
	var p struct{ Detail string }
	a.into(&p)
	return p.Detail
}

// A decision that was told can be looked up.
func TestARefusalIsInTheLog(t *testing.T) {
	h := library(t)
	boss, ann := h.admin(), h.browser("ann")
	v := ann.check(`{"action":"page:read","resource":{"type":"Page","id":"1","pages":3},"context":{"from":"home"}}`)
	path := api + "/decisions/" + v.DecisionID
	for range 200 {
		if boss.do("GET", path).status == 200 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	a := boss.do("GET", path+"?explain=true").want(200)
	for _, part := range []string{`"pages":3`, `"home"`, ann.id, `"page:read"`} {
		if !strings.Contains(a.body, part) {
			t.Errorf("no %s in %s", part, a.body)
		}
	}
}

func TestAbilitiesOverHTTP(t *testing.T) {
	h := library(t)
	ann, bob := h.browser("ann"), h.browser("bob")
	h.nobody().do("GET", "/auth/abilities").want(401, "unauthenticated")
	read := func(c *caller, path string) (*ability.Document, *answer) {
		t.Helper()
		a := c.do("GET", path).want(200)
		if cc := a.header.Get("Cache-Control"); !strings.HasPrefix(cc, "private") {
			t.Errorf("Cache-Control: %s", cc)
		}
		d, err := ability.Parse([]byte(a.body))
		if err != nil {
			t.Fatalf("%v in %s", err, a.body)
		}
		return d, a
	}
	d, first := read(ann, "/auth/abilities?types=Page,Sheet")
	page := func(author string) *ability.Object {
		return &ability.Object{Type: "Page", ID: "1", Attrs: map[string]any{"author": author, "pages": 3.0}}
	}
	now := time.Now()
	if life := d.Expires.Sub(now); life < 25*time.Second || life > time.Minute {
		t.Errorf("it is good for %v", life)
	}
	for _, c := range []struct {
		action string
		on     *ability.Object
		want   ability.Answer
	}{
		{"page:edit", page(ann.id), ability.Yes}, {"page:edit", page(bob.id), ability.No}, {"page:read", page(ann.id), ability.No},
		{"note:read", nil, ability.Yes}, {"page:print", page(ann.id), ability.No},
	} {
		if got := d.Answer(c.action, c.on, now); got != c.want {
			t.Errorf("%s on %+v: %s, want %s", c.action, c.on, got, c.want)
		}
	}
	if strings.Contains(first.body, bob.id) {
		t.Errorf("it tells of somebody else: %s", first.body)
	}
	if d, _ := read(ann, "/auth/abilities"); len(d.Types) < 2 || d.Types["User"] != nil {
		t.Errorf("all types: %v", d.Types)
	}
	h.with(ann, "reader")
	later, second := read(ann, "/auth/abilities?types=Page,Sheet")
	if later.Epoch == d.Epoch || first.header.Get("ETag") == second.header.Get("ETag") || later.Answer("page:read", page(""), now) != ability.Yes {
		t.Errorf("a new role: epoch %d and %d", d.Epoch, later.Epoch)
	}
	if other, _ := read(bob, "/auth/abilities?types=Page,Sheet"); other.Epoch == d.Epoch {
		t.Error("two people share an epoch")
	}
	if d, _ := read(ann.narrowed("page:edit"), "/auth/abilities?types=Page"); d.Answer("page:read", page(""), now) != ability.No {
		t.Error("the scope of the credential")
	}
	ann.do("GET", "/auth/abilities?types=Pgae").want(400, "invalid_request")
	ann.do("GET", "/auth/abilities?types=Page,,Sheet").want(400, "invalid_request")
	ann.do("GET", "/auth/abilities?type=Page").want(400, "invalid_request")
}

// evaluated is what AuthZEN answers.
type evaluated struct {
	Decision bool
	Context  struct {
		Reason     string
		DecisionID string `json:"decision_id"`
		ACR        string `json:"acr_values"`
		Error      struct {
			Status  int
			Message string
		}
	}
}

func TestAuthZEN(t *testing.T) {
	h := library(t)
	ann := h.with(h.browser("ann"), "reader")
	pep := h.with(h.program("gateway"), "pep")
	h.nobody().do("POST", "/access/v1/evaluation", `{}`).want(401, "unauthenticated")
	ann.do("POST", "/access/v1/evaluation", `{}`).want(403, "forbidden")
	h.with(h.browser("eve"), "pep").narrowed("page:*").do("POST", "/access/v1/evaluation", `{}`).want(403, "insufficient_scope")

	subject, page := `"subject":{"type":"user","id":"`+ann.id+`"}`, `"resource":{"type":"Page","id":"1"}`
	read := `"action":{"name":"page:read"}`
	forged := `"subject":{"type":"user","id":"` + ann.id + `","roles":["admin"],"properties":{"roles":["admin"],"aal":3,"org":"x"}}`
	for _, c := range []struct {
		it, body string
		want     bool
		status   int // of the error, 0 = none
	}{
		{"a role", `{` + subject + `,` + read + `,` + page + `}`, true, 0},
		{"what is not known is ignored", `{` + subject + `,` + read + `,` + page + `,"context":{"time":"1985-10-26T01:22-07:00"},"more":[1]}`, true, 0},
		{"the type of a subject in any case", `{"subject":{"type":"User","id":"ann"},` + read + `,` + page + `}`, true, 0},
		{"a rule, by the properties of the resource", `{` + subject + `,"action":{"name":"page:edit"},"resource":{"type":"Page","id":"1","properties":{"author":"` + ann.id + `","color":"red"}}}`, true, 0},
		{"a property of the wrong kind", `{` + subject + `,"action":{"name":"page:edit"},"resource":{"type":"Page","id":"1","properties":{"author":5}}}`, false, 400},
		{"a subject cannot be lent anything", `{` + forged + `,"action":{"name":"page:print"},"resource":{"type":"Page","id":"1","properties":{"pages":1}}}`, false, 0},
		{"a subject that there is not", `{"subject":{"type":"user","id":"alice@example.com"},` + read + `,` + page + `}`, false, 404},
		{"an address that nobody has verified", `{"subject":{"type":"user","id":"bob@b.example"},` + read + `,` + page + `}`, false, 404},
		{"an action of another language", `{` + subject + `,"action":{"name":"can_read"},` + page + `}`, false, 400},
		{"a type that there is not", `{` + subject + `,` + read + `,"resource":{"type":"account","id":"123"}}`, false, 400},
		{"the address of the subject's client", `{` + subject + `,"action":{"name":"page:open"},` + page + `,"context":{"addr":"10.1.2.3"}}`, true, 0},
	} {
		t.Run(c.it, func(t *testing.T) {
			h.T = t
			var e evaluated
			pep.do("POST", "/access/v1/evaluation", c.body).want(200).into(&e)
			if e.Decision != c.want || e.Context.Error.Status != c.status || (c.status == 0) != strings.HasPrefix(e.Context.DecisionID, "dec_") {
				t.Errorf("%+v", e)
			}
		})
	}
	h.T = t
	var strong evaluated
	pep.do("POST", "/access/v1/evaluation", `{`+subject+`,"action":{"name":"page:print"},"resource":{"type":"Page","id":"1","properties":{"pages":1}}}`).want(200).into(&strong)
	if strong.Context.ACR != "aal2" {
		t.Errorf("what is missing: %+v", strong)
	}
	for _, bad := range []string{
		``, `[]`, `{}`, `{` + subject + `,` + read + `}`, `{` + subject + `,"action":{},` + page + `}`, `{"subject":"ann",` + read + `,` + page + `}`,
		`{"subject":{"type":"user"},` + read + `,` + page + `}`, `{` + subject + `,` + read + `,"resource":{"type":"Page","id":1}}`,
		`{` + subject + `,` + read + `,` + page + `,"context":"x"}`, `{` + subject + `,` + read + `,"resource":{"type":"Page","id":"1","properties":[]}}`,
	} {
		pep.do("POST", "/access/v1/evaluation", bad).want(400, "invalid_request")
	}
	for status, c := range map[int]*caller{200: pep, 401: h.nobody(), 403: ann} {
		a := c.with("X-Request-ID", "bfe9eb29 "+fmt.Sprint(status)).do("POST", "/access/v1/evaluation", `{`+subject+`,`+read+`,`+page+`}`).want(status)
		if got := a.header.Get("X-Request-ID"); got != "bfe9eb29 "+fmt.Sprint(status) {
			t.Errorf("%d: X-Request-ID %q", status, got)
		}
	}
}

func TestAuthZENEvaluations(t *testing.T) {
	t.Parallel()
	h := library(t)
	ann := h.with(h.browser("ann"), "reader")
	h.grant(ann, "Page", "2", "page:edit")
	pep := h.with(h.program("gateway"), "pep")
	subject, read := `"subject":{"type":"user","id":"`+ann.id+`"}`, `"action":{"name":"page:read"}`
	page := func(id string) string { return `"resource":{"type":"Page","id":"` + id + `"}` }
	edit := `{"action":{"name":"page:edit"},` + page("1") + `},{"action":{"name":"page:edit"},` + page("2") + `},{` + page("3") + `}`
	for _, c := range []struct{ it, body, want string }{
		{"all of them", `{` + subject + `,` + read + `,"evaluations":[` + edit + `]}`, "false true true"},
		{"all of them, said so", `{` + subject + `,` + read + `,"evaluations":[` + edit + `],"options":{"evaluations_semantic":"execute_all","another_option":"value"}}`, "false true true"},
		{"until one is denied", `{` + subject + `,` + read + `,"evaluations":[` + edit + `],"options":{"evaluations_semantic":"deny_on_first_deny"}}`, "false"},
		{"until one is permitted", `{` + subject + `,` + read + `,"evaluations":[` + edit + `],"options":{"evaluations_semantic":"permit_on_first_permit"}}`, "false true"},
		{"each in full", `{"evaluations":[{` + subject + `,` + read + `,` + page("1") + `}]}`, "true"},
		{"a default that is replaced as a whole", `{` + subject + `,` + read + `,` + page("1") + `,"evaluations":[{"resource":{"type":"account","id":"1"}},{}]}`, "false true"},
	} {
		t.Run(c.it, func(t *testing.T) {
			h.T = t
			var a struct{ Evaluations []evaluated }
			pep.do("POST", "/access/v1/evaluations", c.body).want(200).into(&a)
			var got []string
			for _, e := range a.Evaluations {
				got = append(got, fmt.Sprint(e.Decision))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%v, want %s", got, c.want)
			}
		})
	}
	h.T = t
	for _, none := range []string{``, `,"evaluations":[]`} {
		var one evaluated
		pep.do("POST", "/access/v1/evaluations", `{`+subject+`,`+read+`,`+page("1")+none+`}`).want(200).into(&one)
		if !one.Decision {
			t.Errorf("a single one: %+v", one)
		}
	}
	for _, bad := range []string{
		`{"evaluations":{}}`, `{"evaluations":[1]}`, `{` + subject + `,"evaluations":[{` + page("1") + `}]}`, `{"evaluations":[],"options":[]}`,
		`{` + subject + `,` + read + `,"evaluations":[{` + page("1") + `}],"options":{"evaluations_semantic":"guess"}}`,
		`{` + subject + `,` + read + `,"evaluations":[` + strings.Repeat(`{`+page("1")+`},`, 100) + `{` + page("1") + `}]}`,
	} {
		pep.do("POST", "/access/v1/evaluations", bad).want(400, "invalid_request")
	}
}

type hits struct {
	Page struct {
		NextToken string `json:"next_token"`
		Count     int
	}
	Context struct {
		Reason string
		Error  struct{ Status int }
	}
	Results []struct{ Type, ID, Name string }
}

func (c *caller) search(what, body string) (found hits) {
	c.h.Helper()
	c.do("POST", "/access/v1/search/"+what, body).want(200).into(&found)
	if found.Page.Count != len(found.Results) {
		c.h.Errorf("count %d of %d", found.Page.Count, len(found.Results))
	}
	return found
}

// all goes through all pages of a search, of at most two results each.
func (c *caller) all(what, body string) (ids []string) {
	c.h.Helper()
	page := `"page":{"limit":2}`
	for {
		found := c.search(what, `{`+body+`,`+page+`}`)
		if len(found.Results) > 2 {
			c.h.Errorf("%d results on a page of 2", len(found.Results))
		}
		for _, r := range found.Results {
			ids = append(ids, r.ID+r.Name)
		}
		if found.Page.NextToken == "" {
			return ids
		}
		page = `"page":{"token":"` + found.Page.NextToken + `"}`
	}
}

func TestAuthZENSearch(t *testing.T) {
	t.Parallel()
	h := library(t)
	boss := h.admin()
	acme := h.organization(boss, "acme")
	pep := h.with(h.program("gateway"), "pep")
	var readers []string
	for i := range 5 {
		c := h.mailbox(fmt.Sprintf("user%d", i))
		if i != 2 {
			h.with(c, "reader")
			readers = append(readers, c.id)
		}
		if i < 3 {
			boss.do("PUT", api+"/organizations/"+acme+"/members/"+c.id).want(204)
		}
		if i == 3 {
			if err := h.Accounts.Disable(t.Context(), c.id, account.Origin{}); err != nil {
				t.Fatal(err)
			}
			readers = readers[:len(readers)-1]
		}
	}
	ann := h.with(h.mailbox("ann"), "reader")
	readers = append(readers, ann.id, boss.id)
	for _, id := range []string{"3", "1", "2"} {
		h.grant(ann, "Page", id, "page:edit")
	}
	h.grant(ann, "Page", "4", "page:frame")
	boss.do("PUT", api+"/users/"+readers[0]+"/roles/librarian?org="+acme).want(204)
	slices.Sort(readers)

	action := func(name string) string { return `"action":{"name":"` + name + `"}` }
	asks := func(id string) string { return `"subject":{"type":"user","id":"` + id + `"}` }
	const anybody, page, aPage = `"subject":{"type":"user","id":"ignored"}`, `"resource":{"type":"Page","id":"1"}`, `"resource":{"type":"Page"}`
	sheet := `"resource":{"type":"Sheet","id":"1","properties":{"org":"` + acme + `"}}`
	for _, c := range []struct {
		it, what, body string
		want           []string
	}{
		{"users by a role", "subject", anybody + `,` + action("page:read") + `,` + page, readers},
		{"users by a grant, and whoever may everything", "subject", anybody + `,` + action("page:edit") + `,` + page, sorted(ann.id, boss.id)},
		{"services are not known", "subject", `"subject":{"type":"service"},` + action("page:read") + `,` + page, nil},
		{"objects by grants", "resource", asks(ann.id) + `,` + action("page:edit") + `,` + aPage, []string{"1", "2", "3"}},
		{"no objects", "resource", asks(ann.id) + `,` + action("page:print") + `,` + aPage, nil},
		{"actions by roles and grants", "action", asks(ann.id) + `,` + page, []string{"note:read", "page:edit", "page:read"}},
		{"actions on an object of nobody", "action", asks(ann.id) + `,"resource":{"type":"Sheet","id":"1"}`, nil},
	} {
		t.Run(c.it, func(t *testing.T) {
			h.T = t
			if got := pep.all(c.what, c.body); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
	t.Run("members, where the object belongs to an organization", func(t *testing.T) {
		h.T = t
		got := pep.all("subject", anybody+`,`+action("sheet:read")+`,`+sheet)
		if len(got) != 1 {
			t.Fatalf("%v", got)
		}
		orgs := pep.all("resource", asks(got[0])+`,`+action("sheet:read")+`,"resource":{"type":"Organization"}`)
		if !slices.Equal(orgs, []string{acme}) {
			t.Errorf("organizations: %v", orgs)
		}
	})
	h.T = t
	for _, unknown := range []string{
		`"subject":{"type":"robot"},` + action("page:read") + `,` + page, anybody + `,` + action("can_read") + `,` + page,
		anybody + `,` + action("page:read") + `,"resource":{"type":"account","id":"123"}`,
	} {
		if found := pep.search("subject", `{`+unknown+`}`); found.Context.Error.Status != 400 || len(found.Results) > 0 {
			t.Errorf("%s: %+v", unknown, found)
		}
	}
	first := pep.search("subject", `{`+anybody+`,`+action("page:read")+`,`+page+`,"page":{"limit":1}}`)
	next := func(body, page string) string {
		return `{` + body + `,"page":{"token":"` + first.Page.NextToken + `"` + page + `}}`
	}
	pep.search("subject", next(anybody+`,`+action("page:read")+`,`+page, `,"limit":1`))
	for _, bad := range []string{
		next(anybody+`,`+action("page:edit")+`,`+page, ``), next(anybody+`,`+action("page:read")+`,`+page, `,"limit":2`),
		`{` + anybody + `,` + action("page:read") + `,` + page + `,"page":{"token":"x"}}`, `{` + anybody + `,` + action("page:read") + `,` + page + `,"page":{"limit":-1}}`,
		`{` + anybody + `,` + action("page:read") + `}`, `{"subject":{},` + action("page:read") + `,` + page + `}`,
	} {
		pep.do("POST", "/access/v1/search/subject", bad).want(400, "invalid_request")
	}
	if none := pep.search("subject", `{`+anybody+`,`+action("page:read")+`,`+page+`,"page":{"limit":0}}`); len(none.Results) > 0 || none.Page.NextToken == "" {
		t.Errorf("none at a time: %+v", none)
	}
}

func sorted(s ...string) []string { slices.Sort(s); return s }

func TestAuthZENMetadata(t *testing.T) {
	h := open(t)
	var m map[string]string
	a := h.nobody().do("GET", "/.well-known/authzen-configuration").want(200)
	a.into(&m)
	if a.header.Get("Content-Type") != "application/json" || m["policy_decision_point"] != h.URL || len(m) != 6 {
		t.Errorf("%v %s", a.header, a.body)
	}
	for name, url := range m {
		if name == "policy_decision_point" {
			continue
		}
		path := strings.TrimPrefix(url, h.URL)
		h.nobody().do("POST", path, `{}`).want(http.StatusUnauthorized)
	}
}

// driveQuestions lets the questions give their answers.
func driveQuestions(h *house, boss *caller) {
	h.Helper()
	hugo := h.browser("ines")
	other := `{"action":"note:read","subject":{"id":"` + boss.id + `"}}`
	narrow := boss.narrowed("note:read")
	for path, body := range map[string]string{"/auth/check": other, "/auth/checks": "[" + other + "]"} {
		boss.do("POST", path+"?explain=true", strings.ReplaceAll(body, boss.id, hugo.id)).want(200)
		hugo.do("POST", path, body).want(403, "forbidden")
		narrow.do("POST", path, strings.ReplaceAll(body, boss.id, hugo.id)).want(403, "insufficient_scope")
	}
	boss.do("POST", "/auth/checks", `{"checks":[`+other+`]}`).want(200)
	a := boss.do("GET", "/auth/abilities?types=Note").want(200)
	for range 3 { // it changes twice a minute
		if boss.with("If-None-Match", a.header.Get("ETag")).do("GET", "/auth/abilities?types=Note").status == 304 {
			break
		}
		a = boss.do("GET", "/auth/abilities?types=Note").want(200)
	}
	subject, action, note := `"subject":{"type":"user","id":"`+hugo.id+`"}`, `"action":{"name":"note:read"}`, `"resource":{"type":"Note","id":"1"}`
	for _, path := range []string{"evaluation", "evaluations", "search/subject", "search/resource", "search/action"} {
		boss.do("POST", "/access/v1/"+path, `{`+subject+`,`+action+`,`+note+`}`).want(200)
		hugo.do("POST", "/access/v1/"+path, `{}`).want(403, "forbidden")
	}
	boss.do("POST", "/access/v1/evaluations", `{`+subject+`,`+action+`,"evaluations":[{`+note+`}]}`).want(200)
	h.nobody().do("GET", "/.well-known/authzen-configuration").want(200)
}
