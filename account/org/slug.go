package org

import (
	"errors"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// maxSlug is the longest label of a host name (RFC 1035 §2.3.4): a slug may
// become one.
const maxSlug = 63

var errSlug = errors.New("must be 2 to 63 letters a to z, digits and single hyphens between them")

// Slug returns the form under which a slug is unique and looked up: normalised
// and in lower case. Only then is it checked, so that what looks like a letter of
// ours becomes one or is refused.
func Slug(typed string) (string, error) {
	if len(typed) > 4*maxSlug {
		return "", errSlug
	}
	slug := strings.ToLower(norm.NFKC.String(typed))
	if len(slug) < 2 || len(slug) > maxSlug || strings.Contains(slug, "--") || slug[0] == '-' || slug[len(slug)-1] == '-' {
		return "", errSlug
	}
	for _, c := range []byte(slug) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return "", errSlug
		}
	}
	return slug, nil
}
