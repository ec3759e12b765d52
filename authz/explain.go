package authz

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// An Explanation is a decision with the whole way to it. Unlike the decision it
// tells everything, so it is for those who may know the policy.
type Explanation struct {
	Decision sallyport.Decision
	Steps    []Step       // every question that door two asks, in the order of [Policy], also those after the deciding one
	Rules    []rule.Trace // of every rule that could apply, with the values that it saw
	Would    []string     // what would have allowed it, a sentence each; nil if it is allowed
}

// A Step is one question of door two and its answer.
type Step struct {
	Question string // "organization", "scope", "forbid", "role", "grant", "permit" or "go"
	Answer   Answer
	By       string // what answered: "role editor", a rule's id; "" = nothing in particular
	Why      string // the values that decided
}

// An Answer is what a [Step] says.
type Answer string

// The answers.
const (
	Allows  Answer = "allows"
	Refuses Answer = "refuses"
	Passes  Answer = "passes" // it leaves the decision to the others
)

// Explain answers q like [Policy.Decide], and says why. It asks every question,
// also those that no longer matter, so it costs more.
func (p *Policy) Explain(ctx context.Context, q sallyport.Query) (Explanation, error) {
	if q.Context.Time.IsZero() {
		q.Context.Time = time.Now()
	}
	d, err := p.Decide(ctx, q)
	if err != nil {
		return Explanation{}, err
	}
	e := p.evaluate(&q, p.standing(&q)) // never done: the traces hold on to its values
	x := Explanation{Decision: d, Rules: e.rules.Set.Explain(&e.env)}
	if x.Steps, err = e.steps(ctx); err != nil {
		return Explanation{}, err
	}
	if !d.Allow {
		x.Would = e.would(&x)
	}
	return x, nil
}

// steps asks everything that decide asks, and the scope.
func (e *evaluation) steps(ctx context.Context) ([]Step, error) {
	permitted, err := e.permit(ctx)
	if err != nil {
		return nil, err
	}
	grant, err := e.grant(ctx)
	if err != nil {
		return nil, err
	}
	return []Step{
		e.organizationStep(),
		e.scopeStep(),
		ruleStep("forbid", e.about.rules.Forbidden(&e.env), Refuses),
		allowing("role", e.roleText(), e.rolesText()),
		allowing("grant", grant, ""),
		ruleStep("permit", e.permitted(), Allows),
		allowing("go", permitted.Rule, ""),
	}, nil
}

func (e *evaluation) organizationStep() Step {
	s := Step{Question: "organization", Answer: Passes}
	org, belongs := e.query.Resource.Organization()
	if !belongs {
		return s
	}
	s.Why = fmt.Sprintf("the object belongs to %s, the principal acts in %s", orNone(org), orNone(e.query.Principal.Org))
	if e.place == foreign {
		s.Answer = Refuses
	}
	return s
}

func (e *evaluation) scopeStep() Step {
	s := Step{Question: "scope", Answer: Passes}
	if e.query.Principal.Scopes == nil {
		return s
	}
	s.Why = "scopes of the credential: " + listed(e.query.Principal.Scopes)
	if !ScopeAllows(e.query.Principal.Scopes, e.query.Action) {
		s.Answer = Refuses
	}
	return s
}

// roleText is the role that permits by its definition.
func (e *evaluation) roleText() string {
	if !e.roles.definition() {
		return ""
	}
	return e.roles.decision.Rule
}

// rolesText is which roles counted.
func (e *evaluation) rolesText() string {
	p := e.query.Principal
	if p.Kind == sallyport.Anonymous {
		return "nobody is signed in"
	}
	text := "the principal's roles: " + listed(p.Roles)
	if len(p.OrgRoles) == 0 {
		return text
	}
	if e.who.inOrg {
		return text + "; in " + p.Org + ": " + listed(p.OrgRoles)
	}
	return text + "; those in " + p.Org + " do not count for this object"
}

func allowing(question, by, why string) Step {
	s := Step{Question: question, Answer: Passes, By: by, Why: why}
	if by != "" {
		s.Answer = Allows
	}
	return s
}

func ruleStep(question string, r *rule.Rule, says Answer) Step {
	if r == nil {
		return Step{Question: question, Answer: Passes}
	}
	return Step{Question: question, Answer: says, By: r.ID, Why: r.At()}
}

// would says what would have allowed what is denied.
func (e *evaluation) would(x *Explanation) []string {
	if e.place == foreign {
		org, _ := e.query.Resource.Organization()
		if org == "" {
			return []string{"nothing: objects of this type belong to organizations, and this one names none"}
		}
		return []string{"to act in the organization " + org + ", to which the object belongs"}
	}
	if n := x.Decision.Need; n != nil {
		return []string{needed(n)}
	}
	return append(e.obstacles(x), e.ways(x)...)
}

// obstacles are what has to go whatever else is done.
func (e *evaluation) obstacles(x *Explanation) []string {
	var found []string
	if !ScopeAllows(e.query.Principal.Scopes, e.query.Action) {
		found = append(found, "first, a credential whose scope covers "+e.query.Action)
	}
	for _, t := range x.Rules {
		if t.Rule.Effect == rule.Forbid && t.Fires() {
			found = append(found, "first, that the rule "+t.Rule.ID+" did not forbid it: "+holding(t))
		}
	}
	return found
}

// ways are those of which one is enough.
func (e *evaluation) ways(x *Explanation) []string {
	var found []string
	action, signedIn := e.query.Action, e.query.Principal.Kind != sallyport.Anonymous
	if !e.roles.definition() {
		if roles := e.definitions.Holders(action); len(roles) > 0 {
			found = append(found, oneOf("the role", roles))
		}
	}
	if e.policy.Grants != nil && signedIn && e.query.Resource.ID() != "" {
		found = append(found, fmt.Sprintf("a grant of %s on %s", action, e.query.Resource.UID()))
	}
	for _, t := range x.Rules {
		if t.Rule.Effect == rule.Permit && !t.Fires() {
			found = append(found, "the rule "+t.Rule.ID+", if it were so: "+joined(t.Missing()))
		}
	}
	return found
}

// holding is why a forbid fires.
func holding(t rule.Trace) string {
	if len(t.Steps) == 0 {
		return "it has no condition"
	}
	if t.Truth == rule.Neither {
		return joined(t.Missing())
	}
	return joined(t.Steps)
}

func joined(steps []rule.Step) string {
	texts := make([]string, len(steps))
	for i, s := range steps {
		texts[i] = s.String()
	}
	return strings.Join(texts, ", and ")
}

// needed is what of the sign-in or of the credential is missing.
func needed(n *sallyport.Need) string {
	var parts []string
	if n.Scope != "" {
		parts = append(parts, "a credential whose scope covers "+n.Scope)
	}
	if len(n.ACR) > 0 {
		parts = append(parts, "a sign-in at "+strings.Join(n.ACR, " or "))
	}
	if n.MaxAge > 0 {
		parts = append(parts, "a sign-in no older than "+n.MaxAge.String())
	}
	return strings.Join(parts, " and ")
}

func oneOf(what string, names []string) string {
	if len(names) == 1 {
		return what + " " + names[0]
	}
	return what + " " + strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

func orNone(org string) string {
	if org == "" {
		return "none"
	}
	return org
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
