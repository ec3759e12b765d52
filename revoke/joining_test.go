package revoke_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
)

// parse returns the name of an event, and its id.
func parse(text string) (name, id string) {
	for l := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(l, "id: "); ok {
			id = strings.TrimSpace(v)
		}
		if v, ok := strings.CutPrefix(l, "event: "); ok {
			name = strings.TrimSpace(v)
		}
	}
	return name, id
}

// hear reads a stream until all was said, as a reader does: by a beat of after it had
// asked. It returns the names of the events and the cursor by then.
func hear(t testing.TB, d *revoke.Feed, cursor string) (events, last string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	last = cursor
	time.Sleep(time.Millisecond) // in a bubble, where reading the log takes no time
	for range 5 {
		var asked, at int64
		events = ""
		for f, err := range d.Frames(ctx, last) {
			if err != nil {
				break // and come back
			}
			text := string(f.Text())
			name, id := parse(text)
			events = strings.TrimSpace(events + " " + name)
			if id != "" {
				last = id
			}
			_, data, _ := strings.Cut(text, `"at":`)
			switch fmt.Sscanf(data, "%d", &at); name {
			case "hello":
				asked = at
			case "beat":
				if at >= asked {
					return events, last
				}
			}
		}
	}
	t.Fatalf("from %q, after %s: no end", cursor, events)
	return events, last
}

// A reader that comes back is told what it has missed, and everything if that
// cannot be known.
func TestResume(t *testing.T) {
	const (
		onward = false
		anew   = true
	)
	type nodes struct {
		*book
		one, two       *revoke.Follower // two reads the log when it is asked to, and not by itself
		first, second  *revoke.Feed
		cursor, before string // of the first node, now and a page ago
	}
	for _, c := range []struct {
		name string
		do   func(t *testing.T, n *nodes) (d *revoke.Feed, cursor string)
		want bool // whether it begins anew
		seq  int64
	}{
		{"who knows everything", func(_ *testing.T, n *nodes) (*revoke.Feed, string) { return n.first, n.cursor }, onward, 4},
		{"who missed a frame that is remembered", func(_ *testing.T, n *nodes) (*revoke.Feed, string) { return n.first, n.before }, onward, 4},
		{"who missed a frame that the store has", func(_ *testing.T, n *nodes) (*revoke.Feed, string) { return n.second, n.before }, onward, 4},
		{"who was told half of what another node told at once", func(t *testing.T, n *nodes) (*revoke.Feed, string) {
			catchUp(t, n.one, n.add(nil, kill(revoke.Token, "a")))
			_, cursor := hear(t, n.first, n.cursor)
			catchUp(t, n.two, n.add(nil, kill(revoke.Token, "b"), kill(revoke.Token, "c")))
			return n.second, cursor
		}, onward, 7},
		{"who heard more from a node that is ahead", func(t *testing.T, n *nodes) (*revoke.Feed, string) {
			catchUp(t, n.one, n.add(nil, kill(revoke.Token, "a")))
			_, cursor := hear(t, n.first, n.cursor)
			return n.second, cursor
		}, onward, 5},
		{"who comes from the future", func(_ *testing.T, n *nodes) (*revoke.Feed, string) { return n.first, "log.400.nonce" }, anew, 4},
		{"who comes from another log", func(_ *testing.T, n *nodes) (*revoke.Feed, string) { return n.first, "gol" + n.cursor[3:] }, anew, 4},
		{"who comes from a log that this node does not know yet", func(t *testing.T, n *nodes) (*revoke.Feed, string) {
			n.restore("gol", 4)
			catchUp(t, n.one, revoke.Position{})
			_, cursor := hear(t, n.first, "")
			return n.second, cursor
		}, onward, 4},
		{"who has no nonce", func(_ *testing.T, n *nodes) (*revoke.Feed, string) { return n.first, "log.4." }, anew, 4},
		{"who has the nonce of another entry of that number", func(_ *testing.T, n *nodes) (*revoke.Feed, string) { return n.first, "log.4.other" }, anew, 4},
		{"who has it of an earlier one", func(_ *testing.T, n *nodes) (*revoke.Feed, string) { return n.first, "log.3.other" }, anew, 4},
		{"whose entry was pruned", func(_ *testing.T, n *nodes) (*revoke.Feed, string) {
			n.prune(1)
			return n.second, n.before
		}, anew, 4},
		{"who missed what was pruned", func(t *testing.T, n *nodes) (*revoke.Feed, string) {
			n.prune(2)
			return n.second, n.before
		}, anew, 4},
		{"whose database was restored", func(t *testing.T, n *nodes) (*revoke.Feed, string) {
			n.restore("log", 3)
			n.add(nil, kill(revoke.Token, "other"))
			return n.second, n.cursor
		}, anew, 4},
		{"whose database was restored, and this node knows", func(t *testing.T, n *nodes) (*revoke.Feed, string) {
			n.restore("log", 3)
			catchUp(t, n.one, revoke.Position{})
			return n.first, n.cursor
		}, anew, 3},
		{"everything was pruned", func(t *testing.T, n *nodes) (*revoke.Feed, string) {
			n.prune(1, 2, 3, 4)
			catchUp(t, n.two, revoke.Position{})
			return n.second, ""
		}, anew, 4},
		{"everything was pruned since this node looked", func(_ *testing.T, n *nodes) (*revoke.Feed, string) {
			n.prune(1, 2, 3, 4)
			return n.second, ""
		}, anew, 4},
		{"the end was pruned since this node looked", func(_ *testing.T, n *nodes) (*revoke.Feed, string) {
			n.prune(3, 4)
			return n.second, ""
		}, anew, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &nodes{book: newBook("log")}
				seldom := n.config()
				seldom.Every, seldom.Bound = time.Hour, 2*time.Hour
				seldom.Read = func(ctx context.Context, f func(revoke.Log) error) error {
					time.Sleep(10 * time.Millisecond)
					return n.read(ctx, f)
				}
				n.add(nil, kill(revoke.Session, "s"))
				n.one = follow(t, n.config())
				n.first = feed(t, n.book, n.one)
				_, n.before = hear(t, n.first, "")
				catchUp(t, n.one, n.add(nil, kill(revoke.Session, "t"), kill(revoke.Session, "u"), kill(revoke.Session, "v")))
				n.two = follow(t, seldom)
				n.second = feed(t, n.book, n.two)
				_, n.cursor = hear(t, n.first, n.before)

				d, cursor := c.do(t, n)
				events, last := hear(t, d, cursor)
				if log, _, _ := strings.Cut(last, "."); strings.Contains(events, "reset") != c.want || !strings.HasPrefix(last, fmt.Sprintf("%s.%d.", log, c.seq)) {
					t.Errorf("%s, up to %s; want %d, and to begin anew: %v", events, last, c.seq, c.want)
				}
				// And whoever follows both ends up with what is so.
				time.Sleep(time.Millisecond)
				begun := time.Now()
				follows := subscribe(t, revoke.Subscription{Connect: (&wire{feed: d}).connect, Bound: 2 * time.Hour})
				if got := follows.Cursor().Seq; got != c.seq || time.Since(begun) > 5*time.Second {
					t.Errorf("a new subscriber is at %d after %v", got, time.Since(begun))
				}
			})
		})
	}
}

// What is in force is not undone by a node that lags behind the one before.
func TestNoNodeBringsTheDeadToLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook("log")
		seldom := b.config()
		seldom.Every, seldom.Bound = time.Hour, 2*time.Hour
		seldom.Read = func(ctx context.Context, f func(revoke.Log) error) error {
			time.Sleep(500 * time.Millisecond)
			return b.read(ctx, f)
		}
		fast, slow := follow(t, b.config()), follow(t, seldom)
		board := &switchboard{t: t, feed: feed(t, b, fast)}
		f := subscribe(t, revoke.Subscription{Connect: board.connect})
		lagging := feed(t, b, slow)
		hear(t, lagging, "") // and has a snapshot of when nothing had happened
		synctest.Wait()      // it has looked, because it was asked
		p := b.add(nil, kill(revoke.Session, "s"))
		catchUp(t, fast, p)
		catchUp(t, f, p)
		// A reader that was told nonsense forgets its cursor, and not what it knows.
		board.turn(func(l *line) {
			if l.number > 0 {
				l.feed = lagging
			}
			l.pass("beat", func(text string) string {
				if l.number == 0 {
					return replace(`"seq":1`, `"seq":7`)(text)
				}
				return text
			})
		}, nil)
		for range 10_000 {
			time.Sleep(time.Millisecond)
			if err := f.Dead(at(0), revoke.IDs{Session: "s"}); err == nil {
				t.Fatal("lives")
			}
		}
	})
}

// The frames of everybody are the same, and so is what they make.
func TestAStreamIsOneStreamOfDeflate(t *testing.T) {
	b := newBook("log")
	b.add(nil, kill(revoke.Session, "s"), roles("ann", "admin"))
	node := follow(t, b.config())
	d := feed(t, b, node)
	for round := range 3 {
		var text, packed bytes.Buffer
		packed.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}) // RFC 1952 §2.3
		n := 0
		for f, err := range d.Frames(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 3 {
				p := b.add(nil, kill(revoke.Token, fmt.Sprint("t", round)))
				catchUp(t, node, p)
			}
			text.Write(f.Text())
			packed.Write(f.Deflated())
			if !bytes.Equal(f.Text(), inflate(t, f.Deflated())) {
				t.Errorf("a frame is not by itself what it says: %q", f.Text())
			}
			if n == 6 {
				break
			}
		}
		packed.Write([]byte{3, 0}) // an empty last block
		packed.Write(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(text.Bytes())))
		packed.Write(binary.LittleEndian.AppendUint32(nil, uint32(text.Len())))
		z, err := gzip.NewReader(&packed)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(z)
		if err != nil || !bytes.Equal(got, text.Bytes()) {
			t.Errorf("%v\n%s\n%s", err, got, text.Bytes())
		}
	}
}

func inflate(t testing.TB, packed []byte) []byte {
	t.Helper()
	text, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(packed), bytes.NewReader([]byte{3, 0}))))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestASnapshotIsMadeOnceForAllWhoCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook("log")
		for i := range 5000 {
			b.add(nil, kill(revoke.Session, fmt.Sprint("s", i)))
		}
		d := feed(t, b, follow(t, b.config()))
		b.set(func(b *book) { b.slow, b.reads = 10*time.Millisecond, 0 })
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if events, last := hear(t, d, ""); !strings.HasPrefix(events, "hello reset") || !strings.HasPrefix(last, "log.5000.") {
					t.Error(events, last)
				}
			})
		}
		all.Wait()
		if n := b.count(); n > 10 { // six pages, and polls for beats
			t.Errorf("%d reads for 50 readers", n)
		}
		time.Sleep(time.Minute)
		b.set(func(b *book) { b.reads = 0 })
		hear(t, d, "")
		if b.count() < 6 {
			t.Error("a snapshot of a minute ago was told")
		}
	})
}

func (b *book) count() (n int) {
	b.set(func(b *book) { n = b.reads })
	return n
}

// A snapshot that is made while the database is restored is not told to those who
// come later.
func TestASnapshotOfALogThatWentIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook("log")
		for i := range 3000 {
			b.add(nil, kill(revoke.Session, fmt.Sprint("s", i)))
		}
		node := follow(t, b.config())
		pages := 0
		d, err := revoke.NewFeed(node, revoke.FeedConfig{Key: feedKey, Log: quiet, Read: func(ctx context.Context, f func(revoke.Log) error) error {
			if pages++; pages == 2 {
				b.restore("log", 2990)
				catchUp(t, node, revoke.Position{})
			}
			return b.read(ctx, f)
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		f := subscribe(t, revoke.Subscription{Connect: (&wire{feed: d}).connect})
		begun := time.Now()
		for range 10 {
			catchUp(t, node, b.add(nil, kill(revoke.Token, "t")))
			if events, last := hear(t, d, ""); !strings.HasPrefix(last, node.Cursor().String()+".") {
				t.Errorf("%s up to %s", events, last)
			}
		}
		if err := f.Dead(node.Cursor(), revoke.IDs{}); err != nil || time.Since(begun) > 5*time.Second {
			t.Errorf("not fresh: %v", err)
		}
	})
}

// alive counts the bytes of frames that are in memory.
type alive struct{ bytes, frames atomic.Int64 }

func (a *alive) watch(f *revoke.Frame) {
	n := int64(len(f.Text()))
	a.bytes.Add(n)
	a.frames.Add(1)
	runtime.AddCleanup(f, func(n int64) { a.bytes.Add(-n); a.frames.Add(-1) }, n)
}

func (a *alive) now() (size, frames int64) {
	for range 3 {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	return a.bytes.Load(), a.frames.Load()
}

// A reader that reads nothing holds up nobody and no memory, and is told so.
func TestAReaderThatReadsNothing(t *testing.T) {
	b := newBook("log")
	b.add(nil, kill(revoke.Session, "s"))
	c := b.config()
	c.Bound = time.Hour // a busy machine is not the question
	node := follow(t, c)
	d := feed(t, b, node)
	var memory alive
	w := &wire{feed: d, tap: memory.watch}
	f := subscribe(t, revoke.Subscription{Connect: w.connect, Bound: time.Hour})

	const readers = 20
	wake := make(chan struct{})
	ends := make(chan error, readers)
	var cursor atomic.Value
	for range readers {
		go func() {
			beats := 0
			for frame, err := range d.Frames(t.Context(), "") {
				if err != nil {
					ends <- err
					return
				}
				name, id := parse(string(frame.Text()))
				if name == "beat" {
					if beats++; beats == 1 {
						cursor.Store(id)
						<-wake
					}
				}
			}
		}()
	}
	for d.Streams() < readers+1 {
		time.Sleep(time.Millisecond)
	}
	total := 0
	for i := range 150 {
		entries := make([]revoke.Entry, 1000)
		for k := range entries {
			entries[k] = kill(revoke.Token, fmt.Sprint("t", i, ".", k))
		}
		p := b.add(nil, entries...)
		catchUp(t, node, p)
		catchUp(t, f, p)
		total += 1000 * 90
	}
	if size, frames := memory.now(); size > 9<<20 {
		t.Errorf("%d frames of %d bytes in memory, after %d bytes were told", frames, size, total)
	}
	close(wake)
	for range readers {
		if err := <-ends; !strings.Contains(err.Error(), "too far behind") {
			t.Errorf("a reader that is %d bytes behind: %v", total, err)
		}
	}
	// It comes back with its cursor, and is told the rest from the store.
	seq := int64(1)
	for frame, err := range d.Frames(t.Context(), cursor.Load().(string)) {
		if err != nil {
			t.Fatal(err)
		}
		if _, id := parse(string(frame.Text())); id != "" {
			fmt.Sscanf(id, "log.%d", &seq)
		}
		if seq == node.Cursor().Seq {
			break
		}
	}
}

// Beats are not kept for ever, however long nothing else is told.
func TestAQuietFeedDoesNotGrow(t *testing.T) {
	b := newBook("log")
	var memory alive
	synctest.Test(t, func(t *testing.T) {
		node := follow(t, b.config())
		w := &wire{feed: feed(t, b, node), tap: memory.watch}
		f := subscribe(t, revoke.Subscription{Connect: w.connect})
		catchUp(t, node, b.add(nil, kill(revoke.Session, "s")))
		time.Sleep(time.Duration(testenv.Count(20_000, 200_000)) * time.Second)
		if err := f.Dead(at(1), revoke.IDs{}); err != nil {
			t.Error(err)
		}
		if _, frames := memory.now(); frames > 8<<20/512 {
			t.Errorf("%d frames in memory", frames)
		}
	})
}

// However many read how slowly, few snapshots are in memory.
func TestASnapshotIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook("log")
		for i := range 3000 {
			b.add(nil, kill(revoke.Session, fmt.Sprint("s", i)))
		}
		d := feed(t, b, follow(t, b.config()))
		const readers = 6
		wake := make(chan struct{})
		var ends [readers]error
		var reading sync.WaitGroup
		for i := range readers {
			reading.Go(func() {
				n := 0
				for f, err := range d.Frames(t.Context(), "") {
					if err != nil {
						ends[i] = err
						return
					}
					if name, _ := parse(string(f.Text())); name == "beat" {
						return
					}
					if n++; n == 3 { // has heard hello, reset and a thousand entries
						<-wake
					}
				}
			})
			time.Sleep(31 * time.Second)
		}
		close(wake)
		reading.Wait()
		for i, err := range ends {
			if i < readers-4 && (err == nil || !strings.Contains(err.Error(), "too far behind")) || i >= readers-4 && err != nil {
				t.Errorf("the reader of %d snapshots ago: %v", readers-1-i, err)
			}
		}
	})
}

// A thousand streams, readers that come and go, and a node that stops.
func TestAThousandStreams(t *testing.T) {
	b := newBook("log")
	for i := range 100 {
		b.add(nil, kill(revoke.Session, fmt.Sprint("s", i)))
	}
	c := b.config()
	c.Bound = time.Hour
	node := follow(t, c)
	d := feed(t, b, node)
	var all sync.WaitGroup
	last := b.head.Seq + 20
	for i := range 1000 {
		all.Go(func() {
			cursor, seq := "", int64(0)
			for seq < last {
				for f, err := range d.Frames(t.Context(), cursor) {
					if err != nil {
						t.Errorf("stream %d: %v", i, err)
						return
					}
					text := f.Text()
					if i%20 == 0 {
						text = inflate(t, f.Deflated())
					}
					name, id := parse(string(text))
					if id != "" {
						cursor = id
						fmt.Sscanf(id, "log.%d", &seq)
					}
					if seq >= last || i%100 == 0 && name == "beat" { // some come again and again
						break
					}
				}
			}
		})
	}
	for range 10 {
		all.Go(func() {
			for range 3 {
				f, err := revoke.Subscribe(t.Context(), revoke.Subscription{Connect: (&wire{feed: d}).connect, Bound: time.Hour, Log: quiet})
				if err != nil {
					t.Error(err)
					return
				}
				if err := f.Dead(at(0), revoke.IDs{Session: "s7"}); err != revoke.ErrRevoked {
					t.Error(err)
				}
				var closing sync.WaitGroup
				closing.Go(f.Close)
				closing.Go(f.Close)
				closing.Wait()
			}
		})
	}
	for i := range 20 {
		catchUp(t, node, b.add(nil, kill(revoke.Token, fmt.Sprint("t", i))))
	}
	all.Wait()
	d.Close()
	d.Close()
	for _, err := range d.Frames(t.Context(), "") {
		if err != nil && !errors.Is(err, revoke.ErrFeedClosed) {
			t.Errorf("a closed feed: %v", err)
		}
	}
	for d.Streams() > 0 { // whose connections end beside us
		time.Sleep(time.Millisecond)
	}
}

// Feeds that begin while the log grows tell every entry once. A bubble would hide it:
// this is about what happens between two instructions.
func TestAFeedBeginsWhileTheLogGrows(t *testing.T) {
	b := newBook("log")
	c := b.config()
	c.Bound = time.Hour
	node := follow(t, c)
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				catchUp(t, node, b.add(nil, kill(revoke.Token, fmt.Sprint("t", i))))
			}
		}
	})
	cursor := ""
	for range testenv.Count(300, 10_000) {
		d, err := revoke.NewFeed(node, revoke.FeedConfig{Read: b.read, Key: feedKey, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		seq, frames := int64(-1), 0
		for f, err := range d.Frames(t.Context(), cursor) {
			if err != nil {
				t.Fatal(err)
			}
			name, id := parse(string(f.Text()))
			if name != "entries" {
				continue
			}
			var after, now int64
			_, data, _ := strings.Cut(string(f.Text()), "data: ")
			fmt.Sscanf(data, `{"after":%d`, &after)
			fmt.Sscanf(id, "log.%d", &now)
			if seq >= 0 && after != seq {
				t.Fatalf("entries after %d where %d was told", after, seq)
			}
			seq, cursor = now, id
			if frames++; frames == 5 {
				break
			}
		}
		d.Close()
	}
	close(stop)
	writing.Wait()
}

// A subscriber that is closed while it connects, in whatever state, leaves nothing
// behind: the bubble waits for every goroutine.
func TestCloseLeavesNothingBehind(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  func(*line)
		err  error
	}{
		{"following", nil, nil},
		{"nothing is said", (*line).hold, nil},
		{"a drip", func(l *line) { forever(l, time.Millisecond, func(int) string { return ":" }) }, nil},
		{"no connection", nil, errDown},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook("log")
				node := follow(t, b.config())
				d := feed(t, b, node)
				board := &switchboard{t: t, feed: d}
				f := subscribe(t, revoke.Subscription{Connect: board.connect})
				board.turn(c.bad, c.err)
				time.Sleep(1234 * time.Millisecond)
				f.Close()
				f.Close()
				if err := f.CatchUp(t.Context(), at(9)); err == nil {
					t.Error("CatchUp of a closed follower succeeded")
				}
				time.Sleep(6 * time.Second)
				if _, err := f.Mark(); err != revoke.ErrStale {
					t.Errorf("Mark = %v", err)
				}
			})
		})
	}
	t.Run("connecting", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := revoke.Subscribe(ctx, revoke.Subscription{Log: quiet, Connect: func(ctx context.Context, _ string) (io.ReadCloser, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}})
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	})
}
