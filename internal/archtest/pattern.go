package archtest

import (
	"path"
	"strings"
)

// matches reports whether a folder is one that the pattern names, see [layer].
func matches(pattern, folder string) bool {
	if above, ok := strings.CutSuffix(pattern, "/**"); ok {
		n := strings.Count(above, "/") + 1
		return segments(folder, n) != "" && match(above, segments(folder, n))
	}
	return match(pattern, folder)
}

// family returns the folder within which a package of the pattern may import what it likes; "" if there is none.
func family(pattern, folder string) string {
	above, ok := strings.CutSuffix(pattern, "/**")
	if !ok {
		return ""
	}
	return segments(folder, strings.Count(above, "/")+1)
}

func matchesAny(patterns []string, folder string) bool {
	for _, p := range patterns {
		if matches(p, folder) {
			return true
		}
	}
	return false
}

// matchesFile is matchesAny for a file: by its folder, or by a pattern that names files.
func matchesFile(patterns []string, name string) bool {
	for _, p := range patterns {
		if strings.HasSuffix(p, ".go") {
			if match(strings.TrimPrefix(p, "./"), name) {
				return true
			}
		} else if matches(p, path.Dir(name)) {
			return true
		}
	}
	return false
}

// segments returns the first n elements of a path, "" if it has fewer.
func segments(p string, n int) string {
	parts := strings.Split(p, "/")
	if len(parts) < n {
		return ""
	}
	return strings.Join(parts[:n], "/")
}

func match(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	if err != nil {
		panic("archtest: bad pattern in rules.go: " + pattern)
	}
	return ok
}
