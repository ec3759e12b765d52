package authz_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// A written notes what a log writes.
type written struct {
	mu      sync.Mutex
	batches [][]authz.DecisionEntry
	err     error         // of every write, unless nil
	hold    chan struct{} // a write waits for it, unless nil
}

func (w *written) write(ctx context.Context, batch []authz.DecisionEntry) error {
	if w.hold != nil {
		select {
		case <-w.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	w.batches = append(w.batches, batch)
	return nil
}

func (w *written) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

// sizes returns how large the batches are.
func (w *written) sizes() (all []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.batches {
		all = append(all, len(b))
	}
	return all
}

func (w *written) count() (n int) {
	for _, size := range w.sizes() {
		n += size
	}
	return n
}

func entry(id int) authz.DecisionEntry {
	return authz.DecisionEntry{Decision: sallyport.Decision{ID: fmt.Sprint("dec_", id)}}
}

// logged is a logger, and what it has written; read it when nobody writes.
func logged() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, nil)), &b
}

func TestDecisionsAreWrittenInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w written
		l := authz.NewDecisionLog(w.write, nil)
		defer l.Close()
		check := func(what, want string) {
			t.Helper()
			synctest.Wait()
			if got := fmt.Sprint(w.sizes()); got != want {
				t.Errorf("%s: batches of %s, want %s", what, got, want)
			}
		}
		for i := range 3 {
			l.Record(entry(i))
			time.Sleep(30 * time.Millisecond)
		}
		check("90 ms after the first", "[]")
		time.Sleep(10 * time.Millisecond)
		check("100 ms after the first", "[3]")
		time.Sleep(time.Hour)
		check("an idle hour later", "[3]")
		for i := range 256 + 1 {
			l.Record(entry(i))
		}
		check("with more than a batch at once", "[3 256]")
		time.Sleep(100 * time.Millisecond)
		check("with the rest", "[3 256 1]")
	})
}

func TestCloseWritesWhatWasRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w written
		l := authz.NewDecisionLog(w.write, nil)
		for i := range 1000 {
			l.Record(entry(i))
		}
		start := time.Now()
		l.Close()
		l.Close()
		if w.count() != 1000 || time.Since(start) > 0 {
			t.Errorf("wrote %d in %v", w.count(), time.Since(start))
		}
		l.Record(entry(0))
		if w.count() != 1000 || l.Dropped() != 1 {
			t.Errorf("after Close: wrote %d, dropped %d", w.count(), l.Dropped())
		}
	})
}

func TestRecordNeverWaitsForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10_000
		w := written{hold: make(chan struct{})}
		log, out := logged()
		l := authz.NewDecisionLog(w.write, log)
		start := time.Now()
		for i := range n {
			l.Record(entry(i))
		}
		if time.Since(start) > 0 || l.Dropped() < n-4096-256 || l.Dropped() > n-4096 {
			t.Errorf("took %v and dropped %d", time.Since(start), l.Dropped())
		}
		time.Sleep(3500 * time.Millisecond)
		close(w.hold)
		l.Close()
		if got := int64(w.count()) + l.Dropped(); got != n {
			t.Errorf("wrote or dropped %d, want %d", got, n)
		}
		if lines := strings.Count(out.String(), "\n"); lines != 1 || !strings.Contains(out.String(), fmt.Sprint("entries=", l.Dropped())) {
			t.Errorf("logged:\n%s", out)
		}
	})
}

func TestDropsAreLoggedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, out := logged()
		l := authz.NewDecisionLog(func(context.Context, []authz.DecisionEntry) error { return nil }, log)
		l.Close()
		// A closed log drops everything, and has said its last word.
		for i := range 100 {
			l.Record(entry(i))
		}
		if l.Dropped() != 100 || out.Len() > 0 {
			t.Errorf("dropped %d, logged %q", l.Dropped(), out)
		}

		w := written{hold: make(chan struct{})}
		l = authz.NewDecisionLog(w.write, log)
		for range 50 { // 5 s
			for i := range 1000 {
				l.Record(entry(i))
			}
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		if lines := strings.Count(out.String(), "does not keep up"); lines < 4 || lines > 6 {
			t.Errorf("%d lines in 5 s:\n%s", lines, out)
		}
		close(w.hold)
		l.Close()
	})
}

// Whoever is refused without end costs a bounded number of rows, and others lose nothing but refusals.
func TestRefusalsBeyondTheirShareAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w written
		log, _ := logged()
		l := authz.NewDecisionLog(w.write, log)
		q := sallyport.Query{Principal: &sallyport.Principal{Kind: sallyport.User, Subject: "usr_ann"}, Action: "page:edit"}
		record := func(n int, allow bool) {
			for i := range n {
				if i%64 == 0 {
					synctest.Wait() // the writer is not what limits it
				}
				l.RecordDecision(q, sallyport.Decision{Allow: allow, Rule: "r"}, 7)
			}
		}
		var kept, dropped int
		for _, step := range []struct {
			name          string
			wait          time.Duration
			n             int
			allow         bool
			kept, dropped int
		}{
			{"what comes at once", 0, 5000, false, 4096, 904},
			{"nothing is left", 0, 10, false, 0, 10},
			{"permissions are not counted", 0, 10, true, 10, 0},
			{"a second later", time.Second, 1500, false, 20, 1480},
			{"a trickle", time.Second, 15, false, 15, 0},
			{"an hour later, no more than at first", time.Hour, 5000, false, 4096, 904},
		} {
			time.Sleep(step.wait)
			record(step.n, step.allow)
			synctest.Wait()
			kept, dropped = kept+step.kept, dropped+step.dropped
			if l.Dropped() != int64(dropped) {
				t.Errorf("%s: dropped %d, want %d", step.name, l.Dropped(), dropped)
			}
		}
		l.Close()
		n := 0
		for _, b := range w.batches {
			n += len(b)
			for _, e := range b {
				if e.Subject() != "usr_ann" || e.Action != "page:edit" || e.PolicyVersion != 7 || e.ID == "" {
					t.Fatalf("wrote %+v", e)
				}
			}
		}
		if n != kept {
			t.Errorf("wrote %d, want %d", n, kept)
		}
		l.RecordDecision(q, sallyport.Decision{}, 0)
		if l.Dropped() != int64(dropped)+1 {
			t.Error("a closed log took a decision")
		}
		(*authz.DecisionLog)(nil).RecordDecision(q, sallyport.Decision{}, 0)
	})
}

func TestAFailingWriteIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w written
		log, out := logged()
		l := authz.NewDecisionLog(w.write, log)
		w.fail(errors.New("the database restarts"))
		l.Record(entry(1))
		time.Sleep(2500 * time.Millisecond)
		w.fail(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if w.count() != 1 || l.Dropped() != 0 || !strings.Contains(out.String(), "the database restarts") {
			t.Errorf("wrote %d, dropped %d, logged:\n%s", w.count(), l.Dropped(), out)
		}

		w.fail(errors.New("the database is gone"))
		l.Record(entry(2))
		time.Sleep(time.Minute)
		synctest.Wait()
		if l.Dropped() != 1 {
			t.Errorf("dropped %d after a minute of tries", l.Dropped())
		}
		l.Record(entry(3))
		start := time.Now()
		l.Close()
		if l.Dropped() != 2 || time.Since(start) > 0 {
			t.Errorf("Close took %v, dropped %d", time.Since(start), l.Dropped())
		}
	})
}

func TestAStoreThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := written{hold: make(chan struct{})} // for ever
		log, _ := logged()
		l := authz.NewDecisionLog(w.write, log)
		l.Record(entry(1))
		l.Close()
		if l.Dropped() != 1 {
			t.Errorf("dropped %d", l.Dropped())
		}
	})
}

func TestANilLogTakesNothing(t *testing.T) {
	var l *authz.DecisionLog
	l.Record(entry(1))
}

// Whatever a request names is kept, as far as a store can keep it.
func TestTextThatNoStoreKeepsIsReplaced(t *testing.T) {
	var w written
	l := authz.NewDecisionLog(w.write, nil)
	who := &sallyport.Principal{Subject: "a\x00"}
	e := authz.DecisionEntry{
		Decision: sallyport.Decision{ID: "i\xff", Rule: "r\x00", Source: "s\xff", Reason: "m\x00"}, Action: "a\x00\xff",
		Resource: sallyport.UID{Type: "t\x00", ID: "i\xff"}, Principal: who,
		Attrs:   map[string]sallyport.Value{"\xff": sallyport.BoolValue(true), "good": {}, "\xfe": {}},
		Context: sallyport.Context{Attrs: map[string]sallyport.Value{"x\xff": sallyport.StringValue("\xff")}},
	}
	l.Record(e)
	l.Close()
	if w.count() != 1 {
		t.Fatalf("dropped %d", l.Dropped())
	}
	got := w.batches[0][0]
	for _, s := range []string{got.ID, got.Rule, got.Source, got.Reason, got.Action, got.Resource.Type, got.Resource.ID, got.Subject()} {
		if !utf8.ValidString(s) || strings.Contains(s, "\x00") || !strings.Contains(s, "\uFFFD") {
			t.Errorf("kept %q", s)
		}
	}
	if _, err := got.MarshalJSON(); err != nil {
		t.Error(err)
	}
	if who.Subject != "a\x00" || len(e.Attrs) != 3 {
		t.Error("changed what others share")
	}
	if _, there := got.Attrs["good"]; !there || got.Context.Attrs["x\uFFFD"].Text() != "\xff" {
		t.Errorf("attributes %v, context %v", got.Attrs, got.Context.Attrs)
	}
}

// Many record while the log is closed: each entry is written once or counted.
func TestEveryEntryIsWrittenOrCounted(t *testing.T) {
	for range testenv.Count(20, 500) {
		var w written
		l := authz.NewDecisionLog(w.write, slog.New(slog.DiscardHandler))
		const writers, each = 8, 500
		var all sync.WaitGroup
		for i := range writers {
			all.Go(func() {
				for j := range each {
					l.Record(entry(i*each + j))
					if i == 0 && j == each/2 {
						l.Close()
					}
				}
			})
		}
		all.Wait()
		l.Close()
		seen := map[string]bool{}
		for _, b := range w.batches {
			for _, e := range b {
				seen[e.ID] = true
			}
		}
		if int64(len(seen))+l.Dropped() != writers*each || len(seen) != w.count() {
			t.Fatalf("wrote %d (%d different), dropped %d, of %d", w.count(), len(seen), l.Dropped(), writers*each)
		}
	}
}
