package sallyport_test

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-auth/sallyport"
)

// entry is what Gate.Record was told.
type entry struct {
	by string
	q  sallyport.Query
	d  sallyport.Decision
}

func recording(g *sallyport.Gate) *[]entry {
	told := new([]entry)
	g.Record = func(ctx context.Context, q sallyport.Query, d sallyport.Decision) {
		*told = append(*told, entry{sallyport.From(ctx).Subject, q, d})
	}
	return told
}

func TestRefusalsAreRecordedOnce(t *testing.T) {
	for _, tt := range []struct {
		name   string
		door   sallyport.Door
		line   string
		header string
		status int
		told   int
	}{
		{"may", sallyport.May("read"), "GET /", annBearer, 200, 0},
		{"may not", sallyport.May("write"), "GET /", annBearer, 403, 1},
		{"may not, and must not know", posts.May("write", load).Hide(), "GET /?post=1", annBearer, 404, 1},
		{"a scope too narrow", sallyport.May("wide"), "GET /", annBearer, 403, 1},
		{"a stronger sign-in would do", sallyport.May("strong"), "GET /", annBearer, 401, 1},
		{"the policy does not mind an old sign-in, the door does", sallyport.May("read").Fresh(1), "GET /", "Authorization: Bearer stale", 401, 0},
		{"anonymous is asked to sign in", sallyport.May("write"), "GET /", "Accept: x", 401, 0},
		{"a bad credential", sallyport.May("write"), "GET /", "Authorization: Bearer expired", 401, 0},
		{"no object", posts.May("write", load), "GET /?post=unknown", annBearer, 404, 0},
		{"the policy cannot tell", sallyport.May("undecided"), "GET /", annBearer, 503, 0},
		{"over quota", sallyport.May("write").Limit("spent"), "GET /", annBearer, 429, 0},
	} {
		g, _ := newGate()
		told := recording(g)
		w := serve(g, tt.door, request(tt.line, tt.header))
		if w.Code != tt.status || len(*told) != tt.told {
			t.Errorf("%s: %d, recorded %+v", tt.name, w.Code, *told)
		}
		for _, e := range *told {
			if e.by != "usr_ann" || e.q.Principal != ann || e.d.Allow || e.d.ID == "" {
				t.Errorf("%s: recorded %+v", tt.name, e)
			}
			if id := problem(t, w).DecisionID; id != e.d.ID && tt.status != 404 {
				t.Errorf("%s: recorded %s, answered %s", tt.name, e.d.ID, id)
			}
		}
	}
}

// What is recorded is for those who may see it all, whatever clients are shown.
func TestARecordHoldsTheWholeDecision(t *testing.T) {
	g, _ := newGate()
	told := recording(g)
	ctx := sallyport.NewContext(t.Context(), ann)
	if err := g.Check(ctx, "write", posts.Of(&post{ID: "1"})); err == nil {
		t.Fatal("permitted")
	}
	if len(*told) != 1 {
		t.Fatalf("recorded %+v", *told)
	}
	e := (*told)[0]
	if e.d.ID != "dec_1" || e.d.Rule != "rule 7" || e.d.Reason != "Members only read." || e.q.Action != "write" || e.q.Resource.ID() != "1" {
		t.Errorf("recorded %+v", e)
	}
}

func TestDecideRefusesNobodyAndRecordsNothing(t *testing.T) {
	g, _ := newGate()
	told := recording(g)
	ctx := sallyport.NewContext(t.Context(), ann)
	for action, want := range map[string]bool{"read": true, "write": false} {
		if d, err := g.Decide(ctx, action, sallyport.Resource{}); err != nil || d.Allow != want {
			t.Errorf("%s: %+v, %v", action, d, err)
		}
	}
	if _, err := g.Decide(ctx, "undecided", sallyport.Resource{}); err == nil {
		t.Error("the policy's error is lost")
	}
	g.Policy = nil
	if d, err := g.Decide(ctx, "read", sallyport.Resource{}); err != nil || d.Allow {
		t.Errorf("without a policy: %+v, %v", d, err)
	}
	if len(*told) != 0 {
		t.Errorf("recorded %+v", *told)
	}
}

func TestDecisionIDsDiffer(t *testing.T) {
	shape := regexp.MustCompile(`^dec_[A-Z2-7]{26}$`)
	seen := make(map[string]bool)
	for range 1000 {
		id := sallyport.NewDecisionID()
		if !shape.MatchString(id) || seen[id] {
			t.Fatalf("%s after %d", id, len(seen))
		}
		seen[id] = true
	}
}

// Who keeps refusals need not read each of them in the log as well.
func TestARecordedRefusalIsLoggedForDebuggingOnly(t *testing.T) {
	for _, tt := range []struct {
		action, level string
	}{
		{"write", "DEBUG"},
		{"wide", "DEBUG"},
		{"strong", "INFO"}, // a 401
		{"undecided", "ERROR"},
	} {
		g, log := newGate()
		recording(g)
		serve(g, sallyport.May(tt.action), request("GET /", annBearer))
		if !strings.Contains(log.String(), "level="+tt.level+" ") {
			t.Errorf("%s: %s", tt.action, log)
		}
	}
}

func TestNoTwoDecisionsHaveOneID(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{}
	form := regexp.MustCompile(`^dec_[A-Z2-7]{26}$`)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				id := sallyport.NewDecisionID()
				mu.Lock()
				if seen[id] || !form.MatchString(id) {
					t.Errorf("%s, seen before: %t", id, seen[id])
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}
