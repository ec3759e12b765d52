package revoke_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport/revoke"
)

// A wire carries a feed to a subscription, as a connection does.
type wire struct {
	feed *revoke.Feed
	err  error               // of connecting, if not nil
	tap  func(*revoke.Frame) // sees every frame; nil = nobody
}

func (w *wire) connect(ctx context.Context, cursor string) (io.ReadCloser, error) {
	if w.err != nil {
		return nil, w.err
	}
	r, out := io.Pipe()
	go func() {
		for f, err := range w.feed.Frames(ctx, cursor) {
			if err == nil {
				if w.tap != nil {
					w.tap(f)
				}
				_, err = out.Write(f.Text())
			}
			if err != nil {
				out.CloseWithError(err)
				return
			}
		}
	}()
	return r, nil
}

var feedKey = []byte("0123456789abcdef")

func feed(t testing.TB, b *book, f *revoke.Follower) *revoke.Feed {
	t.Helper()
	d, err := revoke.NewFeed(f, revoke.FeedConfig{Read: b.read, Key: feedKey, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func subscribe(t testing.TB, s revoke.Subscription) *revoke.Follower {
	t.Helper()
	s.Log = quiet
	f, err := revoke.Subscribe(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// roles is an overlay that gives a subject these.
func roles(subject string, names ...string) revoke.Entry {
	e := overlay(subject)
	e.Overlay = names
	return e
}

func TestASubscriberObeysWhatTheFeedTells(t *testing.T) {
	b := newBook("log")
	b.add(nil, kill(revoke.Session, "old"), roles("ann", "editor"))
	node := follow(t, b.config())
	var told journal
	w := &wire{feed: feed(t, b, node), tap: func(f *revoke.Frame) { _, _ = told.Write(f.Text()) }}
	f := subscribe(t, revoke.Subscription{Connect: w.connect})

	check := func(rev revoke.Position, ids revoke.IDs, want error) {
		t.Helper()
		if err := f.Dead(rev, ids); err != want {
			t.Errorf("Dead(%v, %+v) = %v, want %v", rev, ids, err, want)
		}
	}
	check(at(0), revoke.IDs{Session: "old"}, revoke.ErrRevoked)
	check(at(1), revoke.IDs{Session: "old"}, nil)
	p := b.add(nil, kill(revoke.Subject, "bob"), within("org", kill(revoke.Subject, "eve")), roles("ann", "admin", "editor"), within("org", roles("ann")))
	catchUp(t, node, p)
	catchUp(t, f, p)
	check(at(2), revoke.IDs{Subject: "bob", Session: "s"}, revoke.ErrRevoked)
	check(at(2), revoke.IDs{Subject: "eve", Org: "org"}, revoke.ErrRevoked)
	check(at(2), revoke.IDs{Subject: "eve"}, nil)

	for _, c := range []struct {
		subject, org string
		rev          int64
		want         string
		changed      bool
	}{
		{"ann", "", 1, "admin editor", true},
		{"ann", "", 5, "", false},
		{"ann", "org", 5, "", true},
		{"ann", "gro", 1, "", false},
		{"bob", "", 1, "", false},
	} {
		roles, changed, err := f.Roles(at(c.rev), c.subject, c.org)
		if got := strings.Join(roles, " "); err != nil || changed != c.changed || got != c.want {
			t.Errorf("Roles(%d, %s, %s) = %q, %v, %v", c.rev, c.subject, c.org, got, changed, err)
		}
	}
	for _, secret := range []string{"ann", "bob", "old", "admin", "editor", `"org":"org"`} {
		if strings.Contains(told.String(), secret) {
			t.Errorf("the feed tells %q:\n%s", secret, told.String())
		}
	}
}

func TestAReaderComesBackWithItsCursor(t *testing.T) {
	b := newBook("log")
	for range 3 {
		b.add(nil, kill(revoke.Session, "s"))
	}
	node := follow(t, b.config())
	d := feed(t, b, node)
	read := func(cursor string, until string) (events []string, last string, err error) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for f, err := range d.Frames(ctx, cursor) {
			if err != nil {
				return events, last, err
			}
			for line := range strings.Lines(string(f.Text())) {
				if id, ok := strings.CutPrefix(line, "id: "); ok {
					last = strings.TrimSpace(id)
				}
				if name, ok := strings.CutPrefix(line, "event: "); ok {
					events = append(events, strings.TrimSpace(name))
				}
			}
			if events[len(events)-1] == until {
				return events, last, nil
			}
		}
		return events, last, nil
	}
	expect := func(cursor, want string) string {
		t.Helper()
		events, last, err := read(cursor, "beat")
		if got := strings.Join(events, " "); err != nil || got != want {
			t.Fatalf("from %q: %s, %v; want %s", cursor, got, err, want)
		}
		return last
	}
	cursor := expect("", "hello reset entries beat")
	expect(cursor, "hello beat")
	catchUp(t, node, b.add(nil, kill(revoke.Session, "t"), kill(revoke.Session, "u")))
	again := expect(cursor, "hello entries beat")

	// Another node has no memory of what was told.
	other := feed(t, b, follow(t, b.config()))
	d = other
	expect(cursor, "hello entries beat")
	expect(again, "hello beat")
	expect("log.4.", "hello reset entries beat")
	expect("log.4.nonce", "hello reset entries beat")
	expect("gol"+cursor[3:], "hello reset entries beat")
	expect("log.400.nonce", "hello reset entries beat")
	if _, _, err := read("nonsense", "beat"); !errors.Is(err, revoke.ErrCursor) {
		t.Errorf("a malformed cursor: %v", err)
	}
	b.prune(4)
	expect(cursor, "hello reset entries beat")
}

func TestAClosedFeedBeginsNoStream(t *testing.T) {
	b := newBook("log")
	d := feed(t, b, follow(t, b.config()))
	d.Close()
	for f, err := range d.Frames(t.Context(), "") {
		if f != nil || !errors.Is(err, revoke.ErrFeedClosed) {
			t.Errorf("%v, %v", f, err)
		}
	}
}

// A greeting that came late, from a node that was frozen, makes all news on its
// connection old, and must not do so for ever.
func TestAGreetingThatCameLate(t *testing.T) {
	for _, tt := range []struct {
		name        string
		late        time.Duration // of the first
		always      bool          // and of all others
		age         time.Duration // of news in the end, at most: beats come once a second
		connections int
	}{
		{"on time", 0, false, time.Second, 1},
		{"half a second", 500 * time.Millisecond, false, 1500 * time.Millisecond, 1},
		{"three seconds at once", 2900 * time.Millisecond, false, time.Second, 2},
		{"a node that is slow", 1500 * time.Millisecond, true, 4500 * time.Millisecond, 30}, // one in two seconds and a half
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook("log")
				node := follow(t, b.config())
				w := &wire{feed: feed(t, b, node)}
				connections, log := 0, new(bytes.Buffer)
				f, err := revoke.Subscribe(t.Context(), revoke.Subscription{
					Log: slog.New(slog.NewTextHandler(log, nil)),
					Connect: func(ctx context.Context, cursor string) (io.ReadCloser, error) {
						if connections++; connections == 1 || tt.always {
							time.Sleep(tt.late)
						}
						return w.connect(ctx, cursor)
					}})
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				time.Sleep(5 * time.Second)
				for range 600 { // a minute
					time.Sleep(100 * time.Millisecond)
					synctest.Wait()
					if age := f.Age(); age > tt.age+100*time.Millisecond {
						t.Fatalf("the news are %v old", age)
					}
				}
				if f.Close(); connections > tt.connections || tt.late < time.Second && connections != 1 {
					t.Errorf("%d connections", connections)
				}
				if log.Len() > 0 {
					t.Errorf("the log says\n%s", log)
				}
				p := b.add(nil, kill(revoke.Session, "s"))
				catchUp(t, node, p)
			})
		})
	}
}
