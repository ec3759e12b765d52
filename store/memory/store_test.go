package memory_test

import (
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/store/memory"
	"github.com/sallyport-auth/sallyport/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) account.Store {
		s := memory.New()
		t.Cleanup(func() { s.Close() })
		return s
	})
}
