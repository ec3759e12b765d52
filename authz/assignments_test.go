package authz_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/revoke"
)

// installation is assignments and the log that tells of their changes, in memory.
type installation struct {
	mu       sync.Mutex
	assigned map[string][]string // by subject and organization
	entries  []revoke.Entry
	reads    int
	down     error
	beside   func() // called once, after the next read of assignments
}

func (in *installation) Head(context.Context) (revoke.Head, error) {
	return revoke.Head{Position: revoke.Position{Log: "log", Seq: int64(len(in.entries))}}, nil
}

func (in *installation) Append(context.Context, ...revoke.Entry) (revoke.Position, error) {
	return revoke.Position{}, errors.ErrUnsupported
}

func (in *installation) Renew(context.Context, string) (revoke.Position, error) {
	return revoke.Position{}, errors.ErrUnsupported
}

func (in *installation) Read(_ context.Context, after int64, limit int) ([]revoke.Entry, error) {
	rest := in.entries[min(int(after), len(in.entries)):]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}

// follow reads the log as the real thing does, in one transaction at a time.
func (in *installation) follow(t *testing.T) *revoke.Follower {
	f, err := revoke.Follow(t.Context(), revoke.Config{Read: func(_ context.Context, read func(revoke.Log) error) error {
		in.mu.Lock()
		defer in.mu.Unlock()
		if in.down != nil {
			return in.down
		}
		return read(in)
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func (in *installation) read(_ context.Context, subject, org string) (authz.Standing, error) {
	in.mu.Lock()
	in.reads++
	s, err := authz.Standing{Roles: slices.Clone(in.assigned[subject+"@"]), Plan: "free"}, in.down
	if roles, member := in.assigned[subject+"@"+org]; member && org != "" {
		s.Org, s.OrgRoles, s.Plan = org, slices.Clone(roles), "gold"
	}
	beside := in.beside
	in.beside = nil
	in.mu.Unlock()
	if beside != nil {
		beside()
	}
	return s, err
}

// roles are those in org, or with "" those everywhere.
func roles(t *testing.T, a *authz.Assignments, subject, org string) ([]string, error) {
	s, err := a.Standing(t.Context(), subject, org)
	if org == "" {
		return s.Roles, err
	}
	return s.OrgRoles, err
}

// assign changes roles and tells the log, in one transaction.
func (in *installation) assign(subject, org string, roles ...string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.assigned[subject+"@"+org] = roles
	in.tell(revoke.Entry{Effect: revoke.Overlay, Kind: revoke.Subject, ID: subject, Org: org, Overlay: roles})
}

func (in *installation) tell(e revoke.Entry) {
	e.Seq, e.ExpiresAt = int64(len(in.entries)+1), time.Now().Add(15*time.Minute)
	e.Nonce = fmt.Sprint("nonce", e.Seq)
	in.entries = append(in.entries, e)
}

func (in *installation) readings() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.reads
}

func TestAssignments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &installation{assigned: map[string][]string{"ann@": {"member"}, "ann@club": {"chief"}}}
		f := in.follow(t)
		a := authz.NewAssignments(in.read, f, 64)
		has := func(subject, org string, want ...string) {
			t.Helper()
			got, err := roles(t, a, subject, org)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("roles(%s, %s) = %q, %v; want %q", subject, org, got, err, want)
			}
		}
		reads := func(it string, want int) {
			t.Helper()
			if got := in.readings(); got != want {
				t.Errorf("%s: %d reads, want %d", it, got, want)
			}
		}
		has("ann", "", "member")
		has("ann", "club", "chief")
		has("bob", "")
		reads("each was read", 3)
		has("ann", "", "member")
		has("ann", "club", "chief")
		has("bob", "")
		reads("each was kept, also that there are none", 3)

		in.assign("ann", "", "member", "moderator")
		if err := f.CatchUp(t.Context(), revoke.Position{}); err != nil {
			t.Fatal(err)
		}
		has("ann", "", "member", "moderator")
		reads("a change is read at once", 4)
		has("bob", "")
		reads("somebody else's answer stays", 4)

		in.mu.Lock()
		delete(in.assigned, "ann@")
		in.tell(revoke.Entry{Effect: revoke.Notice, Kind: revoke.Policy})
		in.mu.Unlock()
		time.Sleep(2 * time.Second)
		has("ann", "")
		has("bob", "")
		reads("a change of the definitions touches everybody, by the poll", 6)

		time.Sleep(6 * time.Minute)
		has("bob", "")
		reads("nothing is kept for ever", 7)
	})
}

func TestAChangeBesideTheReadIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &installation{assigned: map[string][]string{"ann@": {"admin"}}}
		f := in.follow(t)
		a := authz.NewAssignments(in.read, f, 64)
		in.beside = func() { // after the row was read, before it is kept
			in.assign("ann", "")
			if err := f.CatchUp(t.Context(), revoke.Position{}); err != nil {
				t.Error(err)
			}
		}
		if _, err := roles(t, a, "ann", ""); err != nil {
			t.Fatal(err)
		}
		if got, err := roles(t, a, "ann", ""); err != nil || len(got) > 0 {
			t.Errorf("Roles = %q, %v after they were taken away", got, err)
		}
	})
}

func TestAssignmentsCannotTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &installation{assigned: map[string][]string{"ann@": {"admin"}}}
		a := authz.NewAssignments(in.read, in.follow(t), 64)
		if _, err := roles(t, a, "ann", ""); err != nil {
			t.Fatal(err)
		}
		in.mu.Lock()
		in.down = errDown
		in.mu.Unlock()
		if _, err := roles(t, a, "bob", ""); !errors.Is(err, errDown) {
			t.Errorf("the store is down: %v", err)
		}
		time.Sleep(10 * time.Second)
		if got, err := roles(t, a, "ann", ""); !errors.Is(err, revoke.ErrStale) || got != nil {
			t.Errorf("the log is out of reach: %q, %v", got, err)
		}
	})
}

func TestWithoutAFollowerNothingIsKept(t *testing.T) {
	in := &installation{assigned: map[string][]string{"ann@": {"admin"}}}
	a := authz.NewAssignments(in.read, nil, 64)
	for range 3 {
		if got, err := roles(t, a, "ann", ""); err != nil || !slices.Equal(got, []string{"admin"}) {
			t.Errorf("Roles = %q, %v", got, err)
		}
	}
	if in.reads != 3 {
		t.Errorf("%d reads", in.reads)
	}
}

func TestComplete(t *testing.T) {
	in := &installation{assigned: map[string][]string{"ann@": {"member"}, "ann@club": {"chief"}, "bob@": {"member"}}}
	a := authz.NewAssignments(in.read, nil, 0)
	for _, c := range []struct {
		it, subject, org string
		want             string
	}{
		{"a member", "ann", "club", "club [member] [chief] gold"},
		{"no organization", "ann", "", " [member] [] free"},
		{"somebody who is no member acts in none", "bob", "club", " [member] [] free"},
		{"nobody is a member of what does not exist", "ann", "pub", " [member] [] free"},
		{"nobody known", "eve", "club", " [] [] free"},
	} {
		p := &sallyport.Principal{Kind: sallyport.User, Subject: c.subject, Org: c.org, OrgRoles: []string{"stale"}}
		if err := a.Complete(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%s %v %v %s", p.Org, p.Roles, p.OrgRoles, p.Plan); got != c.want {
			t.Errorf("%s: %s, want %s", c.it, got, c.want)
		}
	}
	in.down = errDown
	p := &sallyport.Principal{Kind: sallyport.User, Subject: "ann", Org: "club"}
	if err := a.Complete(t.Context(), p); !errors.Is(err, errDown) {
		t.Errorf("the store is down: %v", err)
	}
}

func BenchmarkAssignments(b *testing.B) {
	in := &installation{assigned: map[string][]string{"ann@": {"member"}}}
	f, err := revoke.Follow(b.Context(), revoke.Config{Read: func(_ context.Context, read func(revoke.Log) error) error { return read(in) }})
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	a := authz.NewAssignments(in.read, f, 64)
	b.ReportAllocs()
	for b.Loop() {
		if s, err := a.Standing(b.Context(), "ann", ""); len(s.Roles) != 1 || err != nil {
			b.Fatal(err)
		}
	}
}
