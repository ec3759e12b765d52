package messages_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/server/messages"
	"github.com/sallyport-auth/sallyport/server/web"
)

var written = time.Date(2026, 11, 30, 18, 25, 0, 0, time.UTC)

func renderer(t testing.TB) *messages.Renderer {
	t.Helper()
	pages, err := web.New(web.Config{Base: "/auth"})
	if err != nil {
		t.Fatal(err)
	}
	return &messages.Renderer{Pages: pages, Service: "Bulletin", Host: "id.example"}
}

func render(t testing.TB, r *messages.Renderer, k outbox.Kind, l outbox.Letter) messages.Text {
	t.Helper()
	text, err := r.Render(k, l, written)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEveryKindSaysEverythingInEveryLanguage(t *testing.T) {
	r := renderer(t)
	for _, k := range outbox.Kinds {
		for _, locale := range []string{"en", "de", "de-AT", "en-XA", "ar-XB"} {
			l := r.Sample(k, locale, "https://id.example/auth")
			text := render(t, r, k, l)
			all := text.Subject + text.Plain + text.HTML
			if open := regexp.MustCompile(`\{[a-z]*\}`).FindString(all); open != "" {
				t.Errorf("%s %s: %s is left open", k, locale, open)
			}
			if key := regexp.MustCompile(`\bmail\.[a-z_]+`).FindString(all); key != "" {
				t.Errorf("%s %s: there are no words for %s", k, locale, key)
			}
			for name, value := range l.Data {
				if name != "date" && !strings.Contains(text.Plain, value) {
					t.Errorf("%s %s: the text does not say the %s", k, locale, name)
				}
				if name != "date" && text.HTML != "" && !strings.Contains(text.HTML, strings.ReplaceAll(value, "'", "&#39;")) {
					t.Errorf("%s %s: the HTML does not say the %s", k, locale, name)
				}
			}
			if strings.HasPrefix(locale, "de") && (text.Lang != "de" || strings.Contains(all, " your ")) {
				t.Errorf("%s %s: not German", k, locale)
			}
		}
	}
}

// Words that do not come from a catalog do not stand in the brackets of the language
// for looking.
func TestEveryWordComesFromACatalog(t *testing.T) {
	r := renderer(t)
	for _, k := range outbox.Kinds {
		if k.Channel() != outbox.Email {
			continue
		}
		l := r.Sample(k, "en-XA", "https://id.example/auth")
		text := render(t, r, k, l)
		rest := text.Plain
		for innermost := regexp.MustCompile(`\[[^\[\]]*\]`); innermost.MatchString(rest); {
			rest = innermost.ReplaceAllString(rest, "")
		}
		for _, value := range l.Data {
			rest = strings.ReplaceAll(rest, value, "")
		}
		if word := regexp.MustCompile(`\pL+`).FindString(rest); word != "" {
			t.Errorf("%s: %q is of no language", k, word)
		}
	}
}

func TestAMessageInWords(t *testing.T) {
	r := renderer(t)
	l := outbox.Letter{To: "ann@example.org", Locale: "de", Data: map[string]string{"link": "https://id.example/x?token=1", "code": "7KQ2-M4XT"}}
	text := render(t, r, outbox.Reset, l)
	const want = `Jemand hat ein neues Passwort für Ihr Konto bei Bulletin angefordert. Wenn Sie das waren, setzen Sie eines.

Neues Passwort setzen:
https://id.example/x?token=1

Oder geben Sie diesen Code ein, wo danach gefragt wird:

    7KQ2-M4XT

Das geht einmal, innerhalb von 10 Minuten. Wenn Sie es nicht waren, tun Sie nichts: Ihr Passwort bleibt, wie es ist.

-- 
Diese Nachricht kommt von Bulletin, id.example. Antworten darauf liest niemand.
`
	if text.Plain != want || text.Subject != "Setzen Sie ein neues Passwort · Bulletin" {
		t.Errorf("%s\n%s", text.Subject, text.Plain)
	}
	sms := render(t, r, outbox.CodeBySMS, outbox.Letter{To: "+4930901820", Data: map[string]string{"code": "428913"}})
	if want := "428913 is your code for Bulletin. Never tell it anybody.\n\n@id.example #428913"; sms.Plain != want || sms.HTML != "" {
		t.Errorf("%q", sms.Plain)
	}
	if _, err := r.Render("nonsense", l, written); err == nil {
		t.Error("a kind without words was written")
	}
}

// What others choose, such as the name of a device, is never more than a value.
func FuzzAValueStaysAValue(f *testing.F) {
	f.Add("Firefox\r\nBcc: eve@example.org")
	f.Add("{link} {when} {{.Link}}")
	f.Add("<script>alert(1)</script>")
	f.Add("\u2028\u202e\x00\xff")
	r := renderer(f)
	f.Fuzz(func(t *testing.T, device string) {
		text := render(t, r, outbox.NewDevice, outbox.Letter{Data: map[string]string{"device": device, "address": "192.0.2.7", "link": ""}})
		if strings.Count(text.Plain, "\n") != 6 {
			t.Errorf("another line in %q", text.Plain)
		}
		if strings.Contains(text.HTML, "<script") || strings.Contains(text.Subject, "\n") {
			t.Errorf("%q", text.HTML)
		}
	})
}
