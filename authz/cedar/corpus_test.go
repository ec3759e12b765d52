package cedar_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	oracle "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	exptypes "github.com/cedar-policy/cedar-go/x/exp/types"

	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// moduleDir returns where the source of cedar-go lies on this machine, with the
// tests that its authors publish.
func moduleDir(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		if testenv.Require() {
			t.Fatal("the go command is missing, so that the published tests of Cedar cannot be found")
		}
		t.Skip("SKIPPED: the go command is missing, so that the published tests of Cedar cannot be found")
	}
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cedar-policy/cedar-go").Output()
	if err != nil {
		t.Fatalf("finding cedar-go: %v", err)
	}
	return strings.TrimSpace(string(dir))
}

// unpacked are the archives that tests have unpacked, by name.
var unpacked sync.Map

// unpack returns the files of an archive in the root of cedar-go's module.
func unpack(t *testing.T, dir, archive string) map[string][]byte {
	t.Helper()
	if files, ok := unpacked.Load(archive); ok {
		return files.(map[string][]byte)
	}
	packed, err := os.ReadFile(filepath.Join(dir, archive))
	if err != nil {
		t.Fatal(err)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(unzipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			unpacked.Store(archive, files)
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg || strings.HasPrefix(path.Base(h.Name), "._") {
			continue
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// A corpusTest is one test of the corpus, as far as it is data for us.
type corpusTest struct {
	Schema, Policies, Entities string
	Requests                   []struct {
		Principal, Action, Resource types.EntityUID
		Context                     types.Record
		Decision                    string
		Reason, Errors              []string
	}
	decided bool // whether the answers that are expected are true
}

// corpusTests returns the names of the tests among the files, or every nth.
func corpusTests(files map[string][]byte, nth int) []string {
	var names, some []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, ".json") && !strings.HasSuffix(name, ".entities.json") && !strings.HasSuffix(name, ".validation.json") {
			names = append(names, name)
		}
	}
	for i := 0; i < len(names); i += nth {
		some = append(some, names[i])
	}
	return some
}

// What the archives of cedar-go hold. A new version of it may hold more: then
// these numbers are to be changed, on purpose.
const (
	corpusSize     = 7750
	corpusRequests = 62000
	corpusAllowed  = 36968 // requests
	corpusRefused  = 1603  // sets of policies that do not fit their schema
	extraTests     = 113
)

func TestCorpus(t *testing.T) {
	dir := moduleDir(t)
	files := unpack(t, dir, "corpus-tests.tar.gz")
	validations := unpack(t, dir, "corpus-tests-validation.tar.gz")
	if n := len(corpusTests(files, 1)); n != corpusSize {
		t.Errorf("the corpus has %d tests, expected %d", n, corpusSize)
	}
	nth := testenv.Count(25, 1)
	names := corpusTests(files, nth)
	var v verdicts
	var s schemas
	for _, name := range names {
		test := readCorpus(t, files, name)
		test.decided = true
		valid := validations[strings.Replace(strings.Replace(name, "corpus-tests/", "corpus-tests-validation/", 1), ".json", ".validation.json", 1)]
		runCorpus(t, files, name, test, valid, &v, &s)
	}
	t.Logf("%d of %d tests: %v", len(names), corpusSize, v)
	t.Logf("strict validation: %v", s)
	if want := corpusRequests / nth; v.requests < want*9/10 || nth == 1 && v.requests != want {
		t.Errorf("%d requests, expected %d", v.requests, want)
	}
	if v.allowed == 0 || v.erred == 0 || s.refused == 0 || s.valid == 0 || nth == 1 && (v.allowed != corpusAllowed || s.refused != corpusRefused) {
		t.Errorf("expected %d that are allowed and %d sets of policies that are refused", corpusAllowed, corpusRefused)
	}
	if s.valid+s.refused != len(names) {
		t.Errorf("%d of %d tests validated", s.valid+s.refused, len(names))
	}
}

// TestCorpusOfValidator runs the tests that cedar-go has for its validator.
func TestCorpusOfValidator(t *testing.T) {
	const in = "x/exp/schema/validate"
	root := os.DirFS(filepath.Join(moduleDir(t), filepath.FromSlash(in)))
	files := map[string][]byte{}
	for _, name := range glob(t, root, "testdata/*") {
		files[name] = read(t, root, name)
	}
	var v verdicts
	var s schemas
	names := corpusTests(files, 1)
	for _, name := range names {
		runCorpus(t, files, name, readCorpus(t, files, name), files[strings.Replace(name, ".json", ".validation.json", 1)], &v, &s)
	}
	t.Logf("%d tests: %v; strict validation: %v", len(names), v, s)
	if len(names) != extraTests || s.valid+s.refused != extraTests {
		t.Errorf("%d tests, %v, expected %d", len(names), s, extraTests)
	}
}

func readCorpus(t *testing.T, files map[string][]byte, name string) corpusTest {
	t.Helper()
	var test corpusTest
	if err := json.Unmarshal(files[name], &test); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, f := range []string{test.Schema, test.Policies, test.Entities} {
		if _, ok := files[f]; !ok {
			t.Fatalf("%s: there is no %q", name, f)
		}
	}
	return test
}

// schemas counts how policies went against schemas.
type schemas struct{ valid, refused int }

func runCorpus(t *testing.T, files map[string][]byte, name string, test corpusTest, valid []byte, v *verdicts, s *schemas) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Fatalf("in %s (policies %s)", name, test.Policies)
		}
	}()
	text := string(files[test.Policies])
	parsedSchema, err := cedar.ParseSchema(rule.File{Name: test.Schema, Text: string(files[test.Schema])})
	if err != nil {
		t.Fatal(err)
	}
	compareValidation(t, parsedSchema, text, valid, s)
	if text, err = cedar.Format(rule.File{Name: test.Policies, Text: text}); err != nil { // from here on, as we would write it
		t.Fatal(err)
	}
	entities, ok := oracleEntities(t, files[test.Schema], files[test.Entities])
	store, err := cedar.ParseEntities(rule.File{Name: test.Entities, Text: string(files[test.Entities])}, parsedSchema)
	if ok != (err == nil) {
		t.Fatalf("entities: cedar-go reads them: %v; we say %v", ok, err)
	}
	if !ok {
		if len(test.Requests) > 0 {
			t.Fatal("requests on entities that cannot be read")
		}
		return
	}
	tr := newTrial(t, text, store, entities)
	requests, err := cedar.ParseRequests(rule.File{Name: name, Text: string(files[name])}, nil)
	if err != nil || len(requests) != len(test.Requests) {
		t.Fatalf("%d of %d requests, error %v", len(requests), len(test.Requests), err)
	}
	typed, err := cedar.ParseRequests(rule.File{Name: name, Text: string(files[name])}, parsedSchema)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range test.Requests {
		asked := asOracle(r.Principal, r.Action, r.Resource, r.Context)
		tr.ask(t, v, requests[i], asked)
		if !typed[i].Context.Equal(requests[i].Context) {
			t.Errorf("context %v read with the schema, %v without", typed[i].Context, requests[i].Context)
		}
		if test.decided {
			expect(t, tr.oracle(asked), r.Decision, r.Reason, r.Errors)
		}
	}
}

// expect holds the oracle to what the corpus expects, so that we know that it is
// asked as its authors do.
func expect(t *testing.T, theirs answer, decision string, reasons, errs []string) {
	t.Helper()
	if theirs.allow != (decision == "allow") || len(theirs.reasons) != len(reasons) || len(theirs.errors) != len(errs) {
		t.Errorf("cedar-go answers %+v, the corpus expects %s for %v, with errors in %v", theirs, decision, reasons, errs)
	}
}

// compareValidation holds our strict validation to the verdict of the corpus.
func compareValidation(t *testing.T, s *cedar.Schema, text string, valid []byte, n *schemas) {
	t.Helper()
	var want struct {
		PolicyValidation struct {
			Strict       bool
			StrictErrors []string
		}
	}
	if err := json.Unmarshal(valid, &want); err != nil {
		t.Fatalf("expected verdict: %v", err)
	}
	err := s.Validate(rule.File{Name: "policy", Text: text})
	if (err == nil) != want.PolicyValidation.Strict {
		t.Errorf("policy\n%s\nvalid: %v; we say %v", text, want.PolicyValidation.Strict, err)
	}
	if want.PolicyValidation.Strict {
		n.valid++
	} else {
		n.refused++
	}
}

// oracleEntities returns what cedar-go reads.
func oracleEntities(t *testing.T, schemaText, text []byte) (types.EntityMap, bool) {
	t.Helper()
	var s schema.Schema
	if err := s.UnmarshalCedar(schemaText); err != nil {
		t.Fatal(err)
	}
	resolved, err := s.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	var entities exptypes.EntityMap
	if err := entities.UnmarshalJSONWithSchema(text, resolved); err != nil {
		return nil, false
	}
	return types.EntityMap(entities), true
}

// TestCorpusInOtherForms reads what the other archives hold, which is the corpus
// in Cedar's JSON forms: schemas, entities, and policies, which we read as the
// text that cedar-go writes them as.
func TestCorpusInOtherForms(t *testing.T) {
	dir := moduleDir(t)
	files := unpack(t, dir, "corpus-tests.tar.gz")
	jsonSchemas := unpack(t, dir, "corpus-tests-json-schemas.tar.gz")
	jsonPolicies := unpack(t, dir, "corpus-tests-json-policies.tar.gz")
	jsonEntities := unpack(t, dir, "corpus-tests-json-entities.tar.gz")
	var v verdicts
	accepted, refused := 0, 0
	names := corpusTests(files, testenv.Count(25, 1))
	for _, name := range names {
		test := readCorpus(t, files, name)
		base := func(p string) string { return path.Base(p) }
		typed, err := cedar.ParseSchema(rule.File{Name: test.Schema, Text: string(jsonSchemas["corpus-tests-json-schemas/"+base(test.Schema)+".json"])})
		if err != nil {
			t.Fatal(err)
		}
		plain, err := cedar.ParseSchema(rule.File{Name: test.Schema, Text: string(files[test.Schema])})
		if err != nil {
			t.Fatal(err)
		}
		if a, b := typed.ActionsOn("x"), plain.ActionsOn("x"); !slices.Equal(a, b) || len(typed.Types()) != len(plain.Types()) {
			t.Fatalf("%s: a schema differs from its JSON form", name)
		}
		var decoded struct {
			Accepted bool
			Entities json.RawMessage
		}
		if err := json.Unmarshal(jsonEntities["corpus-tests-json-entities/"+base(test.Entities)], &decoded); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		untyped, err := cedar.ParseEntities(rule.File{Name: test.Entities, Text: string(files[test.Entities])}, nil)
		if (err == nil) != decoded.Accepted {
			t.Fatalf("%s: Cedar accepts the entities without a schema: %v; we say %v", name, decoded.Accepted, err)
		}
		if !decoded.Accepted {
			refused++
			continue
		}
		accepted++
		var entities types.EntityMap
		if err := entities.UnmarshalJSON(decoded.Entities); err != nil {
			t.Fatal(err)
		}
		var set oracle.PolicySet
		if err := set.UnmarshalJSON(jsonPolicies["corpus-tests-json-policies/"+base(test.Policies)+".json"]); err != nil {
			t.Fatal(err)
		}
		tr := newTrial(t, string(set.MarshalCedar()), untyped, entities)
		requests, err := cedar.ParseRequests(rule.File{Name: name, Text: string(files[name])}, typed)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range test.Requests {
			tr.ask(t, &v, requests[i], asOracle(r.Principal, r.Action, r.Resource, r.Context))
		}
		if t.Failed() {
			t.Fatalf("in %s", name)
		}
	}
	t.Logf("%d tests, entities accepted without a schema in %d and refused in %d: %v", len(names), accepted, refused, v)
	if accepted+refused != len(names) || v.requests < accepted {
		t.Error("tests were left out")
	}
}

func glob(t *testing.T, root fs.FS, pattern string) []string {
	t.Helper()
	names, err := fs.Glob(root, pattern)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func read(t *testing.T, root fs.FS, name string) []byte {
	t.Helper()
	b, err := fs.ReadFile(root, name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
