package sallyport

import (
	"net/netip"
	"time"
)

// A UID names an entity: a type and an identifier that is unique within it, as
// User "usr_1" or Post "42".
type UID struct{ Type, ID string }

// ValueKind says what a [Value] holds.
type ValueKind uint8

// The kinds of value. The zero kind is NotLoaded.
const (
	NotLoaded    ValueKind = iota // there may be a value, but nobody has read it: no rule is sure of anything about it
	Absent                        // there is none, as NULL in a database
	KindBool                      // a truth value
	KindInt                       // a 64-bit integer
	KindString                    // text
	KindEntity                    // a reference to an entity
	KindTime                      // a moment, in milliseconds
	KindDuration                  // a time span, in milliseconds
	KindDecimal                   // a number with four decimal places
	KindIP                        // an address or a range of addresses
	KindSet                       // a set of values, without order and repetition
	KindRecord                    // values by name
)

// String returns the kind's name in messages, such as "string".
func (k ValueKind) String() string {
	names := [...]string{"not loaded", "absent", "bool", "int", "string", "entity", "time", "duration", "decimal", "ip", "set", "record"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// A Value is what an attribute holds: one of a few kinds, as policies know them.
// It is immutable; handing it on does not allocate. The zero Value is not loaded.
//
// Values are compared with [Value.Equal]. Sets and records may hold each other to
// any depth: whoever reads them from outside must bound it.
type Value struct {
	// Functions, so that == does not compile: it would panic on sets. Two of them, so
	// that a Value is handed on in memory: in registers that takes a third longer.
	_ [2][0]func()

	kind ValueKind
	n    int64
	s    string
	x    any // string: type of an entity; *netip.Prefix, valid; []Value; map[string]Value
}

// AbsentValue is the value that is not there.
func AbsentValue() Value { return Value{kind: Absent} }

// BoolValue returns a truth value.
func BoolValue(b bool) Value {
	if b {
		return Value{kind: KindBool, n: 1}
	}
	return Value{kind: KindBool}
}

// IntValue returns an integer.
func IntValue(n int64) Value { return Value{kind: KindInt, n: n} }

// StringValue returns a text.
func StringValue(s string) Value { return Value{kind: KindString, s: s} }

// EntityValue returns a reference to the entity named. It does not allocate for
// the types that Sallyport itself knows.
func EntityValue(u UID) Value { return entity(boxed(u.Type), u.ID) }

// entity is an entity value of a type that was boxed before: to box it anew
// allocates.
func entity(typ any, id string) Value { return Value{kind: KindEntity, s: id, x: typ} }

func boxed(typ string) any {
	switch typ { // constants need no allocation
	case UserType:
		return UserType
	case ServiceType:
		return ServiceType
	case AnonymousType:
		return AnonymousType
	case RoleType:
		return RoleType
	case OrganizationType:
		return OrganizationType
	case ActionType:
		return ActionType
	}
	return typ
}

// TimeValue returns the moment t, cut to milliseconds.
func TimeValue(t time.Time) Value { return Value{kind: KindTime, n: t.UnixMilli()} }

// DurationValue returns the time span d, cut to milliseconds.
func DurationValue(d time.Duration) Value { return Value{kind: KindDuration, n: d.Milliseconds()} }

// DurationMillis returns a time span of ms milliseconds, which may be longer than
// a [time.Duration] can be.
func DurationMillis(ms int64) Value { return Value{kind: KindDuration, n: ms} }

// TimeMillis returns the moment ms milliseconds after the start of 1970, UTC.
func TimeMillis(ms int64) Value { return Value{kind: KindTime, n: ms} }

// DecimalValue returns tenThousandths / 10000.
func DecimalValue(tenThousandths int64) Value { return Value{kind: KindDecimal, n: tenThousandths} }

// IPValue returns a range of addresses; a single address is a range of one. The
// value keeps p, which must not change. A nil or invalid p is absent.
func IPValue(p *netip.Prefix) Value {
	if p == nil || !p.IsValid() {
		return AbsentValue()
	}
	return Value{kind: KindIP, x: p}
}

// SetValue returns a set. It keeps elements, which must not change; repetitions
// count once.
func SetValue(elements ...Value) Value { return Value{kind: KindSet, x: elements} }

// RecordValue returns a record. It keeps fields, which must not change.
func RecordValue(fields map[string]Value) Value { return Value{kind: KindRecord, x: fields} }

// Kind says what v holds.
func (v Value) Kind() ValueKind { return v.kind }

// Known reports whether v is loaded and there.
func (v Value) Known() bool { return v.kind > Absent }

// Bool returns a truth value, false for every other kind.
func (v Value) Bool() bool { return v.kind == KindBool && v.n != 0 }

// Int returns an integer, the milliseconds of a moment or of a time span, or the
// ten-thousandths of a decimal; 0 for every other kind.
func (v Value) Int() int64 {
	if v.kind == KindBool {
		return 0
	}
	return v.n
}

// Text returns a text, or an entity's identifier; "" for every other kind.
func (v Value) Text() string { return v.s }

// EntityType returns the type of an entity, "" for every other kind.
func (v Value) EntityType() string { s, _ := v.x.(string); return s }

// UID returns the entity that v refers to, the zero UID for every other kind.
func (v Value) UID() UID {
	if v.kind != KindEntity {
		return UID{}
	}
	return UID{v.EntityType(), v.s}
}

// Time returns a moment, the zero time for every other kind.
func (v Value) Time() time.Time {
	if v.kind != KindTime {
		return time.Time{}
	}
	return time.UnixMilli(v.n).UTC()
}

// IP returns a range of addresses, nil for every other kind. It must not be
// changed.
func (v Value) IP() *netip.Prefix { p, _ := v.x.(*netip.Prefix); return p }

// Set returns the elements of a set as it was made, nil for every other kind.
// They must not be changed.
func (v Value) Set() []Value { s, _ := v.x.([]Value); return s }

// Record returns the fields of a record, nil for every other kind. They must not
// be changed.
func (v Value) Record() map[string]Value { m, _ := v.x.(map[string]Value); return m }

// Equal reports whether v and w are the same value, as policies compare: sets by
// what they hold, records field by field, values of different kinds never. What
// is absent or not loaded equals nothing.
func (v Value) Equal(w Value) bool {
	if v.kind != w.kind {
		return false
	}
	switch v.kind {
	case KindBool, KindInt, KindTime, KindDuration, KindDecimal:
		return v.n == w.n
	case KindString:
		return v.s == w.s
	case KindEntity:
		return v.s == w.s && v.EntityType() == w.EntityType()
	case KindIP:
		return *v.IP() == *w.IP()
	case KindSet:
		return equalSets(v, w)
	case KindRecord:
		return equalRecords(v.Record(), w.Record())
	default:
		return false
	}
}

func equalRecords(a, b map[string]Value) bool {
	if len(a) != len(b) {
		return false
	}
	for name, v := range a {
		if w, ok := b[name]; !ok || !v.Equal(w) {
			return false
		}
	}
	return true
}
