// Package messages says what messages say, and hands them on: by SMTP, and to a
// gateway for text messages. What they are and when they go out, package outbox
// knows. To add a kind, add it there, and its words to locales/*/mail.json of
// package web: KIND_subject, KIND_text (paragraphs apart by an empty line), and if it
// has one KIND_button for its link and KIND_foot.
package messages

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"time"
	"unicode"

	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/server/web"
)

// A Renderer writes messages in the languages of the pages. It is safe for
// concurrent use.
type Renderer struct {
	Pages   *web.Pages
	Service string // name that people see
	Host    string // of the pages: a text message is for this host only
}

// A Text is a message in words.
type Text struct {
	Lang    string
	Subject string // "" of a text message
	Plain   string
	HTML    string // "" of a text message
}

//go:embed layout.html
var layoutFile string

var layout = template.Must(template.New("layout.html").Parse(layoutFile))

// parts is what both forms of a mail consist of.
type parts struct {
	Lang, Dir       string
	Subject         string
	Paragraphs      []string
	Button, Link    string
	Address         string // words before the link
	CodeWords, Code string
	Foot, Sent      string
}

// Render writes a letter of that kind, which was written at a time.
func (r *Renderer) Render(k outbox.Kind, l outbox.Letter, at time.Time) (Text, error) {
	s := r.Pages.Speech(l.Locale)
	pairs := r.pairs(s, l, at)
	say := func(key string) string { return s.Say("mail."+key, pairs...) }
	key := string(k)
	if !s.Has("mail." + key + "_text") {
		return Text{}, fmt.Errorf("there are no words for a message %q", k)
	}
	code := clean(l.Data["code"])
	if k.Channel() == outbox.SMS {
		// The last line lets a browser offer the code to this host alone.
		return Text{Lang: s.Lang(), Plain: say(key+"_text") + "\n\n@" + r.Host + " #" + code}, nil
	}
	p := parts{
		Lang: s.Lang(), Dir: s.Dir(), Subject: say(key + "_subject"), Paragraphs: strings.Split(say(key+"_text"), "\n\n"),
		Link: l.Data["link"], Address: say("address"), Code: code, CodeWords: say("code"), Sent: say("sent"),
	}
	if p.Link != "" {
		p.Button = say(key + "_button")
	} else {
		p.CodeWords = ""
	}
	if s.Has("mail." + key + "_foot") {
		p.Foot = say(key + "_foot")
	}
	var html bytes.Buffer
	if err := layout.Execute(&html, p); err != nil {
		return Text{}, fmt.Errorf("writing message %q: %w", k, err)
	}
	return Text{p.Lang, p.Subject + " · " + oneLine(r.Service), p.plain(), html.String()}, nil
}

// pairs are the values that words leave open.
func (r *Renderer) pairs(s web.Speech, l outbox.Letter, at time.Time) []any {
	pairs := []any{"service", clean(r.Service), "host", r.Host, "when", s.Moment(at)}
	for name, value := range l.Data {
		if date, err := time.Parse(time.RFC3339, value); err == nil && name == "date" {
			value = s.Date(date)
		}
		if word := "mail.factor_" + value; name == "factor" && s.Has(word) { // the rest have names that their owners gave them
			value = s.Say(word)
		}
		pairs = append(pairs, name, clean(value))
	}
	return pairs
}

// clean keeps a value from being more than a value: a line of its own, or a name
// that stands for another.
func clean(value string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '{' || r == '}' || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(value, ""))
}

func oneLine(s string) string { return clean(strings.Join(strings.Fields(s), " ")) }

// plain is the mail for who reads text.
func (p *parts) plain() string {
	blocks := append([]string{}, p.Paragraphs...)
	if p.Link != "" {
		blocks = append(blocks, p.Button+":\n"+p.Link)
	}
	if p.Code != "" {
		blocks = append(blocks, strings.TrimSpace(p.CodeWords+"\n\n    "+p.Code))
	}
	if p.Foot != "" {
		blocks = append(blocks, p.Foot)
	}
	return strings.Join(append(blocks, "-- \n"+p.Sent), "\n\n") + "\n"
}

// Sample is a letter of the kind with made-up values, to look at.
func (r *Renderer) Sample(k outbox.Kind, locale, base string) outbox.Letter {
	data := map[string]string{}
	switch k {
	case outbox.Verify, outbox.EmailChange, outbox.Reset, outbox.Link:
		data["link"], data["code"] = base+"/sample?token=2tTEmNWUJKvXVEbgnq8Hdw3lMqYUv1DBDkmQ6bS7cJk", "7KQ2-M4XT"
	case outbox.EmailChanged:
		data["link"], data["email"] = base+"/sample?token=2tTEmNWUJKvXVEbgnq8Hdw3lMqYUv1DBDkmQ6bS7cJk", "new@example.com"
	case outbox.Registered:
		data["link"] = base + "/login"
	case outbox.NewDevice:
		data["device"], data["address"] = "Firefox on Linux", "192.0.2.7"
	case outbox.FactorAdded, outbox.FactorRemoved:
		data["factor"] = "Ann's phone"
	case outbox.RecoveryUsed:
		data["left"] = "9"
	case outbox.DeletionPlanned:
		data["link"], data["date"] = base+"/", time.Now().AddDate(0, 0, 30).Format(time.RFC3339)
	case outbox.CodeByEmail, outbox.CodeBySMS:
		data["code"] = "428 913"
	}
	to := "ann@example.com"
	if k.Channel() == outbox.SMS {
		to, data["code"] = "+4930901820", "428913"
	}
	return outbox.Letter{To: to, Locale: cmp.Or(locale, "en"), Data: data}
}
