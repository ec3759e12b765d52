package authz

import "slices"

// A roleSet is an immutable set of role numbers: bits from the lowest member to
// the highest, or a sorted list where the members are few and far apart, so that
// all sets together take no more memory than what they hold. The zero roleSet is
// empty.
type roleSet struct {
	words []uint64
	list  []uint32
	first uint32 // number of words before words[0]
}

// newRoleSet returns the set of members, which are sorted.
func newRoleSet(members []uint32) roleSet {
	if len(members) == 0 {
		return roleSet{}
	}
	first, last := members[0]>>6, members[len(members)-1]>>6
	if int(last-first) > 8+2*len(members) {
		return roleSet{list: slices.Clone(members)}
	}
	s := roleSet{words: make([]uint64, last-first+1), first: first}
	for _, m := range members {
		s.words[m>>6-first] |= 1 << (m & 63)
	}
	return s
}

func (s *roleSet) empty() bool { return s.words == nil && s.list == nil }

func (s *roleSet) has(n uint32) bool {
	i := n>>6 - s.first // below first it wraps around, beyond every word
	if i >= uint32(len(s.words)) {
		return s.lists(n)
	}
	return s.words[i]>>(n&63)&1 != 0
}

func (s *roleSet) lists(n uint32) bool {
	if s.list == nil {
		return false
	}
	_, ok := slices.BinarySearch(s.list, n)
	return ok
}
