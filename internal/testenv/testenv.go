// Package testenv reads the two variables that [test.sh] sets for the tests. Nothing outside tests imports it.
//
// [test.sh]: https://github.com/sallyport-auth/sallyport/blob/main/test.sh
package testenv

import "os"

// Count returns how often a test that repeats shall repeat: quick normally, long under ./test.sh long, that is when
// SALLYPORT_TEST_LONG is set to anything but the empty string.
func Count(quick, long int) int {
	if os.Getenv("SALLYPORT_TEST_LONG") != "" {
		return long
	}
	return quick
}

// Require reports whether a test that lacks PostgreSQL, Redis or nginx shall fail instead of being skipped: SALLYPORT_TEST_REQUIRE
// is set to anything but the empty string. ./test.sh sets it, so that no test is skipped there.
func Require() bool {
	return os.Getenv("SALLYPORT_TEST_REQUIRE") != ""
}
