package rivals

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	cedargo "github.com/cedar-policy/cedar-go"
	"github.com/sallyport-auth/sallyport/authz"
)

// A loader makes a policy ready to decide, and returns what has to stay in memory
// for that.
type loader struct {
	name string
	load func(testing.TB) any
}

// loadCedar is ours, from the texts of files.
func loadCedar(files ...string) loader {
	return loader{"cedar", func(t testing.TB) any { return compile(t, parse(t, files...)) }}
}

func loadCedarGo(files ...string) loader {
	return loader{"cedar-go", func(t testing.TB) any {
		set, err := cedargo.NewPolicySetFromBytes("policy.cedar", []byte(strings.Join(files, "")))
		if err != nil {
			t.Fatal(err)
		}
		return set
	}}
}

// loadRoles is ours, by the definitions of roles, as they are read from a
// database.
func loadRoles(lines []role) loader {
	return loader{"roles", func(t testing.TB) any {
		d, err := authz.Compile(defined(lines, true))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}}
}

// loadCasbin is handed its lines as its adapters for databases hand them over.
func loadCasbin(lines []role) loader {
	return loader{"casbin", func(t testing.TB) any { return casbinRoles(lines).enforcer(t) }}
}

func loadMap(lines []role) loader {
	return loader{"floor", func(testing.TB) any { return permissionsByRole(lines) }}
}

// run measures how long loading takes, and what each rule occupies thereafter.
func (l loader) run(b *testing.B, rules int) {
	b.Run(l.name, func(b *testing.B) {
		b.ReportAllocs()
		occupied := heap()
		kept := l.load(b)
		occupied = heap() - occupied
		runtime.KeepAlive(kept)
		for b.Loop() {
			l.load(b)
		}
		b.ReportMetric(float64(occupied)/float64(rules), "B/rule")
	})
}

func heap() int64 {
	var m runtime.MemStats
	for range 2 { // what a finalizer lets go of is collected in the second round
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// conditions is a policy of n rules with conditions, each about another action:
// in turn, whether the principal is the owner, and many things at once. A file
// holds at most 1,000 rules.
func conditions(n int) (files []string) {
	for i := range n {
		text := ownerPolicy
		if i%2 == 1 {
			text = abacPolicy
		}
		if i%1000 == 0 {
			files = append(files, "")
		}
		files[i/1000] += strings.Replace(text, `Action::"post:`, fmt.Sprintf(`Action::"post-%d:`, i), 1)
	}
	return files
}

func BenchmarkLoad(b *testing.B) {
	const n = 10_000
	roleContest(b, n).agree(b)
	lines := roles(n)
	b.Run("roles", func(b *testing.B) {
		text := cedarRoles(lines)
		for _, l := range []loader{loadRoles(lines), loadCedar(text), loadCedarGo(text), loadCasbin(lines), loadMap(lines)} {
			l.run(b, n)
		}
	})
	b.Run("conditions", func(b *testing.B) {
		text := conditions(n)
		for _, l := range []loader{loadCedar(text...), loadCedarGo(text...)} {
			l.run(b, n)
		}
	})
	b.Run("steps", func(b *testing.B) {
		text := conditions(n)
		b.Run("parse", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				parse(b, text...)
			}
		})
		b.Run("compile", func(b *testing.B) {
			b.ReportAllocs()
			rules := parse(b, text...)
			for b.Loop() {
				compile(b, rules)
			}
		})
	})
}
