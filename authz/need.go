package authz

import (
	"context"
	"slices"
	"sort"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// signInAttributes are what a stronger or fresher sign-in changes.
var signInAttributes = []string{"aal", "amr", "auth_time"}

// everyMethod is how one may have signed in at the strongest (RFC 8176).
var everyMethod = []string{"pwd", "pin", "otp", "sms", "tel", "hwk", "swk", "pop", "sc", "user", "mca", "mfa"}

// looksAtSignIn reports whether a rule about objects of a type, "" for every type,
// looks at how the principal signed in.
func looksAtSignIn(rules *rule.ActionRules, typ string) bool {
	return slices.ContainsFunc(signInAttributes, func(name string) bool { return rules.Mentions(typ, name) })
}

// signInMatters reports whether a rule about this action and type of object looks
// at how the principal, a person, signed in.
func (g *governed) signInMatters(q *sallyport.Query) bool {
	return g.signIn && q.Principal.Kind == sallyport.User && looksAtSignIn(g.rules, q.Resource.Type())
}

// need returns what of a stronger or fresher sign-in alone would turn the denial
// into a yes (RFC 9470), nil if nothing would. It tries: first fresher, then
// stronger, then both.
func (e *evaluation) need(ctx context.Context) (*sallyport.Need, error) {
	was := e.query.Principal
	defer func() { e.as(was) }()
	for _, aal := range []int{was.AAL, 2, 3} {
		if aal < was.AAL {
			continue
		}
		for _, fresh := range []bool{false, true} {
			allowed, err := e.wouldAllow(ctx, was, aal, fresh, 0)
			if err != nil {
				return nil, err
			}
			if allowed {
				return e.needFor(ctx, was, aal, fresh)
			}
		}
	}
	return nil, nil
}

// needFor says how strong and how fresh. The age is the greatest in seconds that
// still allows, up to what it is now.
func (e *evaluation) needFor(ctx context.Context, was *sallyport.Principal, aal int, fresh bool) (*sallyport.Need, error) {
	n := new(sallyport.Need)
	if aal > was.AAL {
		n.ACR = []string{[]string{"", "aal1", "aal2", "aal3"}[aal]}
	}
	if !fresh {
		return n, nil
	}
	const most = 30 * 24 * time.Hour
	age := most
	if !was.AuthTime.IsZero() {
		age = min(max(e.time().Sub(was.AuthTime), time.Second), most)
	}
	var failed error
	seconds := sort.Search(int(age/time.Second), func(s int) bool {
		allowed, err := e.wouldAllow(ctx, was, aal, true, time.Duration(s+1)*time.Second)
		if err != nil {
			failed = err
		}
		return !allowed
	})
	n.MaxAge = max(time.Duration(seconds)*time.Second, time.Second)
	return n, failed
}

// wouldAllow reports whether the principal would be permitted, had it signed in
// as strongly, and if fresh, that long ago.
func (e *evaluation) wouldAllow(ctx context.Context, was *sallyport.Principal, aal int, fresh bool, age time.Duration) (bool, error) {
	p := *was
	if aal > p.AAL {
		p.AAL, p.AMR = aal, everyMethod
	}
	if fresh {
		p.AuthTime = e.time().Add(-age)
	}
	e.as(&p)
	e.ruled = false // that was somebody else
	d, err := e.decide(ctx)
	return d.Allow, err
}
