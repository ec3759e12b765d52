package revoke_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport/revoke"
)

func TestSubscription(t *testing.T) {
	never := func(context.Context, string) (io.ReadCloser, error) { return nil, errDown }
	for _, c := range []struct {
		name string
		in   revoke.Subscription
		want string
	}{
		{"the zero Subscription connects nowhere", revoke.Subscription{}, "needs Connect"},
		{"a negative bound", revoke.Subscription{Connect: never, Bound: -1}, "not negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := revoke.Subscribe(t.Context(), c.in); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Subscribe = %v, want %q", err, c.want)
			}
		})
	}
}

// A line is a connection whose far end is the test's.
type line struct {
	t      testing.TB
	feed   *revoke.Feed
	ctx    context.Context // ends with the connection
	cursor string
	number int // of the connection, from 0
	out    *io.PipeWriter
}

// say writes something, and reports whether somebody still hears it.
func (l *line) say(text string) bool {
	_, err := l.out.Write([]byte(text))
	return err == nil
}

// frames are what a good feed would say.
func (l *line) frames(f func(name, text string) bool) {
	for frame, err := range l.feed.Frames(l.ctx, l.cursor) {
		if err != nil {
			return
		}
		text := string(frame.Text())
		_, name, _ := strings.Cut(text, "event: ")
		name, _, _ = strings.Cut(name, "\n")
		if !f(name, text) {
			return
		}
	}
}

// pass says all that a good feed would, but for events of that name ("" = all),
// which with makes something else of.
func (l *line) pass(name string, with func(text string) string) {
	l.frames(func(n, text string) bool {
		if name == "" || n == name {
			text = with(text)
		}
		return l.say(text)
	})
}

// replace returns a function that replaces what matches.
func replace(pattern, by string) func(string) string {
	re := regexp.MustCompile(pattern)
	return func(text string) string { return re.ReplaceAllString(text, by) }
}

// hold waits until the connection ends.
func (l *line) hold() { <-l.ctx.Done() }

// A switchboard connects a subscription to a good feed, or to a script.
type switchboard struct {
	t    testing.TB
	feed *revoke.Feed

	mu       sync.Mutex
	bad      func(*line) // nil = good
	refuse   error       // of Connect
	connects int         // since bad was set
	end      func()      // of the connection that there is
}

func (s *switchboard) connect(ctx context.Context, cursor string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.connects
	s.connects++
	if s.refuse != nil {
		return nil, s.refuse
	}
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(ctx)
	s.end = func() { cancel(); w.Close() }
	l := &line{t: s.t, feed: s.feed, ctx: ctx, cursor: cursor, number: n, out: w}
	say := s.bad
	if say == nil {
		say = func(l *line) { l.pass("", func(text string) string { return text }) }
	}
	go func() {
		say(l)
		w.Close()
	}()
	return r, nil
}

// turn makes the feed bad, or good again, from the next connection on, which begins
// now.
func (s *switchboard) turn(bad func(*line), refuse error) (connects int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	connects, s.connects = s.connects, 0
	s.bad, s.refuse = bad, refuse
	if s.end != nil {
		s.end()
	}
	return connects
}

// A journal is what was logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// forever says something again and again until nobody hears it.
func forever(l *line, pause time.Duration, text func(i int) string) {
	for i := 0; l.say(text(i)); i++ {
		time.Sleep(pause)
	}
}

// once is bad on its first connection only: the reader begins anew, and that goes well.
func once(bad func(*line)) func(*line) {
	return func(l *line) {
		if l.number > 0 {
			bad = func(l *line) { l.pass("", func(text string) string { return text }) }
		}
		bad(l)
	}
}

// late is bad when the causes of what came before have been logged.
func late(bad func(*line)) func(*line) {
	return func(l *line) {
		if l.number == 8 {
			bad(l)
		}
	}
}

// A feed that misbehaves ends nothing that is in force, keeps nobody fresh, and
// makes nobody lose anything.
func TestAFeedThatMisbehaves(t *testing.T) {
	const fresh, stale = true, false
	greet := func(l *line) {
		l.frames(func(name, text string) bool { l.say(text); return false })
	}
	for _, c := range []struct {
		name string
		bad  func(*line)
		want bool   // whether the subscriber stays fresh
		log  string // what its log says
	}{
		{"ends at once", func(*line) {}, stale, "the feed begins anew"},
		{"says nothing", (*line).hold, stale, "the feed says nothing"},
		{"greets and says nothing", func(l *line) { greet(l); l.hold() }, stale, "the feed says nothing"},
		{"greets and ends", greet, stale, "the feed begins anew"},
		{"garbage", func(l *line) { l.say("\x00\xff\xfe<html>\n\n") }, stale, "unknown field"},
		{"garbage without end", func(l *line) { forever(l, time.Millisecond, func(int) string { return "\xff" }) }, stale, "comes to no end of an event"},
		{"another format", func(l *line) { l.say(`{"entries": []}` + "\n") }, stale, "unknown field"},
		{"data that is no JSON", func(l *line) { l.pass("hello", replace(`\{`, "(")) }, stale, "event hello: invalid character"},
		{"no greeting", func(l *line) { l.pass("hello", replace(`(?s).*`, "")) }, stale, "where hello must be"},
		{"an unknown version", func(l *line) { l.pass("hello", replace(`"v":1`, `"v":2`)) }, stale, "version 2, of which only 1 is known"},
		{"a salt too short", func(l *line) { l.pass("hello", replace(`"salt":"[^"]*"`, `"salt":"AAAA"`)) }, stale, "a salt of 3 bytes, not 16"},
		{"no log", func(l *line) { l.pass("hello", replace(`"log":"log"`, `"log":""`)) }, stale, "no log"},
		{"a greeting before the beginning", func(l *line) { l.pass("hello", replace(`"at":\d+`, `"at":-1`)) }, stale, "event hello: at -1"},
		{"a greeting in a million years", func(l *line) { l.pass("hello", replace(`"at":\d+`, `"at":9223372036854775807`)) }, stale, "event hello: at 9223372036854775807"},
		{"an event cut in the middle", func(l *line) {
			l.frames(func(name, text string) bool {
				if name == "entries" {
					l.say(text[:len(text)/2])
					return false
				}
				return l.say(text)
			})
		}, stale, "unexpected EOF"},
		{"an event without its empty line", func(l *line) {
			l.frames(func(name, text string) bool {
				if name == "entries" {
					l.say(text[:len(text)-1])
					return false
				}
				return l.say(text)
			})
		}, stale, "unexpected EOF"},
		{"everything twice", once(func(l *line) { l.pass("entries", func(text string) string { return text + text }) }), fresh, "entries after 1 where 3 was read"},
		{"one entry twice", once(func(l *line) { l.pass("entries", replace(`"seq":3`, `"seq":2`)) }), fresh, "entry 2 after 2"},
		{"an entry is missing", once(func(l *line) { l.pass("entries", replace(`\{"seq":2[^}]*\},`, "")) }), fresh, "entry 3 after 1"},
		{"an entry is missing, and is said to be pruned", once(func(l *line) {
			l.pass("entries", func(text string) string {
				return replace(`"floor":0`, `"floor":2`)(replace(`\{"seq":2[^}]*\},`, "")(text))
			})
		}), fresh, "entry 3 after 1"},
		{"a gap", once(func(l *line) { l.pass("entries", replace(`"after":1`, `"after":2`)) }), fresh, "entries after 2 where 1 was read"},
		{"out of order", once(func(l *line) { l.pass("entries", replace(`(\{"seq":2[^}]*\}),(\{"seq":3[^}]*\})`, "$2,$1")) }), fresh, "entry 3 after 1"},
		{"entries of the past", once(func(l *line) { l.pass("entries", replace(`"after":1`, `"after":-1`)) }), fresh, "entries after -1"},
		{"a number too large", once(func(l *line) {
			l.pass("entries", replace(`"seq":3`, `"seq":999999999999999`))
		}), fresh, "entry 999999999999999 after 2"},
		{"no number at all", func(l *line) { l.pass("entries", replace(`"seq":3`, `"seq":"3"`)) }, stale, "event entries: json"},
		{"an entry that is nothing", func(l *line) { l.pass("entries", replace(`\{"seq":2[^}]*\}`, "null")) }, stale, "no effect or no kind"},
		{"an entry without a kind", func(l *line) { l.pass("entries", replace(`"kind":"session"`, `"kind":""`)) }, stale, "no effect or no kind"},
		{"a malformed id", func(l *line) { l.pass("entries", replace(`"id":"[^"]*"`, `"id":"ann"`)) }, stale, "malformed id"},
		{"an id that is not written as we write it", func(l *line) { l.pass("entries", replace(`"id":"(.{21})."`, `"id":"${1}_"`)) }, stale, "malformed id"},
		{"a malformed organization", func(l *line) { l.pass("entries", replace(`"id":`, `"org":"org","id":`)) }, stale, "organization: malformed id"},
		{"a beat ahead of what was read", once(func(l *line) { l.pass("beat", replace(`"seq":3`, `"seq":4`)) }), fresh, "it is at 4, and 3 was read"},
		{"a beat behind what was read", once(func(l *line) { l.pass("beat", replace(`"seq":3`, `"seq":2`)) }), fresh, "it is at 2, and 3 was read"},
		{"a beat that says that the rest was pruned", once(func(l *line) { l.pass("beat", replace(`"seq":3,"floor":0`, `"seq":4,"floor":4`)) }), fresh, "it is at 4, and 3 was read"},
		{"pruned past the end", once(func(l *line) { l.pass("beat", replace(`"floor":0`, `"floor":4`)) }), fresh, "pruned up to 4"},
		{"a beat before the beginning", func(l *line) { l.pass("beat", replace(`"at":\d+`, `"at":-5`)) }, stale, "event beat: at -5"},
		{"a beat in a million years", func(l *line) { l.pass("beat", replace(`"at":\d+`, `"at":9223372036854775807`)) }, stale, "event beat: at 9223372036854775807"},
		{"a beat of long ago", func(l *line) { l.pass("beat", replace(`"at":\d+`, `"at":0`)) }, stale, "has not said within the bound that this was all"},
		{"no beats", func(l *line) { l.pass("beat", replace(`(?s).*`, ": nothing\n\n")) }, stale, "comes to no end of an event"},
		{"another log without a reset", once(func(l *line) { l.pass("hello", replace(`"log":"log"`, `"log":"gol"`)) }), fresh, "it is of another log"},
		{"another salt without a reset", once(func(l *line) {
			l.pass("hello", replace(`"salt":"[^"]*"`, `"salt":"AAAAAAAAAAAAAAAAAAAAAA=="`))
		}), fresh, "it is of another log"},
		{"a reset that never ends", func(l *line) {
			greet(l)
			l.say("event: reset\ndata: {}\n\n")
			forever(l, time.Millisecond, func(i int) string {
				return fmt.Sprintf("event: entries\ndata: {\"after\":%d,\"entries\":[{\"seq\":%d,\"effect\":\"kill\",\"kind\":\"global\"}]}\n\n", i, i+1)
			})
		}, stale, "has not said within the bound that this was all"},
		{"resets without end", func(l *line) {
			greet(l)
			forever(l, 10*time.Millisecond, func(int) string { return "event: reset\ndata: {}\n\n" })
		}, stale, "has not said within the bound that this was all"},
		{"a reset to before what is in force, of a node that has not looked since", func(l *line) {
			greet(l)
			forever(l, time.Second, func(int) string {
				return "event: reset\ndata: {}\n\nid: log.0.\nevent: beat\ndata: {\"at\":0,\"seq\":0,\"floor\":0}\n\n"
			})
		}, stale, "has not said within the bound that this was all"},
		{"a drip", func(l *line) {
			greet(l)
			forever(l, time.Second, func(int) string { return ":" })
		}, stale, "comes to no end of an event"},
		{"comments without end", func(l *line) {
			greet(l)
			forever(l, time.Second, func(int) string { return ": still here\n\n" })
		}, stale, "comes to no end of an event"},
		{"events without end that nobody knows", func(l *line) {
			greet(l)
			forever(l, time.Second, func(int) string { return "event: weather\ndata: {}\n\n" })
		}, stale, "comes to no end of an event"},
		{"a line without end", late(func(l *line) { forever(l, 0, func(int) string { return strings.Repeat("x", 1<<20) }) }), stale, "larger than 32 MiB"},
		{"an event without end", late(func(l *line) {
			forever(l, 0, func(int) string { return "data: " + strings.Repeat("x", 1<<20) + "\n" })
		}), stale, "larger than 32 MiB"},
		{"more entries than memory", late(func(l *line) {
			greet(l)
			l.say("event: entries\ndata: {\"after\":1,\"entries\":[" + strings.Repeat("{},", 1<<20) + "{}]}\n\n")
		}), stale, "more than 10000 entries"},

		{"comments", func(l *line) { l.pass("", func(text string) string { return ": comment\n\n: another\n" + text }) }, fresh, ""},
		{"carriage returns", func(l *line) { l.pass("", replace("\n", "\r\n")) }, fresh, ""},
		{"data on many lines", func(l *line) { l.pass("", replace(`,"`, ",\ndata: \"")) }, fresh, ""},
		{"no space after the colon", func(l *line) { l.pass("", replace(`(?m)^(id|event|data): `, "$1:")) }, fresh, ""},
		{"a time to come back", func(l *line) { l.pass("", func(text string) string { return "retry: 1000000\n\n" + text }) }, fresh, ""},
		{"unknown events", func(l *line) { l.pass("", func(text string) string { return text + "event: weather\ndata: rain\n\n" }) }, fresh, ""},
		{"unknown members", func(l *line) { l.pass("", replace(`"(at|after|seq)":`, `"weather":{"is":"rain"},"$1":`)) }, fresh, ""},
		{"byte by byte", func(l *line) {
			l.frames(func(_, text string) bool {
				for i := range text {
					if !l.say(text[i : i+1]) {
						return false
					}
				}
				return true
			})
		}, fresh, ""},
		{"a clock that is an hour ahead", func(l *line) { l.pass("beat", replace(`"at":(\d+)`, `"at":3600$1`)) }, fresh, ""},
		{"no ids", func(l *line) { l.pass("", replace(`(?m)^id: .*\n`, "")) }, fresh, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { misbehave(t, c.bad, nil, c.want, c.log) })
		})
	}
	for _, c := range []struct {
		name string
		err  error
		log  string
	}{
		{"no connection", errDown, "database is down"},
		{"not entitled any more", revoke.ErrNotEntitled, "not entitled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { misbehave(t, nil, c.err, stale, c.log) })
		})
	}
}

// misbehave follows a feed that is good, then bad for a minute, then good again.
func misbehave(t *testing.T, bad func(*line), refuse error, fresh bool, logged string) {
	b := newBook("log")
	b.add(nil, kill(revoke.Session, "old"))
	node := follow(t, b.config())
	board := &switchboard{t: t, feed: feed(t, b, node)}
	var log journal
	f, err := revoke.Subscribe(t.Context(), revoke.Subscription{Connect: board.connect, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dead := func(what string, rev int64, session string, want error) {
		t.Helper()
		if err := f.Dead(at(rev), revoke.IDs{Session: session}); err != want {
			t.Errorf("%s: Dead(%d, %s) = %v, want %v\n%s", what, rev, session, err, want, log.String())
		}
	}
	time.Sleep(10*time.Second + 500*time.Millisecond) // between two beats
	dead("good", 0, "old", revoke.ErrRevoked)
	dead("good", 1, "old", nil)
	mark, _ := f.Mark()

	bound := 5*time.Second - f.Age()
	board.turn(bad, refuse)
	begun := time.Now()
	catchUp(t, node, b.add(nil, kill(revoke.Session, "new"), kill(revoke.Session, "newer"))) // before it connects again
	for time.Since(begun) < bound {
		time.Sleep(min(100*time.Millisecond, bound-time.Since(begun)))
		dead("within the bound", 0, "old", revoke.ErrRevoked)
		dead("within the bound", 3, "other", nil)
	}
	synctest.Wait()
	time.Sleep(time.Nanosecond)
	for time.Since(begun) < time.Minute {
		if !fresh {
			dead("beyond the bound", 0, "old", revoke.ErrStale)
			dead("beyond the bound", 3, "other", revoke.ErrStale)
		} else {
			dead("beyond the bound", 0, "old", revoke.ErrRevoked)
			dead("beyond the bound", 2, "newer", revoke.ErrRevoked)
			dead("beyond the bound", 3, "other", nil)
		}
		time.Sleep(499 * time.Millisecond)
	}
	if n := board.turn(nil, nil); n > 100 {
		t.Errorf("%d connections in a minute", n)
	}
	time.Sleep(2 * time.Second)
	synctest.Wait()
	dead("good again", 0, "old", revoke.ErrRevoked)
	dead("good again", 2, "new", nil)
	dead("good again", 1, "new", revoke.ErrRevoked)
	dead("good again", 2, "newer", revoke.ErrRevoked)
	if !f.Changed(mark, revoke.IDs{Session: "newer"}) {
		t.Error("a kill is in force, and yet nothing Changed")
	}
	if !strings.Contains(strings.ReplaceAll(log.String(), `\"`, `"`), logged) {
		t.Errorf("want %q in the log:\n%s", logged, log.String())
	}
}

func TestWhoIsNotEntitledAtFirstIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := &switchboard{refuse: fmt.Errorf("asking: %w", revoke.ErrNotEntitled)}
		_, err := revoke.Subscribe(t.Context(), revoke.Subscription{Connect: board.connect, Log: quiet})
		if !errors.Is(err, revoke.ErrNotEntitled) || board.connects != 1 {
			t.Errorf("Subscribe = %v after %d attempts", err, board.connects)
		}
	})
}

func TestSubscribeWaitsForAFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook("log")
		board := &switchboard{t: t, feed: feed(t, b, follow(t, b.config())), refuse: errDown}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := revoke.Subscribe(ctx, revoke.Subscription{Connect: board.connect, Log: quiet}); !errors.Is(err, errDown) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Subscribe = %v", err)
		}
		if board.connects > 130 {
			t.Errorf("%d attempts in a minute", board.connects)
		}
		time.AfterFunc(time.Minute, func() { board.turn(nil, nil) })
		f, err := revoke.Subscribe(t.Context(), revoke.Subscription{Connect: board.connect, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.Dead(at(0), revoke.IDs{}); err != nil {
			t.Error(err)
		}
	})
}

// The policy in force is one that was good.
func TestAPolicyThatIsNotGoodLeavesTheOneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook("log")
		node := follow(t, b.config())
		type policy struct {
			text string
			err  error
		}
		var there atomic.Pointer[policy]
		there.Store(&policy{text: `{"v":1}`})
		d, err := revoke.NewFeed(node, revoke.FeedConfig{Read: b.read, Key: feedKey, Log: quiet, Policy: func() ([]byte, error) {
			p := there.Load()
			return []byte(p.text), p.err
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		var log journal
		var got atomic.Value
		f, err := revoke.Subscribe(t.Context(), revoke.Subscription{
			Connect: (&switchboard{t: t, feed: d}).connect, Log: slog.New(slog.NewTextHandler(&log, nil)),
			Policy: func(_ context.Context, text []byte) error {
				if bytes.Contains(text, []byte("bad")) {
					return errors.New("no such permission")
				}
				got.Store(string(text))
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		step := func(what, next string, err error, want string) {
			t.Helper()
			there.Store(&policy{next, err})
			b.add(nil, notice(revoke.Policy, "v"))
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if inForce := got.Load(); inForce != want {
				t.Errorf("%s: %s is in force, not %s", what, inForce, want)
			}
			if err := f.Dead(at(1), revoke.IDs{}); err != nil {
				t.Errorf("%s: Dead = %v", what, err)
			}
		}
		step("another", `{"v":2}`, nil, `{"v":2}`)
		step("one that is not good", `{"v":"bad"}`, nil, `{"v":2}`)
		if !strings.Contains(log.String(), "no such permission") {
			t.Errorf("the log does not say why:\n%s", log.String())
		}
		step("a good one", `{"v":3}`, nil, `{"v":3}`)
		step("one that the node cannot have", `{"v":4}`, errDown, `{"v":3}`)
		there.Store(&policy{text: `{"v":4}`})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if inForce := got.Load(); inForce != `{"v":4}` {
			t.Errorf("%s is in force, though the node has another by now", inForce)
		}
	})
}
