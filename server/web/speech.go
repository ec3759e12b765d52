package web

import "time"

// A Speech is one language of the catalogs, for what is said elsewhere than on pages.
type Speech struct{ locale *locale }

// Speech returns the language for somebody who asks for a name such as "de-AT"; "" is
// nobody's wish.
func (p *Pages) Speech(name string) Speech {
	if l, ok := p.locales[name]; ok { // also the languages that are never offered
		return Speech{l}
	}
	tag, ok := Language(name)
	if !ok {
		tag = offered[0].String()
	}
	return Speech{p.locales[tag]}
}

// Say returns the words of a key, with pairs of name and value in them.
func (s Speech) Say(key string, pairs ...any) string { return s.locale.say(key, pairs...) }

// Has reports whether there are words for a key.
func (s Speech) Has(key string) bool { return s.locale.has(key) }

// Lang is the language, such as "de".
func (s Speech) Lang() string { return s.locale.tag }

// Dir is "ltr" or "rtl".
func (s Speech) Dir() string { return s.locale.dir }

// Date is a day, written out.
func (s Speech) Date(t time.Time) string { return s.locale.date(t) }

// Moment is a day and a time.
func (s Speech) Moment(t time.Time) string { return s.locale.moment(t) }
