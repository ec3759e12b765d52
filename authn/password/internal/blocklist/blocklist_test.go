package blocklist_test

import (
	"os"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/password/internal/blocklist"
)

func TestContains(t *testing.T) {
	for _, c := range []struct {
		name, password string
		want           bool
	}{
		{"the most common", "123456", true},
		{"a long one", "passwordpassword", true},
		{"the longest", "q1w2e3r4t5y6u7i8o9p0", true},
		{"with capitals, folded", blocklist.Fold("PassWord"), true},
		{"with capitals, as it is", "PassWord", false},
		{"with wide letters, folded", blocklist.Fold("ｐａｓｓｗｏｒｄ"), true},
		{"an uncommon one", "elephant trumpet", false},
		{"a short one", "123", false},
		{"nothing", "", false},
		{"an endless one", strings.Repeat("123456", 1000), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := blocklist.Contains(c.password); got != c.want {
				t.Errorf("Contains(%.30q) = %v", c.password, got)
			}
		})
	}
}

func TestTheFileIsWhole(t *testing.T) {
	data, err := os.ReadFile("blocklist.bin")
	if err != nil {
		t.Fatal(err)
	}
	if len(data) != blocklist.Len()*blocklist.KeySize || blocklist.Len() != 49_193 {
		t.Fatalf("%d bytes, %d entries", len(data), blocklist.Len())
	}
	for i := blocklist.KeySize; i < len(data); i += blocklist.KeySize {
		if last, key := string(data[i-blocklist.KeySize:i]), string(data[i:i+blocklist.KeySize]); last >= key {
			t.Fatalf("entry %d is not in order", i/blocklist.KeySize)
		}
	}
}

func BenchmarkContains(b *testing.B) {
	for b.Loop() {
		blocklist.Contains("elephanttrumpet")
	}
}
