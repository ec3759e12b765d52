// Package password is the part of door one that checks passwords. It stores them as argon2id (RFC 9106), verifies the hashes that
// other systems left behind, bcrypt and some forty other formats, and tells people which passwords are not good enough.
//
// A [Hasher] hashes and verifies, a [Policy] judges new passwords. Neither knows users or a database: whoever stores the hash
// replaces it when [Result].Rehash asks for that, by a compare-and-set against the hash that was verified, so that a password
// change that ran beside the sign-in is not undone.
//
// # Normalisation
//
// Passwords are normalised to Unicode form NFKC before they are measured or hashed with argon2id, so that the same password typed
// on two devices is the same password (NIST SP 800-63B-4 §3.1.1.2). bcrypt hashes came from systems that hashed what was typed,
// so they are compared with what was typed; likewise the other formats.
//
// # Equal work
//
// What a sign-in costs must not tell whether an account exists. [Hasher.Verify] therefore always hashes, and there is no way to
// call it that does not:
//
//   - no stored hash (an unknown user, an account without a password) or one that cannot be read: argon2id with the current
//     parameters, against a hash that nothing matches;
//   - an empty, over-long or otherwise impossible password: the work that the stored hash asks for, answered with no match.
//
// So for one stored hash every password costs the same, and all users whose hash has the current parameters cost the same as
// nobody. A hash with other parameters, or of another format, costs what it costs until its owner signs in once and it is replaced. Until then
// the time of an answer can tell that such an account exists, though never anything about its password. Padding would have to slow
// every answer to the slowest hash in the table; where that matters, choose parameters that cost about as much as the imported
// hashes (bcrypt of cost 10 is about three to four times the default here), or have their owners reset their passwords.
//
// # Hashes of other systems
//
// A stored hash is recognised by what it begins with; [Format] names its format. What it may cost is bounded when it is read, to about two
// seconds and 256 MiB: one that asks for more is [ErrUnknownFormat], with the reason, at import as at sign-in. All of them ask to be
// replaced after the first sign-in. A password of more than 1,024 bytes matches none of them.
//
// # Load
//
// argon2id is made to use memory, so a Hasher works on GOMAXPROCS hashes at a time and lets a short queue wait. Beyond that it answers
// with a [BusyError] at once, which the server turns into 503 with Retry-After. Who comes from a device that is known waits in a queue
// of their own, see [Hasher.VerifyFrom].
package password
