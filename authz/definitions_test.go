package authz_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// board is what most tests ask about.
var board = []authz.Role{
	{Name: "member", Permissions: []string{"post:read", "post:create"}},
	{Name: "moderator", Permissions: []string{"post:*"}, Inherits: []string{"member"}},
	{Name: "auditor", Permissions: []string{"audit:read"}, Inherits: []string{"member"}},
	{Name: "chief", Inherits: []string{"moderator", "auditor"}},
	{Name: "admin", Permissions: []string{"*"}},
	{Name: "guest"},
}

func compile(t testing.TB, roles []authz.Role) *authz.Definitions {
	t.Helper()
	d, err := authz.Compile(roles)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAllows(t *testing.T) {
	d := compile(t, board)
	for _, c := range []struct {
		it     string
		roles  string // with commas
		action string
		want   bool
	}{
		{"its own permission", "member", "post:create", true},
		{"somebody else's", "member", "post:delete", false},
		{"a pattern permits what is named elsewhere", "moderator", "post:create", true},
		{"a pattern permits what is named nowhere", "moderator", "post:pin", true},
		{"a pattern ends with its kind", "moderator", "audit:read", false},
		{"a kind that nobody named", "moderator", "poster:pin", false},
		{"an inherited permission", "auditor", "post:read", true},
		{"what is inherited does not spread to brothers", "auditor", "post:delete", false},
		{"inheritance over two steps", "chief", "post:create", true},
		{"both that it inherits from", "chief", "audit:read", true},
		{"an inherited pattern", "chief", "post:pin", true},
		{"everything permits what is named", "admin", "post:read", true},
		{"everything permits what is named nowhere", "admin", "unheard:of", true},
		{"a role without permissions", "guest", "post:read", false},
		{"a role that does not exist", "nobody", "post:read", false},
		{"the second role", "guest,member", "post:read", true},
		{"one that does not exist and one that does", "nobody,member", "post:read", true},
		{"no role", "", "post:read", false},
		{"a pattern is no action", "moderator", "post:*", false},
		{"everything is no action, not for an administrator either", "admin", "*", false},
		{"a malformed action, not for an administrator either", "admin", "post", false},
		{"no action", "admin", "", false},
	} {
		t.Run(c.it, func(t *testing.T) {
			if got := d.Allows(split(c.roles), c.action); got != c.want {
				t.Errorf("Allows(%s, %s) = %v", c.roles, c.action, got)
			}
		})
	}
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func TestCompileRefuses(t *testing.T) {
	type R = authz.Role
	for _, c := range []struct {
		it    string
		roles []R
		want  []string // parts of the message
	}{
		{"a circle", []R{{Name: "a", Inherits: []string{"b"}}, {Name: "b", Inherits: []string{"c"}}, {Name: "c", Inherits: []string{"b"}}},
			[]string{"roles inherit in a circle: b → c → b"}},
		{"a role that inherits itself", []R{{Name: "a", Inherits: []string{"a"}}}, []string{"a → a"}},
		{"an unknown role, and says which is nearest", []R{{Name: "moderator"}, {Name: "admin", Inherits: []string{"moderater"}}},
			[]string{`role "admin" inherits role "moderater", which does not exist; did you mean "moderator"?`}},
		{"an unknown role that resembles none", []R{{Name: "admin", Inherits: []string{"zzz"}}}, []string{`inherits role "zzz", which does not exist`}},
		{"a role defined twice", []R{{Name: "a"}, {Name: "a"}}, []string{`role "a" is defined twice`}},
		{"a permission listed twice", []R{{Name: "a", Permissions: []string{"x:y", "x:y"}}}, []string{`role "a" lists permission "x:y" twice`}},
		{"a role inherited twice", []R{{Name: "a", Inherits: []string{"b", "b"}}, {Name: "b"}}, []string{`role "a" inherits role "b" twice`}},
		{"a malformed name", []R{{Name: "Admin"}}, []string{`role name "Admin"`}},
		{"a malformed permission", []R{{Name: "a", Permissions: []string{"post"}}}, []string{`role "a": permission "post"`}},
		{"and lists everything that is wrong", []R{{Name: "a", Permissions: []string{"x", "y"}, Inherits: []string{"nil", "a"}}, {Name: ""}},
			[]string{`permission "x"`, `permission "y"`, `inherits role "nil"`, "a → a", `role name ""`}},
	} {
		t.Run(c.it, func(t *testing.T) {
			d, err := authz.Compile(c.roles)
			if err == nil || d != nil {
				t.Fatalf("Compile = %v, %v", d, err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error does not say %s: %v", part, err)
				}
			}
		})
	}
}

func TestADiamondIsNoCircle(t *testing.T) {
	d := compile(t, []authz.Role{
		{Name: "top", Inherits: []string{"left", "right"}}, {Name: "left", Inherits: []string{"bottom"}},
		{Name: "right", Inherits: []string{"bottom"}}, {Name: "bottom", Permissions: []string{"post:read"}},
	})
	if !d.Allows([]string{"top"}, "post:read") {
		t.Error("not inherited")
	}
}

func TestADeepChainCompiles(t *testing.T) {
	roles := make([]authz.Role, 3000)
	for i := range roles {
		roles[i] = authz.Role{Name: fmt.Sprint("r", i)}
		if i > 0 {
			roles[i].Inherits = []string{fmt.Sprint("r", i-1)}
		}
	}
	roles[0].Permissions = []string{"post:read"}
	if d := compile(t, roles); !d.Allows([]string{"r2999"}, "post:read") {
		t.Error("not inherited")
	}
}

func TestDefinitionsKeepNoReferenceToTheirSource(t *testing.T) {
	roles := []authz.Role{{Name: "a", Permissions: []string{"post:read"}, Inherits: []string{"b"}}, {Name: "b", Permissions: []string{"post:pin"}}}
	d := compile(t, roles)
	roles[0].Permissions[0], roles[0].Inherits[0], roles[1].Name = "post:delete", "x", "y"
	if got := d.Permissions([]string{"a"}); !slices.Equal(got, []string{"post:pin", "post:read"}) {
		t.Errorf("Permissions = %q", got)
	}
}

func TestPermissions(t *testing.T) {
	d := compile(t, board)
	for _, c := range []struct {
		it, roles string
		want      []string
	}{
		{"those of the role and of what it inherits, sorted", "chief", []string{"audit:read", "post:*", "post:create", "post:read"}},
		{"those of several roles, each once", "member,auditor,guest", []string{"audit:read", "post:create", "post:read"}},
		{"everything as it was written", "admin", []string{"*"}},
		{"none, but a list", "guest,nobody", []string{}},
	} {
		t.Run(c.it, func(t *testing.T) {
			got := d.Permissions(split(c.roles))
			if got == nil || !slices.Equal(got, c.want) {
				t.Errorf("Permissions(%s) = %q, want %q", c.roles, got, c.want)
			}
		})
	}
}

func TestNobodyGivesMoreThanTheyHold(t *testing.T) {
	d := compile(t, board)
	for _, c := range []struct {
		it, holder, want string
		covers           bool
	}{
		{"what the role has", "member", "post:read,post:create", true},
		{"one more than the role has", "member", "post:read,post:delete", false},
		{"an action of a pattern", "moderator", "post:pin", true},
		{"the pattern itself", "moderator", "post:*", true},
		{"a pattern of which one holds the actions", "member", "post:*", false},
		{"everything by everything", "admin", "*,post:*,audit:read", true},
		{"everything by a pattern", "chief", "*", false},
		{"together", "auditor,moderator", "audit:read,post:pin", true},
		{"nothing", "guest", "", true},
		{"nothing by nobody", "", "", true},
		{"something by nobody", "", "post:read", false},
		{"something by a role that does not exist", "nobody", "post:read", false},
		{"what is malformed, not even by everything", "admin", "openid", false},
	} {
		t.Run(c.it, func(t *testing.T) {
			if got := d.Covers(split(c.holder), split(c.want)); got != c.covers {
				t.Errorf("Covers(%s, %s) = %v", c.holder, c.want, got)
			}
		})
	}
}

func TestNoDefinitionsPermitNothing(t *testing.T) {
	var d *authz.Definitions
	if d.Has("admin") || d.Allows([]string{"admin"}, "post:read") || d.Covers([]string{"admin"}, []string{"post:read"}) || len(d.Permissions([]string{"admin"})) != 0 {
		t.Error("nil definitions permit something")
	}
	if d := compile(t, board); !d.Has("admin") || d.Has("nobody") {
		t.Error("Has is wrong")
	}
}

// naive answers what compiled definitions must answer, straight from the
// definitions as they were written.
type naive map[string]authz.Role

func (n naive) holds(t *rapid.T, role string, want authz.Permission) bool {
	r, ok := n[role]
	if !ok {
		return false
	}
	for _, s := range r.Permissions {
		p, err := authz.ParsePermission(s)
		if err != nil {
			t.Fatal(err)
		}
		if p.Covers(want) {
			return true
		}
	}
	return slices.ContainsFunc(r.Inherits, func(from string) bool { return n.holds(t, from, want) })
}

func TestCompiledAnswersAreThoseOfTheDefinitions(t *testing.T) {
	for range testenv.Count(1, 50) {
		rapid.Check(t, compiledIsNaive)
	}
}

func compiledIsNaive(t *rapid.T) {
	actions := []string{"a:x", "a:y", "b:x", "b:y", "c:x", "d:z"}
	patterns := append([]string{"a:*", "b:*", "c:*", "*"}, actions[:5]...)
	// Mostly few roles, sometimes so many that sets of them become sparse.
	count := rapid.OneOf(rapid.IntRange(0, 12), rapid.IntRange(0, 1500)).Draw(t, "roles")
	name := func(i int) string { return fmt.Sprint("role", i) }
	roles, plain := make([]authz.Role, count), naive{}
	for i := range roles {
		r := authz.Role{Name: name(i)}
		if count <= 12 || rapid.IntRange(0, 40).Draw(t, "has any") == 0 {
			r.Permissions = rapid.SliceOfNDistinct(rapid.SampledFrom(patterns), 0, 3, rapid.ID).Draw(t, "permissions")
			if i > 0 { // from earlier ones only: no circle
				r.Inherits = rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) string {
					return name(rapid.IntRange(0, i-1).Draw(t, "from"))
				}), 0, min(i, 3), rapid.ID).Draw(t, "inherits")
			}
		}
		roles[i], plain[r.Name] = r, r
	}
	shuffled := rapid.Permutation(roles).Draw(t, "order")
	d, err := authz.Compile(shuffled)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		held := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return name(rapid.IntRange(0, count).Draw(t, "held")) }), 0, 3).Draw(t, "subject")
		any := func(s string) bool {
			p, _ := authz.ParsePermission(s)
			return slices.ContainsFunc(held, func(role string) bool { return plain.holds(t, role, p) })
		}
		action := rapid.SampledFrom(actions).Draw(t, "action")
		if got, want := d.Allows(held, action), any(action); got != want {
			t.Fatalf("Allows(%q, %q) = %v, want %v", held, action, got, want)
		}
		pattern := rapid.SampledFrom(patterns).Draw(t, "pattern")
		if got, want := d.Covers(held, []string{pattern}), any(pattern); got != want {
			t.Fatalf("Covers(%q, %q) = %v, want %v", held, pattern, got, want)
		}
	}
}

// rules returns n roles with a permission each, every tenth beside what it
// inherits from the one before, and an administrator.
func rules(n int) []authz.Role {
	roles := make([]authz.Role, 0, n+1)
	for i := range n {
		r := authz.Role{Name: fmt.Sprintf("role-%d", i), Permissions: []string{fmt.Sprintf("type-%d:read", i)}}
		if i%10 == 9 {
			r.Inherits = []string{fmt.Sprintf("role-%d", i-1)}
		}
		roles = append(roles, r)
	}
	return append(roles, authz.Role{Name: "admin", Permissions: []string{"*"}})
}

// questions are as many queries as fit the first-level cache, spread over all
// rules, so that no benchmark asks the same question twice in a row.
func questions(n int) (roles [][]string, actions []string) {
	const count = 64
	for i := range count {
		k := i * n / count
		roles = append(roles, []string{fmt.Sprintf("role-%d", k)})
		actions = append(actions, fmt.Sprintf("type-%d:read", k))
	}
	return roles, actions
}

func BenchmarkRoleCheck(b *testing.B) {
	for _, n := range []int{10, 1000, 10000} {
		d := compile(b, rules(n))
		roles, actions := questions(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if !d.Allows(roles[i&63], actions[i&63]) {
					b.Fatal("refused")
				}
				i++
			}
		})
	}
}

// BenchmarkRoleCheckCases are the other ways through: all at 10,000 rules.
func BenchmarkRoleCheckCases(b *testing.B) {
	d := compile(b, rules(10000))
	for _, c := range []struct {
		it, roles, action string
		want              bool
	}{
		{"everything/named", "admin", "type-7:read", true},
		{"everything/unnamed", "admin", "post:delete", true},
		{"denied", "role-1", "type-7:read", false},
		{"denied/8-roles", "role-1,role-2,role-3,role-4,role-5,role-6,role-8,role-9999", "type-7:read", false},
	} {
		roles := split(c.roles)
		b.Run(c.it, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d.Allows(roles, c.action) != c.want {
					b.Fatal("wrong")
				}
			}
		})
	}
}

// BenchmarkRoleCheckFloor is what one would write by hand: a map of maps, without
// patterns and without inheritance.
func BenchmarkRoleCheckFloor(b *testing.B) {
	for _, n := range []int{10, 1000, 10000} {
		byRole := make(map[string]map[string]bool)
		for _, r := range rules(n) {
			byRole[r.Name] = make(map[string]bool)
			for _, p := range r.Permissions {
				byRole[r.Name][p] = true
			}
		}
		roles, actions := questions(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if !byRole[roles[i&63][0]][actions[i&63]] {
					b.Fatal("refused")
				}
				i++
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{10, 1000, 10000} {
		roles := rules(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				compile(b, roles)
			}
		})
	}
}

func TestAllowsDoesNotAllocate(t *testing.T) {
	d := compile(t, board)
	for _, action := range []string{"post:read", "post:pin", "unheard:of", "post"} {
		roles := []string{"guest", "nobody", "chief"}
		if n := testing.AllocsPerRun(100, func() { d.Allows(roles, action) }); n != 0 {
			t.Errorf("%s: %v allocations", action, n)
		}
	}
}
