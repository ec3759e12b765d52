// Package qr draws QR codes (ISO/IEC 18004) as SVG, which needs neither script nor
// inline style, and can be made as large as somebody likes.
package qr

import (
	"fmt"
	"strings"

	"rsc.io/qr/coding"
)

// quiet is the white border around a code, in modules.
const quiet = 4

// SVG draws text. Of the error correction levels it takes M (15 %): what is on a
// screen is not scratched. Text of more than 2,331 bytes is an error.
//
// The drawing has its own white ground, for dark pages too, and no size: that is
// for the page. A reader of it is told nothing: say in words what it is for.
func SVG(text string) (string, error) {
	code, err := encode(text)
	if err != nil {
		return "", err
	}
	size := code.Size + 2*quiet
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges">`, size, size)
	fmt.Fprintf(&b, `<path fill="#fff" d="M0 0h%dv%dH0z"/><path fill="#000" d="`, size, size)
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for code.Black(x, y) { // false outside
				x++
			}
			if x > from {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from+quiet, y+quiet, x-from, x-from)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.String(), nil
}

const level = coding.M

// encode takes the smallest version that holds text, and of its eight masks the
// one that scanners like best.
func encode(text string) (*coding.Code, error) {
	content := coding.String(text)
	version := coding.Version(coding.MinVersion)
	for content.Bits(version) > version.DataBytes(level)*8 {
		if version++; version > coding.MaxVersion {
			return nil, fmt.Errorf("%d bytes are too many for a QR code", len(text))
		}
	}
	var best *coding.Code
	least := 0
	for mask := range coding.Mask(8) {
		plan, err := coding.NewPlan(version, level, mask)
		if err != nil {
			return nil, fmt.Errorf("planning QR code: %w", err)
		}
		code, err := plan.Encode(content)
		if err != nil {
			return nil, fmt.Errorf("encoding QR code: %w", err)
		}
		if p := penalty(code); best == nil || p < least {
			best, least = code, p
		}
	}
	return best, nil
}

// penalty is how hard a code is to scan (ISO/IEC 18004, 7.8.3): long runs, blocks,
// what looks like a finder pattern, and an uneven share of black.
func penalty(c *coding.Code) int {
	total, black := 0, 0
	for i := range c.Size {
		total += line(c.Size, func(j int) bool { return c.Black(j, i) })
		total += line(c.Size, func(j int) bool { return c.Black(i, j) })
		for j := range c.Size {
			if c.Black(i, j) {
				black++
			}
			if i > 0 && j > 0 && c.Black(i, j) == c.Black(i-1, j) && c.Black(i, j) == c.Black(i, j-1) && c.Black(i, j) == c.Black(i-1, j-1) {
				total += 3
			}
		}
	}
	percent := black * 100 / (c.Size * c.Size)
	return total + 10*(max(percent-50, 50-percent)/5)
}

// line is the penalty of a row or a column.
func line(size int, black func(int) bool) (total int) {
	// The last eleven modules, as bits: what looks like a finder pattern with white on
	// one of its sides.
	const before, after, window = 0b00001011101, 0b10111010000, 1<<11 - 1
	run, seen := 0, 0
	for i := range size {
		if i > 0 && black(i) == black(i-1) {
			run++
		} else {
			run = 1
		}
		switch {
		case run == 5:
			total += 3
		case run > 5:
			total++
		}
		seen = seen << 1 & window
		if black(i) {
			seen |= 1
		}
		if i >= 10 && (seen == before || seen == after) {
			total += 40
		}
	}
	return total
}
