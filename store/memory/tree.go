package memory

import (
	"iter"
	"math/rand/v2"
	"strings"
)

// A tree is a sorted map that never changes: put and remove make another one,
// which shares all but the path to what changed. It is a treap: random
// priorities keep it balanced, whatever the order of insertion. The zero tree is
// empty. Copying the struct copies the map, in constant time.
type tree[V any] struct{ root *node[V] }

type node[V any] struct {
	key         string
	value       V
	priority    uint64 // not less than those of the children
	left, right *node[V]
}

// get returns the value of key, and whether there is one.
func (t tree[V]) get(key string) (value V, ok bool) {
	for n := t.root; n != nil; {
		switch order := strings.Compare(key, n.key); {
		case order < 0:
			n = n.left
		case order > 0:
			n = n.right
		default:
			return n.value, true
		}
	}
	return value, false
}

func (t tree[V]) has(key string) bool {
	_, ok := t.get(key)
	return ok
}

// put sets the value of key.
func (t *tree[V]) put(key string, value V) { t.root = t.root.put(key, value) }

func (n *node[V]) put(key string, value V) *node[V] {
	if n == nil {
		return &node[V]{key: key, value: value, priority: rand.Uint64()}
	}
	c := *n
	switch order := strings.Compare(key, n.key); {
	case order < 0:
		l := n.left.put(key, value)
		if l.priority > c.priority { // l is new, as is c: nobody else sees them change
			c.left, l.right = l.right, &c
			return l
		}
		c.left = l
	case order > 0:
		r := n.right.put(key, value)
		if r.priority > c.priority {
			c.right, r.left = r.left, &c
			return r
		}
		c.right = r
	default:
		c.value = value
	}
	return &c
}

// remove takes key away and reports whether it was there.
func (t *tree[V]) remove(key string) bool {
	if !t.has(key) {
		return false
	}
	t.root = t.root.remove(key)
	return true
}

// remove returns the tree without key, which is in it.
func (n *node[V]) remove(key string) *node[V] {
	c := *n
	switch order := strings.Compare(key, n.key); {
	case order < 0:
		c.left = n.left.remove(key)
	case order > 0:
		c.right = n.right.remove(key)
	default:
		return join(n.left, n.right)
	}
	return &c
}

// join returns one tree of two, all keys of a before all of b.
func join[V any](a, b *node[V]) *node[V] {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	if a.priority > b.priority {
		c := *a
		c.right = join(a.right, b)
		return &c
	}
	c := *b
	c.left = join(a, b.left)
	return &c
}

// from yields what has a key of at least key, in order.
func (t tree[V]) from(key string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) { t.root.from(key, yield) }
}

func (n *node[V]) from(key string, yield func(string, V) bool) bool {
	if n == nil {
		return true
	}
	if n.key < key {
		return n.right.from(key, yield)
	}
	return n.left.from(key, yield) && yield(n.key, n.value) && n.right.from(key, yield)
}

// before yields what has a key less than key, in reverse order; all if key is "".
func (t tree[V]) before(key string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) { t.root.before(key, yield) }
}

func (n *node[V]) before(key string, yield func(string, V) bool) bool {
	if n == nil {
		return true
	}
	if key != "" && n.key >= key {
		return n.left.before(key, yield)
	}
	return n.right.before(key, yield) && yield(n.key, n.value) && n.left.before(key, yield)
}
