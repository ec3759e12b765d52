package server_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/server"
)

// ask returns the status of a request. It may be called by several at once.
func (c *caller) ask(method, path string) int { return c.do(method, path).status }

// whileAsked makes a change while others ask all the time. What was asked after the
// change was answered must be answered as it says, and before either way.
func whileAsked(t *testing.T, ask func() int, was, is int, change func()) {
	t.Helper()
	if got := ask(); got != was {
		t.Fatalf("before the change: %d, want %d", got, was)
	}
	var changed atomic.Bool
	var askers sync.WaitGroup
	begun := make(chan struct{}, 4)
	for range 4 {
		askers.Go(func() {
			begun <- struct{}{}
			for after := 0; after < testenv.Count(8, 500); {
				settled := changed.Load()
				got := ask()
				if got != is && (settled || got != was) {
					t.Errorf("got %d, want %d; the change was answered before: %v", got, is, settled)
					return
				}
				if settled {
					after++
				}
			}
		})
	}
	for range 4 {
		<-begun
	}
	change()
	changed.Store(true)
	askers.Wait()
}

// TestAChangeIsInForceOnTheNextRequest goes through everything that gives or takes
// a permission, with readers running.
func TestAChangeIsInForceOnTheNextRequest(t *testing.T) {
	t.Parallel()
	const permit = `permit(principal, action == Action::"note:delete", resource == Note::"1");`
	const forbid = `forbid(principal, action == Action::"note:delete", resource == Note::"1") when { principal.credential != "x" };`
	h := open(t)
	boss, ann := h.admin(), h.mailbox("ann")
	one := `"resource":{"type":"Note","id":"1"}`
	acme := h.organization(boss, "acme")
	path := api + "/organizations/" + acme
	member := func() { boss.do("PUT", path+"/members/"+ann.id).want(204) }
	act := func() { ann.do("POST", "/auth/organization", `{"org":"`+acme+`"}`).want(204) }
	member()
	act()
	var version struct{ Number int64 }
	publish := func(text string) { boss.do("POST", api+"/policies", policy(text)).want(201).into(&version) }

	grant := func(to string) func() {
		return func() { boss.do("PUT", api+"/grants", `{`+to+`,`+one+`,"permissions":["note:delete"]}`).want(204) }
	}
	ungrant := func(to string) func() {
		return func() { boss.do("DELETE", api+"/grants", `{`+to+`,`+one+`}`).want(204) }
	}
	role := func(method, name, org string) func() {
		return func() { boss.do(method, api+"/users/"+ann.id+"/roles/"+name+org).want(204) }
	}
	boss.do("PUT", api+"/roles/shredder", `{"permissions":["note:delete"]}`).want(200)
	toAnn, toRole, toOrg := `"subject":"`+ann.id+`"`, `"role":"shredder"`, `"organization":"`+acme+`"`
	onNote := func() int { return ann.ask("DELETE", "/notes/1") }
	inAcme := func() int { return ann.ask("GET", path+"/members") }
	for _, tt := range []struct {
		name       string
		ask        func() int
		give, take func()
	}{
		{"a grant", onNote, grant(toAnn), ungrant(toAnn)},
		{"a grant to an organization", onNote, grant(toOrg), ungrant(toOrg)},
		{"a grant to an organization, ended by leaving it", onNote, func() { member(); act(); grant(toOrg)() }, func() { boss.do("DELETE", path+"/members/"+ann.id).want(204) }},
		{"a grant to an organization, ended by acting in none", onNote, func() { member(); act() }, func() { ann.do("POST", "/auth/organization", `{}`).want(204) }},
		{"a role", onNote, role("PUT", "shredder", ""), role("DELETE", "shredder", "")},
		{"a role in an organization", inAcme, func() { act(); role("PUT", "chief", "?org="+acme)() }, role("DELETE", "chief", "?org="+acme)},
		{"a role in an organization, ended by leaving it", inAcme, role("PUT", "chief", "?org="+acme), func() { boss.do("DELETE", path+"/members/"+ann.id).want(204) }},
		{"a permit", onNote, func() { publish(permit) }, func() { publish(`// nothing`) }},
		{"a permit, ended by going back", onNote, func() { publish(permit) }, func() { boss.do("POST", api+fmt.Sprintf("/policies/%d/rollback", version.Number-1)).want(201) }},
		{"a permit against a forbid", onNote, func() { publish(permit) }, func() { publish(permit + forbid) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.T = t
			whileAsked(t, tt.ask, 403, 200, tt.give)
			whileAsked(t, tt.ask, 200, 403, tt.take)
		})
		ungrant(toRole)()
		if h.T = t; t.Failed() {
			return
		}
	}
}

// organization makes one and returns its id.
func (h *house) organization(boss *caller, slug string) string {
	h.Helper()
	var made struct{ ID string }
	boss.do("POST", api+"/organizations", `{"slug":"`+slug+`","plan":"free"}`).want(201).into(&made)
	boss.do("PUT", api+"/roles/chief", `{"permissions":["member:*","organization:*","role:assign","role:read","note:stamp"]}`).want(200)
	boss.do("PUT", api+"/roles/clerk", `{"permissions":["member:read"]}`).want(200)
	return made.ID
}

// mistake is one thing that is wrong with a policy.
type mistake struct {
	File, Reason, Suggestion string
	Line, Column             int
}

func TestABrokenPolicyIsRefusedAndTheOldOneStays(t *testing.T) {
	h := open(t)
	boss, ann := h.admin(), h.browser("ann")
	boss.do("POST", api+"/policies", policy(`permit(principal, action == Action::"note:delete", resource == Note::"1");`)).want(201)
	schema := `entity Note = { owner: User }; action "note:delete" appliesTo { principal: [User], resource: Note, context: Context };`
	for _, tt := range []struct{ name, schema, text, file, reason, suggestion string }{
		{"a syntax error", schema, "permit(principal, action, resource)\nwehn { true };", "notes.cedar", "", "when"},
		{"an attribute that is none", schema, "permit(principal, action, resource)\n  when { resource.oner == principal };", "notes.cedar", "oner", "owner"},
		{"types that are not the same", schema, `permit(principal, action, resource) when { resource.owner == "ann" };`, "notes.cedar", "", ""},
		{"an action that is none", schema, `permit(principal, action == Action::"note:delte", resource);`, "notes.cedar", "note:delte", "note:delete"},
		{"a type that is none", schema, `permit(principal, action, resource is Nota);`, "notes.cedar", "Nota", "Note"},
		{"a broken schema", `entity Note = { owner: Usr };`, `// nothing`, "schema.cedarschema", "Usr", "User"},
		{"a schema that is no text", `entity`, `// nothing`, "schema.cedarschema", "", ""},
		{"no schema", ``, `permit(principal, action, resource);`, "schema.cedarschema", "schema", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.T = t
			body := strings.Replace(policy(tt.text), mustJSON(noteSchema), mustJSON(tt.schema), 1)
			a := boss.do("POST", api+"/policies", body).want(422, "invalid_policy")
			var p struct{ Errors []mistake }
			a.into(&p)
			told := slices.ContainsFunc(p.Errors, func(e mistake) bool {
				placed := e.Line > 0 && e.Column > 0 || tt.schema == ""
				return e.File == tt.file && e.Reason != "" && strings.Contains(e.Reason, tt.reason) && strings.Contains(e.Suggestion, tt.suggestion) && placed
			})
			if !told {
				t.Errorf("%s", a.body)
			}
			if check := boss.do("POST", api+"/policies/check", body).want(200); !strings.Contains(check.body, `"ok":false`) || !strings.Contains(check.body, `"findings":[{`) {
				t.Errorf("checked: %s", check.body)
			}
			ann.do("DELETE", "/notes/1").want(200)
		})
	}
	h.T = t
	t.Run("all errors of all files are told", func(t *testing.T) {
		a := boss.do("POST", api+"/policies", `{"schema":`+mustJSON(schema)+`,"files":[
			{"name":"a.cedar","text":"permit(principal, action, resource) when { resource.a };\npermit(principal, action, resource) when { resource.b };"},
			{"name":"b.cedar","text":"permit(principal, action, resource) when { resource.c };"}]}`).want(422, "invalid_policy")
		for _, want := range []string{`"file":"a.cedar","line":1`, `"file":"a.cedar","line":2`, `"file":"b.cedar","line":1`} {
			if !strings.Contains(a.body, want) {
				t.Errorf("no %s in %s", want, a.body)
			}
		}
	})
	t.Run("a policy under which nobody could publish another", func(t *testing.T) {
		a := boss.do("POST", api+"/policies", policy(`@id("closed") forbid(principal, action, resource);`)).want(409, "conflict")
		if !strings.Contains(a.body, "closed") {
			t.Error(a.body)
		}
	})
	t.Run("a policy under which its publisher still could", func(t *testing.T) {
		h.T = t
		near := policy(`forbid(principal, action == Action::"policy:publish", resource) unless { context has addr && context.addr.isInRange(ip("127.0.0.0/8")) };
			permit(principal, action == Action::"note:delete", resource == Note::"1");`)
		boss.do("POST", api+"/policies", near).want(201)
	})
	t.Run("somebody else was faster", func(t *testing.T) {
		boss.do("POST", api+"/policies", policy(`// mine`, `,"expected":0`)).want(409, "conflict")
		boss.do("POST", api+"/policies", policy(`// mine`, `,"expected":3`)).want(409, "conflict")
	})
	ann.do("DELETE", "/notes/1").want(200)
	var list struct{ Items []struct{ Number int64 } }
	if boss.do("GET", api+"/policies").want(200).into(&list); len(list.Items) != 2 {
		t.Errorf("published: %+v", list)
	}
}

func TestVersionsOfThePolicy(t *testing.T) {
	h := open(t)
	boss := h.admin()
	if a := boss.do("GET", api+"/policies/current").want(200); !strings.Contains(a.body, `"number":0`) {
		t.Error(a.body)
	}
	for i := range 5 {
		a := boss.do("POST", api+"/policies", policy(fmt.Sprintf("// %d", i+1), fmt.Sprintf(`,"comment":"the %d.","expected":%d`, i+1, i))).want(201)
		if a.header.Get("Location") != fmt.Sprintf("/auth/admin/api/policies/%d", i+1) {
			t.Error(a.header)
		}
	}
	boss.do("POST", api+"/policies/2/rollback", `{"comment":"again"}`).want(201)
	var v struct {
		Number, Back int64
		By           string `json:"created_by"`
		To           int64  `json:"rolled_back_to"`
		Files        []struct{ Name, Text string }
		Schema       string
	}
	boss.do("GET", api+"/policies/current").want(200).into(&v)
	if v.Number != 6 || v.To != 2 || v.By != boss.id || len(v.Files) != 1 || v.Files[0].Text != "// 2" || v.Schema == "" {
		t.Errorf("%+v", v)
	}
	var seen []int64
	for cursor := ""; ; {
		var page struct {
			Items []struct{ Number int64 }
			Next  string `json:"next_cursor"`
		}
		boss.do("GET", api+"/policies?limit=4&cursor="+cursor).want(200).into(&page)
		for _, item := range page.Items {
			seen = append(seen, item.Number)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if fmt.Sprint(seen) != "[6 5 4 3 2 1]" {
		t.Error(seen)
	}
	if body := boss.do("GET", api+"/audit?action=policy.rollback").want(200).body; !strings.Contains(body, `"rolled_back_to":"2"`) {
		t.Error(body)
	}
}

func TestARuleOfTheProgramIsShown(t *testing.T) {
	h := open(t, func(c *server.Config) { c.Policy = "// ours" })
	if a := h.admin().do("GET", api+"/policies/current").want(200); !strings.Contains(a.body, "// ours") {
		t.Error(a.body)
	}
}
