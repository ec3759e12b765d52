package decide

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

const (
	pageSize = 50  // results of a page, unless the request says how many
	maxPage  = 200 // results of a page, and candidates that are looked at for one
)

// A page is the part of a search that a request asks for (§8.2). What it looks at
// is bounded, so it may have fewer results than it could, or none, and not be the
// last.
type page struct {
	after string // the candidate that was looked at last, "" = none yet
	limit int
	query string // what is searched for, as a hash
}

// token is a page in a next_token.
type token struct {
	After string `json:"a"`
	Limit int    `json:"l"`
	Query string `json:"q"`
}

// found is what a search answers (§8.3).
type found struct {
	Page    foundPage      `json:"page"`
	Context map[string]any `json:"context,omitempty"`
	Results []any          `json:"results"`
}

type foundPage struct {
	NextToken string `json:"next_token"` // "" = this is the last
	Count     int    `json:"count"`
}

// pageIn reads the page of a search, and takes it out of the request.
func pageIn(in map[string]any) (p page, err error) {
	asked, err := part(in, "", "page")
	if err != nil {
		return p, err
	}
	delete(in, "page")
	text, err := json.Marshal(in) // members in order
	if err != nil {
		return p, err
	}
	sum := sha256.Sum256(text)
	p = page{limit: pageSize, query: base64.RawURLEncoding.EncodeToString(sum[:12])}
	limit, limited := asked["limit"]
	if limited {
		n, ok := limit.(json.Number)
		many, err := n.Int64()
		if !ok || err != nil || many < 0 {
			return p, exchange.Invalid(`The member "page.limit" must be a number that is not negative.`)
		}
		p.limit = int(min(many, maxPage))
	}
	next, there := asked["token"]
	if !there || next == "" {
		return p, nil
	}
	return p, p.goOn(next, limited)
}

// errToken is the answer to a token that no page gave.
var errToken = exchange.Invalid(`The member "page.token" is not one that a page gave.`)

// goOn reads a token. With one, nothing else may have changed; the limit may be
// left out.
func (p *page) goOn(next any, limited bool) error {
	s, _ := next.(string)
	raw, err := base64.RawURLEncoding.DecodeString(s)
	var t token
	if err != nil || json.Unmarshal(raw, &t) != nil || t.Limit < 0 || t.Limit > maxPage {
		return errToken
	}
	if t.Query != p.query || limited && t.Limit != p.limit {
		return exchange.Invalid("Something in the request is not as it was for the page before.")
	}
	p.after, p.limit = t.After, t.Limit
	return nil
}

// A candidate is something that a search may find.
type candidate struct {
	key    string // by which candidates are in order; never empty
	result any
	q      sallyport.Query
}

// fill looks at candidates in order until the page is full. more says that there
// are some beyond these.
func (p page) fill(candidates []candidate, more bool, allowed func(sallyport.Query) (bool, error)) (found, error) {
	out := found{Results: []any{}}
	last := p.after
	for i, c := range candidates {
		if len(out.Results) >= p.limit || i == maxPage {
			more = true
			break
		}
		ok, err := allowed(c.q)
		if err != nil {
			return out, err
		}
		if ok {
			out.Results = append(out.Results, c.result)
		}
		last = c.key
	}
	out.Page.Count = len(out.Results)
	if more {
		raw, err := json.Marshal(token{last, p.limit, p.query})
		if err != nil {
			return out, err
		}
		out.Page.NextToken = base64.RawURLEncoding.EncodeToString(raw)
	}
	return out, nil
}

// nothing is the answer to a search for what nobody here knows.
func nothing(err error) (found, error) {
	told, err := fault(err)
	return found{Context: told, Results: []any{}}, err
}

// search reads a search, and answers with what look finds.
func (h *Handler) search(w http.ResponseWriter, r *http.Request, searched string, look func(*party, *evaluation, page) (found, error)) error {
	in, err := body(w, r)
	if err != nil {
		return err
	}
	p, err := pageIn(in)
	if err != nil {
		return err
	}
	e, err := evaluationIn(in, "", evaluation{})
	if err != nil {
		return err
	}
	if err := e.check("", searched); err != nil {
		return err
	}
	out, err := look(h.party(r), &e, p)
	if err != nil {
		return err
	}
	return exchange.JSON(w, http.StatusOK, out)
}

// permits decides for a search. Such decisions are not in the log: nobody has asked
// for one of them.
func (p *party) permits(q sallyport.Query) (bool, error) {
	d, err := p.h.Policy.Decide(p.r.Context(), q)
	if err != nil {
		return false, fmt.Errorf("searching: %w", err)
	}
	return d.Allow, nil
}
