package cedar

import (
	"regexp"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"

	"github.com/sallyport-auth/sallyport/authz/rule"
)

// Validate reads policy files as [Parse] does and holds every rule to the schema,
// strictly: what is not declared is an error, and so is what could fail when it
// is asked for, such as an attribute that may be absent and that no "has" stands
// before.
func (s *Schema) Validate(files ...rule.File) error {
	v := validate.New(s.resolved, validate.WithStrict())
	var wrong problems
	var rules []rule.Rule
	for _, f := range files {
		policies, errs := parse(f)
		wrong.add(errs...)
		for _, p := range policies {
			rules = append(rules, p.rule)
			wrong.add(s.objections(f, p, validatePolicy(v, p.policy))...)
		}
	}
	wrong.add(duplicates(rules)...)
	return wrong.err()
}

// objections turns what the validator says about a policy into errors, each once.
func (s *Schema) objections(f rule.File, p parsed, err error) []*Error {
	var found []*Error
	seen := map[string]bool{}
	for _, e := range leaves(err) {
		if m := e.Error(); !seen[m] {
			seen[m] = true
			found = append(found, s.objection(f, p, m))
		}
	}
	return found
}

// leaves returns the errors that an error joins.
func leaves(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var found []error
	for _, e := range joined.Unwrap() {
		found = append(found, leaves(e)...)
	}
	return found
}

// A saying is something that the validator says and we say better.
type saying struct {
	pattern *regexp.Regexp
	say     func(o *objection, m []string)
}

// An objection is an error about a policy that is being written.
type objection struct {
	*Error
	schema *Schema
	policy parsed
}

var sayings = []saying{
	{regexp.MustCompile("^unrecognized entity type `(.*)`$"), func(o *objection, m []string) {
		o.about(m[1], `the schema has no type "`+m[1]+`"`)
		o.Suggestion = nearestOf(m[1], o.schema.entityTypes())
	}},
	{regexp.MustCompile("^unrecognized action `(.*)`$"), func(o *objection, m []string) {
		o.about(identifier(m[1]), "the schema has no action "+m[1])
		o.Suggestion = nearestOf(m[1], o.schema.actionNames())
	}},
	{regexp.MustCompile("^attribute `(.*)` on entity type `(.*)` not found$"), func(o *objection, m []string) {
		o.about(last(m[1]), m[2]+` has no attribute "`+m[1]+`"`)
		o.Suggestion = o.schema.nearestAttr(m[2], m[1])
	}},
	{regexp.MustCompile("^attribute `(.*)` on entity types (.*) not found$"), func(o *objection, m []string) {
		o.about(last(m[1]), "not each of "+strings.ReplaceAll(m[2], "`", "")+` has an attribute "`+m[1]+`"`)
	}},
	{regexp.MustCompile("^attribute `(.*)` in context for (.*) not found$"), func(o *objection, m []string) {
		o.about(m[1], "the context of "+m[2]+` has no field "`+m[1]+`"`)
		o.Suggestion = o.schema.nearestField(m[2], m[1])
	}},
	{regexp.MustCompile("^unable to guarantee safety of access to optional attribute `([^`]*)`"), func(o *objection, m []string) {
		o.about(last(m[1]), `the attribute "`+m[1]+`" may be absent: ask first, with "has `+m[1]+` &&", whether it is there`)
	}},
	{regexp.MustCompile("^unable to guarantee safety of access to tag `(.*?)`"), func(o *objection, m []string) {
		o.about("getTag", "the tag "+m[1]+` may be absent: ask first, with "hasTag(`+m[1]+`) &&", whether it is there`)
	}},
	{regexp.MustCompile("^the types (.*) are not compatible$"), func(o *objection, m []string) {
		o.Reason = "values of different types are compared or mixed: " + m[1]
	}},
	{regexp.MustCompile("^unexpected type: expected (.*) but saw (.*)$"), func(o *objection, m []string) {
		o.Reason = "expected a value of type " + m[1] + ", not " + m[2]
	}},
	{regexp.MustCompile("failed to parse as (.*): `\"(.*)\"`$"), func(o *objection, m []string) {
		o.about(m[2], `"`+clip(m[2])+`" cannot be read as `+m[1])
	}},
	{regexp.MustCompile("^unable to find an applicable action"), func(o *objection, _ []string) {
		o.Reason = "the rule can never apply: the schema has no such action for such principals and resources"
	}},
	{regexp.MustCompile("^empty set literals are forbidden"), func(o *objection, _ []string) {
		o.Reason = "the set [] has no elements, so that its type is not known"
	}},
	{regexp.MustCompile("^extension constructors may not be called"), func(o *objection, _ []string) {
		o.Reason = "ip, decimal, datetime and duration take nothing but text in double quotes"
	}},
}

// objection says in our words what the validator says about a policy, and where.
func (s *Schema) objection(f rule.File, p parsed, message string) *Error {
	o := &objection{point(f, p.code[0], message), s, p}
	for _, one := range sayings {
		if m := one.pattern.FindStringSubmatch(message); m != nil {
			one.say(o, m)
			break
		}
	}
	return o.Error
}

// about sets the reason, and as its place the name in the policy that it is about.
func (o *objection) about(name, reason string) {
	o.Reason = reason
	if t, ok := find(o.policy.code, name); ok {
		o.Line, o.Column = t.line, t.column
	}
}

// last returns the last attribute of a path: of a.b, or of a["b"].
func last(path string) string {
	if strings.HasSuffix(path, `"]`) {
		return path[strings.LastIndex(path, `["`)+2 : len(path)-2]
	}
	return path[strings.LastIndexByte(path, '.')+1:]
}

// identifier returns the id of an entity that is written as Type::"id".
func identifier(entity string) string {
	_, id, _ := strings.Cut(entity, `::"`)
	return strings.TrimSuffix(id, `"`)
}

// actionNames returns the actions as policies write them.
func (s *Schema) actionNames() []string {
	var found []string
	for name := range s.resolved.Actions {
		found = append(found, name.String())
	}
	slices.Sort(found)
	return found
}

// nearestAttr returns the attribute of an entity type that resembles one that it
// does not have.
func (s *Schema) nearestAttr(typ, attr string) string {
	return nearestOf(attr, sorted(s.resolved.Entities[types.EntityType(typ)].Shape))
}

// nearestField is nearestAttr for the context of an action.
func (s *Schema) nearestField(action, field string) string {
	for name, a := range s.resolved.Actions {
		if name.String() == action && a.AppliesTo != nil {
			return nearestOf(field, sorted(a.AppliesTo.Context))
		}
	}
	return ""
}
