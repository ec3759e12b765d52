package revoke_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A beat says a moment of the node's clock: what lay in a buffer is as old as it is.
func TestFreshness(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  func(*line)
		age  time.Duration // of what is known, between two beats, at most
	}{
		{"at once", func(l *line) { l.pass("", func(text string) string { return text }) }, time.Second},
		{"two seconds late", func(l *line) {
			l.pass("beat", func(text string) string { time.Sleep(2 * time.Second); return text })
		}, 30 * time.Second},
		{"a greeting four seconds late", func(l *line) {
			time.Sleep(2500 * time.Millisecond)
			l.pass("", func(text string) string { return text })
		}, 3500 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook("log")
				node := follow(t, b.config())
				board := &switchboard{t: t, feed: feed(t, b, node)}
				f := subscribe(t, revoke.Subscription{Connect: board.connect})
				time.Sleep(1500 * time.Millisecond)
				board.turn(c.bad, nil)
				for range 300 {
					time.Sleep(100 * time.Millisecond)
					synctest.Wait()
					// Nothing is known here that the node did not know, and the age says so.
					if f.Age() < node.Age() {
						t.Fatalf("the subscriber says that it is %v old, and the node is %v", f.Age(), node.Age())
					}
					if _, err := f.Mark(); (err != nil) != (f.Age() > 5*time.Second) {
						t.Fatalf("Mark = %v, %v old", err, f.Age())
					}
				}
				if f.Age() > c.age {
					t.Errorf("%v old", f.Age())
				}
				f.Close()
				time.Sleep(10 * time.Second) // until the connection that is late has noticed
			})
		})
	}
}

// Each node has a clock of its own.
func TestAnotherNodesClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook("log")
		one := follow(t, b.config())
		first := feed(t, b, one)
		time.Sleep(time.Hour)
		two := follow(t, b.config())
		second := feed(t, b, two)
		board := &switchboard{t: t, feed: first}
		f := subscribe(t, revoke.Subscription{Connect: board.connect})
		for i := range 20 {
			time.Sleep(1234 * time.Millisecond)
			synctest.Wait()
			if _, err := f.Mark(); err != nil || f.Age() > 1300*time.Millisecond || f.Age() < min(one.Age(), two.Age()) {
				t.Errorf("%v: %v old; the nodes are %v and %v", err, f.Age(), one.Age(), two.Age())
			}
			to := []*revoke.Feed{first, second}[i%2]
			board.turn(func(l *line) {
				l.feed = to
				l.pass("", func(text string) string { return text })
			}, nil)
		}
	})
}

// A model is what a log says, in plain maps.
type model struct {
	killed map[string]int64 // by kind and ids
	roles  map[[2]string]revoke.Entry
	global int64
}

func (m *model) take(e revoke.Entry) {
	switch {
	case e.Effect == revoke.Overlay:
		m.roles[[2]string{e.ID, e.Org}] = e
	case e.Effect == revoke.Kill && e.Kind == revoke.Global:
		m.global = e.Seq
	case e.Effect == revoke.Kill:
		m.killed[fmt.Sprint(e.Kind, e.ID, "@", e.Org)] = e.Seq
	}
}

func (m *model) dead(rev int64, ids revoke.IDs) bool {
	return rev < m.global || m.killed["key"+ids.Key+"@"] > 0 || m.killed["session"+ids.Session+"@"] > rev ||
		m.killed["subject"+ids.Subject+"@"] > rev || m.killed["subject"+ids.Subject+"@"+ids.Org] > rev || m.killed["org"+ids.Org+"@"] > rev
}

// Whatever the log, and wherever its connection is cut, a subscriber knows what a
// follower of the store knows, and what the log says. No id and no role is told.
func TestASubscriberKnowsWhatAFollowerKnows(t *testing.T) {
	for seed := range uint64(testenv.Count(40, 5000)) {
		synctest.Test(t, func(t *testing.T) { knows(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func knows(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 11))
	b := newBook("log")
	one, two := follow(t, b.config()), follow(t, b.config())
	feeds := []*revoke.Feed{feed(t, b, one), feed(t, b, two)}
	m := &model{map[string]int64{}, map[[2]string]revoke.Entry{}, 0}
	var mu sync.Mutex
	var told bytes.Buffer
	board := &switchboard{t: t, feed: feeds[0]}
	dice := rand.New(rand.NewPCG(seed, 12)) // under mu
	cut := func(l *line) {
		mu.Lock()
		l.feed = feeds[dice.IntN(2)]
		left := dice.IntN(3000)
		mu.Unlock()
		l.pass("", func(text string) string {
			mu.Lock()
			told.WriteString(text)
			mu.Unlock()
			if left -= len(text); left < 0 { // in the middle of an event
				l.say(text[:max(0, len(text)+left)])
				l.out.Close()
				return ""
			}
			return text
		})
	}
	f := subscribe(t, revoke.Subscription{Connect: board.connect})
	board.turn(cut, nil)
	name := func(what string) string { return fmt.Sprint(what, "-secret-", r.IntN(6)) }
	for range 40 {
		var es []revoke.Entry
		for range r.IntN(5) {
			in := ""
			if r.IntN(3) == 0 {
				in = name("org")
			}
			var e revoke.Entry
			switch r.IntN(12) {
			case 0, 1, 2:
				e = kill(revoke.Session, name("session"))
			case 3, 4:
				e = within(in, kill(revoke.Subject, name("subject")))
			case 5:
				e = kill(revoke.Org, name("org"))
			case 6:
				e = notice(revoke.Policy, "v")
			case 7:
				if r.IntN(10) == 0 {
					e = kill(revoke.Global, "")
				} else {
					e = notice(revoke.Org, name("org"))
				}
			default:
				e = within(in, roles(name("subject"), slices.Repeat([]string{name("role")}, r.IntN(4))...))
			}
			e.Seq = b.head.Seq + int64(len(es)) + 1
			m.take(e)
			es = append(es, e)
		}
		b.add(nil, es...)
		time.Sleep(time.Duration(r.IntN(1500)) * time.Millisecond)
	}
	board.turn(nil, nil)
	time.Sleep(5 * time.Second)
	synctest.Wait()
	if f.Cursor() != one.Cursor() {
		t.Errorf("the subscriber is at %v, the follower at %v", f.Cursor(), one.Cursor())
	}
	for range 400 {
		rev := revoke.Position{Log: "log", Seq: r.Int64N(b.head.Seq + 2)}
		ids := revoke.IDs{Session: name("session"), Subject: name("subject"), Org: name("org")}
		want := m.dead(rev.Seq, ids)
		polled, heard := one.Dead(rev, ids), f.Dead(rev, ids)
		if (polled != nil) != want || (heard != nil) != want {
			t.Errorf("Dead(%v, %+v) = %v polled, %v told; dead is %v", rev, ids, polled, heard, want)
		}
		in := []string{"", ids.Org}[r.IntN(2)]
		got, changed, err := f.Roles(rev, ids.Subject, in)
		e := m.roles[[2]string{ids.Subject, in}]
		if err != nil || changed != (e.Seq > rev.Seq) || changed && !slices.Equal(got, e.Overlay) {
			t.Errorf("Roles(%v, %s, %s) = %v, %v, %v; the log says %v", rev, ids.Subject, in, got, changed, err, e)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if i := strings.Index(told.String(), "secret"); i >= 0 {
		t.Errorf("the feed tells an id: %.100s", told.String()[max(0, i-50):])
	}
}

// What the log said of a subject went with it: nobody gets back what it had taken.
func TestRolesOfAnotherLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook("log")
		b.add(nil, roles("ann", "guest"))
		node := follow(t, b.config())
		f := subscribe(t, revoke.Subscription{Connect: (&wire{feed: feed(t, b, node)}).connect})
		if got, changed, err := f.Roles(at(0), "ann", ""); err != nil || !changed || !slices.Equal(got, []string{"guest"}) {
			t.Errorf("Roles = %v, %v, %v", got, changed, err)
		}
		b.restore("gol", 0)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if _, _, err := f.Roles(at(0), "ann", ""); err != revoke.ErrRevoked {
			t.Errorf("Roles of the log before = %v", err)
		}
		b.add(nil, roles("ann"), roles("bob"))
		b.prune(1)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if _, _, err := f.Roles(revoke.Position{Log: "gol", Seq: 0}, "ann", ""); err != revoke.ErrRevoked {
			t.Errorf("Roles before the floor = %v", err)
		}
	})
}

// Sealed roles are of one subject in one organization, at one place in the log.
func TestSealedRolesOpenForNobodyElse(t *testing.T) {
	for _, c := range []struct {
		name string
		with func(string) string
	}{
		{"of another subject", swap(`("id":"[^"]*").*("id":"[^"]*")`)},
		{"of another place in the log", swap(`("roles":"[^"]*").*("roles":"[^"]*")`)},
		{"of another organization", replace(`"org":"[^"]*",`, "")},
		{"cut", replace(`"roles":"[^"]{8}`, `"roles":"`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBook("log")
			b.add(nil, within("club", roles("ann", "admin")), within("club", roles("bob", "guest")))
			node := follow(t, b.config())
			board := &switchboard{t: t, feed: feed(t, b, node), bad: func(l *line) { l.pass("entries", c.with) }}
			f := subscribe(t, revoke.Subscription{Connect: board.connect})
			for _, org := range []string{"club", ""} {
				for _, who := range []string{"ann", "bob"} {
					if roles, changed, err := f.Roles(at(0), who, org); err == nil && changed {
						t.Errorf("%s in %q has %v", who, org, roles)
					}
				}
			}
		})
	}
}

// swap exchanges the two groups that match.
func swap(pattern string) func(string) string {
	re := regexp.MustCompile(pattern)
	return func(text string) string {
		i := re.FindStringSubmatchIndex(text)
		if i == nil {
			return text
		}
		return text[:i[2]] + text[i[4]:i[5]] + text[i[3]:i[4]] + text[i[2]:i[3]] + text[i[5]:]
	}
}

// Whatever a feed says, nobody panics, and nobody is fresh who was told nothing.
func FuzzStream(f *testing.F) {
	b := newBook("log")
	b.add(nil, kill(revoke.Session, "s"), roles("ann", "admin"))
	node := follow(f, b.config())
	d := feed(f, b, node)
	var text bytes.Buffer
	for frame, err := range d.Frames(f.Context(), "") {
		if err != nil {
			f.Fatal(err)
		}
		text.Write(frame.Text())
		if name, _ := parse(string(frame.Text())); name == "beat" {
			break
		}
	}
	f.Add(text.Bytes())
	f.Add(text.Bytes()[:text.Len()/2])
	f.Add([]byte("event: hello\ndata: {\"v\":1}\n\n"))
	f.Add([]byte(":\n\r\n\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			s, err := revoke.Subscribe(ctx, revoke.Subscription{Log: quiet, Connect: func(context.Context, string) (io.ReadCloser, error) {
				if n++; n > 1 {
					return nil, revoke.ErrNotEntitled
				}
				return io.NopCloser(bytes.NewReader(text)), nil
			}})
			if err != nil {
				return
			}
			defer s.Close()
			if !bytes.Contains(text, []byte("beat")) || !bytes.Contains(text, []byte("reset")) || !bytes.Contains(text, []byte("hello")) {
				t.Error("fresh without a beat")
			}
			_ = s.Dead(at(0), revoke.IDs{Session: "s", Subject: "ann"})
			_, _, _ = s.Roles(at(0), "ann", "")
			time.Sleep(6 * time.Second)
			if _, err := s.Mark(); err != revoke.ErrStale {
				t.Errorf("fresh long after: %v", err)
			}
		})
	})
}

// A cursor is read as it was written, or not at all.
func FuzzCursor(f *testing.F) {
	b := newBook("log")
	b.add(nil, kill(revoke.Session, "s"))
	node := follow(f, b.config())
	d := feed(f, b, node)
	for _, s := range []string{"", "log.1.nonce 1", "log.1.", "log.1", "log", ".", "..", "log.-1.n", "log.99999999999999999999.n", "log.1.a.b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		for frame, err := range d.Frames(t.Context(), cursor) {
			if err != nil {
				return
			}
			if name, _ := parse(string(frame.Text())); name == "beat" {
				return
			}
		}
	})
}

func BenchmarkSubscriber(b *testing.B) {
	var log millions
	node := follow(b, revoke.Config{Read: log.read, Log: quiet})
	d, err := revoke.NewFeed(node, revoke.FeedConfig{Read: log.read, Key: feedKey, Log: quiet})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(d.Close)
	b.Run("snapshot=1e6", func(b *testing.B) {
		for b.Loop() {
			begun := time.Now()
			text, packed := 0, 0
			for f, err := range d.Frames(b.Context(), "") {
				if err != nil {
					b.Fatal(err)
				}
				text, packed = text+len(f.Text()), packed+len(f.Deflated())
				if name, _ := parse(string(f.Text()[:min(200, len(f.Text()))])); name == "beat" {
					break
				}
			}
			b.ReportMetric(float64(text)/1e6, "MB")
			b.ReportMetric(float64(packed)/1e6, "MB-packed")
			b.ReportMetric(time.Since(begun).Seconds(), "s")
		}
	})
	f, err := revoke.Subscribe(b.Context(), revoke.Subscription{Connect: (&wire{feed: d}).connect, Log: quiet, Bound: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(f.Close)
	b.Run("Dead/entries=1e6/issued after them", func(b *testing.B) {
		var m idMaker
		for b.Loop() {
			id := m.next()
			if err := f.Dead(at(million), revoke.IDs{Token: id, Session: id, Subject: id}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Dead/entries=1e6/ids=3", func(b *testing.B) {
		var m idMaker
		for b.Loop() {
			id := m.next()
			if err := f.Dead(at(0), revoke.IDs{Token: id, Session: id, Subject: id}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkTell is 10,000 entries told to readers, until all have heard them.
func BenchmarkTell(b *testing.B) {
	for _, readers := range []int{1, 1000} {
		b.Run(fmt.Sprintf("entries=1e4/readers=%d", readers), func(b *testing.B) {
			log := newBook("log")
			node := follow(b, log.config())
			d := feed(b, log, node)
			for b.Loop() {
				last := log.head.Seq + 10_000
				var all, ready sync.WaitGroup
				for range readers {
					ready.Add(1)
					all.Go(func() {
						first := true
						for f, err := range d.Frames(b.Context(), "") {
							if err != nil {
								b.Error(err)
								return
							}
							head := f.Text()
							name, id := parse(string(head[:min(100, len(head))]))
							if name == "beat" && first {
								first = false
								ready.Done()
							}
							var seq int64
							if fmt.Sscanf(id, "log.%d", &seq); seq >= last {
								return
							}
						}
					})
				}
				b.StopTimer()
				ready.Wait()
				b.StartTimer()
				for range 10 {
					es := make([]revoke.Entry, 1000)
					for i := range es {
						es[i] = kill(revoke.Token, fmt.Sprint("t", i))
					}
					catchUp(b, node, log.add(nil, es...))
				}
				all.Wait()
				b.StopTimer()
				log = newBook("log") // no snapshot of what was told
				node.Close()
				node = follow(b, log.config())
				d = feed(b, log, node)
				b.StartTimer()
			}
		})
	}
}
