package oauth_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
)

func TestResources(t *testing.T) {
	for _, tt := range []struct {
		field  string // "" = it is good
		change func(*oauth.Resource)
	}{
		{"", func(*oauth.Resource) {}},
		{"", func(r *oauth.Resource) { r.Scopes = nil }},
		{"", func(r *oauth.Resource) { r.URI = "urn:example:notes" }},
		{"resource", func(r *oauth.Resource) { r.URI = "api" }},
		{"resource", func(r *oauth.Resource) { r.URI = "https://api.example/#part" }},
		{"resource", func(r *oauth.Resource) { r.URI = "https://api.example/ä" }},
		{"resource", func(r *oauth.Resource) { r.URI = "https://api.example/" + strings.Repeat("x", 2000) }},
		{"name", func(r *oauth.Resource) { r.Name = " " }},
		{"name", func(r *oauth.Resource) { r.Name = "Notes\u202e" }},
		{"name", func(r *oauth.Resource) { r.Name = strings.Repeat("x", 101) }},
		{"", func(r *oauth.Resource) { r.Alg = "" }},
		{"signing_alg", func(r *oauth.Resource) { r.Alg = token.HS256 }},
		{"signing_alg", func(r *oauth.Resource) { r.Alg = "none" }},
		{"scopes", func(r *oauth.Resource) { r.Scopes[0].Name = "" }},
		{"scopes", func(r *oauth.Resource) { r.Scopes[0].Name = "note read" }},
		{"scopes", func(r *oauth.Resource) { r.Scopes[0].Name = oauth.OpenID }},
		{"scopes", func(r *oauth.Resource) { r.Scopes = append(r.Scopes, r.Scopes[0]) }},
		{"scopes", func(r *oauth.Resource) { r.Scopes[0].Says = "" }},
		{"scopes", func(r *oauth.Resource) { r.Scopes[0].Says = "to read\nyour notes" }},
		{"scopes", func(r *oauth.Resource) { r.Scopes[0].Says = strings.Repeat("x", 201) }},
		{"scopes", func(r *oauth.Resource) { r.Scopes = make([]oauth.Scope, 51) }},
	} {
		r := oauth.Resource{URI: "https://api.example", Name: "Notes", Alg: token.ES256, Scopes: []oauth.Scope{{Name: "note:read", Says: "to read your notes"}}}
		tt.change(&r)
		got := ""
		if e, ok := errors.AsType[*oauth.FieldError](r.Check()); ok {
			got = e.Field
		}
		if got != tt.field {
			t.Errorf("%+v: a mistake in %q, want %q", r, got, tt.field)
		}
	}
}

// picture is a PNG of that size.
func picture(t testing.TB, width, height int, at func(x, y int) color.Color) []byte {
	t.Helper()
	i := image.NewNRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		for y := range height {
			i.Set(x, y, at(x, y))
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, i); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func plainRed(int, int) color.Color { return color.NRGBA{200, 0, 0, 128} }

func noise(int, int) color.Color {
	return color.NRGBA{uint8(rand.IntN(256)), uint8(rand.IntN(256)), uint8(rand.IntN(256)), 255}
}

func TestALogoIsDrawnAnew(t *testing.T) {
	file := picture(t, 64, 32, plainRed)
	polyglot := append(bytes.Clone(file), "<script>alert(1)</script>"...)
	drawn, err := oauth.DrawLogo(polyglot)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(drawn, []byte("script")) {
		t.Error("what is behind the picture is kept")
	}
	got, err := png.Decode(bytes.NewReader(drawn))
	if err != nil || got.Bounds() != image.Rect(0, 0, 64, 32) || color.NRGBAModel.Convert(got.At(3, 3)) != plainRed(0, 0) {
		t.Errorf("%v, %v", got.Bounds(), err)
	}

	var anim bytes.Buffer
	if err := gif.Encode(&anim, image.NewPaletted(image.Rect(0, 0, 1, 1), color.Palette{color.Black}), nil); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"nothing": nil, "text": []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), "a GIF": anim.Bytes(), "half a picture": file[:len(file)/2],
		"one pixel too wide": picture(t, 513, 1, plainRed), "one pixel too high": picture(t, 1, 513, plainRed),
		"a file too large": picture(t, 200, 200, noise), "padding": append(bytes.Clone(file), make([]byte, 32<<10)...),
	} {
		_, err := oauth.DrawLogo(bad)
		if e, ok := errors.AsType[*oauth.FieldError](err); !ok || e.Field != "logo" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzLogo: what is kept is a small picture, and drawing it again changes nothing.
func FuzzLogo(f *testing.F) {
	f.Add(picture(f, 2, 2, plainRed))
	f.Add([]byte("\x89PNG\r\n\x1a\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		drawn, err := oauth.DrawLogo(file)
		if err != nil {
			if _, ok := errors.AsType[*oauth.FieldError](err); !ok {
				t.Errorf("%v is no mistake of a field", err)
			}
			return
		}
		size, err := png.DecodeConfig(bytes.NewReader(drawn))
		if err != nil || size.Width > 512 || size.Height > 512 || len(drawn) > 32<<10 {
			t.Errorf("kept %d bytes of %d × %d, %v", len(drawn), size.Width, size.Height, err)
		}
		again, err := oauth.DrawLogo(drawn)
		if err != nil || !bytes.Equal(again, drawn) {
			t.Errorf("drawn again it is another: %v", err)
		}
	})
}
