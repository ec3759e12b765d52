package ability

import (
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// An Answer is what a document says of an action.
type Answer string

// The answers. The zero Answer is none of them and must be taken for No.
const (
	Yes Answer = "yes" // the server would permit it
	No  Answer = "no"  // the server would refuse it
	Ask Answer = "ask" // only the server can tell
)

// An Object is what the action is on, as far as the browser has it.
type Object struct {
	Type string
	ID   string // "" = not known here
	// Attrs are as JSON has them: nil is absent, and what is missing is not known
	// here. Numbers are float64 or json.Number.
	Attrs map[string]any
}

// Answer says whether the principal may do action on an object, nil for none, at
// the time now. It is the reference for clients: where it says Yes or No, it says
// what the server would, had it decided when it made the document.
func (d *Document) Answer(action string, on *Object, now time.Time) Answer {
	if !now.Before(d.Expires) {
		return Ask
	}
	if d.Scopes != nil && !covered(d.Scopes, action) {
		return No
	}
	a := asked{}
	if on != nil {
		a = asked{object: on, typ: d.Types[on.Type]}
	}
	return d.decide(action, a)
}

func (d *Document) decide(action string, a asked) Answer {
	inside := a.tenant()
	if inside == no {
		return No
	}
	forbidden, permitted := no, no
	for i := range d.Rules {
		r := &d.Rules[i]
		if !r.about(a) || !covered(r.Actions, action) {
			continue
		}
		if r.Effect == rule.Forbid {
			forbidden = forbidden.or(a.fires(r, func(t truth) bool { return t != no }))
		} else {
			permitted = permitted.or(a.fires(r, func(t truth) bool { return t == yes }))
		}
	}
	switch {
	case forbidden == yes || permitted == no:
		return No
	case forbidden == open || permitted == open || inside == open:
		return Ask
	}
	return Yes
}

// about reports whether the rule counts for what is asked.
func (r *Rule) about(a asked) bool {
	switch {
	case r.Type == AnyType:
		return true
	case a.object == nil:
		return r.Type == ""
	}
	return r.Type != "" && r.Type == a.object.Type
}

// covered reports whether one of the permissions covers the action.
func covered(permissions []string, action string) bool {
	kind, _, ok := strings.Cut(action, ":")
	for _, p := range permissions {
		if p == "*" || p == action || ok && p == kind+":*" {
			return true
		}
	}
	return false
}

// A truth is what a browser knows of a condition.
type truth uint8

const (
	open    truth = iota // only the server can tell
	neither              // it is neither true nor false, whoever looks
	no
	yes
)

// or is whether one of two things is so.
func (t truth) or(u truth) truth {
	switch {
	case t == yes || u == yes:
		return yes
	case t == open || u == open:
		return open
	}
	return no
}

func whether(b bool) truth {
	if b {
		return yes
	}
	return no
}

// asked is what is asked about. Without an object, nothing can be said of one.
type asked struct {
	object *Object
	typ    *Type // nil: the document does not know the type
}

// tenant is whether the object belongs to the principal's organization, if its
// type belongs to any.
func (a asked) tenant() truth {
	if a.typ == nil || a.typ.Org == nil {
		return yes
	}
	if *a.typ.Org == "" {
		return no
	}
	org, state := a.attribute("org")
	switch state {
	case missing:
		return open
	case known:
		return whether(org.Text() == *a.typ.Org)
	}
	return no
}

// fires says whether a rule does, by the truth of its condition.
func (a asked) fires(r *Rule, by func(truth) bool) truth {
	if r.Ask {
		return open
	}
	t := yes
	if r.When != nil {
		t = a.truth(r.When)
	}
	if t == open {
		return open
	}
	return whether(by(t))
}

func (a asked) truth(x *rule.Expr) truth {
	v, state := a.eval(x)
	switch {
	case state == missing:
		return open
	case state == failed || v.Kind() != sallyport.KindBool:
		return neither
	}
	return whether(v.Bool())
}
