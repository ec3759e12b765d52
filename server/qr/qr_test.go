package qr_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/server/qr"
)

const address = "otpauth://totp/Example:ann%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example&algorithm=SHA1&digits=6&period=30"

func TestADrawingIsWellFormedAndHasNoStyle(t *testing.T) {
	svg, err := qr.SVG(address)
	if err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			for _, a := range e.Attr {
				if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") {
					t.Errorf("<%s> has %s, which the page's policy refuses", e.Name.Local, a.Name.Local)
				}
			}
		}
	}
	if len(svg) > 16<<10 {
		t.Errorf("the drawing has %d bytes", len(svg))
	}
}

// The three finder patterns and the timing between them are where scanners look.
func TestADrawingHasWhatScannersLookFor(t *testing.T) {
	for _, text := range []string{"", "a", address, strings.Repeat("x", 2331)} {
		m := modules(t, text)
		n := len(m) - 8
		finder := []string{"#######", "#     #", "# ### #", "# ### #", "# ### #", "#     #", "#######"}
		for _, corner := range [][2]int{{4, 4}, {4, n - 3}, {n - 3, 4}} {
			for i, want := range finder {
				if got := m[corner[0]+i][corner[1] : corner[1]+7]; got != want {
					t.Errorf("%d bytes: line %d of the finder at %v is %q, want %q", len(text), i, corner, got, want)
				}
			}
		}
		for i := 12; i < n-4; i++ {
			if want := " #"[(i+1)%2]; m[10][i] != want || m[i][10] != want {
				t.Errorf("%d bytes: the timing is broken at %d", len(text), i)
			}
		}
		for i := range m {
			if border := m[i][:4] + m[i][n+4:]; strings.TrimSpace(border) != "" || i < 4 && strings.TrimSpace(m[i]) != "" {
				t.Errorf("%d bytes: something is drawn on the border of line %d", len(text), i)
			}
		}
	}
}

func TestTextThatIsTooLong(t *testing.T) {
	if svg, err := qr.SVG(strings.Repeat("x", 2332)); err == nil {
		t.Errorf("a drawing of %d bytes", len(svg))
	}
}

var run = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-`)

// modules reads a drawing back, line by line.
func modules(t *testing.T, text string) []string {
	t.Helper()
	svg, err := qr.SVG(text)
	if err != nil {
		t.Fatal(err)
	}
	var size int
	if _, err := fmt.Sscanf(svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d`, &size); err != nil {
		t.Fatal(err)
	}
	lines := make([][]byte, size)
	for i := range lines {
		lines[i] = []byte(strings.Repeat(" ", size))
	}
	for _, m := range run.FindAllStringSubmatch(svg, -1) {
		x, _ := strconv.Atoi(m[1])
		y, _ := strconv.Atoi(m[2])
		n, _ := strconv.Atoi(m[3])
		copy(lines[y][x:], strings.Repeat("#", n))
	}
	out := make([]string, size)
	for i, l := range lines {
		out[i] = string(l)
	}
	return out
}
