package password_test

import (
	"context"
	"fmt"

	"github.com/sallyport-auth/sallyport/authn/password"
)

func Example() {
	ctx := context.Background()
	var policy password.Policy
	var hasher password.Hasher

	fmt.Println(policy.Check("annexample1234567", "Ann Example", "Bulletin"))
	fmt.Println(policy.Check("elephant trumpet", "Ann Example", "Bulletin"))

	stored, err := hasher.Hash(ctx, "elephant trumpet")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(hasher.Verify(ctx, stored, "elephant trumpet"))
	fmt.Println(hasher.Verify(ctx, "", "elephant trumpet")) // an unknown user: the same work, the answer is no
	// Output:
	// the password is too easy to guess: use more than your name, your address or the name of this service
	// <nil>
	// {true false} <nil>
	// {false false} <nil>
}
