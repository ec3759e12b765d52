package bench

import (
	"testing"

	"github.com/sallyport-auth/sallyport"
)

// decider is our policy, asked as the doors ask it.
func decider(t testing.TB, name string, p sallyport.Policy, questions []question) contestant {
	queries := make([]sallyport.Query, len(questions))
	for i, q := range questions {
		queries[i] = q.query()
	}
	ctx := t.Context()
	return contestant{name, func(question int) bool {
		d, err := p.Decide(ctx, queries[question])
		return d.Allow && err == nil
	}}
}
