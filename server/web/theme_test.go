package web_test

import (
	"math"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/server/web"
)

func TestTheme(t *testing.T) {
	png := []byte("\x89PNG\r\n\x1a\n")
	for _, c := range []struct {
		name  string
		theme web.Theme
		says  []string // none: it is accepted
	}{
		{"ours", web.Theme{}, nil},
		{"another accent", web.Theme{Light: web.Colors{Accent: "#6b21a8"}, Dark: web.Colors{Accent: "#d8b4fe"}, Radius: "0", Font: `"Iowan Old Style", Georgia, serif`}, nil},
		{"a short colour", web.Theme{Light: web.Colors{Text: "#000"}}, nil},
		{"pictures", web.Theme{Logo: &web.Image{Name: "logo.png", Content: png}, Favicon: &web.Image{Name: "i.svg", Content: []byte("<svg/>")}}, nil},
		{"text that is too pale says by how much", web.Theme{Light: web.Colors{Text: "#777777"}},
			[]string{"light_text: #777777 on the surface #ffffff has a contrast of 4.48, and needs 4.5", "on the background"}},
		{"all that is wrong at once", web.Theme{Light: web.Colors{Accent: "#ffff00"}, Dark: web.Colors{Accent: "#333"}, Radius: "big"},
			[]string{"light_accent: ", "dark_accent: ", `radius: "big"`}},
		{"a name is no colour", web.Theme{Dark: web.Colors{Surface: "black"}}, []string{`dark_surface: colour "black" must look like #1b2a41`}},
		{"a colour is nothing else", web.Theme{Dark: web.Colors{Surface: "#fff;}a{"}}, []string{"must look like"}},
		{"a radius is nothing else", web.Theme{Radius: "1px;}body{display:none"}, []string{"radius"}},
		{"a long list of fonts, in letters of any script", web.Theme{Font: strings.Repeat("明", 200)}, nil},
		{"one that is too long", web.Theme{Font: strings.Repeat("a", 201)}, []string{"font"}},
		{"a font is nothing else", web.Theme{Font: `x;}@import url(//evil.example)`}, []string{"font"}},
		{"a font's quotes are closed", web.Theme{Font: `"Iowan`}, []string{"font"}},
		{"a page is no picture", web.Theme{Logo: &web.Image{Name: "logo.html", Content: []byte("<html>")}}, []string{"logo: logo.html is not"}},
		{"nor is nothing", web.Theme{Favicon: &web.Image{Name: "x.png"}}, []string{"favicon: x.png is empty"}},
		{"a picture has its limit", web.Theme{Logo: &web.Image{Name: "x.png", Content: append(png, make([]byte, 300_000)...)}}, []string{"300008 bytes"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.theme.Check()
			if len(c.says) == 0 && err != nil {
				t.Error(err)
			}
			for _, want := range c.says {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %q", err, want)
				}
			}
		})
	}
}

func TestContrasts(t *testing.T) {
	all, err := new(web.Theme).Contrasts()
	if err != nil || len(all) != 8 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, c := range all {
		if c.Ratio < 5 {
			t.Errorf("ours: %s", c)
		}
	}
	// WCAG 2.2: black on white is 21 to 1.
	extreme := web.Theme{Light: web.Colors{Text: "#000000", Surface: "#ffffff"}}
	all, err = extreme.Contrasts()
	if err != nil || math.Abs(all[1].Ratio-21) > 1e-9 {
		t.Errorf("%v, %v", all, err)
	}
}

func FuzzTheme(f *testing.F) {
	f.Add("#0d5c75", "10px", "Georgia, serif", []byte("<svg/>"))
	f.Add("#fff", "0.5rem", `"A B"`, []byte("\x89PNG\r\n\x1a\n"))
	f.Fuzz(func(t *testing.T, accent, radius, font string, logo []byte) {
		theme := web.Theme{Light: web.Colors{Accent: accent}, Radius: radius, Font: font, Logo: &web.Image{Name: "x", Content: logo}}
		if theme.Check() != nil {
			return
		}
		if strings.ContainsAny(accent+radius+font, ";{}()<>@\\/*") {
			t.Errorf("accepted %q, %q, %q", accent, radius, font)
		}
		if _, err := web.New(web.Config{Base: "/auth", Theme: theme}); err != nil {
			t.Error(err)
		}
	})
}
