package web

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Theme is how the pages of an installation look. The zero value is ours.
type Theme struct {
	Light, Dark Colors
	Radius      string // of corners: "0", "10px", "0.5rem"; "" = 10px
	Font        string // font-family: fonts that people have, as no page asks others for any; "" = the system's
	Logo        *Image // in place of the service's name at the top; nil = none
	Favicon     *Image // nil = ours
}

// Colors are four colours, as "#1b2a41". What is empty is ours; everything else that
// pages need is mixed from them, so that it can be read.
type Colors struct {
	Background string // of the page
	Surface    string // of cards and fields
	Text       string
	Accent     string // of links and buttons
}

// An Image is a picture from a file: SVG, PNG, JPEG, WebP or ICO.
type Image struct {
	Name    string // of the file
	Content []byte
}

// maxImage is the most that a picture may have, in bytes: every page carries it.
const maxImage = 256 << 10

// ours are the colours of an installation that says nothing.
var ours = map[string]Colors{
	"light": {"#f4f5f7", "#ffffff", "#16202b", "#0d5c75"},
	"dark":  {"#10151b", "#182028", "#e9eef3", "#7cc7dd"},
}

func (c Colors) or(d Colors) Colors {
	return Colors{cmp.Or(c.Background, d.Background), cmp.Or(c.Surface, d.Surface), cmp.Or(c.Text, d.Text), cmp.Or(c.Accent, d.Accent)}
}

// schemes are the colours of each, with ours where none are given.
func (t *Theme) schemes() map[string]Colors {
	return map[string]Colors{"light": t.Light.or(ours["light"]), "dark": t.Dark.or(ours["dark"])}
}

var lengthForm = regexp.MustCompile(`^(0|[0-9]{1,3}(\.[0-9]{1,3})?(px|rem|em))$`)

// namesFonts reports whether it can be a list of names of fonts, quoted where they have to be.
func namesFonts(list string) bool {
	strange := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune(` '",_-`, r)
	}
	return list != "" && utf8.RuneCountInString(list) <= 200 && !strings.ContainsFunc(list, strange) &&
		strings.Count(list, `"`)%2 == 0 && strings.Count(list, "'")%2 == 0
}

func (t *Theme) radius() string { return cmp.Or(t.Radius, "10px") }
func (t *Theme) font() string {
	return cmp.Or(t.Font, `system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif`)
}

// Check reports everything about the theme that cannot be used, joined, each with the
// part that it is about, such as "light_text": of colours that cannot be told apart, the
// contrast that they have and need (WCAG 2.2, 1.4.3).
func (t *Theme) Check() error {
	var errs []error
	if !lengthForm.MatchString(t.radius()) {
		errs = append(errs, fmt.Errorf("radius: %q must look like 10px or 0.5rem", t.Radius))
	}
	if !namesFonts(t.font()) {
		errs = append(errs, fmt.Errorf("font: %q must be a list of font names", t.Font))
	}
	for _, i := range []struct {
		what  string
		image *Image
	}{{"logo", t.Logo}, {"favicon", t.Favicon}} {
		if i.image == nil {
			continue
		}
		if err := i.image.check(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", i.what, err))
		}
	}
	contrasts, err := t.Contrasts()
	errs = append(errs, Mistakes(err)...)
	for _, c := range contrasts {
		if c.Ratio < c.Needs {
			errs = append(errs, errors.New(c.String()))
		}
	}
	return errors.Join(errs...)
}

// Mistakes are those that [Theme.Check] has joined, one by one.
func Mistakes(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

func (i *Image) check() error {
	switch {
	case len(i.Content) == 0:
		return fmt.Errorf("%s is empty", i.Name)
	case len(i.Content) > maxImage:
		return fmt.Errorf("%s has %d bytes, and may have %d: every page carries it", i.Name, len(i.Content), maxImage)
	case i.ext() == "":
		return fmt.Errorf("%s is not an SVG, PNG, JPEG, WebP or ICO picture", i.Name)
	}
	return nil
}

// ext tells the kind of picture by what it holds, "" = another.
func (i *Image) ext() string {
	switch kind := http.DetectContentType(i.Content); kind {
	case "image/png":
		return ".png"
	case "image/jpeg":
		return ".jpg"
	case "image/webp":
		return ".webp"
	case "image/x-icon", "image/vnd.microsoft.icon":
		return ".ico"
	}
	if bytes.Contains(i.Content[:min(len(i.Content), 1024)], []byte("<svg")) {
		return ".svg"
	}
	return ""
}

// A Contrast is how well one colour can be told from another.
type Contrast struct {
	Scheme     string // "light" or "dark"
	Front, On  string // what the colours are for
	FrontColor string
	OnColor    string
	Ratio      float64 // 1 to 21
	Needs      float64
}

// String says so, with the numbers.
func (c Contrast) String() string {
	return fmt.Sprintf("%s_%s: %s on the %s %s has a contrast of %.2f, and needs %.1f", c.Scheme, c.Front, c.FrontColor, c.On, c.OnColor, c.Ratio, c.Needs)
}

// readable is the least contrast of words.
const readable = 4.5

// Contrasts returns the contrast of the theme's colours where words stand on them, and
// reports colours that are none.
func (t *Theme) Contrasts() ([]Contrast, error) {
	var (
		all  []Contrast
		errs []error
	)
	schemes := t.schemes()
	for _, name := range []string{"light", "dark"} {
		p, err := paletteOf(schemes[name])
		if err != nil {
			for _, err := range Mistakes(err) {
				errs = append(errs, fmt.Errorf("%s_%w", name, err))
			}
			continue
		}
		for _, pair := range []struct {
			front, on string
			f, o      color
		}{
			{"text", "background", p.ink, p.ground}, {"text", "surface", p.ink, p.paper},
			{"accent", "background", p.accent, p.ground}, {"accent", "surface", p.accent, p.paper},
		} {
			all = append(all, Contrast{name, pair.front, pair.on, pair.f.String(), pair.o.String(), contrast(pair.f, pair.o), readable})
		}
	}
	return all, errors.Join(errs...)
}

// css is the beginning of the style sheet: the theme as custom properties.
func (t *Theme) css() (string, error) {
	schemes := t.schemes()
	light, err := paletteOf(schemes["light"])
	if err != nil {
		return "", err
	}
	dark, err := paletteOf(schemes["dark"])
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(":root{")
	for i, l := range light.properties() {
		fmt.Fprintf(&b, "--%s:light-dark(%s,%s);", l.name, l.color, dark.properties()[i].color)
	}
	fmt.Fprintf(&b, "--radius:%s;--font:%s}\n", t.radius(), t.font())
	return b.String(), nil
}
