//go:build unix

package faults_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/process"
	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// clockless is the program whose clock of day is wrong by what FAULTS_CLOCK says. No
// tool that lies to programs from outside reaches one of Go, which asks the kernel
// itself, so that the lie is built in: one line of package time.
var clockless = sync.OnceValues(func() (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	text, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	const now = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	lying := strings.Replace(string(text), now, now+"\tsec += wrong\n", 1)
	if lying == string(text) {
		return "", fmt.Errorf("%s has changed: Now is not what this test knows", source)
	}
	overlay := map[string]map[string]string{"Replace": {}}
	for name, text := range map[string]string{
		"time.go":  lying,
		"wrong.go": "package time\n\nimport \"syscall\"\n\nvar wrong = func() int64 {\n\ts, _ := syscall.Getenv(\"FAULTS_CLOCK\")\n\td, _ := ParseDuration(s)\n\treturn int64(d / Second)\n}()\n",
	} {
		file := filepath.Join(bin, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return "", err
		}
		overlay["Replace"][filepath.Join(filepath.Dir(source), name)] = file
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	file := filepath.Join(bin, "overlay.json")
	if err := os.WriteFile(file, list, 0o600); err != nil {
		return "", err
	}
	out := filepath.Join(bin, "clockless")
	if text, err := exec.Command("go", "build", "-overlay", file, "-o", out, "../../cmd/sallyport").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building with a clock that is wrong: %w\n%s", err, text)
	}
	return out, nil
})

// wrong starts another node, whose clock is off.
func (w *world) wrong(off time.Duration) *process.Program {
	w.Helper()
	args := append([]string{"FAULTS_CLOCK=" + off.String(), program(w, clockless),
		"serve", "--addr", "127.0.0.1:0", "--data", filepath.Join(w.TempDir(), "data"), "--base-url", w.front.url()}, w.flags...)
	return process.Start(w, "env", args...)
}

// The clock of one of two nodes is an hour wrong. What is ended stays ended whatever
// the clocks say, and nobody is lost once they agree again.
//
// The standard library is built anew for it, which takes minutes: ./test.sh long does
// it. Package verifier has the same without processes.
func TestANodeWhoseClockIsWrong(t *testing.T) {
	if testenv.Count(0, 1) == 0 {
		t.Log("left to ./test.sh long: it builds the standard library anew")
		return
	}
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(off.String(), func(t *testing.T) {
			w := begin(t, "--database", testdb.Postgres(t, "", nil))
			right := w.issuer
			ann, bob, carl := w.register(right, "ann"), w.register(right, "bob"), w.register(right, "carl")
			wrong := w.wrong(off)
			w.front.to(wrong.URL)
			s := w.service() // whose own clock is right, at the node whose clock is not
			for _, p := range []tokens{ann, bob, carl} {
				s.becomes(p.Access, 200)
			}
			// To the node that is ahead they have all run out, and to one that is behind
			// they are of the future; a refresh says who it is, at whichever clock.
			if got := at(wrong, ann.Access); got != 401 {
				t.Errorf("a token of an hour's difference: %d", got)
			}
			w.signOut(right, ann.Access) // by the right clock
			s.becomes(ann.Access, 401)
			theirs := w.signIn(wrong, "bob")
			if got := at(wrong, theirs.Access); got != 200 {
				t.Errorf("a token of the node's own clock: %d", got)
			}
			if got := at(right, theirs.Access); got != 401 {
				t.Errorf("a token of the wrong clock: %d", got)
			}
			if got := s.get(theirs.Access); got != 401 {
				t.Errorf("a token of the wrong clock, at the service: %d", got)
			}
			everywhere := func(token string) { // by the wrong clock
				t.Helper()
				if status, answer := ask("POST", wrong.URL+"/auth/logout", token, `{"everywhere":true}`); status != 204 {
					t.Fatalf("signing out: %d %s", status, answer)
				}
			}
			everywhere(theirs.Access)
			s.becomes(bob.Access, 401)
			await(t, func() bool { return at(right, bob.Access) == 401 }, right.Output)

			// The node comes back with the right time.
			wrong.Kill()
			again := w.second()
			w.front.to(again.URL)
			fresh := w.signIn(again, "bob")
			s.becomes(fresh.Access, 200)
			for name, token := range map[string]string{"ann's": ann.Access, "bob's": bob.Access, "bob's of the wrong clock": theirs.Access} {
				for node, got := range map[string]int{"one node": at(right, token), "the other": at(again, token), "the service": s.get(token)} {
					if got != 401 {
						t.Errorf("%s, at %s: %d", name, node, got)
					}
				}
			}
			for _, p := range []tokens{ann, bob, theirs} {
				if status, _ := ask("POST", right.URL+"/auth/refresh", "", `{"refresh_token":"`+p.Refresh+`"}`); status != 401 {
					t.Errorf("a refresh after the sign-out: %d", status)
				}
			}
			s.becomes(carl.Access, 200)
			if status, answer := ask("POST", again.URL+"/auth/refresh", "", `{"refresh_token":"`+carl.Refresh+`"}`); status != 200 {
				t.Errorf("who was signed in all the time: %d %s", status, answer)
			}
			w.signOut(again, fresh.Access)
			s.becomes(fresh.Access, 401)
		})
	}
}
