package archtest_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sallyport-auth/sallyport/internal/archtest"
)

func TestSallyport(t *testing.T) {
	found, err := archtest.Check(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Error(v)
	}
}

const goMod = "module github.com/sallyport-auth/sallyport\n\ngo 1.26.0\n"

// importing is a package that imports one path; "S" stands for our module.
func importing(path string) string {
	return "package p\n\nimport _ \"" + strings.Replace(path, "S", "github.com/sallyport-auth/sallyport", 1) + "\"\n\nvar V int\n"
}

func TestCheck(t *testing.T) {
	const (
		layer = "layer"
		clean = ""
	)
	for _, c := range []struct {
		name string
		file string
		src  string
		want string // the rule, "" for none
	}{
		// The order of the layers.
		{"door one knows the words", "authn/token/p.go", importing("S"), clean},
		{"door one knows the log", "authn/token/p.go", importing("S/revoke"), clean},
		{"door one knows itself", "authn/token/p.go", importing("S/authn/token/internal/jws"), clean},
		{"a package below door one knows the one above", "authn/token/internal/jws/p.go", importing("S/authn/token"), clean},
		{"account joins the doors", "account/p.go", importing("S/authn/token"), clean},
		{"the store knows the features", "store/p.go", importing("S/account"), clean},
		{"a back end knows its driver", "store/sqlite/p.go", importing("modernc.org/sqlite"), clean},
		{"the server opens the back ends", "server/p.go", importing("S/store/postgres"), clean},
		{"main knows everything", "cmd/sallyport/p.go", importing("S/server"), clean},
		{"main brings its libraries", "cmd/sallyport/p.go", importing("github.com/alecthomas/kong"), clean},
		{"passwords are normalised", "authn/password/p.go", importing("golang.org/x/text/unicode/norm"), clean},
		{"the root knows only the standard library", "p.go", importing("golang.org/x/crypto/argon2"), layer},
		{"the root knows no feature", "p.go", importing("S/revoke"), layer},
		{"one way to prove who you are does not know another", "authn/session/p.go", importing("S/authn/token"), layer},
		{"door one does not know door two", "authn/session/p.go", importing("S/authz"), layer},
		{"door one does not know the store", "authn/session/p.go", importing("S/store"), layer},
		{"door one has no other module", "authn/token/p.go", importing("golang.org/x/text/unicode/norm"), layer},
		{"door two does not know door one", "authz/p.go", importing("S/authn/session"), layer},
		{"door two does not know the server", "authz/p.go", importing("S/server"), layer},
		{"the readers of Cedar know rules", "authz/cedar/p.go", importing("S/authz/rule"), clean},
		{"the log knows no door", "revoke/p.go", importing("S/authz"), layer},
		{"limit has no other module", "limit/p.go", importing("golang.org/x/time/rate"), layer},
		{"audit knows no feature", "audit/p.go", importing("S/account"), layer},
		{"account does not know its stores", "account/p.go", importing("S/store"), layer},
		{"account does not know the server", "account/p.go", importing("S/server"), layer},
		{"the store knows no back end", "store/p.go", importing("S/store/sqlite"), layer},
		{"one back end does not know another", "store/sqlite/p.go", importing("S/store/postgres"), layer},
		{"one back end does not know another's driver", "store/sqlite/p.go", importing("github.com/jackc/pgx/v5"), layer},
		{"the contract knows no back end", "store/storetest/p.go", importing("S/store/sqlite"), layer},
		{"the shared statements know no driver", "internal/sqldb/p.go", importing("S/store/sqlite"), layer},
		{"the store does not know the server", "store/p.go", importing("S/server"), layer},
		{"the server does not know main", "server/p.go", importing("S/cmd/sallyport/config"), layer},
		{"the verifier does not know accounts", "verifier/p.go", importing("S/account"), layer},
		{"a user's test links no driver", "sallytest/p.go", importing("S/store/sqlite"), layer},
		{"an example uses no internal package", "examples/bulletin/p.go", importing("S/internal/secret"), layer},
		{"the benchmarks' command measures from outside", "bench/p.go", importing("S/authz"), layer},
		{"an internal package knows no feature", "internal/secret/p.go", importing("S/account"), layer},
		{"a new folder needs a layer", "helpers/p.go", importing("fmt"), layer},
		{"a test may import what it needs", "authn/session/p_test.go", importing("S/store/sqlite"), clean},

		// Bans.
		{"no driver in an example", "examples/bulletin/p.go", importing("modernc.org/sqlite"), "database drivers"},
		{"no driver in main", "cmd/sallyport/p.go", importing("github.com/jackc/pgx/v5/stdlib"), "database drivers"},
		{"cedar-go in authz/cedar", "authz/cedar/p.go", importing("github.com/cedar-policy/cedar-go"), clean},
		{"cedar-go stays in authz/cedar", "cmd/sallyport/p.go", importing("github.com/cedar-policy/cedar-go"), "Cedar's own interpreter"},
		{"also in tests", "authz/rule/p_test.go", importing("github.com/cedar-policy/cedar-go/types"), "Cedar's own interpreter"},
		{"also in examples", "examples/school/p.go", importing("github.com/cedar-policy/cedar-go"), "Cedar's own interpreter"},
		{"Cedar's tree in translate.go", "authz/cedar/translate.go", importing("github.com/cedar-policy/cedar-go/x/exp/ast"), clean},
		{"Cedar's tree stays in translate.go", "authz/cedar/parse.go", importing("github.com/cedar-policy/cedar-go/x/exp/ast"),
			"Cedar's syntax tree"},
		{"Cedar's tree is not for tests", "authz/cedar/p_test.go", importing("github.com/cedar-policy/cedar-go/x/exp/ast"),
			"Cedar's syntax tree"},
		{"the tree of a schema is another", "authz/cedar/schema.go", importing("github.com/cedar-policy/cedar-go/x/exp/schema/ast"), clean},
		{"no HTML outside the server", "account/p.go", importing("html/template"), "HTML"},
		{"HTML in the server", "server/web/p.go", importing("html/template"), clean},
		{"no flags in the server", "server/p.go", importing("flag"), "flags"},
		{"no metrics in an example", "examples/plans/p.go", importing("github.com/prometheus/client_golang/prometheus"),
			"command line, configuration files, metrics and traces"},
		{"no package testing in a program", "authn/session/p.go", importing("testing"), "testing in a program"},
		{"no test helper in a program", "internal/secret/p.go", importing("S/internal/testenv"), "test helpers in a program"},
		{"no assertion library, not even in a test", "authz/p_test.go", importing("github.com/stretchr/testify/assert"),
			"assertion libraries"},
		{"no weak randomness", "authz/p.go", importing("math/rand/v2"), "weak randomness"},
		{"no unsafe", "authz/p.go", importing("unsafe"), "unsafe"},

		// What code says.
		{"no init", "authz/p.go", "package p\n\nfunc init() {}\n", "no init()"},
		{"a method may be called init", "authz/p.go", "package p\n\ntype T struct{}\n\nfunc (T) init() {}\n", clean},
		{"a test may have init", "authz/p_test.go", "package p\n\nfunc init() {}\n", clean},
		{"no environment in a library", "server/p.go", "package p\n\nimport \"os\"\n\nvar V = os.Getenv(\"HOME\")\n", "environment"},
		{"nor under another name", "server/p.go", "package p\n\nimport sys \"os\"\n\nvar V = sys.Environ()\n", "environment"},
		{"nor with a dot", "server/p.go", "package p\n\nimport . \"os\"\n\nvar V = Environ()\n", "environment"},
		{"nor as a function value", "server/p.go", "package p\n\nimport \"os\"\n\nvar V = os.LookupEnv\n", "environment"},
		{"nor by the back door", "server/p.go", "package p\n\nimport \"syscall\"\n\nvar V = syscall.Environ()\n",
			"environment through syscall"},
		{"main reads the environment", "cmd/sallyport/p.go", "package p\n\nimport \"os\"\n\nvar V = os.Getenv(\"HOME\")\n", clean},
		{"no handler says 401", "server/me/p.go", status("w.WriteHeader(http.StatusUnauthorized)"), "401 and 403"},
		{"nor 403", "server/me/p.go", status("http.Error(w, \"no\", http.StatusForbidden)"), "401 and 403"},
		{"nor as a number", "server/me/p.go", status("w.WriteHeader(http.StatusOK + 1 - 1); w.WriteHeader(401)"),
			"401 and 403 as numbers"},
		{"nor as a number in a field", "server/me/p.go", "package p\n\nvar V = struct{ Status int }{Status: 403}\n",
			"401 and 403 as numbers"},
		{"another file of the root may not either", "routes.go", status("w.WriteHeader(http.StatusForbidden)"), "401 and 403"},
		{"the gate may", "gate.go", status("w.WriteHeader(http.StatusForbidden)"), clean},
		{"the problem writer may", "problem.go", status("w.WriteHeader(401)"), clean},
		{"a client may look at the answer", "verifier/p.go",
			"package p\n\nimport \"net/http\"\n\nfunc ok(r *http.Response) bool {\n\treturn r.StatusCode != http.StatusUnauthorized\n}\n", clean},
		{"a client may choose by it", "verifier/p.go",
			"package p\n\nimport \"net/http\"\n\nfunc f(n int) {\n\tswitch n {\n\tcase http.StatusForbidden:\n\t}\n}\n", clean},

		// Folders and files.
		{"an empty package", "authz/doc.go", "// Package authz will be written.\npackage authz\n", "no empty package"},
		{"a package that only imports", "authz/doc.go", "package authz\n\nimport _ \"fmt\"\n", "no empty package"},
		{"a generator is not built", "authz/p.go", "//go:build ignore\n\npackage main\n\nimport _ \"modernc.org/sqlite\"\n", clean},
		{"testdata is not ours", "authz/testdata/p.go", importing("S/server"), clean},
		{"go.mod replaces nothing", "go.mod", goMod + "\nreplace example.com/a => ../a\n", "go.mod"},
		{"go.mod requires no nested module", "go.mod", goMod + "\nrequire (\n\tgithub.com/sallyport-auth/sallyport/bench v0.0.0\n)\n", "go.mod"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := fstest.MapFS{"go.mod": {Data: []byte(goMod)}}
			tree[c.file] = &fstest.MapFile{Data: []byte(c.src)}
			expect(t, tree, c.want)
		})
	}
}

// status is a handler with one statement.
func status(statement string) string {
	return "package p\n\nimport \"net/http\"\n\nfunc h(w http.ResponseWriter) { " + statement + " }\n"
}

func TestCheckFollowsTheVerifiersImports(t *testing.T) {
	expect(t, fstest.MapFS{
		"go.mod":           {Data: []byte(goMod)},
		"verifier/p.go":    {Data: []byte(importing("S/authn/token"))},
		"authn/token/p.go": {Data: []byte(importing("S/revoke"))},
		"revoke/p.go":      {Data: []byte(importing("database/sql"))},
	}, "what verifier links")
}

func TestCheckLeavesNestedModulesAlone(t *testing.T) {
	expect(t, fstest.MapFS{
		"go.mod":              {Data: []byte(goMod)},
		"bench/rivals/go.mod": {Data: []byte("module example.com/bench/rivals\n")},
		"bench/rivals/p.go":   {Data: []byte(importing("github.com/lib/pq"))},
	}, "")
}

func TestCheckRefusesWhatItCannotRead(t *testing.T) {
	for name, tree := range map[string]fstest.MapFS{
		"no go.mod":             {"p.go": {Data: []byte("package p\n")}},
		"a file that is not Go": {"go.mod": {Data: []byte(goMod)}, "p.go": {Data: []byte("package")}},
	} {
		t.Run(name, func(t *testing.T) {
			if found, err := archtest.Check(tree); err == nil {
				t.Errorf("no error, %d violations", len(found))
			}
		})
	}
}

// expect wants violations of one rule and no other, or none.
func expect(t *testing.T, tree fstest.MapFS, rule string) {
	t.Helper()
	found, err := archtest.Check(tree)
	if err != nil {
		t.Fatal(err)
	}
	caught := false
	for _, v := range found {
		if v.Why == "" {
			t.Errorf("%v: no reason given", v)
		}
		if v.Rule != rule {
			t.Errorf("unexpected: %v", v)
		}
		caught = true
	}
	if rule != "" && !caught {
		t.Errorf("no violation of %q", rule)
	}
}
