package sallyport

import (
	"encoding/binary"
	"maps"
	"slices"
)

// few is how many elements are compared with each other one by one. More of them,
// and elements that hold elements themselves, are compared by their forms: a client
// may send two big sets, or sets within sets, to a rule that compares them, and the
// time must neither grow with their square nor double with each level.
const few = 16

// Holds reports whether v is a set with w in it.
func (v Value) Holds(w Value) bool {
	if !w.nests() {
		return slices.ContainsFunc(v.Set(), w.Equal)
	}
	form, known := w.appendForm(nil)
	return known && slices.ContainsFunc(v.Set(), func(e Value) bool {
		if e.kind != w.kind {
			return false
		}
		f, known := e.appendForm(nil)
		return known && string(f) == string(form)
	})
}

// HoldsAll reports whether v and w are sets and v has everything in it that w has.
func (v Value) HoldsAll(w Value) bool {
	switch {
	case v.kind != KindSet || w.kind != KindSet:
		return false
	case simple(v, w):
		return !slices.ContainsFunc(w.Set(), func(e Value) bool { return !v.Holds(e) })
	}
	held, _ := v.forms()
	wanted, known := w.forms()
	return known && within(wanted, held)
}

// HoldsAny reports whether v and w are sets and v has something in it that w has.
func (v Value) HoldsAny(w Value) bool {
	switch {
	case v.kind != KindSet || w.kind != KindSet:
		return false
	case simple(v, w):
		return slices.ContainsFunc(w.Set(), v.Holds)
	}
	held, _ := v.forms()
	wanted, _ := w.forms()
	for form := range wanted {
		if held[form] {
			return true
		}
	}
	return false
}

func equalSets(v, w Value) bool {
	if simple(v, w) {
		return v.HoldsAll(w) && w.HoldsAll(v)
	}
	a, known := v.forms()
	b, alsoKnown := w.forms()
	return known && alsoKnown && len(a) == len(b) && within(a, b)
}

func (v Value) nests() bool { return v.kind == KindSet || v.kind == KindRecord }

// simple says of two sets whether the shorter has few elements that hold no others.
func simple(v, w Value) bool {
	short, other := v.Set(), w.Set()
	if len(other) < len(short) {
		short = other
	}
	return len(short) <= few && !slices.ContainsFunc(short, Value.nests)
}

func within(a, b map[string]bool) bool {
	for form := range a {
		if !b[form] {
			return false
		}
	}
	return true
}

// forms are the forms of a set's elements, without those that equal nothing, and
// whether there are none of these.
func (v Value) forms() (found map[string]bool, known bool) {
	found, known = make(map[string]bool, len(v.Set())), true
	var b []byte
	for _, e := range v.Set() {
		var ok bool
		if b, ok = e.appendForm(b[:0]); ok {
			found[string(b)] = true
		} else {
			known = false
		}
	}
	return found, known
}

// appendForm appends bytes that two values share exactly if they are equal. known
// is false for what equals nothing: what is absent or not loaded, or holds such.
func (v Value) appendForm(b []byte) (form []byte, known bool) {
	b = append(b, byte(v.kind))
	switch v.kind {
	case KindBool, KindInt, KindTime, KindDuration, KindDecimal:
		return binary.BigEndian.AppendUint64(b, uint64(v.n)), true
	case KindString:
		return appendCounted(b, v.s), true
	case KindEntity:
		return appendCounted(appendCounted(b, v.EntityType()), v.s), true
	case KindIP:
		b, _ = v.IP().AppendBinary(b) // never fails
		return b, true
	case KindSet:
		return v.appendSetForm(b)
	case KindRecord:
		return v.appendRecordForm(b)
	default:
		return b, false
	}
}

func (v Value) appendSetForm(b []byte) ([]byte, bool) {
	forms, known := v.forms()
	b = binary.AppendUvarint(b, uint64(len(forms)))
	for _, form := range slices.Sorted(maps.Keys(forms)) {
		b = appendCounted(b, form)
	}
	return b, known
}

func (v Value) appendRecordForm(b []byte) (form []byte, known bool) {
	fields := v.Record()
	b, known = binary.AppendUvarint(b, uint64(len(fields))), true
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		b = appendCounted(b, name)
		var ok bool
		b, ok = fields[name].appendForm(b)
		known = known && ok
	}
	return b, known
}

// appendCounted appends s behind its length, so that no two lists of texts look
// alike.
func appendCounted(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
