package rule

import "github.com/sallyport-auth/sallyport"

// A place is where an index puts a rule.
type place uint8

const (
	anywhere    place = iota // asked for every principal and resource
	principalIs              // asked for these principals
	resourceIs               // asked for these resources
	principalIn              // asked for these principals and what is in them
	resourceIn               // asked for these resources and what is in them
)

// Keys are the entities under which an index keeps a rule. For a principal or
// resource that does not match any of them the rule surely does not apply.
type keys struct {
	place place
	uids  []sallyport.UID
	scope bool // they are the rule's scope, not its condition
}

// keysOf returns the most selective keys of a rule.
func keysOf(r *Rule) keys {
	var best keys
	better := func(p place, scope bool, uids ...sallyport.UID) {
		if best.place == anywhere || p < best.place {
			best = keys{p, uids, scope}
		}
	}
	none := sallyport.UID{}
	scope := func(op Op, s Scope) {
		if s.Is != none {
			better(isPlace(op), true, s.Is)
		}
		if s.In != none {
			better(inPlace(op), true, s.In)
		}
	}
	scope(Principal, r.Principal)
	scope(Resource, r.Resource)
	if r.When == nil || r.Effect == Forbid && (r.Principal.In != none || r.Resource.In != none) {
		return best
	}
	for _, part := range operands(nil, fold(r.When), And) {
		if p, uids := keysIn(part); p != anywhere {
			better(p, false, uids...)
		}
		// A forbid also fires where something to the left is neither true nor false.
		if r.Effect == Forbid && !sure(part) {
			break
		}
	}
	return best
}

func isPlace(op Op) place {
	if op == Principal {
		return principalIs
	}
	return resourceIs
}

func inPlace(op Op) place { return isPlace(op) + principalIn - principalIs }

// keysIn returns the keys that a part of a condition amounts to.
func keysIn(e *Expr) (place, []sallyport.UID) {
	if e.Op != Equal && e.Op != In {
		return anywhere, nil
	}
	left, right := e.Args[0], e.Args[1]
	if e.Op == Equal && entity(right.Op) {
		left, right = right, left
	}
	if !entity(left.Op) || right.Op != Const {
		return anywhere, nil
	}
	if e.Op == Equal {
		if right.Value.Kind() != sallyport.KindEntity {
			return anywhere, nil
		}
		return isPlace(left.Op), []sallyport.UID{right.Value.UID()}
	}
	found, ok := entities(right.Value)
	if !ok || len(found) == 0 {
		return anywhere, nil
	}
	uids := make([]sallyport.UID, len(found))
	for i, v := range found {
		uids[i] = v.UID()
	}
	return inPlace(left.Op), uids
}

// sure reports whether a part of a condition is true or false for every
// principal. One on the resource is not: there may be none.
func sure(e *Expr) bool {
	p, _ := keysIn(e)
	return p == principalIs || e.Op == Is && e.Args[0].Op == Principal
}
