package testenv_test

import (
	"testing"

	"github.com/sallyport-auth/sallyport/internal/testenv"
)

func TestCount(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        int
	}{
		{"unset or empty is quick", "", 10},
		{"set is long", "1", 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("SALLYPORT_TEST_LONG", c.value)
			if got := testenv.Count(10, 500); got != c.want {
				t.Errorf("Count(10, 500) = %d, want %d", got, c.want)
			}
		})
	}
}

func TestRequire(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        bool
	}{
		{"unset or empty allows a skip", "", false},
		{"set forbids a skip", "1", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("SALLYPORT_TEST_REQUIRE", c.value)
			if got := testenv.Require(); got != c.want {
				t.Errorf("Require() = %t, want %t", got, c.want)
			}
		})
	}
}
