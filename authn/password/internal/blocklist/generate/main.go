// Command generate writes the list of common passwords that package blocklist embeds:
//
//	go generate ./authn/password/internal/blocklist
//
// It needs npm and fetches one package, pinned by version and SHA-512, so the same file comes out every time. To take a newer
// list, change both constants, generate, and compare the package's LICENSE.txt with NOTICE.
package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/sallyport-auth/sallyport/authn/password/internal/blocklist"
)

const (
	source = "@zxcvbn-ts/language-common@4.1.3"
	digest = "g2bg4skmlJG9aJqC/nWziZzgYpSe/f3rKeGobrkdFiOrfZVFqqzUgC6BUQWuX54Sua9j0Jxxt+1bf4f/Mal1Kg=="
	list   = "package/src/passwords.json"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(target string) error {
	archive, err := fetch()
	if err != nil {
		return err
	}
	content, err := extract(archive, list)
	if err != nil {
		return err
	}
	var passwords []string
	if err := json.Unmarshal(content, &passwords); err != nil {
		return fmt.Errorf("reading %s: %w", list, err)
	}
	return os.WriteFile(target, encode(passwords), 0o644)
}

// fetch returns the package's archive after comparing it with digest.
func fetch() ([]byte, error) {
	dir, err := os.MkdirTemp("", "blocklist")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	pack := exec.Command("npm", "pack", "--silent", "--pack-destination", dir, source)
	pack.Dir, pack.Stderr = dir, os.Stderr
	if err := pack.Run(); err != nil {
		return nil, fmt.Errorf("npm pack %s: %w", source, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(files) != 1 {
		return nil, fmt.Errorf("npm pack %s left %d archives, want 1", source, len(files))
	}
	archive, err := os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	sum := sha512.Sum512(archive)
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != digest {
		return nil, fmt.Errorf("%s has SHA-512 %s, want %s", source, got, digest)
	}
	return archive, nil
}

func extract(archive []byte, name string) ([]byte, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	files := tar.NewReader(unzipped)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("no %s in %s", name, source)
		}
		if err != nil {
			return nil, err
		}
		if header.Name == name {
			return io.ReadAll(files)
		}
	}
}

// encode returns the sorted keys of the passwords, without duplicates.
func encode(passwords []string) []byte {
	var keys [][blocklist.KeySize]byte
	for _, p := range passwords {
		folded := blocklist.Fold(p)
		if len(folded) >= blocklist.MinLength && len(folded) <= blocklist.MaxLength {
			keys = append(keys, blocklist.Key(folded))
		}
	}
	compare := func(a, b [blocklist.KeySize]byte) int { return cmp.Compare(string(a[:]), string(b[:])) }
	slices.SortFunc(keys, compare)
	var out []byte
	for _, key := range slices.Compact(keys) {
		out = append(out, key[:]...)
	}
	return out
}
