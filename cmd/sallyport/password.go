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
		return readPassword("standard input", p.typed())
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
func (p *program) typed() io.Reader {
	file, ok := p.stdin.(*os.File)
	if !ok {
		return p.stdin
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return p.stdin
	}
	fmt.Fprint(p.stderr, "Password (you will see it as you type): ")
	line, err := bufio.NewReader(file).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return io.MultiReader(strings.NewReader(line), file)
	}
	return strings.NewReader(line)
}

// readPassword returns the one line that r holds.
func readPassword(name string, r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxPassword+1))
	if err != nil {
		return "", fmt.Errorf("reading the password from %s: %w", name, err)
	}
	word := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case word == "":
		return "", fmt.Errorf("there is no password on %s", name)
	case len(text) > maxPassword:
		return "", fmt.Errorf("what is on %s is too long for a password", name)
	case strings.Contains(word, "\n"):
		return "", fmt.Errorf("there is more than one line on %s; a password is one", name)
	}
	return word, nil
}
