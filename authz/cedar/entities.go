package cedar

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// An EntityStore holds all entities that there are: one that it does not have
// surely has no attributes and no parents. It is immutable and safe for
// concurrent use. A nil EntityStore has no entities.
type EntityStore struct {
	entities map[sallyport.UID]*entity
}

// An entity implements [rule.Entity].
type entity struct {
	name        sallyport.UID
	attrs, tags map[string]sallyport.Value
	parents     []sallyport.UID
	above       func() map[sallyport.UID]bool // found when first asked for
}

// ParseEntities reads entities in Cedar's JSON form: an array of objects with
// "uid", "attrs", "parents" and perhaps "tags". With a schema, which may be nil,
// values are read as their attributes' types say, entities that do not fit it are
// an error, and its actions are entities too.
func ParseEntities(f rule.File, s *Schema) (*EntityStore, error) {
	if err := readableData(f); err != nil {
		return nil, problems{err}.err()
	}
	elements, err := list(f, f.Text, 0)
	if err != nil {
		return nil, problems{err}.err()
	}
	store := &EntityStore{map[sallyport.UID]*entity{}}
	var wrong problems
	for _, e := range elements {
		if len(wrong) >= maxProblems {
			break
		}
		var read types.Entity
		if err := read.UnmarshalJSON(e.raw); err != nil {
			wrong.add(at(f, e.offset, "this entity cannot be read: "+plainJSON(err)))
			continue
		}
		if s != nil {
			read = s.fit(read)
			if err := validate.New(s.resolved).Entity(read); err != nil {
				wrong.add(at(f, e.offset, read.UID.String()+" does not fit the schema: "+err.Error()))
			}
		}
		if _, twice := store.entities[uid(read.UID)]; twice {
			wrong.add(at(f, e.offset, read.UID.String()+" is there twice"))
		}
		store.add(read)
	}
	if len(wrong) > 0 {
		return nil, wrong.err()
	}
	store.addActions(s)
	return store, nil
}

// goType is how cedar-go's errors name what a value was to become.
var goType = regexp.MustCompile(`cannot unmarshal (JSON \w+ )?into Go [^ :]+( within "[^"]*")?: `)

// plainJSON returns what an error of cedar-go's JSON says.
func plainJSON(err error) string {
	text := strings.NewReplacer("error decoding json: ", "", "jsontext: ", "", "json: ", "").Replace(err.Error())
	return goType.ReplaceAllString(text, "")
}

// fit reads the values of an entity as the schema says.
func (s *Schema) fit(e types.Entity) types.Entity {
	t, ok := s.resolved.Entities[e.UID.Type]
	if !ok {
		return e
	}
	e.Attributes = coerceRecord(e.Attributes, t.Shape)
	if t.Tags == nil {
		return e
	}
	tags := e.Tags.Map()
	for name, v := range tags {
		tags[name] = coerce(v, t.Tags)
	}
	e.Tags = types.NewRecord(tags)
	return e
}

func (s *EntityStore) add(e types.Entity) {
	added := &entity{name: uid(e.UID), attrs: fields(e.Attributes), tags: fields(e.Tags)}
	for p := range e.Parents.All() {
		added.parents = append(added.parents, uid(p))
	}
	added.above = sync.OnceValue(func() map[sallyport.UID]bool { return s.ancestors(added) })
	s.entities[added.name] = added
}

// addActions adds the actions of a schema that are not among the entities.
func (s *EntityStore) addActions(schema *Schema) {
	if schema == nil {
		return
	}
	for name, a := range schema.resolved.Actions {
		if _, ok := s.entities[uid(name)]; !ok {
			s.add(a.Entity)
		}
	}
}

// ancestors returns everything that an entity is in, at any depth. Circles end it.
func (s *EntityStore) ancestors(e *entity) map[sallyport.UID]bool {
	found := map[sallyport.UID]bool{}
	for todo := slices.Clone(e.parents); len(todo) > 0; todo = todo[1:] {
		if found[todo[0]] {
			continue
		}
		found[todo[0]] = true
		if parent, ok := s.entities[todo[0]]; ok {
			todo = append(todo, parent.parents...)
		}
	}
	return found
}

// Entity returns the entity named, never nil: see [EntityStore].
func (s *EntityStore) Entity(name sallyport.UID) rule.Entity {
	if s != nil {
		if e, ok := s.entities[name]; ok {
			return e
		}
	}
	return &entity{name: name, above: func() map[sallyport.UID]bool { return nil }}
}

// Actions returns the actions among the entities, each with all groups that it is
// in, at any depth, in the order of names.
func (s *EntityStore) Actions() map[sallyport.UID][]sallyport.UID {
	found := map[sallyport.UID][]sallyport.UID{}
	if s == nil {
		return found
	}
	for name, e := range s.entities {
		if name.Type != sallyport.ActionType && !strings.HasSuffix(name.Type, "::"+sallyport.ActionType) {
			continue
		}
		groups := make([]sallyport.UID, 0, len(e.above()))
		for g := range e.above() {
			groups = append(groups, g)
		}
		slices.SortFunc(groups, byName)
		found[name] = groups
	}
	return found
}

// UID implements [rule.Entity].
func (e *entity) UID() sallyport.UID { return e.name }

// Attr implements [rule.Entity].
func (e *entity) Attr(name string) sallyport.Value { return lookup(e.attrs, name) }

// Tag implements [rule.Entity].
func (e *entity) Tag(name string) sallyport.Value { return lookup(e.tags, name) }

// In implements [rule.Entity].
func (e *entity) In(ancestor sallyport.UID) rule.Truth {
	if e.above()[ancestor] {
		return rule.True
	}
	return rule.False
}

func lookup(fields map[string]sallyport.Value, name string) sallyport.Value {
	if v, ok := fields[name]; ok {
		return v
	}
	return sallyport.AbsentValue()
}
