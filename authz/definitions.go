package authz

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/internal/nearest"
)

// Definitions are role definitions, compiled: an immutable snapshot that answers
// who may do what in a time that does not depend on how many roles and
// permissions there are. A nil *Definitions has no roles. It is safe for
// concurrent use.
type Definitions struct {
	numbers map[string]uint32 // of roles, by name
	roles   []role            // by number

	actions map[string]*holders // every action that a definition names
	kinds   map[string]*roleSet // holders of "kind:*"
	all     roleSet             // holders of "*"
}

type role struct {
	name        string
	decision    sallyport.Decision // "role moderator" allows: made once so that no decision makes it
	permissions []Permission
	inherits    []uint32
	heirs       roleSet         // itself and those that inherit from it, at any depth
	within      []sallyport.UID // itself and those it inherits from, at any depth
	above       []uint32        // the same, by number
}

// holders are those whom an action is permitted, other than holders of "*".
type holders struct {
	action roleSet
	kind   roleSet
}

// Compile checks the definitions and closes them over inheritance. Its error
// lists everything that is wrong: malformed and repeated names and permissions,
// inherited roles that do not exist, roles that inherit from themselves.
func Compile(roles []Role) (*Definitions, error) {
	d := &Definitions{
		numbers: make(map[string]uint32, len(roles)),
		roles:   make([]role, 0, len(roles)),
		actions: make(map[string]*holders),
		kinds:   make(map[string]*roleSet),
	}
	var problems []error
	for _, r := range roles {
		if err := d.add(r); err != nil {
			problems = append(problems, err)
		}
	}
	for _, r := range roles {
		problems = append(problems, d.inherit(r)...)
	}
	if problems = append(problems, d.circles()...); len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	d.index()
	return d, nil
}

// add enters r, still without what it inherits.
func (d *Definitions) add(r Role) error {
	if err := CheckRoleName(r.Name); err != nil {
		return err
	}
	if _, taken := d.numbers[r.Name]; taken {
		return fmt.Errorf("role %q is defined twice", r.Name)
	}
	var problems []error
	permissions := make([]Permission, 0, len(r.Permissions))
	seen := make(map[Permission]bool, len(r.Permissions))
	for _, s := range r.Permissions {
		p, err := ParsePermission(s)
		switch {
		case err != nil:
			problems = append(problems, fmt.Errorf("role %q: %w", r.Name, err))
			continue
		case seen[p]:
			problems = append(problems, fmt.Errorf("role %q lists permission %q twice", r.Name, s))
		}
		seen[p] = true
		permissions = append(permissions, p)
	}
	name := strings.Clone(r.Name)
	d.numbers[name] = uint32(len(d.roles))
	d.roles = append(d.roles, role{name: name, decision: sallyport.Decision{Allow: true, Rule: "role " + name}, permissions: permissions})
	return errors.Join(problems...)
}

// inherit resolves the roles that r names.
func (d *Definitions) inherit(r Role) (problems []error) {
	n, ok := d.numbers[r.Name]
	if !ok || d.roles[n].inherits != nil { // refused by add
		return nil
	}
	from := make([]uint32, 0, len(r.Inherits))
	for _, name := range r.Inherits {
		m, known := d.numbers[name]
		switch {
		case !known:
			problems = append(problems, fmt.Errorf("role %q inherits role %.80q, which does not exist%s",
				r.Name, name, nearest.Hint(name, maps.Keys(d.numbers))))
		case slices.Contains(from, m):
			problems = append(problems, fmt.Errorf("role %q inherits role %q twice", r.Name, name))
		default:
			from = append(from, m)
		}
	}
	d.roles[n].inherits = from
	return problems
}

// circles returns an error for every circle of inheritance that a walk through
// all roles runs into.
func (d *Definitions) circles() (problems []error) {
	const open, done = 1, 2
	state := make([]uint8, len(d.roles))
	var path []uint32 // the open roles, each inheriting the next
	var walk func(n uint32)
	walk = func(n uint32) {
		switch state[n] {
		case open:
			problems = append(problems, d.circle(path[slices.Index(path, n):]))
			return
		case done:
			return
		}
		state[n], path = open, append(path, n)
		for _, m := range d.roles[n].inherits {
			walk(m)
		}
		state[n], path = done, path[:len(path)-1]
	}
	for n := range d.roles {
		walk(uint32(n))
	}
	return problems
}

func (d *Definitions) circle(path []uint32) error {
	var names []string
	for _, n := range append(slices.Clone(path), path[0]) {
		names = append(names, d.roles[n].name)
	}
	return fmt.Errorf("roles inherit in a circle: %s", strings.Join(names, " → "))
}

// index finds for every permission all roles that hold it, themselves or by
// inheritance.
func (d *Definitions) index() {
	heirs := make([][]uint32, len(d.roles))
	direct := make(map[Permission][]uint32)
	for n, r := range d.roles {
		for _, m := range r.inherits {
			heirs[m] = append(heirs[m], uint32(n))
		}
		for _, p := range r.permissions {
			direct[p] = append(direct[p], uint32(n))
		}
	}
	reached := make([]bool, len(d.roles))
	for n := range d.roles {
		family := withHeirs([]uint32{uint32(n)}, heirs, reached)
		d.roles[n].heirs = newRoleSet(family)
		for _, heir := range family {
			r := &d.roles[heir]
			r.within = append(r.within, sallyport.UID{Type: sallyport.RoleType, ID: d.roles[n].name})
			r.above = append(r.above, uint32(n))
		}
	}
	for p, from := range direct {
		d.enter(p, newRoleSet(withHeirs(from, heirs, reached)))
	}
	for action, h := range d.actions {
		kind, _ := kindOf(action)
		if k := d.kinds[kind]; k != nil {
			h.kind = *k
		}
	}
}

// withHeirs returns, sorted, the roles in from and all that inherit from them.
// reached is scratch space, all false before and after.
func withHeirs(from []uint32, heirs [][]uint32, reached []bool) []uint32 {
	found := slices.Clone(from)
	for _, n := range found {
		reached[n] = true
	}
	for i := 0; i < len(found); i++ {
		for _, heir := range heirs[found[i]] {
			if !reached[heir] {
				reached[heir] = true
				found = append(found, heir)
			}
		}
	}
	for _, n := range found {
		reached[n] = false
	}
	slices.Sort(found)
	return found
}

func (d *Definitions) enter(p Permission, s roleSet) {
	switch {
	case p.kind == "*":
		d.all = s
	case p.verb == "*":
		d.kinds[p.kind] = &s
	default:
		d.actions[p.String()] = &holders{action: s}
	}
}

// Has reports whether there is a role of that name.
func (d *Definitions) Has(role string) bool {
	if d == nil {
		return false
	}
	_, ok := d.numbers[role]
	return ok
}

// Allows reports whether any of the roles permits action. Roles that do not
// exist permit nothing, and nobody is permitted an action that is a pattern or
// malformed. It does not allocate.
func (d *Definitions) Allows(roles []string, action string) bool {
	if d == nil || len(roles) == 0 {
		return false
	}
	exact, kind := d.holders(action)
	if exact == nil {
		return false
	}
	for _, name := range roles {
		n, known := d.numbers[name]
		if known && (exact.has(n) || kind.has(n) || d.all.has(n)) {
			return true
		}
	}
	return false
}

// holders returns who holds action by name and by "kind:*", nil if nobody can
// because it is a pattern or malformed.
func (d *Definitions) holders(action string) (exact, kind *roleSet) {
	if h := d.actions[action]; h != nil {
		return &h.action, &h.kind
	}
	if len(d.kinds) == 0 && d.all.empty() {
		return nil, nil
	}
	name, ok := kindOf(action)
	if !ok {
		return nil, nil
	}
	if k := d.kinds[name]; k != nil {
		return &none, k
	}
	return &none, &none
}

// Actions returns the actions that the definitions name, sorted, patterns left
// out.
func (d *Definitions) Actions() []string {
	if d == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(d.actions))
}

// Names reports whether a definition names the action, or everything of its kind.
func (d *Definitions) Names(action string) bool {
	kind, ok := kindOf(action)
	return ok && d != nil && (d.actions[action] != nil || d.kinds[kind] != nil)
}

// Holders returns the names of the roles that permit action, themselves or by
// inheritance, sorted; nil for an action that nobody can have been given.
func (d *Definitions) Holders(action string) []string {
	if d == nil {
		return nil
	}
	exact, kind := d.holders(action)
	if exact == nil {
		return nil
	}
	var names []string
	for n, r := range d.roles {
		if number := uint32(n); exact.has(number) || kind.has(number) || d.all.has(number) {
			names = append(names, r.name)
		}
	}
	slices.Sort(names)
	return names
}

// none is what nobody holds.
var none roleSet

// Permissions returns what the roles permit, by themselves and by inheritance:
// permissions as they were written, sorted, each once. It never returns nil.
func (d *Definitions) Permissions(roles []string) []string {
	found := make(map[string]bool)
	d.walk(roles, func(p Permission) bool {
		found[p.String()] = true
		return true
	})
	return append(make([]string, 0, len(found)), slices.Sorted(maps.Keys(found))...)
}

// Covers reports whether the holder's roles permit everything in want, which are
// permissions and may be patterns: nobody may give away more than they hold. A
// malformed permission is never covered.
func (d *Definitions) Covers(holder []string, want []string) bool {
	missing := make(map[Permission]bool, len(want))
	for _, s := range want {
		p, err := ParsePermission(s)
		if err != nil {
			return false
		}
		missing[p] = true
	}
	d.walk(holder, func(held Permission) bool {
		maps.DeleteFunc(missing, func(p Permission, _ bool) bool { return held.Covers(p) })
		return len(missing) > 0
	})
	return len(missing) == 0
}

// walk visits the permissions of the roles and of those they inherit, each role
// once, until visit returns false.
func (d *Definitions) walk(roles []string, visit func(Permission) bool) {
	if d == nil {
		return
	}
	var found []uint32
	reached := make(map[uint32]bool, len(roles))
	reach := func(n uint32) {
		if !reached[n] {
			reached[n] = true
			found = append(found, n)
		}
	}
	for _, name := range roles {
		if n, ok := d.numbers[name]; ok {
			reach(n)
		}
	}
	for i := 0; i < len(found); i++ {
		r := &d.roles[found[i]]
		for _, p := range r.permissions {
			if !visit(p) {
				return
			}
		}
		for _, m := range r.inherits {
			reach(m)
		}
	}
}

// inherits reports whether any of the roles is the one named or inherits from it.
func (d *Definitions) inherits(roles []string, name string) bool {
	if d == nil {
		return false
	}
	ancestor, ok := d.numbers[name]
	if !ok {
		return false
	}
	for _, r := range roles {
		if n, ok := d.numbers[r]; ok && d.roles[ancestor].heirs.has(n) {
			return true
		}
	}
	return false
}

// ancestors appends the roles, as far as they exist, and those that they inherit
// from. A role may come up more than once.
func (d *Definitions) ancestors(to []sallyport.UID, roles []string) []sallyport.UID {
	if d == nil {
		return to
	}
	for _, name := range roles {
		if n, ok := d.numbers[name]; ok {
			to = append(to, d.roles[n].within...)
		}
	}
	return to
}
