package sallyport

import (
	"context"
	"errors"
	"fmt"
)

// A Dialect is a database that a [Where] is written for.
type Dialect uint8

// The dialects.
const (
	SQLite Dialect = iota + 1
	Postgres
)

// A Where is a condition for the WHERE clause of the caller's own SELECT: it holds
// for exactly the rows on which the action is permitted. The zero Where holds for
// none.
type Where struct {
	render func(d Dialect, first int) string
	args   []any
}

// NewWhere returns the condition that render writes, with its arguments in the
// order of their placeholders, of which the first has the number first. It is for
// implementers of [Lister].
func NewWhere(render func(d Dialect, first int) string, args ...any) Where {
	return Where{render, args}
}

// SQL returns the condition in parentheses, with placeholders $first, $first+1, …
// for its [Where.Args]. It never joins with OR what stands beside it.
func (w Where) SQL(d Dialect, first int) string {
	if w.render == nil {
		return "(1=0)"
	}
	return "(" + w.render(d, first) + ")"
}

// Args returns the arguments of the placeholders, in order.
func (w Where) Args() []any { return w.args }

// A Lister is a [Policy] that can say which objects an action is permitted on. t
// is their type; the query has no resource. The condition holds for a row exactly
// if Decide permits the query on the object in that row. An error wraps
// [ErrNotListable] if that cannot be said in SQL. Filter must be safe for
// concurrent use.
type Lister interface {
	Filter(ctx context.Context, q Query, t AnyType) (Where, error)
}

// ErrNotListable means that a rule which may permit the action cannot be written
// as a condition of SQL.
var ErrNotListable = errors.New("policy cannot be written as SQL")

// Filter is door two for a list: the condition under which the principal may do
// action on an object of type t. A principal who may do it on none gets a
// condition that no row fulfils, not a refusal. Without a policy that is a
// [Lister] there is an error, which [Gate.Error] answers with 503.
func (g *Gate) Filter(ctx context.Context, action string, t AnyType) (Where, error) {
	l, ok := g.Policy.(Lister)
	if !ok {
		return Where{}, unavailable(fmt.Errorf("listing %s: the gate's policy is no Lister", action))
	}
	w, err := l.Filter(ctx, g.query(ctx, action, Resource{}), t)
	if err != nil {
		return Where{}, unavailable(fmt.Errorf("listing %s on %s: %w", action, t.Name(), err))
	}
	return w, nil
}
