package foreign

import (
	"bytes"
	"crypto/pbkdf2"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// pbkdf2Key matches by PBKDF2 (RFC 8018 §5.2).
func pbkdf2Key(digest string, iterations uint64, salt, key []byte) (matcher, error) {
	newHash, err := hashOf(digest)
	if err != nil {
		return nil, err
	}
	size := uint64(newHash().Size())
	blocks := (uint64(len(key)) + size - 1) / size
	if iterations == 0 {
		return nil, errors.New("no iterations")
	}
	if iterations*blocks > maxIterations {
		return nil, tooCostly("iterations", iterations*blocks, maxIterations)
	}
	return derived(key, func(password []byte) []byte {
		derived, err := pbkdf2.Key(newHash, string(password), salt, int(iterations), len(key))
		if err != nil {
			return nil
		}
		return derived
	}), nil
}

// pbkdf2Text is pbkdf2Key of text, the salt and the key in base64.
func pbkdf2Text(digest, iterations, saltText, keyText string) (matcher, error) {
	n, err := number(iterations)
	if err != nil {
		return nil, err
	}
	s, err := salt(saltText)
	if err != nil {
		return nil, err
	}
	k, err := key(keyText)
	if err != nil {
		return nil, err
	}
	return pbkdf2Key(digest, n, s, k)
}

// passlibPBKDF2 reads "$pbkdf2$131000$salt$key", "$pbkdf2-sha256$…", and the form of Ory Kratos with "i=100000,l=32" for the number.
func passlibPBKDF2(rest string) (matcher, error) {
	parts, err := split(rest, "$", 4)
	if err != nil {
		return nil, err
	}
	digest := "sha1"
	if parts[0] != "" {
		digest = strings.TrimPrefix(parts[0], "-")
	}
	if strings.HasPrefix(parts[1], "i=") {
		values, err := named(parts[1], "i", "l")
		if err != nil {
			return nil, err
		}
		parts[1] = fmt.Sprint(values[0])
	}
	return pbkdf2Text(digest, parts[1], parts[2], parts[3])
}

// djangoPBKDF2 reads "iterations$salt$key"; the salt is used as it is written.
func djangoPBKDF2(digest string) func(string) (matcher, error) {
	return func(rest string) (matcher, error) {
		parts, err := split(rest, "$", 3)
		if err != nil {
			return nil, err
		}
		n, err := number(parts[0])
		if err != nil {
			return nil, err
		}
		k, err := key(parts[2])
		if err != nil {
			return nil, err
		}
		return pbkdf2Key(digest, n, []byte(parts[1]), k)
	}
}

// werkzeugPBKDF2 reads "sha256:150000$salt$key", the key in hexadecimal.
func werkzeugPBKDF2(rest string) (matcher, error) {
	parts, err := split(rest, "$", 3)
	if err != nil {
		return nil, err
	}
	method, err := split(parts[0], ":", 2)
	if err != nil {
		return nil, err
	}
	n, err := number(method[1])
	if err != nil {
		return nil, err
	}
	k, err := hexKey(parts[2])
	if err != nil {
		return nil, err
	}
	return pbkdf2Key(method[0], n, []byte(parts[1]), k)
}

// mediaWikiPBKDF2 reads "sha512:30000:64:salt:key".
func mediaWikiPBKDF2(rest string) (matcher, error) {
	parts, err := split(rest, ":", 5)
	if err != nil {
		return nil, err
	}
	return pbkdf2Text(parts[0], parts[1], parts[3], parts[4])
}

// ldapPBKDF2 reads "}10000$salt$key" and "-SHA256}10000$salt$key".
func ldapPBKDF2(rest string) (matcher, error) {
	digest, rest, ok := strings.Cut(rest, "}")
	if !ok {
		return nil, errors.New("the scheme does not end")
	}
	parts, err := split(rest, "$", 3)
	if err != nil {
		return nil, err
	}
	if digest == "" {
		digest = "-sha1"
	}
	return pbkdf2Text(strings.ToLower(strings.TrimPrefix(digest, "-")), parts[0], parts[1], parts[2])
}

// atlassian reads 16 bytes of salt and 32 of key (Jira, Confluence, Crowd).
func atlassian(rest string) (matcher, error) {
	b, err := b64(rest)
	if err != nil {
		return nil, err
	}
	if len(b) != 48 {
		return nil, errors.New("want 48 bytes")
	}
	return pbkdf2Key("sha1", 10_000, b[:16], b[16:])
}

// directory389 reads the number of iterations, 64 bytes of salt and 256 of key.
func directory389(rest string) (matcher, error) {
	b, err := base64.StdEncoding.DecodeString(rest)
	if err != nil || len(b) != 4+64+256 {
		return nil, errors.New("want 324 bytes in base64")
	}
	return pbkdf2Key("sha256", uint64(binary.BigEndian.Uint32(b)), b[4:68], b[68:])
}

// aspNet reads what PasswordHasher of ASP.NET Identity writes. Version 2 has a zero byte, 16 bytes of salt and 32 of key; version 3 a
// one, and three numbers of four bytes: the function, the iterations and the size of the salt. The prefix is the first byte's.
func aspNet(rest string) (matcher, error) {
	b, err := b64("A" + rest)
	if err != nil {
		return nil, err
	}
	switch {
	case len(b) == 49 && b[0] == 0:
		return pbkdf2Key("sha1", 1000, b[1:17], b[17:])
	case len(b) < 13 || b[0] != 1:
		return nil, errors.New("neither version 2 nor version 3")
	}
	var head struct{ Function, Iterations, Salt uint32 }
	if err := binary.Read(bytes.NewReader(b[1:]), binary.BigEndian, &head); err != nil {
		return nil, err
	}
	functions := []string{"sha1", "sha256", "sha512"}
	body := b[13:]
	if int(head.Function) >= len(functions) || uint64(head.Salt)+minKey > uint64(len(body)) || len(body)-int(head.Salt) > maxKey {
		return nil, errors.New("the header is not that of version 3")
	}
	return pbkdf2Key(functions[head.Function], uint64(head.Iterations), body[:head.Salt], body[head.Salt:])
}
