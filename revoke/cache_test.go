package revoke_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport/revoke"
)

func TestCache(t *testing.T) {
	ann := revoke.IDs{Session: "s", Subject: "ann"}
	for _, c := range []struct {
		name  string
		after func(t *testing.T, b *book, f *revoke.Follower, c *revoke.Cache[string, string])
		want  string // "" = a miss
	}{
		{"nothing happened", func(*testing.T, *book, *revoke.Follower, *revoke.Cache[string, string]) {}, "v"},
		{"somebody else was killed", func(t *testing.T, b *book, f *revoke.Follower, _ *revoke.Cache[string, string]) {
			catchUp(t, f, b.add(nil, kill(revoke.Subject, "bob")))
		}, "v"},
		{"the subject was killed", func(t *testing.T, b *book, f *revoke.Follower, _ *revoke.Cache[string, string]) {
			catchUp(t, f, b.add(nil, kill(revoke.Subject, "ann")))
		}, ""},
		{"the subject has other roles", func(t *testing.T, b *book, f *revoke.Follower, _ *revoke.Cache[string, string]) {
			catchUp(t, f, b.add(nil, overlay("ann")))
		}, ""},
		{"the policy is another", func(t *testing.T, b *book, f *revoke.Follower, _ *revoke.Cache[string, string]) {
			catchUp(t, f, b.add(nil, notice(revoke.Policy, "")))
		}, ""},
		{"its time has come", func(*testing.T, *book, *revoke.Follower, *revoke.Cache[string, string]) {
			time.Sleep(time.Hour)
		}, ""},
		{"its time is near", func(*testing.T, *book, *revoke.Follower, *revoke.Cache[string, string]) {
			time.Sleep(time.Hour - 1)
		}, "v"},
		{"dropped", func(_ *testing.T, _ *book, _ *revoke.Follower, c *revoke.Cache[string, string]) {
			c.Drop("k")
		}, ""},
		{"another was dropped", func(_ *testing.T, _ *book, _ *revoke.Follower, c *revoke.Cache[string, string]) {
			c.Drop("k2")
		}, "v"},
		{"put again", func(_ *testing.T, _ *book, f *revoke.Follower, c *revoke.Cache[string, string]) {
			mark, _ := f.Mark()
			c.Put("k", "w", mark, ann, time.Now().Add(time.Hour))
		}, "w"},
		{"killed, seen, and put from before", func(t *testing.T, b *book, f *revoke.Follower, c *revoke.Cache[string, string]) {
			mark, _ := f.Mark()
			catchUp(t, f, b.add(nil, kill(revoke.Session, "s")))
			c.Put("k", "w", mark, ann, time.Now().Add(time.Hour))
		}, ""},
		{"put from before, and killed then", func(t *testing.T, b *book, f *revoke.Follower, c *revoke.Cache[string, string]) {
			mark, _ := f.Mark()
			c.Put("k", "w", mark, ann, time.Now().Add(time.Hour))
			catchUp(t, f, b.add(nil, kill(revoke.Session, "s")))
		}, ""},
		{"killed and put anew", func(t *testing.T, b *book, f *revoke.Follower, c *revoke.Cache[string, string]) {
			catchUp(t, f, b.add(nil, kill(revoke.Session, "s")))
			mark, _ := f.Mark()
			c.Put("k", "w", mark, ann, time.Now().Add(time.Hour))
		}, "w"},
		{"put without a mark", func(_ *testing.T, _ *book, f *revoke.Follower, c *revoke.Cache[string, string]) {
			c.Drop("k")
			c.Put("k", "w", 0, ann, time.Now().Add(time.Hour))
		}, ""},
		{"put without a time", func(_ *testing.T, _ *book, f *revoke.Follower, c *revoke.Cache[string, string]) {
			mark, _ := f.Mark()
			c.Put("k", "w", mark, ann, time.Time{})
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook("log")
				f := follow(t, b.config())
				cache := revoke.NewCache[string, string](f, 100)
				mark, _ := f.Mark()
				cache.Put("k", "v", mark, ann, time.Now().Add(time.Hour))
				c.after(t, b, f, cache)
				for range 2 { // the first Get may move the mark on
					if v, ok, err := cache.Get("k", time.Now()); v != c.want || ok != (c.want != "") || err != nil {
						t.Errorf("Get = %q, %t, %v; want %q", v, ok, err, c.want)
					}
				}
			})
		})
	}
}

func TestCacheKeepsWhatFitsAndNeverGrows(t *testing.T) {
	f := follow(t, newBook("log").config())
	mark, _ := f.Mark()
	for _, c := range []struct {
		name        string
		room, put   int
		least, most int
	}{
		{"an empty cache has room for a row", 0, 1000, 8, 8},
		{"a quarter full, so that hardly a row is full", 4 << 10, 1 << 10, 1<<10 - 10, 1 << 10},
		{"overfull", 1 << 10, 1 << 14, 1 << 10, 1 << 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			cache := revoke.NewCache[int, int](f, c.room)
			for i := range c.put {
				cache.Put(i, i, mark, revoke.IDs{}, time.Now().Add(time.Hour))
			}
			hits := 0
			for i := range c.put {
				v, ok, err := cache.Get(i, time.Now())
				if err != nil || ok && v != i {
					t.Fatalf("Get(%d) = %d, %v", i, v, err)
				}
				if ok {
					hits++
				}
			}
			if hits < c.least || hits > c.most {
				t.Errorf("%d hits, want %d to %d", hits, c.least, c.most)
			}
		})
	}
}

func TestAFullRowLosesWhatWasCheckedLongestAgo(t *testing.T) {
	b := newBook("log")
	f := follow(t, b.config())
	cache := revoke.NewCache[int, int](f, 8)
	until := time.Now().Add(time.Hour)
	mark, _ := f.Mark()
	for i := range 8 {
		cache.Put(i, i, mark, revoke.IDs{Session: fmt.Sprint(i)}, until)
	}
	catchUp(t, f, b.add(nil, kill(revoke.Session, "x")))
	for i := range 8 {
		if i != 3 {
			cache.Get(i, time.Now())
		}
	}
	mark, _ = f.Mark()
	cache.Put(8, 8, mark, revoke.IDs{}, until)
	for i := range 9 {
		if _, ok, _ := cache.Get(i, time.Now()); ok == (i == 3) {
			t.Errorf("Get(%d) = %t", i, ok)
		}
	}
}

func TestAHitAllocatesNothing(t *testing.T) {
	b := newBook("log")
	f := follow(t, b.config())
	cache := revoke.NewCache[string, *int](f, 8)
	key, ids := "key", revoke.IDs{Subject: "u", Session: "s"}
	mark, _ := f.Mark()
	cache.Put(key, new(int), mark, ids, time.Now().Add(time.Hour))
	if n := testing.AllocsPerRun(100, func() {
		if _, ok, _ := cache.Get(key, time.Now()); !ok {
			t.Error("missed")
		}
		if f.Changed(mark, ids) || f.Dead(at(0), ids) != nil {
			t.Error("changed")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
