package account

// What names and addresses become is looked at from outside too: it decides who
// is who.
var (
	FoldUsername = foldUsername
	FoldEmail    = foldEmail
)
