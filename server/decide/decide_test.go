package decide_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/authz/rulebook"
	"github.com/sallyport-auth/sallyport/server/decide"
)

const schema = `
entity Folder;
entity Post in [Folder] {
  author: User, folder?: Folder, pinned: Bool, words: Long, title: String, at?: datetime, took?: duration,
  price?: decimal, from?: ipaddr, labels: Set<String>, readers: Set<User>, shape?: { wide: Bool }
};
entity Report in [Organization] { org: Organization };
action "post:read", "post:edit", "post:pin", "post:label", "post:early", "post:quick", "post:cheap", "post:near", "post:wide", "post:join"
  appliesTo { principal: [User], resource: [Post], context: Context };
action "report:read", "report:write" appliesTo { principal: [User, Service], resource: [Report], context: Context };
`

const rules = `
@id("author") permit (principal, action == Action::"post:edit", resource) when { resource.author == principal };
@id("pinned") permit (principal, action == Action::"post:pin", resource) when { !resource.pinned && resource.words < 9007199254740993 };
@id("label") permit (principal, action == Action::"post:label", resource) when { resource.labels.contains("a") && resource.readers.contains(principal) };
@id("early") permit (principal, action == Action::"post:early", resource) when { resource has at && resource.at < datetime("2026-01-01") };
@id("quick") permit (principal, action == Action::"post:quick", resource) when { resource has took && resource.took <= duration("90s") };
@id("cheap") permit (principal, action == Action::"post:cheap", resource) when { resource has price && resource.price.lessThan(decimal("1.5")) };
@id("near") permit (principal, action == Action::"post:near", resource) when { resource has from && resource.from.isLoopback() };
@id("wide") permit (principal, action == Action::"post:wide", resource) when { resource has shape && resource.shape.wide };
@id("join") permit (principal, action == Action::"post:join", resource in Folder::"f");
@id("read") @message("Locked folders are not for reading.") forbid (principal, action == Action::"post:read", resource in Folder::"locked");
`

// door lets in whoever says who they are: ann, who acts in org_1.
type door struct{}

func (door) Authenticate(_ context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	name, scopes, limited := strings.Cut(c.Value, ",")
	p := &sallyport.Principal{Kind: sallyport.User, Subject: name, Org: "org_1", Roles: []string{"reader"}, OrgRoles: []string{"reporter"}}
	if limited {
		p.Scopes = strings.Fields(strings.ReplaceAll(scopes, ",", " "))
	}
	return p, nil
}

// A desk answers questions about oneself.
type desk struct {
	routes   *sallyport.Routes
	mu       sync.Mutex
	recorded []string
}

func newDesk(t testing.TB, schema, rules string) *desk {
	t.Helper()
	p := authz.New()
	d, err := authz.Compile([]authz.Role{{Name: "reader", Permissions: []string{"post:read", "page:*"}}, {Name: "reporter", Permissions: []string{"report:*"}}})
	if err != nil {
		t.Fatal(err)
	}
	p.Swap(d)
	own := authz.Version{Schema: schema}
	if rules != "" {
		own.Files = []rule.File{{Name: "p.cedar", Text: rules}}
	}
	book := &rulebook.Book{Policy: p, Own: own, Latest: func(context.Context) (authz.Version, error) { return own, nil }}
	if err := book.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	desk := &desk{}
	g := &sallyport.Gate{
		Authenticators: []sallyport.Authenticator{door{}}, Policy: p, ShowReason: true, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Record: func(_ context.Context, _ sallyport.Query, d sallyport.Decision) {
			desk.mu.Lock()
			defer desk.mu.Unlock()
			desk.recorded = append(desk.recorded, d.ID)
		},
	}
	desk.routes = &sallyport.Routes{Gate: g}
	(&decide.Handler{Base: "/auth", Issuer: "https://a.example", Gate: g, Policy: p, Rules: book}).Mount(desk.routes)
	return desk
}

func (d *desk) post(path, who, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+who)
	w := httptest.NewRecorder()
	d.routes.ServeHTTP(w, r)
	return w
}

// said is an answer in a word: yes, no, or what is wrong.
func said(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	var a struct {
		Allowed    bool
		DecisionID string `json:"decision_id"`
		Detail     string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	switch {
	case w.Code != http.StatusOK:
		return a.Detail
	case !strings.HasPrefix(a.DecisionID, "dec_"):
		t.Errorf("a decision without id: %s", w.Body)
	case a.Allowed:
		return "yes"
	}
	return "no"
}

func TestAttributesAreReadAsTheSchemaSays(t *testing.T) {
	d := newDesk(t, schema, rules)
	for _, c := range []struct{ it, action, post, want string }{
		{"an entity by its id", "post:edit", `"author":"ann"`, "yes"},
		{"somebody else", "post:edit", `"author":"bob"`, "no"},
		{"an entity by type and id", "post:edit", `"author":{"type":"User","id":"ann"}`, "yes"},
		{"an entity of another type", "post:edit", `"author":{"type":"Service","id":"ann"}`, `The attribute "author" in "resource": expected a User, got a Service.`},
		{"an entity that is none", "post:edit", `"author":""`, "no"},
		{"null is absent", "post:edit", `"author":null`, "no"},
		{"missing is not loaded", "post:edit", ``, "no"},
		{"a truth value and a number", "post:pin", `"pinned":false,"words":3`, "yes"},
		{"all digits of a number count", "post:pin", `"pinned":false,"words":9007199254740992`, "yes"},
		{"and the last one", "post:pin", `"pinned":false,"words":9007199254740993`, "no"},
		{"a number with a fraction", "post:pin", `"pinned":false,"words":1.5`, `The attribute "words" in "resource": expected int, got the number 1.5.`},
		{"a number beyond 64 bits", "post:pin", `"pinned":false,"words":9223372036854775808`, `The attribute "words" in "resource": expected int, got the number 9223372036854775808.`},
		{"text where a truth value belongs", "post:pin", `"pinned":"false","words":3`, `The attribute "pinned" in "resource": expected bool, got text.`},
		{"sets", "post:label", `"labels":["b","a"],"readers":["ann"]`, "yes"},
		{"a set that holds something else", "post:label", `"labels":["b",1],"readers":[]`, `The attribute "labels" in "resource": element 2: expected string as text, got the number 1.`},
		{"a moment", "post:early", `"at":"2025-12-31T23:59:59Z"`, "yes"},
		{"a moment in another zone", "post:early", `"at":"2026-01-01T00:30:00+01:00"`, "yes"},
		{"a moment in milliseconds", "post:early", `"at":0`, "yes"},
		{"no moment, as Go writes it", "post:early", `"at":"0001-01-01T00:00:00Z"`, "no"},
		{"half a millisecond", "post:early", `"at":0.5`, `The attribute "at" in "resource": expected time in whole milliseconds, got 0.5.`},
		{"a span", "post:quick", `"took":"1m30s"`, "yes"},
		{"a span in milliseconds", "post:quick", `"took":90001`, "no"},
		{"a decimal", "post:cheap", `"price":"1.49"`, "yes"},
		{"an address", "post:near", `"from":"127.0.0.1"`, "yes"},
		{"a record", "post:wide", `"shape":{"wide":true}`, "yes"},
		{"a parent by an attribute", "post:join", `"folder":"f"`, "yes"},
		{"a parent by itself", "post:join", `"parents":[{"type":"Folder","id":"f"}]`, "yes"},
		{"no parent", "post:join", `"folder":null,"parents":[]`, "no"},
		{"a parent of no type", "post:join", `"parents":[{"type":"Foldr","id":"f"}]`, `There is no type "Foldr"; did you mean "Folder"?`},
		{"parents that are no list", "post:join", `"parents":{}`, `The member "resource.parents" must be a list.`},
		{"too many parents", "post:join", `"parents":[` + strings.Repeat(`{"type":"Folder","id":"f"},`, 100) + `{"type":"Folder","id":"f"}]`, `The member "resource.parents" has more than 100 elements.`},
		{"half a parent", "post:join", `"parents":[{"type":"Folder"}]`, `The member "resource.parents[0].id" must be there, and a text.`},
		{"an attribute that the type does not have", "post:edit", `"auhtor":"ann"`, `The type Post has no attribute "auhtor"; did you mean "author"?`},
		{"an action that nobody names", "post:eddit", ``, `There is no action "post:eddit"; did you mean "post:edit"?`},
		{"an action that is written otherwise", "edit", ``, `The action "edit" is not written like "post:delete".`},
		{"a pattern", "post:*", ``, `The action "post:*" is not written like "post:delete".`},
		{"a role", "post:read", `"folder":null`, "yes"},
		{"an action that a role covers", "page:turn", ``, "yes"},
		{"nested too deep", "post:wide", `"shape":` + strings.Repeat(`{"a":`, 20) + `1` + strings.Repeat(`}`, 20), `The values in "resource" are nested more than 16 deep.`},
	} {
		t.Run(c.it, func(t *testing.T) {
			post := strings.TrimSuffix(`{"type":"Post","id":"1",`+c.post, ",") + "}"
			if got := said(t, d.post("/auth/check", "ann", `{"action":"`+c.action+`","resource":`+post+`}`)); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

func TestCheckOneself(t *testing.T) {
	d := newDesk(t, schema, rules)
	for _, c := range []struct{ it, who, body, want string }{
		{"no object", "ann", `{"action":"page:turn"}`, "yes"},
		{"null is no object", "ann", `{"action":"page:turn","resource":null}`, "yes"},
		{"no object, where a rule forbids some", "ann", `{"action":"post:read"}`, "no"},
		{"an object whose id is not known", "ann", `{"action":"post:read","resource":{"type":"Post","folder":null}}`, "yes"},
		{"within the scope", "ann,page:turn", `{"action":"page:turn"}`, "yes"},
		{"beyond the scope", "ann,post:edit", `{"action":"page:turn"}`, "no"},
		{"oneself by name, with the credential of the request", "ann,post:edit", `{"action":"page:turn","subject":{"id":"ann"}}`, "no"},
		{"the organization that one acts in", "ann", `{"action":"report:read","resource":{"type":"Report","id":"1","org":"org_1"}}`, "yes"},
		{"another one", "ann", `{"action":"report:read","resource":{"type":"Report","id":"1","org":"org_2"}}`, "no"},
		{"an object that names none", "ann", `{"action":"report:read","resource":{"type":"Report","id":"1"}}`, "no"},
		{"one's organization itself", "ann", `{"action":"report:read","resource":{"type":"Organization","id":"org_1"}}`, "yes"},
		{"another organization, whatever it says", "ann", `{"action":"post:read","resource":{"type":"Organization","id":"org_2","org":"org_1"}}`, "no"},
		{"a user belongs to nobody", "ann", `{"action":"post:read","resource":{"type":"User","id":"bob"}}`, "yes"},
		{"a type that there is not", "ann", `{"action":"post:read","resource":{"type":"Pots"}}`, `There is no type "Pots"; did you mean "Post"?`},
		{"an object without type", "ann", `{"action":"post:read","resource":{"id":"1"}}`, `The member "resource.type" must be there, and a text.`},
		{"a type that is empty", "ann", `{"action":"post:read","resource":{"type":""}}`, `The member "resource.type" must not be empty.`},
		{"an id that is a number", "ann", `{"action":"post:read","resource":{"type":"Post","id":1}}`, `The member "resource.id" must be there, and a text.`},
		{"an object that is a list", "ann", `{"action":"post:read","resource":[]}`, `The member "resource" must be an object.`},
		{"context that is a text", "ann", `{"action":"post:read","context":"x"}`, `The member "context" must be an object.`},
		{"no action", "ann", `{}`, `The action "" is not written like "post:delete".`},
	} {
		t.Run(c.it, func(t *testing.T) {
			if got := said(t, d.post("/auth/check", c.who, c.body)); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

func TestWithoutASchemaRolesStillAnswer(t *testing.T) {
	d := newDesk(t, "", "")
	for _, c := range []struct{ it, body, want string }{
		{"a role", `{"action":"post:read","resource":{"type":"Anything","id":"1","size":3,"of":{"type":"Box","id":"b"}}}`, "yes"},
		{"no role", `{"action":"post:edit","resource":{"type":"Anything","id":"1"}}`, "no"},
		{"an action that nobody has heard of", `{"action":"cake:bake"}`, "no"},
		{"an object of one's organization", `{"action":"report:read","resource":{"type":"Anything","org":"org_1"}}`, "yes"},
		{"an object of another", `{"action":"post:read","resource":{"type":"Anything","org":"org_2"}}`, "no"},
		{"an object of none", `{"action":"post:read","resource":{"type":"Anything","org":null}}`, "no"},
		{"an organization is a number", `{"action":"post:read","resource":{"type":"Anything","org":2}}`, `The attribute "org" in "resource": expected the id of a Organization, got the number 2.`},
		{"a number that is none of ours", `{"action":"post:read","resource":{"type":"Anything","size":1e99}}`, `The attribute "size" in "resource": the number 1e99 cannot be a value.`},
	} {
		t.Run(c.it, func(t *testing.T) {
			if got := said(t, d.post("/auth/check", "ann", c.body)); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

func TestChecksAnswerInOrder(t *testing.T) {
	d := newDesk(t, schema, rules)
	const yes, no = `{"action":"page:turn"}`, `{"action":"post:edit"}`
	type answer struct{ Allowed bool }
	var bare []answer
	var wrapped struct{ Checks []answer }
	for body, into := range map[string]any{"[" + yes + "," + no + "," + yes + "]": &bare, `{"checks":[` + yes + "," + no + "," + yes + "]}": &wrapped} {
		w := d.post("/auth/checks", "ann", body)
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%d %v %s", w.Code, err, w.Body)
		}
	}
	want := fmt.Sprint([]answer{{true}, {false}, {true}})
	if fmt.Sprint(bare) != want || fmt.Sprint(wrapped.Checks) != want {
		t.Errorf("%v, %v", bare, wrapped)
	}
	if w := d.post("/auth/checks", "ann", "[]"); strings.TrimSpace(w.Body.String()) != "[]" {
		t.Errorf("none: %s", w.Body)
	}
	for _, c := range []struct{ it, body, want string }{
		{"too many", "[" + strings.Repeat(yes+",", 100) + yes + "]", "There are 101 checks, at most 100 are answered at once."},
		{"one that is wrong", "[" + yes + `,{"action":"x"}]`, `Check 2: The action "x" is not written like "post:delete".`},
		{"an unknown member", `[{"action":"post:read","who":1}]`, `The body must be a list of checks, each with "action", and if need be "resource", "context" and "subject".`},
		{"no list", `{"check":1}`, `The body must be a list of checks, each with "action", and if need be "resource", "context" and "subject".`},
		{"nothing", ``, `The body must be a list of checks, each with "action", and if need be "resource", "context" and "subject".`},
	} {
		if got := said(t, d.post("/auth/checks", "ann", c.body)); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.it, got, c.want)
		}
	}
}

func TestRefusalsAreRecorded(t *testing.T) {
	d := newDesk(t, schema, rules)
	var no struct {
		Reason string
		ID     string `json:"decision_id"`
	}
	d.post("/auth/check", "ann", `{"action":"page:turn"}`)
	w := d.post("/auth/check", "ann", `{"action":"post:read","resource":{"type":"Post","id":"1","folder":"locked"}}`)
	if err := json.Unmarshal(w.Body.Bytes(), &no); err != nil {
		t.Fatal(err)
	}
	if no.Reason != "Locked folders are not for reading." || len(d.recorded) != 1 || d.recorded[0] != no.ID {
		t.Errorf("%s, recorded %v", w.Body, d.recorded)
	}
}

func TestExplainOneself(t *testing.T) {
	d := newDesk(t, schema, rules)
	w := d.post("/auth/check?explain=true", "ann", `{"action":"post:edit","resource":{"type":"Post","id":"1","author":"bob"}}`)
	for _, part := range []string{`"explanation"`, `"author"`, `"would"`, `"policy_version"`, `"question":"organization"`} {
		if !strings.Contains(w.Body.String(), part) {
			t.Errorf("no %s in %s", part, w.Body)
		}
	}
	for query, want := range map[string]string{"explain=yes": "The parameter explain is true or false.", "why=true": `The parameter "why" is not known here.`} {
		if got := said(t, d.post("/auth/check?"+query, "ann", `{"action":"post:edit"}`)); got != want {
			t.Errorf("%s: %s", query, got)
		}
	}
}

// FuzzCheck holds that whatever somebody sends is answered, or refused as theirs.
func FuzzCheck(f *testing.F) {
	schemed, bare := newDesk(f, schema, rules), newDesk(f, "", "")
	for _, s := range []string{
		`{"action":"post:edit","resource":{"type":"Post","id":"1","author":"ann"}}`,
		`{"action":"post:early","resource":{"type":"Post","at":-9e18,"took":"1h","price":"1.0000","from":"::1/128","labels":[["a"]],"shape":{"wide":{"__entity":{}}}}}`,
		`{"action":"post:join","resource":{"type":"Post","parents":[{"type":"Folder","id":"f"}]},"context":{"a":[1,{"b":null}],"time":1}}`,
		`[{"action":"report:read","resource":{"type":"Report","org":"org_1"},"subject":{"type":"user","id":"ann","org":"org_1"}}]`,
		`{"checks":[{"action":"a:b","resource":{"type":"Organization","id":"o","":1}}]}`, `{"action":"a:b","resource":{"type":"X","org":[],"a":1e400}}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, d := range []*desk{schemed, bare} {
			for _, path := range []string{"/auth/check?explain=true", "/auth/checks"} {
				w := d.post(path, "ann", body)
				switch w.Code {
				case 200, 400, 403, 413: // 403: about somebody else
				default:
					t.Fatalf("%s: %d %s", path, w.Code, w.Body)
				}
				if !json.Valid(w.Body.Bytes()) {
					t.Fatalf("%s: %q", path, w.Body)
				}
			}
			d.recorded = nil
		}
	})
}
