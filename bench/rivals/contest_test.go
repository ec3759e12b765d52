// Package rivals measures what other libraries do as well: decisions over the same policy, the first sight of an access token, and
// guarded routes over HTTP; ours, theirs, and what is written by hand, which is the floor or a bare handler. It is a module of its own, so
// that its requirements do not reach those who use Sallyport.
//
// Before anything is measured, all have to give the right answers, some allowed and some denied. The tests do nothing but that.
package rivals

import (
	"testing"
)

// A contestant answers the questions of a contest, which it was given when it was
// made. So whatever it turns a question into costs nothing when it is asked.
type contestant struct {
	name string
	ask  func(question int) bool
}

// A contest is questions with the right answers, and those who answer them.
type contest struct {
	questions []question
	by        []contestant
}

// agree fails unless every contestant answers every question right.
func (c contest) agree(t testing.TB) {
	t.Helper()
	asked := map[bool]int{}
	for i, q := range c.questions {
		asked[q.want]++
		for _, by := range c.by {
			if got := by.ask(i); got != q.want {
				t.Errorf("%s: %v, want %v: %+v", by.name, got, q.want, q)
			}
		}
	}
	if asked[true] == 0 || asked[false] == 0 {
		t.Errorf("%d questions allowed, %d denied: both must be asked", asked[true], asked[false])
	}
	if t.Failed() {
		t.FailNow()
	}
}

// run measures each contestant by the questions with that answer, one after the
// other.
func (c contest) run(b *testing.B, want bool) {
	c.agree(b)
	var questions []int
	for i, q := range c.questions {
		if q.want == want {
			questions = append(questions, i)
		}
	}
	for _, by := range c.by {
		b.Run(by.name, func(b *testing.B) {
			b.ReportAllocs()
			next := 0
			for b.Loop() {
				if by.ask(questions[next]) != want {
					b.Fatal("another answer than before")
				}
				if next++; next == len(questions) {
					next = 0
				}
			}
		})
	}
}
