package cedar_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

func entitiesFile(text string) rule.File { return rule.File{Name: "entities.json", Text: text} }

func requestsFile(text string) rule.File { return rule.File{Name: "requests.json", Text: text} }

const schoolEntities = `[
  {"uid": {"type": "User", "id": "ann"}, "parents": [{"type": "Role", "id": "teacher"}],
   "attrs": {"aal": 2, "amr": ["otp"], "credential": "session", "org": {"type": "Organization", "id": "school"}, "auth_time": "2026-01-02T03:04:05Z"}},
  {"uid": {"type": "Role", "id": "teacher"}, "attrs": {}, "parents": []},
  {"uid": {"__entity": {"type": "Class", "id": "1a"}}, "parents": [{"__entity": {"type": "Organization", "id": "school"}}],
   "attrs": {"org": {"__entity": {"type": "Organization", "id": "school"}}, "teachers": [{"type": "User", "id": "ann"}]}},
  {"uid": {"type": "Grade", "id": "7"}, "parents": [{"type": "Class", "id": "1a"}], "tags": {},
   "attrs": {"class": {"type": "Class", "id": "1a"}, "points": 3, "final": false, "at": "2026-01-02", "took": "1h", "weight": "1.5",
    "from": "10.0.0.0/8", "labels": [], "seen by": {"name": "bob"}}}
]`

func TestParseEntities(t *testing.T) {
	s := parseSchema(t, schoolSchema)
	store, err := cedar.ParseEntities(entitiesFile(schoolEntities), s)
	if err != nil {
		t.Fatal(err)
	}
	range10 := netip.MustParsePrefix("10.0.0.0/8")
	school := sallyport.UID{Type: "Organization", ID: "school"}
	grade := store.Entity(sallyport.UID{Type: "Grade", ID: "7"})
	for name, want := range map[string]sallyport.Value{
		"class":   sallyport.EntityValue(sallyport.UID{Type: "Class", ID: "1a"}),
		"points":  sallyport.IntValue(3),
		"final":   sallyport.BoolValue(false),
		"at":      sallyport.TimeMillis(1767312000000),
		"took":    sallyport.DurationMillis(3600000),
		"weight":  sallyport.DecimalValue(15000),
		"from":    sallyport.IPValue(&range10),
		"labels":  sallyport.SetValue(),
		"seen by": sallyport.RecordValue(map[string]sallyport.Value{"name": sallyport.StringValue("bob")}),
	} {
		if got := grade.Attr(name); !got.Equal(want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if got := grade.Attr("student"); got.Kind() != sallyport.Absent {
		t.Errorf("what is not there is %v", got.Kind())
	}
	if got := grade.Tag("x"); got.Kind() != sallyport.Absent {
		t.Errorf("a tag that is not there is %v", got.Kind())
	}
	for ancestor, want := range map[sallyport.UID]rule.Truth{
		school: rule.True, {Type: "Class", ID: "1a"}: rule.True, {Type: "Class", ID: "1b"}: rule.False,
	} {
		if got := grade.In(ancestor); got != want {
			t.Errorf("in %v: %v, want %v", ancestor, got, want)
		}
	}
	nobody := store.Entity(sallyport.UID{Type: "User", ID: "bob"})
	if nobody.UID().ID != "bob" || nobody.Attr("aal").Kind() != sallyport.Absent || nobody.In(school) != rule.False {
		t.Error("an entity that is not there surely has nothing, and is in nothing")
	}
	if d := cmp.Diff(s.Actions(), store.Actions(), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("the schema's actions are not among the entities: %s", d)
	}
}

func TestParseEntitiesToleratesCircles(t *testing.T) {
	store, err := cedar.ParseEntities(entitiesFile(`[
		{"uid": {"type": "A", "id": "1"}, "attrs": {}, "parents": [{"type": "A", "id": "2"}]},
		{"uid": {"type": "A", "id": "2"}, "attrs": {}, "parents": [{"type": "A", "id": "1"}, {"type": "A", "id": "2"}]}
	]`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if one := store.Entity(sallyport.UID{Type: "A", ID: "1"}); one.In(sallyport.UID{Type: "A", ID: "2"}) != rule.True {
		t.Error("1 is not in 2")
	}
}

func TestParseEntitiesSaysWhatIsWrong(t *testing.T) {
	s := parseSchema(t, schoolSchema)
	for _, c := range []struct {
		name, text string
		schema     *cedar.Schema
		want       []string
	}{
		{"nothing", "", nil, []string{"entities.json:1:1: this is not JSON: it ends early"}},
		{"not JSON", "[{]", nil, []string{"entities.json:1:3: this is not JSON"}},
		{"no array", "{}", nil, []string{"entities.json:1:1: expected an array"}},
		{"something behind", "[] []", nil, []string{"entities.json:1:4: this is not JSON: invalid character '[' after top-level value"}},
		{"every bad entity", "[\n{},\n {\"uid\": 1}]", nil, []string{
			`entities.json:2:1: this entity cannot be read: invalid entity: "uid" is missing or null`, "entities.json:3:2: this entity cannot be read"}},
		{"one twice", `[{"uid":{"type":"A","id":""},"attrs":{},"parents":[]},{"uid":{"type":"A","id":""},"attrs":{},"parents":[]}]`, nil,
			[]string{`entities.json:1:55: A::"" is there twice`}},
		{"too deep", strings.Repeat("[", 1000), nil, []string{"entities.json:1:101: nested more than 100 levels deep"}},
		{"not UTF-8", "[\xff]", nil, []string{"entities.json:1:2: the file is not UTF-8"}},
		{"an attribute too few", `[{"uid":{"type":"User","id":"ann"},"attrs":{},"parents":[]}]`, s,
			[]string{`entities.json:1:2: User::"ann" does not fit the schema: missing required attribute`}},
		{"a parent of another type", `[{"uid":{"type":"Role","id":"r"},"attrs":{},"parents":[{"type":"User","id":"ann"}]}]`, s,
			[]string{`entities.json:1:2: Role::"r" does not fit the schema: invalid parent type "User"`}},
		{"a type that is not declared", `[{"uid":{"type":"Rule","id":"r"},"attrs":{},"parents":[]}]`, s,
			[]string{`entities.json:1:2: Rule::"r" does not fit the schema: entity type "Rule" not found in schema`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := cedar.ParseEntities(entitiesFile(c.text), c.schema)
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in\n%v", want, err)
				}
			}
		})
	}
}

func TestParseRequests(t *testing.T) {
	s := parseSchema(t, schoolSchema)
	one := `{"principal": {"type": "User", "id": "ann"}, "action": {"type": "Action", "id": "grade:read"}, "resource": {"type": "Grade", "id": "7"},
		"context": {"time": "2026-01-02", "addr": {"__extn": {"fn": "ip", "arg": "::1"}}}, "decision": null, "note": 1.5}`
	for name, text := range map[string]string{
		"an array": "[" + one + "]", "an object": ` {"schema": null, "requests": [` + one + `]}`,
	} {
		t.Run(name, func(t *testing.T) {
			requests, err := cedar.ParseRequests(requestsFile(text), s)
			if err != nil {
				t.Fatal(err)
			}
			loopback := netip.MustParsePrefix("::1/128")
			want := cedar.Request{
				Principal: sallyport.UID{Type: "User", ID: "ann"},
				Action:    sallyport.UID{Type: "Action", ID: "grade:read"},
				Resource:  sallyport.UID{Type: "Grade", ID: "7"},
				Context: sallyport.RecordValue(map[string]sallyport.Value{
					"time": sallyport.TimeMillis(1767312000000), "addr": sallyport.IPValue(&loopback),
				}),
			}
			if d := cmp.Diff([]cedar.Request{want}, requests, compareValues); d != "" {
				t.Error(d)
			}
		})
	}
	none, err := cedar.ParseRequests(requestsFile("[]"), nil)
	if err != nil || none == nil || len(none) != 0 {
		t.Errorf("no request becomes %#v, error %v", none, err)
	}
}

func TestParseRequestsSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", []string{"requests.json:1:1: this is not JSON: it ends early"}},
		{"no requests", "{}", []string{`requests.json:1:1: there is no member "requests"`}},
		{"requests that are no array", `{"requests": 1}`, []string{"requests.json:1:14: expected an array"}},
		{"everything", "[{},\n{\"principal\": {}}]", []string{
			`requests.json:1:2: this request has no member "principal"`, `requests.json:2:15: the principal is not {"type":…, "id":…}`}},
		{"a member twice", `[{"action": {}, "action": {}}]`, []string{`requests.json:1:27: the member "action" is there twice`}},
		{"a type that is none", `[{"principal": {"type": "A B", "id": ""}}]`, []string{`requests.json:1:16: the principal is not`}},
		{"a context that is no record", `[{"principal": {"type":"A","id":""}, "action": {"type":"A","id":""}, "resource": {"type":"A","id":""}, "context": 1}]`,
			[]string{`requests.json:1:115: the context cannot be read`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := cedar.ParseRequests(requestsFile(c.text), nil)
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in\n%v", want, err)
				}
			}
		})
	}
}

func TestRequestsAreDecidedByRules(t *testing.T) {
	s := parseSchema(t, schoolSchema)
	store, err := cedar.ParseEntities(entitiesFile(schoolEntities), s)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := cedar.Parse(file(`@id("teach") permit (principal in Role::"teacher", action in Action::"any", resource is Grade)
		when { resource.class.teachers.contains(principal) && context.time < datetime("2027-01-01") };`))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rule.Compile(rules, rule.Config{Actions: store.Actions()})
	if err != nil {
		t.Fatal(err)
	}
	requests, err := cedar.ParseRequests(requestsFile(`[
		{"principal": {"type": "User", "id": "ann"}, "action": {"type": "Action", "id": "grade:read"}, "resource": {"type": "Grade", "id": "7"}, "context": {"time": "2026-01-02"}},
		{"principal": {"type": "User", "id": "bob"}, "action": {"type": "Action", "id": "grade:read"}, "resource": {"type": "Grade", "id": "7"}, "context": {"time": "2026-01-02"}}
	]`), s)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		if got := set.Evaluate(cedar.NewEnv(store, requests[i])); got.Allow != want {
			t.Errorf("request %d: %+v, want %v", i, got, want)
		}
	}
}

// FuzzEntities holds the reader of entities to: no panic, and a store that can be
// asked, with a schema and without.
func FuzzEntities(f *testing.F) {
	for _, seed := range []string{
		"", "[]", "{}", "[{}]", schoolEntities, "[" + strings.Repeat("[", 90),
		`[{"uid":{"type":"Action","id":"\u0000"},"attrs":{"a":{"__extn":{"fn":"decimal","arg":"-0.0001"}}},"parents":[],"tags":{"a":[1,true]}}]`,
	} {
		f.Add(seed)
	}
	s := parseSchema(f, schoolSchema)
	f.Fuzz(func(t *testing.T, text string) {
		for _, schema := range []*cedar.Schema{nil, s} {
			store, err := cedar.ParseEntities(entitiesFile(text), schema)
			if err != nil {
				if !strings.HasPrefix(err.Error(), "entities.json:") {
					t.Errorf("%v has no place", err)
				}
				continue
			}
			for name, groups := range store.Actions() {
				e := store.Entity(name)
				if e.UID() != name || !e.Attr("\x00no").Equal(e.Attr("\x00no")) && e.Attr("\x00no").Known() {
					t.Errorf("%v is %v", name, e.UID())
				}
				for _, g := range groups {
					if e.In(g) != rule.True {
						t.Errorf("%v is not in %v", name, g)
					}
				}
			}
		}
	})
}

// FuzzRequests is FuzzEntities for requests.
func FuzzRequests(f *testing.F) {
	for _, seed := range []string{
		"", "[]", "{}", "[{}]", `{"requests":[]}`,
		`[{"principal":{"type":"A","id":""},"action":{"__entity":{"type":"A::B","id":"x"}},"resource":{"type":"A","id":""},"context":{"a":{"b":[1]}}}]`,
	} {
		f.Add(seed)
	}
	s := parseSchema(f, schoolSchema)
	f.Fuzz(func(t *testing.T, text string) {
		for _, schema := range []*cedar.Schema{nil, s} {
			requests, err := cedar.ParseRequests(requestsFile(text), schema)
			if err != nil {
				if !strings.HasPrefix(err.Error(), "requests.json:") {
					t.Errorf("%v has no place", err)
				}
				continue
			}
			for _, r := range requests {
				env := cedar.NewEnv(nil, r)
				if r.Principal.Type == "" || r.Context.Kind() != sallyport.KindRecord || env.Context("\x00").Known() && r.Context.Record() == nil {
					t.Errorf("%+v is incomplete", r)
				}
			}
		}
	})
}

// FuzzSchema holds the reader of schemas to: no panic, and what was read can be
// written and read again.
func FuzzSchema(f *testing.F) {
	for _, seed := range []string{
		"", schoolSchema, "entity A enum [\"a\"]; type B = { a?: Set<B2> }; type B2 = A;", `namespace N { action a in [b]; action "b"; }`,
		`{"": {"entityTypes": {"A": {"shape": {"type": "Record", "attributes": {"a": {"type": "Set", "element": {"type": "Long"}}}}}}, "actions": {}}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := cedar.ParseSchema(schemaFile(text))
		if err != nil {
			return
		}
		again, err := cedar.ParseSchema(schemaFile(s.Text()))
		if err != nil {
			t.Fatalf("%q is written as %q: %v", text, s.Text(), err)
		}
		if again.Text() != s.Text() {
			t.Errorf("%q is written as %q, and then %q", text, s.Text(), again.Text())
		}
		for _, typ := range s.Types() {
			s.ActionsOn(typ.Name())
		}
	})
}
