package authz_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// What an answer tells of one principal stays so while the next one asks.
func TestAnswersAreNotTheNextPrincipals(t *testing.T) {
	rules, err := cedar.Parse(rule.File{Name: "a.cedar", Text: `
		permit (principal, action == Action::"sheet:read", resource is Sheet)
		when { principal.amr.contains(resource.state) || context.addr.isInRange(ip("10.9.0.0/16")) };`})
	if err != nil {
		t.Fatal(err)
	}
	set, err := rule.Compile(rules, rule.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p := authz.New()
	p.SwapRules(authz.Rules{Set: set})
	query := func(who, method, addr string) sallyport.Query {
		return sallyport.Query{
			Action: "sheet:read", Principal: &sallyport.Principal{Kind: sallyport.User, Subject: who, Org: "o1", AMR: []string{method}},
			Context: sallyport.Context{Addr: netip.MustParseAddr(addr)},
		}
	}
	ann, eve := query("ann", "pwd", "10.0.0.1"), query("eve", "otp", "6.6.6.6")
	types := []sallyport.AnyType{sheets}
	for _, c := range []struct {
		it  string
		ask func(sallyport.Query) (text func() string, err error)
	}{
		{"a document of abilities", func(q sallyport.Query) (func() string, error) {
			d, err := p.Abilities(t.Context(), q, types)
			return func() string { return fmt.Sprint(d.Rules[0].When) }, err
		}},
		{"an explanation", func(q sallyport.Query) (func() string, error) {
			q.Resource = sheets.Of(&sheet{id: "1", org: "o1", state: "pwd"})
			x, err := p.Explain(t.Context(), q)
			return func() string { return fmt.Sprint(x.Rules) }, err
		}},
		{"the condition of a list", func(q sallyport.Query) (func() string, error) {
			w, err := p.Filter(t.Context(), q, sheets)
			return func() string { return w.SQL(sallyport.SQLite, 1) + fmt.Sprint(w.Args()...) }, err
		}},
	} {
		t.Run(c.it, func(t *testing.T) {
			for range 20 { // the race detector lets pools forget now and then
				text, err := c.ask(ann)
				if err != nil {
					t.Fatal(err)
				}
				before := text()
				if _, err := c.ask(eve); err != nil {
					t.Fatal(err)
				}
				if after := text(); after != before {
					t.Fatalf("it was\n%s\nand is\n%s", before, after)
				}
			}
		})
	}
}
