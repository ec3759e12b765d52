package authz

import (
	"cmp"
	"context"

	"github.com/sallyport-auth/sallyport"
)

// A Rule is a rule in Go, for what roles cannot say: see [Permit].
type Rule struct {
	name   string
	kind   string // name of the type of resource it is about
	permit func(ctx context.Context, p *sallyport.Principal, action string, res sallyport.Resource) (bool, error)

	decision *sallyport.Decision // where it permits; made by [New]
}

// Permit returns a rule that permits an action on an object of type t if f says
// so. f is asked about every action on such an object that the principal's roles
// do not permit, the anonymous principal's included; it never sees a query
// without object. No is not a refusal: another rule may permit. An error means
// that f could not tell, which is answered with 503. f must be safe for
// concurrent use, and must change nothing.
//
// Such a rule cannot be listed: a database cannot run f, so it does not help to
// find all objects on which somebody may do something.
//
// Permit panics if t or f is nil.
func Permit[T any](t *sallyport.Type[T], f func(ctx context.Context, p *sallyport.Principal, action string, object *T) (bool, error)) Rule {
	if t == nil || f == nil {
		panic("authz: a permit needs a type and a function")
	}
	return Rule{
		name: "permit " + t.Name(),
		kind: t.Name(),
		permit: func(ctx context.Context, p *sallyport.Principal, action string, res sallyport.Resource) (bool, error) {
			object, ok := t.Object(res)
			if !ok {
				return false, nil
			}
			return f(ctx, p, action, object)
		},
	}
}

// Named returns the rule under a name of its own, by which decisions and errors
// call it. With "" it stays "permit" and the name of its type.
func (r Rule) Named(name string) Rule { r.name = cmp.Or(name, r.name); return r }
