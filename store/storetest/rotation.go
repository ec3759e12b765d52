package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// A story is the life of one family, whose newest token is number 5 at the start
// and which expires a day later.
type story struct {
	sentence string
	bound    bool // to a client and a proof, so that late parents are forgiven for an hour
	steps    []step
}

// A step is one use of a token.
type step struct {
	at      time.Duration // since the family began
	present int64         // number of the token
	want    outcome
	change  func(*token.Rotation) // nil = the rightful owner
}

// An outcome is what a use of a token leads to.
type outcome struct {
	next    int64         // number of the successor; 0 = none
	since   time.Duration // when that successor was made, since the family began
	ahead   int64
	reused  bool
	refused bool
}

var (
	reuse   = outcome{reused: true}
	refused = outcome{refused: true}
)

// next is the outcome of a use that was answered with a successor.
func next(counter int64, since time.Duration) outcome { return outcome{next: counter, since: since} }

// ahead is the outcome of a use of a token that was ahead of its row.
func ahead(counter int64, since time.Duration, by int64) outcome {
	return outcome{next: counter, since: since, ahead: by}
}

const ms = time.Millisecond

var stories = []story{
	{"each token is good for the next one", false, []step{
		{0, 5, next(6, 0), nil},
		{time.Second, 6, next(7, time.Second), nil},
		{time.Hour, 7, next(8, time.Hour), nil},
	}},
	{"a repeat within the leeway gets the same successor", false, []step{
		{0, 5, next(6, 0), nil},
		{0, 5, next(6, 0), nil},
		{leeway, 5, next(6, 0), nil},
		{leeway, 6, next(7, leeway), nil},
	}},
	{"a repeat does not prolong the leeway", false, []step{
		{0, 5, next(6, 0), nil},
		{leeway, 5, next(6, 0), nil},
		{leeway + ms, 5, reuse, nil},
	}},
	{"a parent after the leeway ends a bearer family", false, []step{
		{0, 5, next(6, 0), nil},
		{10 * time.Minute, 5, reuse, nil},
		{10 * time.Minute, 6, refused, nil},
		{10 * time.Minute, 5, refused, nil},
	}},
	{"a token two behind ends the family, however soon", false, []step{
		{0, 5, next(6, 0), nil},
		{0, 6, next(7, 0), nil},
		{0, 5, reuse, nil},
		{0, 7, refused, nil},
		{0, 6, refused, nil},
		{0, 5, refused, nil},
	}},
	{"a token two behind ends a bound family too", true, []step{
		{0, 5, next(6, 0), nil},
		{0, 6, next(7, 0), nil},
		{0, 5, reuse, nil},
		{0, 7, refused, nil},
	}},
	{"a late parent of a bound family skips the successor that nobody saw, and kills it", true, []step{
		{0, 5, next(6, 0), nil},
		{10 * time.Minute, 5, next(7, 10*time.Minute), nil},
		{10 * time.Minute, 6, reuse, nil},
		{10 * time.Minute, 7, refused, nil},
	}},
	{"a skip has a leeway of its own", true, []step{
		{0, 5, next(6, 0), nil},
		{10 * time.Minute, 5, next(7, 10*time.Minute), nil},
		{10*time.Minute + leeway, 5, next(7, 10*time.Minute), nil},
		{10*time.Minute + leeway, 7, next(8, 10*time.Minute+leeway), nil},
		{10*time.Minute + leeway, 5, reuse, nil},
	}},
	{"a bound family forgives until the window ends", true, []step{
		{0, 5, next(6, 0), nil},
		{time.Hour, 5, next(7, time.Hour), nil},
		{2*time.Hour + ms, 5, reuse, nil},
		{2*time.Hour + ms, 7, refused, nil},
	}},
	{"a token up to 8 ahead of its row is accepted, and says so", false, []step{
		{0, 6, ahead(7, 0, 1), nil},
		{time.Second, 7 + token.MaxAhead, ahead(8+token.MaxAhead, time.Second, token.MaxAhead), nil},
		{time.Second, 7 + token.MaxAhead, next(8+token.MaxAhead, time.Second), nil},
		{time.Second, 8 + token.MaxAhead, next(9+token.MaxAhead, time.Second), nil},
		{time.Second, 5, reuse, nil},
	}},
	{"a token further ahead is refused and changes nothing", false, []step{
		{0, 6 + token.MaxAhead, refused, nil},
		{0, 1 << 62, refused, nil},
		{time.Second, 5, next(6, time.Second), nil},
	}},
	{"another client's token changes nothing, not even by reuse", true, []step{
		{0, 5, refused, clientOf("other")},
		{0, 5, refused, clientOf("")},
		{0, 5, next(6, 0), nil},
		{time.Second, 6, next(7, time.Second), nil},
		{time.Second, 5, refused, clientOf("other")},
		{time.Second, 7, refused, clientOf("other")},
		{2 * time.Second, 7, next(8, 2*time.Second), nil},
	}},
	{"another key's proof, or none, changes nothing, not even by reuse", true, []step{
		{0, 5, refused, proofOf("other")},
		{0, 5, refused, proofOf("")},
		{0, 5, next(6, 0), nil},
		{time.Second, 6, next(7, time.Second), nil},
		{time.Second, 5, refused, proofOf("other")},
		{time.Second, 7, refused, proofOf("")},
		{2 * time.Second, 7, next(8, 2*time.Second), nil},
	}},
	{"a bearer family takes neither client nor proof", false, []step{
		{0, 5, refused, clientOf("other")},
		{0, 5, refused, proofOf("other")},
		{0, 5, next(6, 0), nil},
	}},
	{"an unknown family is refused", false, []step{
		{0, 5, refused, func(r *token.Rotation) { r.Family = familyID("unknown") }},
		{0, 5, refused, func(r *token.Rotation) { r.Family = "" }},
		{0, 5, next(6, 0), nil},
	}},
	{"a family that has expired is refused", false, []step{
		{24*time.Hour - ms, 5, next(6, 24*time.Hour-ms), nil},
		{24 * time.Hour, 6, refused, nil},
		{24 * time.Hour, 5, refused, nil},
		{24*time.Hour - ms, 6, next(7, 24*time.Hour-ms), nil}, // it was not ended either
	}},
}

func clientOf(s string) func(*token.Rotation) { return func(r *token.Rotation) { r.Client = s } }
func proofOf(s string) func(*token.Rotation)  { return func(r *token.Rotation) { r.Proof = s } }

// rotation returns the stories as promises, and what a rollback does to one.
func rotation() []promise {
	var all []promise
	for _, s := range stories {
		all = append(all, promise{s.sentence, s.run})
	}
	return append(all, promise{"a rotation or a reuse that is rolled back did not happen", func(c *check) {
		f := c.family("1", "usr_ann")
		c.rotate(f, 5, c.now)
		c.rotate(f, 6, c.now)
		for _, counter := range []int64{7, 5} {
			err := c.Update(c.Context(), func(tx account.Tx) error {
				if _, err := tx.Families.Rotate(c.Context(), use(f, counter, c.now)); err != nil {
					return err
				}
				return errUndo
			})
			if err != errUndo {
				c.Fatal(err)
			}
		}
		equal(c, "successor", c.rotate(f, 7, c.now).Counter, int64(8))
	}})
}

func (s story) run(c *check) {
	f := c.family("1", "usr_ann", func(f *token.Family) {
		if s.bound {
			f.Client, f.Proof = "client", "thumbprint"
		}
	})
	for i, st := range s.steps {
		r := use(f, st.present, c.now.Add(st.at))
		if s.bound {
			r.Forgive = time.Hour
		}
		if st.change != nil {
			st.change(&r)
		}
		got, err := c.tryRotate(r)
		c.outcome(fmt.Sprintf("step %d: token %d after %v", i+1, st.present, st.at), f, got, err, st.want)
	}
}

// tryRotate commits whatever Rotate answers, as a caller does.
func (c *check) tryRotate(r token.Rotation) (got token.Rotated, answer error) {
	c.Helper()
	c.update(func(tx account.Tx) error {
		got, answer = tx.Families.Rotate(c.Context(), r)
		return nil
	})
	return got, answer
}

// outcome compares what Rotate answered about f with what was wanted.
func (c *check) outcome(what string, f token.Family, got token.Rotated, err error, want outcome) {
	c.Helper()
	if want.refused {
		if !errors.Is(err, token.ErrNotFound) {
			c.Fatalf("%s: %+v, %v, want ErrNotFound", what, got, err)
		}
		return
	}
	if err != nil || got.Reused != want.reused {
		c.Fatalf("%s: %+v, %v, want %+v", what, got, err, want)
	}
	if want.reused { // the caller needs to know whose family it was; no successor is promised
		got.Counter, got.RotatedAt = f.Counter, f.RotatedAt
		equal(c, what, got, token.Rotated{Family: f, Reused: true})
		return
	}
	f.Counter, f.RotatedAt = want.next, f.CreatedAt.Add(want.since)
	equal(c, what, got, token.Rotated{Family: f, Ahead: want.ahead})
}

var rotationRaces = []promise{
	{"eight uses of one token at once all succeed with one successor", func(c *check) {
		f := c.family("1", "usr_ann", func(f *token.Family) { f.ExpiresAt = c.now.AddDate(1, 0, 0) })
		for round := range int64(testenv.Count(50, 500)) {
			present := f.Counter + round
			var got [8]token.Rotated
			c.succeed(together(len(got), func(i int) error {
				return c.Update(c.Context(), func(tx account.Tx) (err error) {
					got[i], err = tx.Families.Rotate(c.Context(), use(f, present, time.Now()))
					return err
				})
			}))
			for _, r := range got {
				if r.Reused || r.Counter != present+1 || r.Ahead != 0 {
					c.Fatalf("round %d, token %d: %+v", round, present, r)
				}
			}
		}
	}},

	{"a reuse that races a valid rotation ends the family", func(c *check) {
		for round := range testenv.Count(20, 200) {
			f := c.family(fmt.Sprint(round), "usr_ann")
			c.rotate(f, 5, c.now)
			c.rotate(f, 6, c.now)
			var got [2]token.Rotated
			errs := together(2, func(i int) error {
				present := []int64{5, 7}[i]
				return c.Update(c.Context(), func(tx account.Tx) (err error) {
					got[i], err = tx.Families.Rotate(c.Context(), use(f, present, c.now))
					return err
				})
			})
			if errs[0] != nil || !got[0].Reused {
				c.Fatalf("round %d: the reuse got %+v, %v", round, got[0], errs[0])
			}
			if errs[1] == nil && got[1].Counter != 8 || errs[1] != nil && !errors.Is(errs[1], token.ErrNotFound) {
				c.Fatalf("round %d: the rightful use got %+v, %v", round, got[1], errs[1])
			}
			for _, present := range []int64{5, 6, 7, 8} {
				r, err := c.tryRotate(use(f, present, c.now))
				c.outcome(fmt.Sprintf("round %d, token %d afterwards", round, present), f, r, err, refused)
			}
		}
	}},

	{"of many reuses at once, one finds it and the others find no family", func(c *check) {
		for round := range testenv.Count(10, 100) {
			f := c.family(fmt.Sprint(round), "usr_ann")
			c.rotate(f, 5, c.now)
			c.rotate(f, 6, c.now)
			var got [8]token.Rotated
			errs := together(len(got), func(i int) error {
				return c.Update(c.Context(), func(tx account.Tx) (err error) {
					got[i], err = tx.Families.Rotate(c.Context(), use(f, 5, c.now))
					return err
				})
			})
			found := 0
			for i, err := range errs {
				if err == nil && got[i].Reused {
					found++
				} else if !errors.Is(err, token.ErrNotFound) {
					c.Fatalf("round %d: %+v, %v", round, got[i], err)
				}
			}
			if found != 1 {
				c.Fatalf("round %d: %d found the reuse", round, found)
			}
		}
	}},

	{"a family that is ended while it rotates stays ended", func(c *check) {
		for round := range testenv.Count(20, 200) {
			f := c.family(fmt.Sprint(round), "usr_ann")
			errs := together(2, func(i int) error {
				return c.Update(c.Context(), func(tx account.Tx) error {
					if i == 0 {
						return tx.Families.EndSession(c.Context(), f.Session, "test", c.now)
					}
					_, err := tx.Families.Rotate(c.Context(), use(f, 5, c.now))
					return err
				})
			})
			if errs[0] != nil || errs[1] != nil && !errors.Is(errs[1], token.ErrNotFound) {
				c.Fatalf("round %d: ending: %v, rotating: %v", round, errs[0], errs[1])
			}
			for _, present := range []int64{5, 6} {
				r, err := c.tryRotate(use(f, present, c.now))
				c.outcome(fmt.Sprintf("round %d, token %d afterwards", round, present), f, r, err, refused)
			}
		}
	}},
}
