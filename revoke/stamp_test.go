package revoke_test

import (
	"testing"

	"github.com/sallyport-auth/sallyport/revoke"
)

// A node stamps at its cursor; another one reads the stamp.
func TestStamp(t *testing.T) {
	u := revoke.IDs{Subject: "u"}
	for _, c := range []struct {
		name    string
		between func(t *testing.T, b *book)
		known   bool // whether the other node can tell what has happened since
		changed bool
	}{
		{"nothing happened", func(*testing.T, *book) {}, true, false},
		{"something else happened", func(_ *testing.T, b *book) { b.add(nil, kill(revoke.Subject, "x")) }, true, false},
		{"it was touched", func(_ *testing.T, b *book) { b.add(nil, kill(revoke.Subject, "u")) }, true, true},
		{"what touched it was pruned", func(_ *testing.T, b *book) { b.prune(b.add(nil, kill(revoke.Subject, "u")).Seq) }, false, false},
		{"everything was pruned", func(_ *testing.T, b *book) { b.prune(1, 2, 3) }, false, false},
		{"another log", func(_ *testing.T, b *book) { b.restore("gol", 3) }, false, false},
		{"a restored log that has grown again", func(_ *testing.T, b *book) {
			b.restore("log", 2)
			b.add(nil, kill(revoke.Subject, "x"), kill(revoke.Subject, "y"))
		}, false, false},
		{"a restored log that has not come so far", func(_ *testing.T, b *book) { b.restore("log", 2) }, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBook("log")
			b.add(nil, kill(revoke.Subject, "a"), kill(revoke.Subject, "b"), kill(revoke.Subject, "c"))
			f := follow(t, b.config())
			mark, err := f.Mark()
			if err != nil {
				t.Fatal(err)
			}
			stamp, ok := f.Stamp(mark)
			if !ok || stamp.Position != at(3) {
				t.Fatalf("stamp %+v, %v", stamp, ok)
			}
			c.between(t, b)
			check := func(which string, f *revoke.Follower) {
				t.Helper()
				since, ok := f.Since(stamp)
				if ok != c.known {
					t.Errorf("%s: known is %v, want %v", which, ok, c.known)
				}
				if ok && f.Changed(since, u) != c.changed {
					t.Errorf("%s: changed is %v, want %v", which, !c.changed, c.changed)
				}
			}
			check("a node that starts now", follow(t, b.config()))
			if c.known {
				catchUp(t, f, revoke.Position{})
				check("the node that ran all the time", f)
			}
		})
	}
}

func TestNoStamp(t *testing.T) {
	b := newBook("log")
	f := follow(t, b.config())
	if s, ok := f.Stamp(0); ok {
		t.Errorf("the zero mark got %+v", s)
	}
	mark, _ := f.Mark()
	if s, ok := f.Stamp(mark); ok {
		t.Errorf("an empty log got %+v", s)
	}
	catchUp(t, f, b.add(nil, kill(revoke.Subject, "a")))
	mark, _ = f.Mark()
	stamp, _ := f.Stamp(mark)
	for _, s := range []revoke.Stamp{{}, {Position: at(1)}, {Position: at(2), Nonce: stamp.Nonce}, {Position: at(-1), Nonce: stamp.Nonce}} {
		if _, ok := f.Since(s); ok {
			t.Errorf("%+v is known", s)
		}
	}
	b.restore("gol", 0)
	catchUp(t, f, b.add(nil, kill(revoke.Subject, "a")))
	if s, ok := f.Stamp(mark); ok {
		t.Errorf("a mark of before the reset got %+v", s)
	}
}
