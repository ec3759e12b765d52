package config

import (
	"fmt"
	"maps"
	"path/filepath"

	"github.com/sallyport-auth/sallyport/internal/nearest"
	"github.com/sallyport-auth/sallyport/server/web"
)

// Theme is how pages look.
type Theme struct {
	web.Theme
	logo, favicon string // their files
}

// themeFields are what a theme has, as files and variables name it.
var themeFields = map[string]func(*Theme) *string{
	"logo":             func(t *Theme) *string { return &t.logo },
	"favicon":          func(t *Theme) *string { return &t.favicon },
	"radius":           func(t *Theme) *string { return &t.Radius },
	"font":             func(t *Theme) *string { return &t.Font },
	"light_background": func(t *Theme) *string { return &t.Light.Background },
	"light_surface":    func(t *Theme) *string { return &t.Light.Surface },
	"light_text":       func(t *Theme) *string { return &t.Light.Text },
	"light_accent":     func(t *Theme) *string { return &t.Light.Accent },
	"dark_background":  func(t *Theme) *string { return &t.Dark.Background },
	"dark_surface":     func(t *Theme) *string { return &t.Dark.Surface },
	"dark_text":        func(t *Theme) *string { return &t.Dark.Text },
	"dark_accent":      func(t *Theme) *string { return &t.Dark.Accent },
}

// themes is the setting that stands for all of them.
func themes() Setting {
	return Setting{
		Key: "theme.*", shape: text, Expected: "text",
		Doc: "How pages look: `logo` and `favicon`, files with a picture of at most 256 KiB; `radius` of corners, such as `10px`; `font`, a list of fonts that people " +
			"have; and the colours `light_background`, `light_surface`, `light_text`, `light_accent` and the same with `dark_`, such as `#1b2a41`. What is left out is ours. " +
			"Text and accent must have a contrast of 4.5 with background and surface.",
		put: func(c *Config, name string, v any) bool {
			at, ok := themeFields[name]
			s, isText := v.(string)
			if !ok || !isText || !plain(s) {
				return false
			}
			*at(&c.Theme) = s
			return true
		},
		refuse: func(name string, _ any) string {
			if _, ok := themeFields[name]; !ok {
				return fmt.Sprintf("%q is no part of a theme%s", name, nearest.Hint(name, maps.Keys(themeFields)))
			}
			return "expected text"
		},
		values: func(c *Config) map[string]any {
			out := map[string]any{}
			for name, at := range themeFields {
				out["theme."+name] = *at(&c.Theme)
			}
			return out
		},
	}
}

// readImages reads the pictures of the theme.
func (l *loader) readImages() {
	t := &l.c.Theme
	for _, i := range []struct {
		key, file string
		to        **web.Image
	}{{"theme.logo", t.logo, &t.Logo}, {"theme.favicon", t.favicon, &t.Favicon}} {
		if i.file == "" {
			continue
		}
		content, err := l.ReadFile(i.file)
		if err != nil {
			l.problem("%s: %v", i.key, err)
			continue
		}
		*i.to = &web.Image{Name: filepath.Base(i.file), Content: content}
	}
}

// check returns what is wrong with the theme, by key.
func (t *Theme) check() (problems []string) {
	for _, err := range web.Mistakes(t.Theme.Check()) {
		problems = append(problems, "theme."+err.Error())
	}
	return problems
}
