package account_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
)

func draft(text string) authz.Version {
	return authz.Version{Schema: "entity Post;", Files: []rule.File{{Name: "posts.cedar", Text: text}}, Comment: "about " + text}
}

func accept(authz.Version) error { return nil }

func TestPublishPolicy(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		none, err := h.CurrentPolicy(t.Context())
		h.must(err)
		if none.Number != 0 {
			t.Errorf("in force before anything was published: %+v", none)
		}
		for i, text := range []string{"permit one", "permit two"} {
			before := h.head()
			in := draft(text)
			in.Number, in.RolledBackTo, in.CreatedBy = 99, 99, "forged"
			v, err := h.PublishPolicy(t.Context(), in, int64(i), accept, origin("usr_admin"))
			h.must(err)
			h.obeys("PublishPolicy")
			want := draft(text)
			want.Number, want.CreatedBy, want.CreatedAt = int64(i+1), "usr_admin", v.CreatedAt
			current, err := h.CurrentPolicy(t.Context())
			h.must(err)
			if diff := cmp.Diff([]authz.Version{want, want}, []authz.Version{v, current}); diff != "" {
				t.Error(diff)
			}
			es := h.entries(before)
			if len(es) != 1 || es[0].Effect != revoke.Notice || es[0].Kind != revoke.Policy {
				t.Errorf("wrote %+v", es)
			}
		}
		if es := h.audited("policy.publish", "policy"); len(es) != 2 || es[0].Actor != "usr_admin" || es[0].Detail["version"] != "2" {
			t.Errorf("audited %+v", es)
		}
	})
}

func TestRollbackPolicy(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for _, text := range []string{"permit one", "permit two", "permit three"} {
			_, err := h.PublishPolicy(t.Context(), draft(text), account.AnyVersion, accept, origin(""))
			h.must(err)
		}
		var asked authz.Version
		before := h.head()
		v, err := h.RollbackPolicy(t.Context(), 2, "three was wrong", func(v authz.Version) error { asked = v; return nil }, origin("usr_admin"))
		h.must(err)
		h.obeys("RollbackPolicy")
		if asked.Files[0].Text != "permit two" || len(h.entries(before)) != 1 {
			t.Errorf("checked %+v", asked)
		}
		current, err := h.CurrentPolicy(t.Context())
		h.must(err)
		if current.Number != 4 || current.RolledBackTo != 2 || current.Files[0].Text != "permit two" || current.Comment != "three was wrong" || current.CreatedBy != "usr_admin" || v.Number != 4 {
			t.Errorf("in force %+v", current)
		}
		history, err := h.PolicyHistory(t.Context(), 0, 10)
		h.must(err)
		var numbers []int64
		for _, v := range history {
			numbers = append(numbers, v.Number)
		}
		if fmt.Sprint(numbers) != "[4 3 2 1]" || history[0].Files != nil {
			t.Errorf("history %+v", history)
		}
		if es := h.audited("policy.rollback", "policy"); len(es) != 1 || es[0].Detail["rolled_back_to"] != "2" || es[0].Detail["version"] != "4" {
			t.Errorf("audited %+v", es)
		}
		_, err = h.RollbackPolicy(t.Context(), 9, "", accept, origin(""))
		h.wants(err, authz.ErrNoVersion, "to a version that there is not")
		_, err = h.PolicyVersion(t.Context(), 9)
		h.wants(err, authz.ErrNoVersion, "a version that there is not")
	})
}

func TestABrokenPolicyIsNeverInForce(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		_, err := h.PublishPolicy(t.Context(), draft("permit"), 0, accept, origin(""))
		h.must(err)
		before := h.everything()
		broken := errors.New("posts.cedar:1:1: no")
		refuse := func(authz.Version) error { return broken }
		with := func(change func(*authz.Version)) authz.Version {
			v := draft("permit")
			change(&v)
			return v
		}
		_, err = h.PublishPolicy(t.Context(), draft("oops"), 1, refuse, origin(""))
		h.wants(err, broken, "publishing what does not compile")
		_, err = h.RollbackPolicy(t.Context(), 1, "", refuse, origin(""))
		h.wants(err, broken, "rolling back to what does not compile any more")
		for _, current := range []int64{0, 2} {
			_, err = h.PublishPolicy(t.Context(), draft("late"), current, accept, origin(""))
			h.wants(err, authz.ErrConflict, "publishing over version %d", current)
		}
		for name, v := range map[string]authz.Version{
			"a comment with NUL":            with(func(v *authz.Version) { v.Comment = "\x00" }),
			"a comment that is too long":    with(func(v *authz.Version) { v.Comment = strings.Repeat("ä", 501) }),
			"a schema with NUL":             with(func(v *authz.Version) { v.Schema = "\x00" }),
			"a file that is not UTF-8":      with(func(v *authz.Version) { v.Files[0].Text = "\xff" }),
			"a file without name":           with(func(v *authz.Version) { v.Files[0].Name = "" }),
			"a file whose name has a break": with(func(v *authz.Version) { v.Files[0].Name = "a\nb" }),
			"two files of one name":         with(func(v *authz.Version) { v.Files = append(v.Files, v.Files[0]) }),
		} {
			_, err := h.PublishPolicy(t.Context(), v, 1, accept, origin(""))
			if _, ok := errors.AsType[*account.InvalidError](err); !ok {
				t.Errorf("%s: %v", name, err)
			}
		}
		if diff := cmp.Diff(before, h.everything()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOneOfManyPublishersWins(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		other := h.start(t)
		for round := range int64(testenv.Count(5, 50)) {
			var won atomic.Int64
			many(4, func(i int) {
				n := []*node{h.node, other}[i%2]
				_, err := n.PublishPolicy(t.Context(), draft(fmt.Sprint(i)), round, accept, origin(""))
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, authz.ErrConflict):
					t.Error(err)
				}
			})
			if v, err := h.CurrentPolicy(t.Context()); err != nil || v.Number != round+1 || won.Load() != 1 {
				t.Fatalf("%d won, version %d is in force (%v)", won.Load(), v.Number, err)
			}
		}
	})
}

func TestNobodyWhoPublishesOverAnyVersionIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		other := h.start(t)
		const n = 8
		many(n, func(i int) {
			on := []*node{h.node, other}[i%2]
			if _, err := on.PublishPolicy(t.Context(), draft(fmt.Sprint(i)), account.AnyVersion, accept, origin("")); err != nil {
				t.Error(err)
			}
		})
		if v, err := h.CurrentPolicy(t.Context()); err != nil || v.Number != n {
			t.Errorf("version %d is in force (%v)", v.Number, err)
		}
	})
}

func TestDecisionsAreLogged(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		log := authz.NewDecisionLog(h.LogDecisions, nil)
		q := sallyport.Query{Principal: &sallyport.Principal{Kind: sallyport.User, Subject: "usr_ann"}, Action: "post:delete"}
		var ids []string
		for range 3 {
			e := authz.NewDecisionEntry(q, sallyport.Decision{Rule: "no"}, 7)
			ids = append(ids, e.ID)
			log.Record(e)
		}
		log.Close()
		if n := log.Dropped(); n != 0 {
			t.Fatalf("dropped %d", n)
		}
		for _, id := range ids {
			e, err := h.Decision(t.Context(), id)
			if err != nil || e.Action != "post:delete" || e.PolicyVersion != 7 || e.Subject() != "usr_ann" {
				t.Errorf("%+v, %v", e, err)
			}
		}
		es, err := h.Decisions(t.Context(), authz.DecisionFilter{Subject: "usr_ann"})
		if err != nil || len(es) != 3 {
			t.Errorf("%d decisions, %v", len(es), err)
		}
		_, err = h.Decision(t.Context(), "dec_none")
		h.wants(err, authz.ErrNoDecision, "a decision that there is not")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		h.wants(h.LogDecisions(ctx, nil), context.Canceled, "a caller who gave up")
	})
}
