package memory // a tree is no use to anybody else, and what it promises cannot be seen from outside

import (
	"maps"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// A tree does what a map does, and every earlier version stays what it was.
func TestTreeIsAMapThatNeverChanges(t *testing.T) {
	type version struct {
		tree tree[int]
		want map[string]int
	}
	var versions []version
	now := version{want: map[string]int{}}
	for i := range testenv.Count(3000, 30000) {
		key := strconv.Itoa(rand.IntN(300))
		_, there := now.want[key]
		switch rand.IntN(3) {
		case 0:
			if now.tree.remove(key) != there {
				t.Fatalf("remove(%s) = %t", key, !there)
			}
			delete(now.want, key)
		default:
			now.tree.put(key, i)
			now.want[key] = i
		}
		if i%100 == 0 {
			versions = append(versions, version{now.tree, maps.Clone(now.want)})
		}
	}
	for _, v := range versions {
		checkTree(t, v.tree, v.want)
	}
}

func checkTree(t *testing.T, got tree[int], want map[string]int) {
	t.Helper()
	keys := slices.Sorted(maps.Keys(want))
	var up, down []string
	for key, value := range got.from("") {
		up = append(up, key)
		if found, ok := got.get(key); !ok || found != value || want[key] != value {
			t.Fatalf("%s is %d in order, %d when asked for, want %d", key, value, found, want[key])
		}
	}
	for key := range got.before("") {
		down = append(down, key)
	}
	slices.Reverse(down)
	if !slices.Equal(up, keys) || !slices.Equal(down, keys) {
		t.Fatalf("keys upwards %v, downwards %v, want %v", up, down, keys)
	}
	mid, _ := slices.BinarySearch(keys, "150")
	for key := range got.from("150") {
		if key != keys[mid] {
			t.Fatalf("from 150: %s, want %s", key, keys[mid])
		}
		break
	}
	for key := range got.before("150") {
		if key != keys[mid-1] {
			t.Fatalf("before 150: %s, want %s", key, keys[mid-1])
		}
		break
	}
}

// Ids and log entries arrive in order, which is the worst case of a tree that
// does not balance itself. The bound is far beyond chance: the expected depth of
// 100,000 is about 40.
func TestTreeStaysShallowWhenKeysArriveInOrder(t *testing.T) {
	const n = 100_000
	var x tree[int]
	for i := range n {
		x.put(number(int64(i)), i)
	}
	if got, most := depth(x.root), 8*bits.Len(n); got > most {
		t.Errorf("depth %d of %d keys, want at most %d", got, n, most)
	}
}

func depth(n *node[int]) int {
	if n == nil {
		return 0
	}
	return 1 + max(depth(n.left), depth(n.right))
}
