package decide

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// searchSubject finds users who may do something (§8.4): among all, or where the
// object belongs to an organization, among its members. Services are not known
// here, so none is found.
func (h *Handler) searchSubject(w http.ResponseWriter, r *http.Request) error {
	return h.search(w, r, "subject", (*party).subjects)
}

func (p *party) subjects(e *evaluation, pg page) (found, error) {
	q, unknown, err := p.query(p.h.words(), e, text(e.resource, "id"))
	if err = cmp.Or(err, unknown); err != nil {
		return nothing(err)
	}
	kind, ok := kindOf(text(e.subject, "type"))
	if !ok {
		return nothing(exchange.Invalid(`The member "subject.type" is User, Service or Anonymous.`))
	}
	if kind != sallyport.User {
		return pg.fill(nil, false, nil)
	}
	users, err := p.users(q, pg.after)
	if err != nil {
		return found{}, err
	}
	org, _ := q.Resource.Organization()
	more := len(users) > maxPage
	var candidates []candidate
	for _, u := range users[:min(len(users), maxPage)] {
		q.Principal = &sallyport.Principal{Kind: sallyport.User, Subject: u.ID}
		if u.Status != account.Active {
			q.Principal = nil
		}
		candidates = append(candidates, candidate{u.ID, entity{text(e.subject, "type"), u.ID}, q})
	}
	return pg.fill(candidates, more, func(q sallyport.Query) (bool, error) {
		if q.Principal == nil {
			return false, nil
		}
		if err := p.h.complete(p.r.Context(), q.Principal, org); err != nil {
			return false, err
		}
		return p.permits(q)
	})
}

// entity is a result (§5.1, §5.2).
type entity struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// users returns the users with a greater id than after who might be permitted, one
// more than are looked at. Where an object belongs to an organization, none but its
// members can be.
func (p *party) users(q sallyport.Query, after string) (users []account.User, err error) {
	ctx := p.r.Context()
	org, belongs := q.Resource.Organization()
	switch {
	case !belongs:
		members, err := p.h.Accounts.Members(ctx, account.UserFilter{After: after, Limit: maxPage + 1})
		for _, m := range members {
			users = append(users, m.User)
		}
		return users, err
	case org == "":
		return nil, nil
	}
	members, err := p.h.Accounts.OrganizationMembers(ctx, org, after, maxPage+1)
	for _, m := range members {
		users = append(users, m.User)
	}
	return users, err
}

// searchResource finds objects on which somebody may do something (§8.5), among
// those that are known here: organizations, and objects that grants name. Others
// only the program knows that keeps them.
func (h *Handler) searchResource(w http.ResponseWriter, r *http.Request) error {
	return h.search(w, r, "resource", (*party).resources)
}

func (p *party) resources(e *evaluation, pg page) (found, error) {
	words := p.h.words()
	q, unknown, err := p.query(words, e, "")
	if err = cmp.Or(err, unknown); err != nil {
		return nothing(err)
	}
	who, err := p.who(e, q)
	if err != nil {
		return nothing(err)
	}
	if who.disabled {
		return found{Context: map[string]any{"reason": isDisabled}, Results: []any{}}, nil
	}
	q.Principal = who.principal
	ids, err := p.knownObjects(q)
	switch {
	case errors.Is(err, sallyport.ErrNotListable):
		return nothing(exchange.Invalid("Too many objects of this type were granted one by one."))
	case err != nil:
		return found{}, err
	}
	candidates, more, err := p.described(words, e, q, after(ids, pg.after))
	if err != nil {
		return nothing(err)
	}
	return pg.fill(candidates, more, p.permits)
}

// after are the strings, which are in order, behind one.
func after(all []string, last string) []string {
	i, there := slices.BinarySearch(all, last)
	if there {
		i++
	}
	return all[i:]
}

// knownObjects are the identifiers of objects of the type of q's, in order.
func (p *party) knownObjects(q sallyport.Query) (ids []string, err error) {
	if q.Resource.Type() == sallyport.OrganizationType {
		memberships, err := p.h.Accounts.Memberships(p.r.Context(), q.Principal.Subject)
		for _, m := range memberships {
			ids = append(ids, m.Organization.ID)
		}
		slices.Sort(ids)
		return ids, err
	}
	granted, err := p.h.Policy.Granted(p.r.Context(), q, q.Resource.Describe())
	for _, u := range granted {
		ids = append(ids, u.ID)
	}
	return ids, err
}

// described are the objects with these ids, as far as they are looked at: each with
// the properties that the request gives.
func (p *party) described(words *words, e *evaluation, q sallyport.Query, ids []string) (candidates []candidate, more bool, err error) {
	for _, id := range ids[:min(len(ids), maxPage)] {
		if q.Resource, err = words.resource(e.object(id)); err != nil {
			return nil, false, err
		}
		c := candidate{id, entity{q.Resource.Type(), id}, q}
		if org, belongs := q.Resource.Organization(); belongs && org != q.Principal.Org {
			one := *q.Principal
			if err := p.h.complete(p.r.Context(), &one, org); err != nil {
				return nil, false, err
			}
			c.q.Principal = &one
		}
		candidates = append(candidates, c)
	}
	return candidates, len(ids) > maxPage, nil
}

// searchAction finds what somebody may do with an object (§8.6), among the actions
// that the schema and the roles name.
func (h *Handler) searchAction(w http.ResponseWriter, r *http.Request) error {
	return h.search(w, r, "action", (*party).actions)
}

// action is a result (§5.3).
type action struct {
	Name string `json:"name"`
}

func (p *party) actions(e *evaluation, pg page) (found, error) {
	words := p.h.words()
	e.action = nil // there is none to search by
	q, _, err := p.query(words, e, text(e.resource, "id"))
	if err != nil {
		return nothing(err)
	}
	who, err := p.who(e, q)
	if err != nil {
		return nothing(err)
	}
	if who.disabled {
		return found{Context: map[string]any{"reason": isDisabled}, Results: []any{}}, nil
	}
	q.Principal = who.principal
	names := after(p.h.actionsOn(words, q.Resource.Type()), pg.after)
	var candidates []candidate
	for _, name := range names {
		q.Action = name
		candidates = append(candidates, candidate{name, action{name}, q})
	}
	return pg.fill(candidates, false, p.permits)
}

// actionsOn are the actions that may have to do with objects of a type, in order:
// those that the schema says, and those that roles name, unless the schema says
// that they are for another type.
func (h *Handler) actionsOn(w *words, typ string) []string {
	known := make(map[string]bool)
	if w.edition.Schema != nil {
		for _, name := range w.edition.Schema.ActionsOn(typ) {
			known[name] = checkAction(name) == nil
		}
	}
	for _, name := range h.Policy.Load().Actions() {
		if !w.actions[name] {
			known[name] = true
		}
	}
	maps.DeleteFunc(known, func(_ string, is bool) bool { return !is })
	return slices.Sorted(maps.Keys(known))
}
