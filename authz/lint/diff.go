package lint

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
)

// A Change is a cell of the matrix that is another one in a new policy. One of the
// two is nil if only one of the policies has such a type, action or role.
type Change struct {
	Old *Cell `json:"old"`
	New *Cell `json:"new"`
}

// Cell is the new cell, or the old one if there is no new one.
func (c Change) Cell() *Cell {
	if c.New == nil {
		return c.Old
	}
	return c.New
}

// Diff returns the cells that change from one matrix to another, in the order of
// types, actions and roles.
func Diff(before, after Matrix) []Change {
	type key struct{ typ, action, role string }
	keyOf := func(c *Cell) key { return key{c.Type, c.Action, c.Role} }
	old := map[key]*Cell{}
	for i := range before {
		old[keyOf(&before[i])] = &before[i]
	}
	changes := []Change{}
	for i := range after {
		c := &after[i]
		was := old[keyOf(c)]
		delete(old, keyOf(c))
		if was == nil || *was != *c {
			changes = append(changes, Change{was, c})
		}
	}
	for _, c := range old {
		changes = append(changes, Change{c, nil})
	}
	slices.SortFunc(changes, func(a, b Change) int {
		x, y := a.Cell(), b.Cell()
		return cmp.Or(cmp.Compare(x.Type, y.Type), cmp.Compare(x.Action, y.Action), cmp.Compare(x.Role, y.Role))
	})
	return changes
}

// A Flip is a decision of the log that a new policy would have made otherwise.
type Flip struct {
	Entry    authz.DecisionEntry
	Old, New sallyport.Decision
}

// Flips decides entries of the log by an old and by a new policy, and returns those
// on which they differ. types are what is known of types of objects.
func Flips(ctx context.Context, entries []authz.DecisionEntry, old, changed *authz.Policy, types []sallyport.AnyType) ([]Flip, error) {
	flips := []Flip{}
	for _, e := range entries {
		q := e.Query(types...)
		was, err := old.Decide(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("decision %s: %w", e.ID, err)
		}
		will, err := changed.Decide(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("decision %s: %w", e.ID, err)
		}
		if was.Allow != will.Allow {
			flips = append(flips, Flip{e, was, will})
		}
	}
	return flips, nil
}
