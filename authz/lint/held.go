package lint

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/internal/nearest"
)

// ownKinds are what Sallyport's own permissions are about, which no schema of an
// application declares: "user:read", "policy:publish".
var ownKinds = []string{
	"account", "assignment", "audit", "client", "decision", "grant", "invitation", "key", "member",
	"organization", "policy", "revocation", "role", "session", "setting", "user",
}

// unheld finds actions that no role permits and no rule. Whoever may do everything
// may do them all the same, which is worth a note.
func (p *Policy) unheld() []Finding {
	if p.Roles == nil || p.Schema == nil {
		return nil
	}
	all := p.everything()
	var found []Finding
	for _, id := range p.actions() {
		holders := p.Roles.Holders(id)
		if len(holders) > len(all) || p.reachable(id) {
			continue
		}
		f := Finding{
			Severity: Warning, Rule: "unheld", About: id, File: p.Source.Schema.Name,
			Text:       fmt.Sprintf("nobody may do %s: no role permits it, and no rule", id),
			Suggestion: "permit it, or take it out of the schema",
		}
		if len(all) > 0 {
			f.Severity = Note
			f.Text = fmt.Sprintf("only %s may do %s: no other role permits it, and no rule", strings.Join(all, ", "), id)
			f.Suggestion = ""
		}
		f.Line, f.Column = find(p.Source.Schema.Text, `"`+id+`"`)
		found = append(found, f)
	}
	return found
}

// everything are the roles that hold "*", themselves or by inheritance.
func (p *Policy) everything() []string {
	return p.Roles.Holders("any:thing-that-no-role-names")
}

// reachable reports whether some rule could permit the action.
func (p *Policy) reachable(id string) bool {
	for _, r := range p.Set.Candidates(action(id), "") {
		if r.Effect == rule.Permit && !denies(settle(p.scoped(r).of(condition(r)), false)) {
			return true
		}
	}
	return false
}

// idle finds roles that can do nothing, and permissions for what the schema does
// not have.
func (p *Policy) idle() []Finding {
	if p.Roles == nil {
		return nil
	}
	mentioned := p.mentioned()
	var found []Finding
	for _, r := range p.Source.Roles {
		var useless []string
		held := p.Roles.Permissions([]string{r.Name})
		for _, text := range held {
			if !p.useful(text) {
				useless = append(useless, text)
			}
		}
		if len(useless) < len(held) {
			found = append(found, p.strange(r, useless)...)
			continue
		}
		if p.counts(r.Name, mentioned) {
			continue
		}
		f := p.aboutRole(r.Name, Warning, "idle-role", "the role "+r.Name+" can do nothing: it has no permissions, and no rule names it")
		if len(held) > 0 {
			f.Text = "the role " + r.Name + " can do nothing: the schema has no action " + strings.Join(useless, ", ") + ", and no rule names the role"
			f.Suggestion = p.meaning(useless[0])
		}
		found = append(found, f)
	}
	return found
}

// counts reports whether a rule names the role, or one that it inherits from.
func (p *Policy) counts(name string, mentioned map[string]*rule.Rule) bool {
	for m := range mentioned {
		if p.inherits(name, m) {
			return true
		}
	}
	return false
}

// strange are findings about permissions of the role itself that are for nothing.
func (p *Policy) strange(r authz.Role, useless []string) []Finding {
	var found []Finding
	for _, text := range useless {
		if !slices.Contains(r.Permissions, text) {
			continue
		}
		f := p.aboutRole(r.Name, Warning, "unknown", "the role "+r.Name+" has the permission "+text+", and the schema has no such action")
		f.Suggestion = p.meaning(text)
		found = append(found, f)
	}
	return found
}

// useful reports whether a permission covers an action of the schema, or one of
// our own. Without a schema nobody can tell, and it does.
func (p *Policy) useful(text string) bool {
	permission, err := authz.ParsePermission(text)
	kind, _, _ := strings.Cut(text, ":")
	if err != nil || p.Schema == nil || text == "*" || slices.Contains(ownKinds, kind) {
		return true
	}
	return slices.ContainsFunc(p.actions(), func(id string) bool {
		a, err := authz.ParsePermission(id)
		return err == nil && permission.Covers(a)
	})
}

// meaning suggests what a permission was to be.
func (p *Policy) meaning(text string) string {
	if n := nearest.Name(text, slices.Values(p.actions())); n != "" {
		return `did you mean "` + n + `"?`
	}
	return ""
}

// strangers finds rules that name a role which is not defined.
func (p *Policy) strangers() []Finding {
	if p.Roles == nil {
		return nil
	}
	var names []string
	for _, r := range p.Source.Roles {
		names = append(names, r.Name)
	}
	mentioned := p.mentioned()
	var found []Finding
	for _, name := range slices.Sorted(maps.Keys(mentioned)) {
		if p.Roles.Has(name) {
			continue
		}
		f := about(mentioned[name], Warning, "unknown-role", "the rule %s names the role %q, which is not defined", mentioned[name].ID, name)
		if n := nearest.Name(name, slices.Values(names)); n != "" {
			f.Suggestion = `did you mean "` + n + `"?`
		}
		found = append(found, f)
	}
	return found
}

// mentioned are the roles that rules name, each with the first rule that does.
func (p *Policy) mentioned() map[string]*rule.Rule {
	found := map[string]*rule.Rule{}
	var look func(r *rule.Rule, e *rule.Expr)
	look = func(r *rule.Rule, e *rule.Expr) {
		if e.Op == rule.Const {
			for _, v := range elements(e.Value) {
				if v.EntityType() == sallyport.RoleType && found[v.Text()] == nil {
					found[v.Text()] = r
				}
			}
		}
		for _, a := range e.Args {
			look(r, a)
		}
	}
	for _, r := range p.Set.Rules() {
		look(r, rule.Condition(r))
	}
	return found
}

func (p *Policy) aboutRole(name string, s Severity, lint, text string) Finding {
	f := Finding{Severity: s, Rule: lint, About: name, File: p.Source.Home.Name, Text: text}
	f.Line, f.Column = findWord(p.Source.Home.Text, name)
	return f
}

// find returns where a text first stands, 0 if it does not.
func find(text, what string) (line, column int) {
	at := strings.Index(text, what)
	if at < 0 {
		return 0, 0
	}
	return place(text, at, rule.Position{Line: 1, Column: 1})
}

func findWord(text, word string) (line, column int) {
	at := regexp.MustCompile(`(^|[^\w-])(` + regexp.QuoteMeta(word) + `)($|[^\w-])`).FindStringSubmatchIndex(text)
	if at == nil {
		return 0, 0
	}
	return place(text, at[4], rule.Position{Line: 1, Column: 1})
}
