package authz

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/sallyport-auth/sallyport"
)

// A Policy decides by the principal's roles, then by rules in Go, and denies what
// neither permits. The scopes of the credential are an upper bound: what they do
// not allow is denied, and if nothing but the scope is missing the decision says
// so. Roles count for nothing without a principal; the anonymous one is permitted
// what a rule permits.
//
// The zero Policy denies everything. A Policy is safe for concurrent use.
type Policy struct {
	definitions atomic.Pointer[Definitions]
	reading     sync.Mutex        // held from reading definitions until they are in force
	rules       map[string][]Rule // by type of resource, in the order given
}

// New returns a policy with the rules, asked in the order given, and still
// without role definitions: see [Policy.Swap] and [Policy.Reload]. It panics on
// the zero Rule.
func New(rules ...Rule) *Policy {
	p := &Policy{rules: make(map[string][]Rule)}
	for _, r := range rules {
		if r.permit == nil {
			panic("authz: zero Rule")
		}
		p.rules[r.kind] = append(p.rules[r.kind], r)
	}
	return p
}

// Load returns the role definitions in force, nil if there are none yet.
func (p *Policy) Load() *Definitions { return p.definitions.Load() }

// Swap puts d in force at once, for every decision that begins from now on, and
// returns what was in force before.
func (p *Policy) Swap(d *Definitions) (old *Definitions) { return p.definitions.Swap(d) }

// Reload reads all role definitions and puts them in force. Whatever was
// committed before the call is in force when it returns, also if others reload
// at the same time: an older reading never replaces a newer one. On an error
// everything stays as it was.
func (p *Policy) Reload(ctx context.Context, read func(context.Context) ([]Role, error)) error {
	p.reading.Lock()
	defer p.reading.Unlock()
	roles, err := read(ctx)
	if err != nil {
		return fmt.Errorf("reading role definitions: %w", err)
	}
	d, err := Compile(roles)
	if err != nil {
		return fmt.Errorf("compiling role definitions: %w", err)
	}
	p.Swap(d)
	return nil
}

// Decide implements [sallyport.Policy]. It returns an error if a rule does, or if
// the action is not written like a permission and so nobody can have been given
// it. Decision.Rule is "role" and the name of the first role that grants, the
// name of the rule that permits, or "scope".
func (p *Policy) Decide(ctx context.Context, q sallyport.Query) (sallyport.Decision, error) {
	rule, err := p.permits(ctx, q.Principal, q.Action, q.Resource)
	switch {
	case err != nil || rule == "":
		return sallyport.Decision{}, err
	case !ScopeAllows(q.Principal.Scopes, q.Action):
		return sallyport.Decision{Rule: "scope", Need: &sallyport.Need{Scope: q.Action}}, nil
	default:
		return sallyport.Decision{Allow: true, Rule: rule}, nil
	}
}

// permits returns the name of what permits the action, scopes aside; "" if
// nothing does.
func (p *Policy) permits(ctx context.Context, who *sallyport.Principal, action string, res sallyport.Resource) (rule string, err error) {
	if who.Kind != sallyport.Anonymous {
		if rule, ok := p.Load().granting(who.Roles, action); ok {
			return rule, nil
		}
	}
	if _, ok := kindOf(action); !ok {
		return "", fmt.Errorf(`action %.140q is not written like "post:delete"`, action)
	}
	for _, r := range p.rules[res.Type()] {
		permitted, err := r.permit(ctx, who, action, res)
		if err != nil {
			return "", fmt.Errorf("%s: %w", r.name, err)
		}
		if permitted {
			return r.name, nil
		}
	}
	return "", nil
}
