package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sallyport-auth/sallyport/internal/testdb"
)

// settings is the configuration of a script that brings none.
const settings = `[password]
cost = "m=64,t=1,p=1"
insecure_low_cost = true
`

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, scripts(filepath.Join("testdata", "script"), nil))
}

// TestScriptOnPostgreSQL runs one script that takes every way to the database.
func TestScriptOnPostgreSQL(t *testing.T) {
	t.Parallel()
	dsn := testdb.Postgres(t, "", nil)
	testscript.Run(t, scripts(filepath.Join("testdata", "postgres"), func(env *testscript.Env) error {
		env.Setenv("SALLYPORT_STORE__DATABASE", dsn)
		return nil
	}))
}

func scripts(dir string, more func(*testscript.Env) error) testscript.Params {
	return testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			env.Values[runningKey{}] = &running{}
			env.Setenv("GORACE", os.Getenv("GORACE"))
			path := filepath.Join(env.WorkDir, "sallyport.toml")
			if _, err := os.Stat(path); err != nil {
				if err := os.WriteFile(path, []byte(settings), 0o644); err != nil {
					return err
				}
			}
			if more != nil {
				return more(env)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server": runServer, "fails": fails, "http": request, "capture": capture, "mode": mode, "sql": statement,
		},
	}
}

// running holds the server of a script.
type running struct{ *process }

type runningKey struct{}

// server start [flag...], server stop, server kill. Start sets SERVER to its
// address and SETUP to the set-up link; stop writes its log to serve.log. The
// standard output of start is what the server printed.
func runServer(ts *testscript.TestScript, neg bool, args []string) {
	r := ts.Value(runningKey{}).(*running)
	switch args[0] {
	case "start":
		p, err := start(ts.MkAbs("."), scriptEnviron(ts), args[1:]...)
		ts.Check(err)
		ts.Defer(p.kill)
		r.process = p
		ts.Setenv("SERVER", p.url)
		ts.Setenv("ADDR", strings.TrimPrefix(p.url, "http://"))
		ts.Setenv("SETUP", regexp.MustCompile(`http\S+/setup/\S+`).FindString(p.banner))
		io.WriteString(ts.Stdout(), p.banner)
	case "stop":
		err := r.stop()
		ts.Check(os.WriteFile(ts.MkAbs("serve.log"), []byte(r.logged()), 0o644))
		ts.Check(err)
	case "kill":
		r.kill()
	default:
		ts.Fatalf("server %s?", args[0])
	}
}

// scriptEnviron is the environment of the script as far as the program sees it.
func scriptEnviron(ts *testscript.TestScript) []string {
	var out []string
	for _, name := range []string{
		"PATH", "HOME", "TMPDIR", "SALLYPORT_STORE__DATABASE", "SALLYPORT_SEALING_KEY", "SALLYPORT_CONFIG",
	} {
		if v := ts.Getenv(name); v != "" {
			out = append(out, name+"="+v)
		}
	}
	return out
}

// fails CODE command [argument...] runs a command that must end with the code.
func fails(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	if got := strconv.Itoa(exitCode(err)); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// http METHOD ADDRESS [Name: value...] [body] prints the status, the header
// fields that matter here, and the body.
func request(ts *testscript.TestScript, neg bool, args []string) {
	req, err := http.NewRequest(args[0], args[1], nil)
	ts.Check(err)
	for _, arg := range args[2:] {
		if name, value, ok := strings.Cut(arg, ": "); ok && !strings.HasPrefix(arg, "{") {
			req.Header.Set(name, value)
			continue
		}
		req.Header.Set("Content-Type", "application/json")
		req.Body = io.NopCloser(strings.NewReader(arg))
		req.ContentLength = int64(len(arg))
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	ts.Check(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	ts.Check(err)
	fmt.Fprintln(ts.Stdout(), res.StatusCode)
	for _, name := range []string{"Location", "Set-Cookie", "Www-Authenticate"} {
		for _, value := range res.Header[name] {
			fmt.Fprintf(ts.Stdout(), "%s: %s\n", name, value)
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs("body"), body, 0o644))
	ts.Stdout().Write(body)
}

// capture NAME member FILE sets a variable to a member of a JSON object, or of
// the first of its items.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	var v map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[2])), &v))
	if items, ok := v["items"].([]any); ok && v[args[1]] == nil {
		v = items[0].(map[string]any)
	}
	value, ok := v[args[1]].(string)
	if !ok {
		ts.Fatalf("there is no text %s in %s", args[1], args[2])
	}
	ts.Setenv(args[0], value)
}

// mode PERMISSIONS FILE... checks permissions.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	for _, path := range args[1:] {
		info, err := os.Stat(ts.MkAbs(path))
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has mode %s, want %s", path, got, args[0])
		}
	}
}

// sql FILE STATEMENT runs a statement on a SQLite file.
func statement(ts *testscript.TestScript, neg bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(args[1])
	ts.Check(err)
}
