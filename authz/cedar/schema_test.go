package cedar_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

const schoolSchema = `
// A school.
entity Class in [Organization] { org: Organization, teachers: Set<User> };
entity Grade in [Class] {
  class: Class, student?: User, points: Long, "final": Bool, at: datetime, took: duration, weight: decimal, "from": ipaddr,
  labels: Set<String>, "seen by": { name: String },
};
action "grade:read", "grade:list" in "grade:any" appliesTo { principal: [User, Service], resource: Grade, context: Context };
action "grade:any" in "any";
action "any";
action "class:read" appliesTo { principal: User, resource: [Class, Organization] };
`

func schemaFile(text string) rule.File { return rule.File{Name: "school.cedarschema", Text: text} }

func parseSchema(t testing.TB, text string) *cedar.Schema {
	t.Helper()
	s, err := cedar.ParseSchema(schemaFile(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaDescribesTypes(t *testing.T) {
	s := parseSchema(t, schoolSchema)
	var names []string
	types := map[string]sallyport.AnyType{}
	for _, typ := range s.Types() {
		names = append(names, typ.Name())
		types[typ.Name()] = typ
	}
	if want := []string{"Anonymous", "Class", "Grade", "Organization", "Role", "Service", "User"}; !cmp.Equal(names, want) {
		t.Errorf("types %v, want %v", names, want)
	}
	want := []sallyport.Attribute{
		{Name: "at", Kind: sallyport.KindTime, Column: "at"},
		{Name: "class", Kind: sallyport.KindEntity, Entity: "Class", Column: "class", Parent: true},
		{Name: "final", Kind: sallyport.KindBool, Column: "final"},
		{Name: "from", Kind: sallyport.KindIP},
		{Name: "labels", Kind: sallyport.KindSet, Element: sallyport.KindString},
		{Name: "points", Kind: sallyport.KindInt, Column: "points"},
		{Name: "seen by", Kind: sallyport.KindRecord},
		{Name: "student", Kind: sallyport.KindEntity, Entity: "User", Column: "student", Optional: true, Nullable: true},
		{Name: "took", Kind: sallyport.KindDuration, Column: "took"},
		{Name: "weight", Kind: sallyport.KindDecimal, Column: "weight"},
	}
	if d := cmp.Diff(want, types["Grade"].Attributes()); d != "" {
		t.Error(d)
	}
	want = []sallyport.Attribute{
		{Name: "org", Kind: sallyport.KindEntity, Entity: "Organization", Column: "org", Parent: true, Top: true},
		{Name: "teachers", Kind: sallyport.KindSet, Element: sallyport.KindEntity, Entity: "User"},
	}
	if d := cmp.Diff(want, types["Class"].Attributes()); d != "" {
		t.Error(d)
	}
	if !types["Class"].InOrganizations() || types["Grade"].InOrganizations() {
		t.Error("a class belongs to organizations, a grade only through its class")
	}
}

func TestSchemaKnowsActions(t *testing.T) {
	s := parseSchema(t, schoolSchema)
	action := func(id string) sallyport.UID { return sallyport.UID{Type: "Action", ID: id} }
	want := map[sallyport.UID][]sallyport.UID{
		action("grade:read"): {action("any"), action("grade:any")},
		action("grade:list"): {action("any"), action("grade:any")},
		action("grade:any"):  {action("any")},
		action("any"):        nil,
		action("class:read"): nil,
	}
	if d := cmp.Diff(want, s.Actions()); d != "" {
		t.Error(d)
	}
	for typ, want := range map[string][]string{"Grade": {"grade:list", "grade:read"}, "Organization": {"class:read"}, "Role": nil} {
		if got := s.ActionsOn(typ); !cmp.Equal(got, want) {
			t.Errorf("on %s: %v, want %v", typ, got, want)
		}
	}
}

func TestSchemaTextReadsAsTheSameSchema(t *testing.T) {
	s := parseSchema(t, schoolSchema)
	again := parseSchema(t, s.Text())
	if again.Text() != s.Text() {
		t.Errorf("text\n%s\nreads as\n%s", s.Text(), again.Text())
	}
	for _, part := range []string{"entity User in [Role, Organization]", "type Context = {", "entity Grade in Class"} {
		if !strings.Contains(s.Text(), part) {
			t.Errorf("%q is not in\n%s", part, s.Text())
		}
	}
}

func TestSchemaLeavesOtherUsersAlone(t *testing.T) {
	for name, text := range map[string]string{
		"its own user":              `entity User { name: String }; action a appliesTo { principal: User, resource: User };`,
		"a user in a namespace":     `namespace N { entity User { name: String }; action a appliesTo { principal: User, resource: User }; }`,
		"a context in a namespace":  `namespace N { type Context = { n: Long }; entity U; action a appliesTo { principal: U, resource: U, context: Context }; }`,
		"a role that is a text":     `type Role = String; entity User { role: Role }; action a appliesTo { principal: User, resource: User };`,
		"an enumeration of our own": `entity Role enum ["a", "b"]; entity U in [Role]; action a appliesTo { principal: U, resource: U };`,
	} {
		t.Run(name, func(t *testing.T) { parseSchema(t, text) })
	}
}

func TestParseSchemaSaysWhatIsWrong(t *testing.T) {
	bomb := "type T0 = { a: Long, b: Long };\n"
	for i := range 30 {
		bomb += "type T" + after(i) + " = { a: T" + before(i) + ", b: T" + before(i) + " };\n"
	}
	for _, c := range []struct{ name, text, want string }{
		{"a declaration that is not known", "entiy Post;", `:1:1: expected declaration (entity, action, or type), not identifier "entiy"; did you mean "entity"?`},
		{"a missing semicolon", "entity Post\nentity Comment;", `:2:1: expected ';', not identifier "entity"`},
		{"a type that is not declared", "entity Post { author: Usr };", `:1:23: the type "Usr" is not declared; did you mean "User"?`},
		{"a basic type that is misspelt", "entity Post { n: Integer, title: string };",
			`:1:18: the type "Integer" is not declared
:1:34: the type "string" is not declared; did you mean "String"?`},
		{"a parent that is not declared", "entity Post in [Foldr];\nentity Folder;", `:1:17: the type "Foldr" is not declared; did you mean "Folder"?`},
		{"a resource that is not declared", "action a appliesTo { principal: User, resource: Pots };\nentity Post;",
			`:1:49: the type "Pots" is not declared; did you mean "Post"?`},
		{"a group that is not declared", `action a in "redaing"; action "reading";`, `:1:13: the group of actions "redaing" is not declared; did you mean "reading"?`},
		{"a circle of types", "type A = Set<B>; type B = A;", ``},
		{"an entity twice", "entity A; entity A;", `:1:20: entity "A" is declared twice`},
		{"text without an end", "entity A { \"a: Long };", `:1:12: unterminated string literal`},
		{"types that grow without bounds", bomb, `: the types of the schema stand for more than 100000 types`},
		{"too deep", "type A = " + strings.Repeat("Set<", 200_000) + "Long;", `:1:413: nested more than 100 levels deep`},
		{"JSON that ends early", `{"": {"entityTypes": {`, ``},
		{"JSON with a type that is not declared", `{"": {"entityTypes": {"Post": {"memberOfTypes": ["Foldr"]}, "Folder": {}}, "actions": {}}}`,
			`:1:50: the type "Foldr" is not declared; did you mean "Folder"?`},
		{"NUL", "entity A;\x00", ":1:10: the file holds a NUL character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := cedar.ParseSchema(schemaFile(c.text))
			if err == nil {
				t.Fatal("no error")
			}
			if c.want == "" {
				t.Log(err)
				return
			}
			if want := "school.cedarschema" + strings.ReplaceAll(c.want, "\n:", "\nschool.cedarschema:"); err.Error() != want {
				t.Errorf("error\n%s\nwant\n%s", err, want)
			}
		})
	}
}

func before(i int) string { return strconv.Itoa(i) }

func after(i int) string { return strconv.Itoa(i + 1) }

func TestValidateIsStrict(t *testing.T) {
	s := parseSchema(t, schoolSchema)
	read := func(condition string) string {
		return `permit (principal is User, action == Action::"grade:read", resource is Grade) when { ` + condition + ` };`
	}
	for _, c := range []struct{ name, text, want string }{
		{"a rule that fits", read(`resource has student && resource.student == principal`), ""},
		{"what the principal is", read(`principal.aal >= 2 && principal.amr.contains("otp") && principal in Role::"teacher"`), ""},
		{"what the context is", read(`context.time < datetime("2030-01-01") && context has addr && context.addr.isLoopback()`), ""},
		{"an attribute that may be absent", read(`resource.student == principal`),
			`:1:95: the attribute "student" may be absent: ask first, with "has student &&", whether it is there`},
		{"an attribute that is not declared", read(`resource.pionts > 3`), `:1:95: Grade has no attribute "pionts"; did you mean "points"?`},
		{"a field of the context that is not declared", read(`context.tme < datetime("2030-01-01")`),
			`:1:94: the context of Action::"grade:read" has no field "tme"; did you mean "time"?`},
		{"a type that is not declared", `permit (principal, action, resource is Grad);`,
			`:1:40: the schema has no type "Grad"; did you mean "Grade"?
:1:1: the rule can never apply: the schema has no such action for such principals and resources`},
		{"an action that is not declared", `permit (principal, action == Action::"grade:raed", resource);`,
			"" +
				":1:38: the schema has no action Action::\"grade:raed\"; did you mean `Action::\"grade:read\"`?" +
				"\n:1:1: the rule can never apply: the schema has no such action for such principals and resources"},
		{"an action on another type", `permit (principal, action == Action::"class:read", resource is Grade);`,
			`:1:1: the rule can never apply: the schema has no such action for such principals and resources`},
		{"numbers and texts", read(`resource.points == "3"`), `:1:1: values of different types are compared or mixed: Long and String`},
		{"an owner among principals of two types",
			`permit (principal, action == Action::"grade:read", resource) when { resource has student && resource.student == principal };`,
			""},
		{"no truth value", read(`resource.points`), `:1:1: expected a value of type Bool, not Long`},
		{"an address that is none", read(`context has addr && context.addr == ip("10.0.0")`), `:1:125: "10.0.0" cannot be read as IP address`},
		{"an address that is not literal", read(`ip(principal.credential) == ip("::1")`), `:1:1: ip, decimal, datetime and duration take nothing but text in double quotes`},
		{"an empty set", read(`[].isEmpty()`), `:1:1: the set [] has no elements, so that its type is not known`},
		{"a rule that cannot be read", "permit (principal, action, resource)", `:1:37: the rule does not end: ";" is missing`},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := s.Validate(file(c.text))
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			got := strings.ReplaceAll(err.Error(), "posts.cedar:", ":")
			if !sameLines(got, c.want) {
				t.Errorf("error\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// sameLines compares lines whatever their order.
func sameLines(a, b string) bool {
	lines := func(s string) map[string]int {
		n := map[string]int{}
		for l := range strings.SplitSeq(s, "\n") {
			n[l]++
		}
		return n
	}
	return cmp.Equal(lines(a), lines(b))
}

func TestValidateReportsEverythingAtOnce(t *testing.T) {
	s := parseSchema(t, schoolSchema)
	err := s.Validate(
		rule.File{Name: "a.cedar", Text: `@id("x") permit (principal, action, resource is Grad);`},
		rule.File{Name: "b.cedar", Text: `permit (principal, action, resource`},
		rule.File{Name: "c.cedar", Text: `@id("x") permit (principal, action, resource);`},
	)
	for _, want := range []string{`a.cedar:1:49: the schema has no type "Grad"`, "b.cedar:1:36: expected", `c.cedar:1:1: a rule "x" stands at a.cedar:1:1`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
}

type post struct {
	id, org, author, folder, title string
	tags                           []string
	at                             time.Time
}

func TestSchemaOfTypes(t *testing.T) {
	posts := sallyport.TypeOf("BlogPost", func(p *post) string { return p.id },
		sallyport.Org(func(p *post) string { return p.org }),
		sallyport.Subject("author", func(p *post) string { return p.author }),
		sallyport.Entity("folder", "Folder", func(p *post) string { return p.folder }).Parent(),
		sallyport.String("title", func(p *post) string { return p.title }),
		sallyport.Strings("tags", func(p *post) []string { return p.tags }),
		sallyport.Time("at", func(p *post) time.Time { return p.at }),
	)
	comments := sallyport.TypeOf("Comment", func(p *post) string { return p.id })
	s, err := cedar.SchemaOf([]sallyport.AnyType{posts, comments}, []string{"blog_post:read", "comment:read", "report"})
	if err != nil {
		t.Fatal(err)
	}
	for typ, want := range map[string][]string{
		"BlogPost": {"blog_post:read", "report"}, "Comment": {"comment:read", "report"}, "Organization": {"report"}, "Folder": nil,
	} {
		if got := s.ActionsOn(typ); !cmp.Equal(got, want) {
			t.Errorf("on %s: %v, want %v", typ, got, want)
		}
	}
	found := false
	for _, typ := range s.Types() {
		found = found || typ == sallyport.AnyType(posts)
	}
	if !found {
		t.Error("the type that it was given is not among its types")
	}
	again := parseSchema(t, s.Text())
	for name, s := range map[string]*cedar.Schema{"derived": s, "written and read": again} {
		t.Run(name, func(t *testing.T) {
			if err := s.Validate(file(`permit (principal is User, action == Action::"blog_post:read", resource in Folder::"x")
when { resource has author && resource.author == principal && resource.tags.contains("a") && resource has at && resource.at < context.time };
permit (principal, action, resource is Comment);
permit (principal in Role::"admin", action == Action::"report", resource is Organization);`)); err != nil {
				t.Error(err)
			}
			if err := s.Validate(file(`permit (principal, action == Action::"comment:read", resource is BlogPost);`)); err == nil {
				t.Error("comment:read applies to BlogPost")
			}
		})
	}
}

func TestSchemaOfKeepsOurTypesApart(t *testing.T) {
	user := sallyport.TypeOf("User", func(p *post) string { return p.id },
		sallyport.String("name", func(p *post) string { return p.title }),
		sallyport.Entity("team", "Team", func(p *post) string { return p.folder }).Parent())
	s, err := cedar.SchemaOf([]sallyport.AnyType{user}, []string{"user:read"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(file(`permit (principal is User in Team::"a", action, resource) when { principal.name == "x" && principal.aal > 1 };`)); err != nil {
		t.Error(err)
	}
	for _, text := range []string{
		`permit (principal is Service, action, resource) when { principal.name == "x" };`,
		`permit (principal is Service in Team::"a", action, resource);`,
	} {
		if err := s.Validate(file(text)); err == nil {
			t.Errorf("a service has what the application's users have: %s", text)
		}
	}
}

func TestSchemaOfRefusesWhatCedarCannotSay(t *testing.T) {
	for name, types := range map[string][]sallyport.AnyType{
		"a name that is no identifier":      {sallyport.NewType("Blog Post")},
		"a keyword as a name":               {sallyport.NewType("like")},
		"two types of one name":             {sallyport.NewType("A"), sallyport.NewType("A")},
		"a record, whose fields are hidden": {sallyport.NewType("A", sallyport.Attribute{Name: "r", Kind: sallyport.KindRecord})},
		"a set of nothing":                  {sallyport.NewType("A", sallyport.Attribute{Name: "r", Kind: sallyport.KindSet})},
		"a reference to no identifier":      {sallyport.NewType("A", sallyport.Attribute{Name: "r", Kind: sallyport.KindEntity, Entity: "B C"})},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cedar.SchemaOf(types, []string{"a:read"})
			if err == nil {
				t.Fatal("no error")
			}
			t.Log(err)
		})
	}
}
