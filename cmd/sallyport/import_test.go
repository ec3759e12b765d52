package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/testdb"
)

// TestAKilledImportIsResumed kills an import at several moments, until one ends. What is there then is what an import in one go leaves.
func TestAKilledImportIsResumed(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { killImports(t) })
	t.Run("postgres", func(t *testing.T) {
		dsn := testdb.PostgresDurable(t, "", nil)
		ran(t, t.TempDir(), "migrate", "up", "--database", dsn)
		killImports(t, "--database", dsn)
	})
}

func killImports(t *testing.T, flags ...string) {
	file := crowd(t, 2200)
	dir := t.TempDir()
	killed := 0
	for wait := 300 * time.Millisecond; ; wait *= 2 {
		args := append([]string{"import", file, "--json"}, flags...)
		if imports(t, dir, flags...) {
			args = append(args, "--resume")
		}
		p := exec.Command(os.Args[0], args...)
		p.Args[0], p.Dir, p.Env = "sallyport", dir, environ()
		var out, errs bytes.Buffer
		p.Stdout, p.Stderr = &out, &errs
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(wait, func() { p.Process.Kill() })
		err := p.Wait()
		timer.Stop()
		if bytes.Contains(errs.Bytes(), []byte("no import of this file stopped")) {
			return // it was killed behind its last transaction, before it could say so
		}
		if !bytes.Contains(out.Bytes(), []byte(`"finished":true`)) {
			if exitCode(err) >= 0 { // it ended by itself
				t.Fatalf("%v: %s%s", err, out.String(), errs.String())
			}
			killed++
			continue
		}
		got := report(t, out.Bytes())
		whole := t.TempDir()
		want := report(t, ran(t, whole, "import", file, "--json"))
		got["resumed_at"], want["resumed_at"] = nil, nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("after %d kills:\ngot  %v\nwant %v", killed, got, want)
		}
		if a, b := people(t, dir, flags...), people(t, whole); !reflect.DeepEqual(a, b) {
			t.Errorf("after %d kills there are %d people, want %d", killed, len(a), len(b))
		}
		t.Logf("%d kills", killed)
		return
	}
}

// crowd writes a file of n people, of whom some cannot be imported.
func crowd(t *testing.T, n int) string {
	var b strings.Builder
	for i := range n {
		if i%409 == 7 {
			b.WriteString("{\"username\":\n")
			continue
		}
		fmt.Fprintf(&b, "{\"username\":\"person%d\",\"password_hash\":\"$1$38652870$DUjsu4TTlTsOe/xxZ05uf/\"}\n", i)
	}
	name := filepath.Join(t.TempDir(), "crowd.jsonl")
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// imports reports whether there is anybody yet: whether something is to be resumed.
func imports(t *testing.T, dir string, flags ...string) bool {
	return len(people(t, dir, flags...)) > 0
}

func people(t *testing.T, dir string, flags ...string) (names []string) {
	if _, err := os.Stat(filepath.Join(dir, "sallyport-data")); err != nil {
		return nil
	}
	for cursor := ""; ; {
		args := append([]string{"user", "list", "--json", "--limit", "1000", "--cursor", cursor}, flags...)
		p := exec.Command(os.Args[0], args...)
		p.Args[0], p.Dir, p.Env = "sallyport", dir, environ()
		out, err := p.Output()
		if err != nil {
			return nil // killed before the first transaction
		}
		var page struct {
			Items []struct{ Username string }
			Next  string `json:"next_cursor"`
		}
		if err := json.Unmarshal(out, &page); err != nil {
			t.Fatal(err)
		}
		for _, u := range page.Items {
			names = append(names, u.Username)
		}
		if cursor = page.Next; cursor == "" {
			slices.Sort(names) // ids of one millisecond are in no order
			return names
		}
	}
}

// ran runs a command that ends by itself, and returns what it printed. An import of bad lines exits with 1.
func ran(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	p := exec.Command(os.Args[0], args...)
	p.Args[0], p.Dir, p.Env = "sallyport", dir, environ()
	var errs bytes.Buffer
	p.Stderr = &errs
	out, err := p.Output()
	if exitCode(err) > 1 || exitCode(err) < 0 {
		t.Fatalf("%v: %v\n%s", args, err, errs.String())
	}
	return out
}

func report(t *testing.T, out []byte) (members map[string]any) {
	t.Helper()
	if err := json.Unmarshal(out, &members); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return members
}
