package lint

import (
	"strings"

	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/authz/rule/where"
)

// unlistable finds rules by which lists cannot be filtered in a database.
func (p *Policy) unlistable() []Finding {
	type refusal struct {
		types  []string
		reason string
	}
	refused := map[*rule.Rule]*refusal{}
	for _, o := range p.objects() {
		for r := range p.applying(o) {
			err := where.Listable(r, o)
			if err == nil {
				continue
			}
			if refused[r] == nil {
				_, reason, _ := strings.Cut(err.Error(), "rule "+r.ID+": ")
				refused[r] = &refusal{reason: reason}
			}
			refused[r].types = append(refused[r].types, o.Name())
		}
	}
	var found []Finding
	for _, r := range p.Set.Rules() {
		if no := refused[r]; no != nil {
			f := about(r, Warning, "unlistable", "lists of %s cannot be filtered by the rule %s: %s", strings.Join(no.types, ", "), r.ID, no.reason)
			f.Suggestion = `if none is needed, say @nolint("unlistable")`
			found = append(found, f)
		}
	}
	return found
}

// applying are the rules that could apply to objects of a type.
func (p *Policy) applying(o object) map[*rule.Rule]bool {
	found := map[*rule.Rule]bool{}
	for _, id := range o.actions {
		for _, r := range p.Set.Candidates(action(id), o.Name()) {
			found[r] = true
		}
	}
	return found
}
