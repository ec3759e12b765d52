package rulebook_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/authz/rulebook"
)

// Somebody publishes while a node starts: what it read before must not come into
// force after what it reads then.
func TestAnOlderReadingNeverReplacesANewerOne(t *testing.T) {
	var readings atomic.Int64
	var b *rulebook.Book
	p, second := authz.New(), make(chan error, 1)
	b = &rulebook.Book{Policy: p, Latest: func(ctx context.Context) (authz.Version, error) {
		n := readings.Add(1)
		if n == 1 { // the second has time to overtake, if it can
			go func() { second <- b.Load(ctx) }()
			time.Sleep(20 * time.Millisecond)
		}
		return authz.Version{
			Number: n, Schema: `entity User; entity Note; action "note:read" appliesTo { principal: [User], resource: [Note] };`,
			Files: []rule.File{{Name: "a.cedar", Text: "permit (principal, action, resource);"}},
		}, nil
	}}
	if err := b.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Fatal(err)
	}
	if in, shown := p.LoadRules().Version, b.Current().Version.Number; in != 2 || shown != 2 {
		t.Errorf("version %d is in force, %d is shown", in, shown)
	}
}
