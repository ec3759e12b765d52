package web

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
)

// The languages that pages are written in. The first is what everybody gets who asks
// for none of them.
var offered = []language.Tag{language.English, language.German}

// Two more are made from English, to look at pages with: longer words in other
// letters, and the same from right to left. They are given to whoever names them, and
// never offered.
const (
	pseudo      = "en-XA"
	pseudoRight = "ar-XB"
)

// A text is one entry of a catalog: the words, and the words for one where that differs.
type text struct{ one, other string }

// UnmarshalJSON reads "words" or {"one": "…", "other": "…"}.
func (t *text) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return json.Unmarshal(b, &t.other)
	}
	var forms struct{ One, Other string }
	if err := json.Unmarshal(b, &forms); err != nil {
		return err
	}
	t.one, t.other = forms.One, forms.Other
	return nil
}

// A locale is everything that pages say in one language.
type locale struct {
	tag, dir string
	texts    map[string]text // by "area.key"
}

// say returns the words of a key. pairs are names and values that stand in them as
// {name}; the value of "count" chooses the form. Of a key that nobody wrote it says the
// key: a test finds it, and a person still gets the page.
func (l *locale) say(key string, pairs ...any) string {
	t, ok := l.texts[key]
	if !ok {
		return key
	}
	words := t.other
	for i := 0; i+1 < len(pairs); i += 2 {
		name, value := fmt.Sprint(pairs[i]), fmt.Sprint(pairs[i+1])
		if name == "count" && value == "1" && t.one != "" {
			words = t.one
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		words = strings.ReplaceAll(words, "{"+fmt.Sprint(pairs[i])+"}", fmt.Sprint(pairs[i+1]))
	}
	return words
}

// has reports whether somebody wrote the key.
func (l *locale) has(key string) bool { _, ok := l.texts[key]; return ok }

// readLocales reads every catalog: locales/<language>/<area>.json.
func readLocales(files fs.FS) (map[string]*locale, error) {
	all := map[string]*locale{}
	for _, tag := range offered {
		l := &locale{tag: tag.String(), dir: "ltr", texts: map[string]text{}}
		names, err := fs.Glob(files, "locales/"+l.tag+"/*.json")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if err := l.read(files, name); err != nil {
				return nil, fmt.Errorf("reading %s: %w", name, err)
			}
		}
		all[l.tag] = l
	}
	english := all[offered[0].String()]
	all[pseudo], all[pseudoRight] = english.pseudo(pseudo, "ltr"), english.pseudo(pseudoRight, "rtl")
	return all, nil
}

func (l *locale) read(files fs.FS, name string) error {
	raw, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	var entries map[string]text
	if err := json.Unmarshal(raw, &entries); err != nil {
		return err
	}
	area := strings.TrimSuffix(path.Base(name), ".json")
	for key, t := range entries {
		name := area + "." + key
		if code, ok := strings.CutPrefix(key, "problem_"); ok {
			name = "problems." + code // what a problem says is asked for by its code
		}
		if code, ok := strings.CutPrefix(key, "done_"); ok {
			name = "done." + code // see view.Done
		}
		if _, taken := l.texts[name]; taken {
			return fmt.Errorf("%s is there twice", name)
		}
		l.texts[name] = t
	}
	return nil
}

// pseudo is the language in other letters and a third longer, so that a look at a page
// shows what does not come from a catalog, and what does not fit.
func (l *locale) pseudo(tag, dir string) *locale {
	out := &locale{tag: tag, dir: dir, texts: make(map[string]text, len(l.texts))}
	for key, t := range l.texts {
		t.other = disguise(t.other)
		if t.one != "" {
			t.one = disguise(t.one)
		}
		out.texts[key] = t
	}
	return out
}

var disguises = func() map[rune]rune {
	m := map[rune]rune{}
	plain, other := "aceilnorsuyzACEILNORSUYZ", "áçéíļñóŕšúýžÁÇÉÍĻÑÓŔŠÚÝŽ"
	for i, r := range []rune(other) {
		m[rune(plain[i])] = r
	}
	return m
}()

// disguise leaves {placeholders} alone.
func disguise(s string) string {
	var b strings.Builder
	placeholder, letters := false, 0
	b.WriteString("[")
	for _, r := range s {
		switch {
		case r == '{':
			placeholder = true
		case r == '}':
			placeholder = false
		case !placeholder:
			if unicode.IsLetter(r) {
				letters++
			}
			if d, ok := disguises[r]; ok {
				r = d
			}
		}
		b.WriteRune(r)
	}
	b.WriteString(strings.Repeat("·", letters/3) + "]")
	return b.String()
}

var matcher = language.NewMatcher(offered)

// maxWishes bounds what is read of a request about languages, in bytes.
const maxWishes = 256

// choose returns the language for a person: the one named in the address (ui_locales,
// as OpenID Connect has it), else the one they chose before, else what the browser
// prefers.
func choose(r *http.Request, chosen string) string {
	wishes := []string{strings.ReplaceAll(r.URL.Query().Get("ui_locales"), " ", ","), chosen, r.Header.Get("Accept-Language")}
	for i, w := range wishes {
		if len(w) > maxWishes || !utf8.ValidString(w) {
			w = ""
		}
		if i < 2 && (w == pseudo || w == pseudoRight) {
			return w
		}
		tags, _, err := language.ParseAcceptLanguage(w)
		if err != nil || len(tags) == 0 {
			continue
		}
		if _, index, confidence := matcher.Match(tags...); confidence > language.No {
			return offered[index].String()
		}
	}
	return offered[0].String()
}

// Language returns which of the languages of pages a name such as "de-AT" means, and
// whether there is one.
func Language(name string) (string, bool) {
	tag, err := language.Parse(name)
	if err != nil {
		return "", false
	}
	_, index, confidence := matcher.Match(tag)
	return offered[index].String(), confidence > language.No
}

// Languages returns the languages of pages, such as "de".
func Languages() []string {
	names := make([]string, len(offered))
	for i, tag := range offered {
		names[i] = tag.String()
	}
	return slices.Clip(names)
}
