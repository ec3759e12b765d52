package account

import "context"

// A Looker is a [Store] that can read without a transaction, which costs less.
type Looker interface {
	// Look is like View, but each statement sees what is committed when it begins: it
	// is for one.
	Look(ctx context.Context, f func(Tx) error) error
}

// Look runs f, which reads by one statement of one of the stores in Tx, in the
// cheapest way that s has.
func Look(ctx context.Context, s Store, f func(Tx) error) error {
	if l, ok := s.(Looker); ok {
		return l.Look(ctx, f)
	}
	return s.View(ctx, f)
}
