package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxPassword bounds what is read, in bytes; passwords may be far shorter.
const maxPassword = 64 << 10

// password reads the password that the flags name, "" if they name none.
func (p *program) password(f passwordFlags) (string, error) {
	switch {
	case f.Stdin:
		return readPassword("standard input", p.typed("Password"))
	case f.File != "":
		file, err := os.Open(f.File)
		if err != nil {
			return "", fmt.Errorf("reading the password: %w", err)
		}
		defer file.Close()
		return readPassword(f.File, file)
	}
	return "", nil
}

// typed is standard input; of a terminal, one line of it, which is asked for.
func (p *program) typed(what string) io.Reader {
	file, ok := p.stdin.(*os.File)
	if !ok {
		return p.stdin
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return p.stdin
	}
	fmt.Fprintf(p.stderr, "%s (you will see it as you type): ", what)
	line, err := bufio.NewReader(file).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return io.MultiReader(strings.NewReader(line), file)
	}
	return strings.NewReader(line)
}

// readSecret returns the one line that r holds.
func readSecret(name string, r io.Reader) (string, error) { return readLine("secret", name, r) }

// readPassword returns the one line that r holds.
func readPassword(name string, r io.Reader) (string, error) { return readLine("password", name, r) }

func readLine(what, name string, r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxPassword+1))
	if err != nil {
		return "", fmt.Errorf("reading the %s from %s: %w", what, name, err)
	}
	word := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case word == "":
		return "", fmt.Errorf("there is no %s on %s", what, name)
	case len(text) > maxPassword:
		return "", fmt.Errorf("what is on %s is too long for a %s", name, what)
	case strings.Contains(word, "\n"):
		return "", fmt.Errorf("there is more than one line on %s; a %s is one", name, what)
	}
	return word, nil
}
