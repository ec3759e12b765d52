package sallyport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport"
)

// authors is a policy of which everybody may read their own posts, and list them.
type authors struct{ asked []sallyport.Query }

func (*authors) Decide(_ context.Context, q sallyport.Query) (sallyport.Decision, error) {
	return sallyport.Decision{Allow: q.Resource.Attr("author").Text() == q.Principal.Subject}, nil
}

func (p *authors) Filter(_ context.Context, q sallyport.Query, t sallyport.AnyType) (sallyport.Where, error) {
	p.asked = append(p.asked, q)
	switch q.Action {
	case "read":
		return sallyport.NewWhere(func(_ sallyport.Dialect, first int) string {
			return fmt.Sprintf("%s = $%d OR open", t.Attributes()[2].Column, first)
		}, q.Principal.Subject), nil
	case "unlistable":
		return sallyport.Where{}, fmt.Errorf("permit in Go: %w", sallyport.ErrNotListable)
	case "undecided":
		return sallyport.NewWhere(func(sallyport.Dialect, int) string { return "1=1" }), fmt.Errorf("%w: %w", sallyport.ErrNotFound, errStoreDown)
	}
	return sallyport.Where{}, nil
}

func TestFilter(t *testing.T) {
	const none = "(1=0)"
	for _, tt := range []struct {
		name   string
		policy sallyport.Policy
		action string
		status int // 0 = no error
		cause  error
		sql    string
		args   string
	}{
		{"some", new(authors), "read", 0, nil, "(author_id = $3 OR open)", "[usr_ann]"},
		{"none is not a refusal", new(authors), "delete", 0, nil, none, "[]"},
		{"no policy", nil, "read", 503, nil, none, "[]"},
		{"a policy that does not list", new(words), "read", 503, nil, none, "[]"},
		{"a rule that cannot be listed", new(authors), "unlistable", 503, sallyport.ErrNotListable, none, "[]"},
		{"a policy that cannot tell, whatever it returns beside", new(authors), "undecided", 503, errStoreDown, none, "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, log := newGate()
			g.Policy = tt.policy
			where, err := g.Filter(sallyport.NewContext(t.Context(), ann), tt.action, invoices)
			if sql, args := where.SQL(sallyport.Postgres, 3), fmt.Sprint(where.Args()); sql != tt.sql || args != tt.args {
				t.Errorf("%s with %s", sql, args)
			}
			if tt.cause != nil && !errors.Is(err, tt.cause) {
				t.Errorf("error %v does not wrap %v", err, tt.cause)
			}
			if tt.status == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			w := httptest.NewRecorder()
			g.Error(w, request("GET /", annBearer), err)
			if line := log.String(); w.Code != tt.status || !strings.Contains(line, "listing "+tt.action) || tt.cause != nil && !strings.Contains(line, tt.cause.Error()) {
				t.Errorf("%d, log: %s", w.Code, line)
			}
		})
	}
}

func TestAListerIsAskedWhoAndWhatAndNoObject(t *testing.T) {
	p := new(authors)
	g := &sallyport.Gate{Policy: p}
	for _, who := range []*sallyport.Principal{ann, nil} {
		if _, err := g.Filter(sallyport.NewContext(t.Context(), who), "read", invoices); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.asked) != 2 || p.asked[0].Principal != ann || p.asked[1].Principal == nil || p.asked[1].Principal.Kind != sallyport.Anonymous {
		t.Fatalf("asked %+v", p.asked)
	}
	if q := p.asked[0]; q.Action != "read" || !q.Resource.IsZero() {
		t.Errorf("asked %+v", q)
	}
}

func TestWhere(t *testing.T) {
	numbered := func(d sallyport.Dialect, first int) string {
		return fmt.Sprintf("a = $%d OR b = $%d -- %d", first, first+1, d)
	}
	for _, tt := range []struct {
		name  string
		where sallyport.Where
		d     sallyport.Dialect
		first int
		sql   string
		args  string
	}{
		{"the zero condition holds for no row", sallyport.Where{}, sallyport.SQLite, 1, "(1=0)", "[]"},
		{"a condition is one operand of what stands beside it", sallyport.NewWhere(numbered, "x", 2), sallyport.SQLite, 1, "(a = $1 OR b = $2 -- 1)", "[x 2]"},
		{"placeholders follow those of the caller", sallyport.NewWhere(numbered, "x", 2), sallyport.Postgres, 4, "(a = $4 OR b = $5 -- 2)", "[x 2]"},
	} {
		if sql, args := tt.where.SQL(tt.d, tt.first), fmt.Sprint(tt.where.Args()); sql != tt.sql || args != tt.args {
			t.Errorf("%s: %s with %s", tt.name, sql, args)
		}
	}
}
