package process

import (
	"os/exec"
	"testing"
)

// Policy checks the policy in a folder, relative to the test's own, and runs its
// cases, with the command that people use; command is the folder of that program.
// What is merely suspicious or not in the one form fails the test, too.
func Policy(t testing.TB, command, folder string) {
	t.Helper()
	bin := Build(t, command)
	for _, args := range [][]string{{"fmt", "--check"}, {"check", "--strict"}, {"test"}} {
		args = append(append([]string{"policy"}, args...), folder)
		if out, err := exec.Command(bin, args...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		} else {
			t.Logf("%v: %s", args, out)
		}
	}
}
