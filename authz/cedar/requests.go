package cedar

import (
	"strings"

	"github.com/cedar-policy/cedar-go/types"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// A Request asks whether somebody may do something, in Cedar's words.
type Request struct {
	Principal, Action, Resource sallyport.UID
	Context                     sallyport.Value // a record
}

// ParseRequests reads requests: a JSON array, or an object with the member
// "requests", of objects with "principal", "action" and "resource", each
// {"type":…, "id":…}, and perhaps "context". Whatever else an object has is not
// looked at. With a schema, which may be nil, the values of a context are read as
// their types say; requests that do not fit the schema are not an error.
func ParseRequests(f rule.File, s *Schema) ([]Request, error) {
	if err := readableData(f); err != nil {
		return nil, problems{err}.err()
	}
	elements, err := requests(f)
	if err != nil {
		return nil, problems{err}.err()
	}
	found := make([]Request, len(elements))
	var wrong problems
	for i, e := range elements {
		found[i], err = request(f, e, s)
		if wrong.add(err); len(wrong) >= maxProblems {
			break
		}
	}
	if len(wrong) > 0 {
		return nil, wrong.err()
	}
	return found, nil
}

// requests returns the elements of the array in f.
func requests(f rule.File) ([]element, *Error) {
	if !strings.HasPrefix(strings.TrimSpace(f.Text), "{") {
		return list(f, f.Text, 0)
	}
	m, err := members(f, f.Text, 0)
	if err != nil {
		return nil, err
	}
	e, ok := m["requests"]
	if !ok {
		return nil, at(f, 0, `there is no member "requests"`)
	}
	return list(f, string(e.raw), e.offset)
}

func request(f rule.File, e element, s *Schema) (Request, *Error) {
	m, err := members(f, string(e.raw), e.offset)
	if err != nil {
		return Request{}, err
	}
	var named [3]types.EntityUID
	for i, name := range []string{"principal", "action", "resource"} {
		member, ok := m[name]
		if !ok {
			return Request{}, at(f, e.offset, `this request has no member "`+name+`"`)
		}
		if err := named[i].UnmarshalJSON(member.raw); err != nil {
			return Request{}, at(f, member.offset, "the "+name+` is not {"type":…, "id":…}: `+plainJSON(err))
		}
	}
	var context types.Record
	if member, ok := m["context"]; ok {
		if err := context.UnmarshalJSON(member.raw); err != nil {
			return Request{}, at(f, member.offset, "the context cannot be read: "+plainJSON(err))
		}
	}
	if s != nil {
		if a, ok := s.resolved.Actions[named[1]]; ok && a.AppliesTo != nil {
			context = coerceRecord(context, a.AppliesTo.Context)
		}
	}
	return Request{uid(named[0]), uid(named[1]), uid(named[2]), value(context)}, nil
}

// NewEnv returns what rules are asked with: everything is loaded. A nil store has
// no entities.
func NewEnv(store *EntityStore, r Request) *rule.Env {
	return &rule.Env{
		Principal: store.Entity(r.Principal),
		Action:    r.Action,
		Resource:  store.Entity(r.Resource),
		Context:   func(name string) sallyport.Value { return lookup(r.Context.Record(), name) },
		Record:    func() sallyport.Value { return r.Context },
		Entities:  store,
	}
}
