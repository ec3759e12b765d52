package web

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// A color is red, green and blue of sRGB, each 0 to 1.
type color [3]float64

var (
	white = color{1, 1, 1}
	black = color{}
)

// parseColor reads "#1b2a41" or "#abc".
func parseColor(s string) (color, error) {
	var c color
	hex := ""
	if len(s) == 4 && s[0] == '#' {
		hex = string([]byte{s[1], s[1], s[2], s[2], s[3], s[3]})
	}
	if len(s) == 7 && s[0] == '#' {
		hex = s[1:]
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		return c, fmt.Errorf("colour %q must look like #1b2a41", s)
	}
	for i := range c {
		c[i] = float64(n>>(16-8*i)&0xff) / 255
	}
	return c, nil
}

// String is the color as "#1b2a41".
func (c color) String() string {
	b := func(f float64) int { return int(math.Round(255 * f)) }
	return fmt.Sprintf("#%02x%02x%02x", b(c[0]), b(c[1]), b(c[2]))
}

// round is the color that String names.
func (c color) round() color {
	r, _ := parseColor(c.String())
	return r
}

// mix puts the share of other into c.
func (c color) mix(other color, share float64) color {
	for i := range c {
		c[i] += (other[i] - c[i]) * share
	}
	return c.round()
}

// luminance is the relative luminance of WCAG 2.2.
func (c color) luminance() float64 {
	linear := func(v float64) float64 {
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c[0]) + 0.7152*linear(c[1]) + 0.0722*linear(c[2])
}

// contrast is the contrast ratio of WCAG 2.2: 1 to 21.
func contrast(a, b color) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// on is white or black, whichever is read better on c.
func (c color) on() color {
	if contrast(white, c) >= contrast(black, c) {
		return white
	}
	return black
}

// A palette is all the colours of one scheme.
type palette struct{ ground, paper, ink, accent color }

func paletteOf(c Colors) (p palette, err error) {
	var errs []error
	for _, f := range []struct {
		part string
		to   *color
		from string
	}{{"background", &p.ground, c.Background}, {"surface", &p.paper, c.Surface}, {"text", &p.ink, c.Text}, {"accent", &p.accent, c.Accent}} {
		if *f.to, err = parseColor(f.from); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.part, err))
		}
	}
	return p, errors.Join(errs...)
}

type property struct {
	name  string
	color color
}

// properties are the custom properties of the style sheet. What is not given is mixed
// so that it can be told from what it stands on: words by 4.5, edges of fields by 3.
func (p palette) properties() []property {
	// toward goes from c to the ink until it stands out enough from each ground.
	toward := func(c color, least float64, grounds ...color) color {
		for share := 0.0; share <= 1; share += 0.02 {
			m, enough := c.mix(p.ink, share), true
			for _, g := range grounds {
				enough = enough && contrast(m, g) >= least
			}
			if enough {
				return m
			}
		}
		return p.ink
	}
	// tint is the paper with as much of c as lets c and ink be read on it.
	tint := func(c color, share float64) color {
		for ; share > 0; share -= 0.01 {
			if m := p.paper.mix(c, share); contrast(c, m) >= readable && contrast(p.ink, m) >= readable {
				return m
			}
		}
		return p.paper
	}
	red, amber := color{0.72, 0.09, 0.13}, color{0.54, 0.34, 0}
	if p.paper.luminance() < 0.2 {
		red, amber = color{1, 0.64, 0.63}, color{0.96, 0.78, 0.42}
	}
	wrong := toward(red.round(), 5, p.paper, p.ground)
	warn := toward(amber.round(), 5, p.paper, p.ground)
	return []property{
		{"ground", p.ground}, {"paper", p.paper}, {"ink", p.ink}, {"accent", p.accent},
		{"on-accent", p.accent.on()},
		{"tint", tint(p.accent, 0.1)},
		{"quiet", toward(p.paper.mix(p.ink, 0.5), 6.2, p.paper, p.ground)},
		{"line", toward(p.paper.mix(p.ink, 0.3), 3.2, p.paper, p.ground)},
		{"hair", p.paper.mix(p.ink, 0.12)},
		{"wrong", wrong}, {"on-wrong", wrong.on()}, {"wrong-tint", tint(wrong, 0.1)},
		{"warn", warn}, {"warn-tint", tint(warn, 0.12)},
	}
}
