package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ReadKeyFile reads a sealing key from a file. It refuses one that others can read. A missing file is an error that is
// [fs.ErrNotExist].
func ReadKeyFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading sealing key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("sealing key %s can be read by others: its mode is %v, not 0600", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading sealing key: %w", err)
	}
	key, err := ParseKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("sealing key %s: %w", path, err)
	}
	return key, nil
}

// CreateKeyFile makes a new sealing key and writes it to a file with mode 0600 that is there whole or not at all, also after a
// crash. If another process was faster, it returns the key of that one.
func CreateKeyFile(path string) ([]byte, error) {
	key := NewKey()
	tmp, err := os.CreateTemp(filepath.Dir(path), ".sealing-*") // 0600
	if err != nil {
		return nil, fmt.Errorf("writing sealing key: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(FormatKey(key) + "\n")
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return nil, fmt.Errorf("writing sealing key: %w", err)
	}
	err = os.Link(tmp.Name(), path) // unlike a rename, it never replaces a key
	if errors.Is(err, fs.ErrExist) {
		return ReadKeyFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("writing sealing key: %w", err)
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		dir.Sync() // the name too must survive a crash
		dir.Close()
	}
	return key, nil
}
