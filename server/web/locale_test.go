package web_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// catalog reads every file of a language: "area.key" to its forms.
func catalog(t *testing.T, language string) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("locales/" + language + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no catalogs: %v", err)
	}
	all := map[string][]string{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var entries map[string]any
		if err := json.Unmarshal(raw, &entries); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for key, value := range entries {
			forms := []string{}
			switch v := value.(type) {
			case string:
				forms = append(forms, v)
			case map[string]any:
				one, _ := v["one"].(string)
				other, _ := v["other"].(string)
				if len(v) != 2 {
					t.Errorf("%s: %s has forms besides one and other", file, key)
				}
				forms = append(forms, one, other)
			}
			all[strings.TrimSuffix(filepath.Base(file), ".json")+"."+key] = forms
		}
	}
	return all
}

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

func TestBothCatalogsAreComplete(t *testing.T) {
	en, de := catalog(t, "en"), catalog(t, "de")
	for _, key := range slices.Sorted(maps.Keys(en)) {
		if _, ok := de[key]; !ok {
			t.Errorf("%s has no German words", key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(de)) {
		if _, ok := en[key]; !ok {
			t.Errorf("%s has no English words", key)
			continue
		}
		for _, forms := range [][]string{en[key], de[key]} {
			if len(forms) == 0 || slices.Contains(forms, "") {
				t.Errorf("%s says nothing", key)
			}
		}
		if a, b := stands(en[key]), stands(de[key]); !slices.Equal(a, b) {
			t.Errorf("%s: %v stand in the English words, %v in the German", key, a, b)
		}
	}
}

// stands lists what is put into the last form.
func stands(forms []string) []string {
	if len(forms) == 0 {
		return nil
	}
	all := placeholder.FindAllString(forms[len(forms)-1], -1)
	slices.Sort(all)
	return slices.Compact(all)
}

var (
	shape  = regexp.MustCompile(`\{\{define "shape"\}\}[a-z ]*\{\{end\}\}`)
	action = regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	asked  = regexp.MustCompile(`\.(?:T|Has) "([a-z0-9_.-]+)"`)
	tag    = regexp.MustCompile(`(?s)<!?[a-zA-Z/][^>]*>`)
	spoken = regexp.MustCompile(`\s(?:alt|title|placeholder|aria-label|aria-description|aria-roledescription|data-show|data-hide|data-copied)="([^"]*)"`)
	entity = regexp.MustCompile(`&[a-z]+;`)
	letter = regexp.MustCompile(`\pL`)
)

func TestTemplatesHoldNoWords(t *testing.T) {
	for _, file := range templates(t) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		html := action.ReplaceAllString(shape.ReplaceAllString(string(raw), ""), "")
		for _, m := range spoken.FindAllStringSubmatch(html, -1) {
			if letter.MatchString(m[1]) {
				t.Errorf("%s: the attribute%s says words", file, m[0])
			}
		}
		for line := range strings.Lines(entity.ReplaceAllString(tag.ReplaceAllString(html, ""), "")) {
			if letter.MatchString(line) {
				t.Errorf("%s: words in a template: %s", file, strings.TrimSpace(line))
			}
		}
	}
}

func TestTemplatesAskForWordsThatThereAre(t *testing.T) {
	en := catalog(t, "en")
	for _, file := range templates(t) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range asked.FindAllStringSubmatch(string(raw), -1) {
			area, key, _ := strings.Cut(m[1], ".")
			if _, ok := en[m[1]]; !ok && en[area+".problem_"+key] == nil {
				t.Errorf("%s asks for %s, which nobody wrote", file, m[1])
			}
		}
	}
}

func templates(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob("templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	parts, err := filepath.Glob("templates/parts/*.html")
	if err != nil || len(pages) == 0 || len(parts) == 0 {
		t.Fatalf("templates: %v", err)
	}
	return append(pages, parts...)
}
