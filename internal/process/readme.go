package process

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A Line is a line of a README's script, and what it answered.
type Line struct{ Text, Answer string }

// Lines runs the lines of the README.md beside the test: see [LinesOf].
func Lines(t testing.TB, env ...string) []Line {
	t.Helper()
	return LinesOf(t, "README.md", env...)
}

// LinesOf runs the lines of the first block of shell in a document, in an empty
// folder and with env beside the environment, all in one bash. It skips the test if
// there is no curl.
func LinesOf(t testing.TB, file string, env ...string) []Line {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("SKIPPED: its lines need curl: install it (Debian package curl)")
	}
	document, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(document), "```sh\n")
	script, _, _ := strings.Cut(rest, "```")
	texts := strings.Split(strings.TrimSpace(script), "\n")

	const between = "---\n" // so that each answer can be told apart
	cmd := exec.Command("bash", "-c", strings.Join(texts, "\necho; echo "+between))
	cmd.Dir = t.TempDir()
	cmd.Env = append(cmd.Environ(), env...)
	out, err := cmd.CombinedOutput()
	answers := strings.Split(string(out), between)
	if err != nil || len(answers) != len(texts) {
		t.Fatalf("%v, %d answers to %d lines\n%s", err, len(answers), len(texts), out)
	}
	lines := make([]Line, len(texts))
	for i := range texts {
		lines[i] = Line{texts[i], strings.TrimSpace(answers[i])}
	}
	return lines
}

// Expect holds the answer of each line against the text that must be in it. "" is
// no answer at all.
func Expect(t testing.TB, lines []Line, want ...string) {
	t.Helper()
	if len(lines) != len(want) {
		t.Fatalf("the document has %d lines of shell, want %d", len(lines), len(want))
	}
	for i, l := range lines {
		if !strings.Contains(l.Answer, want[i]) || want[i] == "" && l.Answer != "" {
			t.Errorf("line %d: %s\nanswered %q, want %q", i+1, l.Text, l.Answer, want[i])
		}
	}
}
