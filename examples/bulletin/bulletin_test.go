package main_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/process"
)

// TestREADME runs exactly the lines that the README prints.
func TestREADME(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("SKIPPED: the README's lines need curl: install it (Debian package curl)")
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```sh\n")
	script, _, _ := strings.Cut(rest, "```")
	if n := strings.Count(script, "\n"); n != 10 {
		t.Fatalf("the README has %d lines of curl", n)
	}
	board := process.Start(t, process.Build(t, "."), "-addr", "127.0.0.1:0")
	link := board.WaitFor(context.Background(), "/auth/setup/")
	setup := link[strings.Index(link, "http"):]

	// Between two lines, so that each answer can be told apart.
	lines := strings.Split(strings.TrimSpace(script), "\n")
	cmd := exec.Command("bash", "-c", strings.Join(lines, "\necho; echo ---\n"))
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "URL="+board.URL, "SETUP="+setup)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	answers := strings.Split(string(out), "---\n")
	for i, want := range []string{
		"[]",
		"",
		`"status":401`,
		`"text":"hello, board"`,
		"",
		`"status":403`,
		`"status":"signed_in"`,
		"204",
		"204",
		`"code":"invalid_token"`,
	} {
		if i >= len(answers) || !strings.Contains(answers[i], want) {
			t.Errorf("line %d: %s\nanswered %q, want %q", i+1, lines[i], answers[min(i, len(answers)-1)], want)
		}
	}
	if t.Failed() {
		t.Log(board.Output())
	}
}
